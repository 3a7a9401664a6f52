"""Weighted: lots are drawn by weight."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from omniroute.routing.facts import Facts
from omniroute.routing.strategies import Field, Gauge, Options

C = TypeVar("C")


class Weighted:
    """An order drawn without putting back: the chance to come first is the weight's share."""

    name = "weighted"
    help = "Lots drawn by weight; conversations stay where their prompt cache is warm."
    fields: tuple[Field, ...] = ()
    affine = True

    def order(self, candidates: Sequence[C], gauge: Gauge[C], facts: Facts, rng: random.Random, options: Options) -> Sequence[C]:
        # The larger u ** (1 / w), the earlier: the same as drawing lot after lot (Efraimidis and Spirakis, 2006).
        return sorted(candidates, key=lambda c: rng.random() ** (1.0 / gauge.weight(c)), reverse=True)


STRATEGY = Weighted()
