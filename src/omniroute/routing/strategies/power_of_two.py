"""Power of two choices: of two drawn at random, the one with less to do."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from omniroute.routing.facts import Facts
from omniroute.routing.strategies import Field, Gauge, Options

C = TypeVar("C")


class PowerOfTwo:
    """Two are drawn and compared by requests under way; the loser comes second, the rest in random order."""

    name = "p2c"
    help = "Of two drawn at random the one with fewer requests under way."
    fields: tuple[Field, ...] = ()
    affine = True

    def order(self, candidates: Sequence[C], gauge: Gauge[C], facts: Facts, rng: random.Random, options: Options) -> Sequence[C]:
        drawn = rng.sample(candidates, len(candidates))
        if len(drawn) > 1 and gauge.in_flight(drawn[1]) < gauge.in_flight(drawn[0]):
            drawn[0], drawn[1] = drawn[1], drawn[0]
        return drawn


STRATEGY = PowerOfTwo()
