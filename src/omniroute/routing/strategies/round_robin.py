"""Round robin: everyone in turn, some requests each."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from omniroute.routing.facts import Facts
from omniroute.routing.strategies import Field, Gauge, Options

C = TypeVar("C")


class RoundRobin:
    """Whoever has had the fewest whole turns of the last hour comes first. Counted by what was really sent, so candidates that
    could not serve are skipped without upsetting the rest, and several processes that share their state take turns together."""

    name = "round-robin"
    help = "Everyone in turn; conversations stay where their prompt cache is warm."
    fields: tuple[Field, ...] = (
        Field(
            name="sticky",
            type="integer",
            default=3,
            minimum=1,
            maximum=1000,
            help="Requests in a row before it is the next one's turn.",
        ),
    )
    affine = True

    def order(self, candidates: Sequence[C], gauge: Gauge[C], facts: Facts, rng: random.Random, options: Options) -> Sequence[C]:
        sticky: int = options["sticky"]
        if sticky == 1:
            return sorted(candidates, key=gauge.uses)
        turns = [(c, gauge.uses(c)) for c in candidates]
        # Whoever is in the middle of a turn goes on with it; without one, the fewest turns decide.
        turns.sort(key=lambda pair: (pair[1] // sticky, pair[1] % sticky == 0))
        return [c for c, _ in turns]


STRATEGY = RoundRobin()
