"""Fill first: the first candidate as long as it can serve, then the next."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from omniroute.routing.facts import Facts
from omniroute.routing.strategies import Field, Gauge, Options

C = TypeVar("C")


class FillFirst:
    """By priority, as written."""

    name = "fill-first"
    help = "The first that can serve, in order of priority."
    fields: tuple[Field, ...] = ()
    affine = False

    def order(self, candidates: Sequence[C], gauge: Gauge[C], facts: Facts, rng: random.Random, options: Options) -> Sequence[C]:
        return candidates


STRATEGY = FillFirst()
