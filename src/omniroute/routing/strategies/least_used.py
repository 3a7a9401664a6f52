"""Least used: whoever served the fewest requests of the last hour."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from omniroute.routing.facts import Facts
from omniroute.routing.strategies import Field, Gauge, Options

C = TypeVar("C")


class LeastUsed:
    """By requests of the last hour and under way; equal ones as written."""

    name = "least-used"
    help = "The one with the fewest requests of the last hour."
    fields: tuple[Field, ...] = ()
    affine = True

    def order(self, candidates: Sequence[C], gauge: Gauge[C], facts: Facts, rng: random.Random, options: Options) -> Sequence[C]:
        counted = [(gauge.uses(c), place) for place, c in enumerate(candidates)]
        uses = [count for count, _ in counted]
        if len(set(uses)) == len(uses):  # most of the time, and much the cheaper
            return [candidates[place] for _, place in sorted(counted)]
        ranked = sorted((count, gauge.in_flight(candidates[place]), place) for count, place in counted)
        return [candidates[place] for _, _, place in ranked]


STRATEGY = LeastUsed()
