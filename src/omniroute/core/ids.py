"""Identifiers and clocks: everything random or temporal passes through here, so tests can hand in their own."""

from __future__ import annotations

import random
import secrets
import time
from typing import Protocol

API_KEY_PREFIX = "sk-or-"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Clock(Protocol):
    """Two times: ``now`` for people and storage (unix seconds), ``monotonic`` for durations (seconds)."""

    def now(self) -> float: ...
    def monotonic(self) -> float: ...


class SystemClock:
    """The machine's own time."""

    now = staticmethod(time.time)  # asked a dozen times in each request: no frame of our own
    monotonic = staticmethod(time.monotonic)


class FakeClock:
    """A clock that moves only when told to."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self._now += seconds
        self._monotonic += seconds


def random_text(length: int) -> str:
    """``length`` letters and digits from the system's secure source."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def new_id(prefix: str) -> str:
    """A fresh identifier such as ``req_019f…``: unique, not secret, and cheap enough for every request.

    24 hex digits: milliseconds since 1970, then 48 random bits. Ids that grow with time keep an index on them cheap.
    """
    return f"{prefix}_{time.time_ns() // 1_000_000:012x}{random.getrandbits(48):012x}"


def new_api_key() -> str:
    """A fresh client key, ``sk-or-`` and 40 letters and digits (238 bits). Only its keyed hash is stored."""
    return API_KEY_PREFIX + random_text(40)
