"""Pace: quota that would expire unused is spent first."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from omniroute.routing.facts import Facts
from omniroute.routing.strategies import Field, Gauge, Options

C = TypeVar("C")

_NEAR = 20
"""Steps of a share: surpluses closer than a twentieth are the same, so that requests do not wander with every one served."""


class Pace:
    """By what would be left of the tightest quota when it starts over, at the present pace; the most first. Those that would run
    out before come last, the worst of them at the very end; equal ones as written."""

    name = "pace"
    help = "Whoever's quota would otherwise expire unused first; whoever would run out before its reset last."
    fields: tuple[Field, ...] = ()
    affine = True

    def order(self, candidates: Sequence[C], gauge: Gauge[C], facts: Facts, rng: random.Random, options: Options) -> Sequence[C]:
        ranked = [(gauge.blocked(c), -round(gauge.surplus(c) * _NEAR), place) for place, c in enumerate(candidates)]
        return [candidates[place] for _, _, place in sorted(ranked)]


STRATEGY = Pace()
