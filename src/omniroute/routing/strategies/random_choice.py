"""Random: everyone with the same chance."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from omniroute.routing.facts import Facts
from omniroute.routing.strategies import Field, Gauge, Options

C = TypeVar("C")


class RandomChoice:
    """A shuffle."""

    name = "random"
    help = "Everyone with the same chance; conversations stay where their prompt cache is warm."
    fields: tuple[Field, ...] = ()
    affine = True

    def order(self, candidates: Sequence[C], gauge: Gauge[C], facts: Facts, rng: random.Random, options: Options) -> Sequence[C]:
        return rng.sample(candidates, len(candidates))


STRATEGY = RandomChoice()
