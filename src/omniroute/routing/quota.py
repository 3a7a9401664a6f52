"""Quota windows of an account: how much is used, when it starts over, and how the use compares with the time gone by."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal, Protocol, cast

import msgspec

Source = Literal["header", "endpoint", "counted"]
_TRUST = ("counted", "endpoint", "header")
STALE_AFTER = 1800.0
"""Seconds after which a reading yields to one of a less trusted source: an old exact number is a guess too."""
FULL = 0.99999
"""Shares from here on count as everything: providers round."""
_MOST_WINDOWS = 32


class Pace(msgspec.Struct, frozen=True):
    """``expected``: the share of the window that has gone by, 0..1. ``exhausts_at``: when the use so far, carried on, reaches the
    limit (unix seconds), None when that is after the window starts over. ``surplus``: what would expire unused, 0..1."""

    expected: float
    exhausts_at: float | None
    surplus: float


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """One quota of an account, as last seen.

    name        ``5h``, ``daily``, ``weekly``, ``monthly``, ``rolling``, ``credits``, or the provider's own word
    model       the model (or ``*`` pattern) it counts for; None = all
    used        0..1 of the limit; ``used_units`` of ``limit`` in the provider's own unit where it says
    resets_at   unix seconds when it starts over, None = unknown or never (credits)
    seen_at     when the source said so; ``length`` of the window in seconds, None = unknown
    """

    name: str
    used: float
    source: Source
    seen_at: float
    model: str | None = None
    limit: float | None = None
    used_units: float | None = None
    resets_at: float | None = None
    length: float | None = None

    def at(self, now: float) -> Window:
        """The window as it must be at ``now``: past its reset it has started over, unused, as often as its length says."""
        resets = self.resets_at
        if resets is None or now < resets:
            return self
        following = None
        if self.length:
            following = resets + self.length * (math.floor((now - resets) / self.length) + 1)
        units = None if self.used_units is None else 0.0
        return msgspec.structs.replace(self, used=0.0, used_units=units, resets_at=following)

    def exhausted(self, now: float, reserve: float = 0.0) -> bool:
        """Nothing is left of it at ``now`` but ``reserve`` (0..1)."""
        if self.resets_at is not None and now >= self.resets_at:
            return False
        return self.used >= min(FULL, 1.0 - reserve)

    def concerns(self, model: str) -> bool:
        """It counts requests for ``model``."""
        scope = self.model
        if scope is None or scope == model:
            return True
        return scope.endswith("*") and model.startswith(scope[:-1])

    def pace(self, now: float) -> Pace | None:
        """Use against time; None where the window's length or reset is not known."""
        current = self.at(now)
        if not current.length or current.resets_at is None:
            return None
        left = min(max(current.resets_at - now, 0.0), current.length)
        expected = 1.0 - left / current.length
        gone = current.length - left
        if current.used >= FULL:
            return Pace(expected, now, 0.0)
        if current.used <= 0.0 or gone <= 0.0:
            return Pace(expected, None, 1.0 - current.used if gone > 0.0 else 0.0)
        projected = current.used / expected
        if projected <= 1.0:
            return Pace(expected, None, 1.0 - projected)
        return Pace(expected, now + (1.0 - current.used) * gone / current.used, 0.0)


class Reading(Protocol):
    """What an answer or a usage endpoint says of a quota: the fields of :class:`Window` but the time it was seen."""

    @property
    def name(self) -> str: ...
    @property
    def model(self) -> str | None: ...
    @property
    def used(self) -> float: ...
    @property
    def limit(self) -> float | None: ...
    @property
    def used_units(self) -> float | None: ...
    @property
    def resets_at(self) -> float | None: ...
    @property
    def length(self) -> float | None: ...
    @property
    def source(self) -> str: ...


def window_from(reading: Reading, now: float) -> Window:
    """The reading, seen now; a share outside 0..1 is brought to its nearer end."""
    return Window(
        name=reading.name,
        model=reading.model,
        used=min(max(reading.used, 0.0), 1.0),
        limit=reading.limit,
        used_units=reading.used_units,
        resets_at=reading.resets_at,
        length=reading.length,
        source=cast(Source, reading.source),
        seen_at=now,
    )


def merged(known: Iterable[Window], seen: Iterable[Window], now: float) -> tuple[Window, ...]:
    """``known`` brought up to date with ``seen``, a window being known by name and model; sorted, at most 32.

    A header beats an endpoint, an endpoint our own count, except that a reading half an hour old (or of a window that has started
    over since) yields to any newer one. Within one source the newer reading stands.
    """
    kept = {(window.name, window.model or ""): window for window in known}
    for window in seen:
        key = (window.name, window.model or "")
        old = kept.get(key)
        kept[key] = window if old is None else _better(old, window, now)
    if len(kept) > _MOST_WINDOWS:
        newest = sorted(kept, key=lambda key: kept[key].seen_at, reverse=True)[:_MOST_WINDOWS]
        kept = {key: kept[key] for key in newest}
    return tuple(kept[key] for key in sorted(kept))


def _better(old: Window, new: Window, now: float) -> Window:
    if old.resets_at is not None and now >= old.resets_at and new.seen_at >= old.resets_at:
        return _filled(new, old)
    if _TRUST.index(new.source) >= _TRUST.index(old.source):
        return _filled(new, old) if new.seen_at >= old.seen_at else old
    return _filled(new, old) if new.seen_at - old.seen_at > STALE_AFTER else old


def _filled(new: Window, old: Window) -> Window:
    """``new``, with the length that an earlier reading knew."""
    if new.length is None and old.length is not None:
        return msgspec.structs.replace(new, length=old.length)
    return new
