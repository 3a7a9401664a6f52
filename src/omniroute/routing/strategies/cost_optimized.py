"""Cost-optimised: the cheapest first, for this very request's size."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from omniroute.routing.facts import Facts
from omniroute.routing.strategies import Field, Gauge, Options

C = TypeVar("C")


class CostOptimized:
    """By estimated cost; unknown prices come last, equal ones as written."""

    name = "cost-optimized"
    help = "The cheapest first, by the size of the request; unknown prices last."
    fields: tuple[Field, ...] = ()
    affine = False

    def order(self, candidates: Sequence[C], gauge: Gauge[C], facts: Facts, rng: random.Random, options: Options) -> Sequence[C]:
        return sorted(candidates, key=lambda c: _cost(gauge.cost(c)))


def _cost(known: float | None) -> float:
    return float("inf") if known is None else known


STRATEGY = CostOptimized()
