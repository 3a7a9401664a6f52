"""Auto: by tier, then by what serves best now."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from omniroute.routing.facts import Facts
from omniroute.routing.strategies import Field, Gauge, Options

C = TypeVar("C")

_UNKNOWN_TTFT = 3.0
_QUICK = 0.5
"""Seconds: times to the first token closer than this are the same."""


class Auto:
    """Tiers in order. Within one: whoever can serve at all, then (balanced) cost, speed and quota, in an order that ``prefer``
    turns around. Quota that would expire unused is spent before quota that will run out."""

    name = "auto"
    help = "Tier by tier, and within a tier by health, cost, measured speed and the pace of quotas."
    fields: tuple[Field, ...] = (
        Field(
            name="prefer",
            type="text",
            default="balanced",
            choices=("balanced", "fast", "cheap"),
            help="What counts most: the tier order (balanced), the time to the first token (fast) or the price (cheap).",
        ),
        Field(name="pace", type="boolean", default=True, help="Spend quota that would expire unused before other quota."),
    )
    affine = True

    def order(self, candidates: Sequence[C], gauge: Gauge[C], facts: Facts, rng: random.Random, options: Options) -> Sequence[C]:
        prefer, pace = options["prefer"], options["pace"]
        ranked = []
        for place, c in enumerate(candidates):
            tier, ttft, cost = gauge.tier(c), gauge.ttft(c), gauge.cost(c)
            seconds = _UNKNOWN_TTFT if ttft is None else ttft
            dollars = float("inf") if cost is None else cost
            surplus = -round(gauge.surplus(c), 1) if pace else 0.0
            step = int(seconds / _QUICK)
            key: tuple[float, ...]
            if prefer == "fast":
                key = (seconds, tier, surplus, dollars)
            elif prefer == "cheap":
                key = (dollars, tier, surplus, step)
            else:
                key = (tier, surplus if surplus > 0 else 0.0, dollars, step, surplus)
            ranked.append(((gauge.blocked(c), *key, place), c))
        ranked.sort(key=lambda pair: pair[0])
        return [c for _, c in ranked]


STRATEGY = Auto()
