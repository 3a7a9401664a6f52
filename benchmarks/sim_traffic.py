"""A week of agents at work: users with their hours, sessions in bursts, prompts that grow, pauses in which caches go cold.

Deterministic by seed. Times are unix seconds, sizes tokens.
"""

from __future__ import annotations

import random
from typing import NamedTuple

HOUR, DAY = 3600.0, 86400.0
WEEK_BEGINS = 1_800_230_400.0  # a Monday, 00:00 UTC
_COMPACT_AT, _COMPACTED = 160_000, 30_000


class Turn(NamedTuple):
    """One request. ``after``: seconds from the end of the answer before it; ``prompt`` in all, ``fresh`` of it new since then."""

    after: float
    prompt: int
    fresh: int
    output: int


class Session(NamedTuple):
    name: str
    begins: float
    turns: tuple[Turn, ...]


def week(seed: int, *, users: int = 6, days: int = 7) -> list[Session]:
    """Everybody's sessions, by their beginning."""
    rng = random.Random(seed)
    sessions: list[Session] = []
    for user in range(users):
        starts_at = 8.0 + rng.random() * 2 + user % 3 * 4.0  # three zones
        for day in range(days):
            working = day < 5
            hours = 9.0 if working else (3.0 if rng.random() < 0.4 else 0.0)
            now = WEEK_BEGINS + day * DAY + starts_at * HOUR
            end = now + hours * HOUR
            while (now := now + rng.expovariate(2.2 if working else 1.0) * HOUR) < end:
                sessions += _burst(rng, f"u{user}-{len(sessions)}", now)
    return sorted(sessions, key=lambda session: session.begins)


def _burst(rng: random.Random, name: str, begins: float) -> list[Session]:
    """One session; one in four sends out some agents of its own, all at once."""
    found = [_session(rng, name, begins, 25)]
    if rng.random() < 0.25:
        at = begins + 30 + rng.random() * 300
        found += [_session(rng, f"{name}.{n}", at + n * 0.5, 12) for n in range(rng.randint(2, 5))]
    return found


def _session(rng: random.Random, name: str, begins: float, usual: int) -> Session:
    prompt = rng.randint(8_000, 20_000)
    turns = [Turn(0.0, prompt, prompt, rng.randint(100, 900))]
    for _ in range(min(120, int(rng.expovariate(1 / usual)) + 2)):
        fresh = int(rng.lognormvariate(7.3, 0.8)) + turns[-1].output
        prompt += fresh
        if prompt > _COMPACT_AT:
            prompt = fresh = _COMPACTED
        pause = rng.lognormvariate(1.8, 0.8)
        if rng.random() < 0.08:
            pause += 60 + rng.expovariate(1 / 240.0)
        turns.append(Turn(pause, prompt, fresh, rng.randint(80, 1_200)))
    return Session(name, begins, tuple(turns))
