"""Cooldowns: how long an account, or a model of it, is left alone after a fault.

Pure: a lock follows from the lock before, the fault, the clock and the dice. What the upstream stated is believed, but where that
lies far ahead one request every half an hour looks whether it still holds.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from omniroute.core.errors import Fault
from omniroute.routing.breaker import PROBE, ProviderClass
from omniroute.routing.quota import Window

REPROBE = 1800.0
"""Seconds: no lock is believed longer than this without a look."""
FORGET = 600.0
"""Seconds after its end during which a lock still raises the next one."""
LONGEST = 8 * 86400.0
_JITTER, _MOST_JITTER = 0.1, 30.0
_MOST_LEVEL = 15


class Schedule(NamedTuple):
    """Seconds: ``base`` doubles with every failure in a row up to ``cap``. ``base`` None: it lasts until somebody mends it, which
    is looked at every half an hour when ``probe``."""

    base: float | None
    cap: float = 60.0
    probe: bool = True


_SCHEDULES: Mapping[str, Schedule] = {
    "rate_limit": Schedule(2.0, 300.0),
    "quota_exhausted": Schedule(3600.0, 3600.0),
    "billing": Schedule(1800.0, 3600.0),
    "permission": Schedule(1800.0, 1800.0),
    "model_not_found": Schedule(43200.0, 43200.0),
    "edge_block": Schedule(60.0, 300.0),
    "auth": Schedule(None),
    "account_suspended": Schedule(None, probe=False),
    "account_action_needed": Schedule(None, probe=False),
}
_TRANSIENT: Mapping[ProviderClass, Schedule] = {
    "oauth": Schedule(5.0, 60.0),
    "api_key": Schedule(3.0, 60.0),
    "local": Schedule(3.0, 60.0),
}
_REFRESHED_AUTH = Schedule(120.0, 1800.0)
_LOCAL_MODEL = Schedule(5.0, 60.0)
_NEVER = frozenset({"bad_request", "context_overflow", "content_filter", "cancelled", "too_large", "blocked_address"})
_LONGEST_RATE = 900.0
"""Seconds beyond which what calls itself a rate limit is a quota."""
_SAME_ANSWER = 1.0


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """``until``: unix seconds, None = until somebody mends it. ``probe_at``: when one request may look whether it still holds;
    ``probing_until``: that one is on its way. ``hinted``: the upstream stated the time."""

    kind: str
    since: float
    until: float | None
    level: int = 0
    hinted: bool = False
    probe_at: float | None = None
    probing_until: float = 0.0

    def active(self, now: float) -> bool:
        return self.until is None or now < self.until

    def blocks(self, now: float) -> bool:
        """No request may go now: it holds, and no look is due (or one is on its way)."""
        if self.until is not None and now >= self.until:
            return False
        return self.probe_at is None or now < self.probe_at or now < self.probing_until

    def probing(self, now: float) -> Lock:
        """A look is on its way."""
        return msgspec.structs.replace(self, probing_until=now + PROBE)

    def forgotten(self, now: float) -> bool:
        """It neither blocks nor raises the next one."""
        return self.until is not None and now >= self.until + FORGET

    def contradicted(self, windows: Iterable[Window], model: str | None, now: float) -> bool:
        """Quota readings taken after it show that something is left of what it says is used up."""
        far = self.kind == "rate_limit" and (self.until is None or self.until - self.since > _LONGEST_RATE)
        if not far and self.kind not in ("quota_exhausted", "billing"):
            return False
        about = [
            window
            for window in windows
            if window.seen_at > self.since + _SAME_ANSWER
            and (window.model is None or (model is not None and window.concerns(model)))
            and (self.kind != "billing" or window.name == "credits")
        ]
        return bool(about) and not any(window.exhausted(now) for window in about)


def punishes(fault: Fault) -> bool:
    """The fault speaks of the account or model at all; what the client did wrong, or we ourselves limit, never does."""
    return fault.kind not in _NEVER


def lock_after(old: Lock | None, fault: Fault, kind: ProviderClass, now: float, rng: random.Random) -> Lock:
    """The lock that follows ``fault``.

    A fault that arrives while ``old`` holds (and no look is out) comes from a request that was under way: it does not raise the
    level, and the later end of the two stands.
    """
    if old is not None and old.forgotten(now):
        old = None
    schedule = _schedule(fault, kind)
    echo = old is not None and old.active(now) and not _looked(old)
    level = 0 if old is None else old.level if echo else min(old.level + 1, _MOST_LEVEL)
    until = _until(fault, schedule, level, now, rng)
    if old is not None and old.active(now):
        if echo and _later(old.until, until):
            return old
        if fault.retry_after is None and old.kind == fault.kind and _later(old.until, until):
            until = old.until  # the look found it unchanged
    far = until is None or until - now > REPROBE
    return Lock(
        kind=fault.kind,
        since=now,
        until=until,
        level=level,
        hinted=fault.retry_after is not None,
        probe_at=now + REPROBE if far and schedule.probe else None,
    )


def _schedule(fault: Fault, kind: ProviderClass) -> Schedule:
    if fault.kind == "auth" and kind == "oauth":
        return _REFRESHED_AUTH
    if fault.kind == "model_not_found" and kind == "local":
        return _LOCAL_MODEL
    schedule = _SCHEDULES.get(fault.kind, _TRANSIENT[kind])
    if fault.cooldown is not None and schedule.base is not None:
        return Schedule(fault.cooldown, max(schedule.cap, fault.cooldown), schedule.probe)
    return schedule


def _until(fault: Fault, schedule: Schedule, level: int, now: float, rng: random.Random) -> float | None:
    if fault.retry_after is not None:
        seconds = min(max(fault.retry_after, 1.0), LONGEST)
    elif schedule.base is None:
        return None
    else:
        seconds = min(schedule.base * 2.0**level, schedule.cap)
    return now + seconds + min(seconds * _JITTER, _MOST_JITTER) * rng.random()


def _looked(lock: Lock) -> bool:
    """A look had begun: a fault now is its result."""
    return lock.probing_until > 0.0


def _later(first: float | None, second: float | None) -> bool:
    return first is None or (second is not None and first >= second)
