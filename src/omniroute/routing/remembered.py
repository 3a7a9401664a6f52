"""What Health remembers of one account, as a value: every change makes a new one. And how it survives a restart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from omniroute.routing import limits
from omniroute.routing.breaker import LONGEST as LONGEST_BREAK
from omniroute.routing.breaker import PROBE, Breaker
from omniroute.routing.cooldown import LONGEST, REPROBE, Lock
from omniroute.routing.limits import Rate
from omniroute.routing.quota import FULL, Window

WORTH_SAVING = 60.0
MOST_MODELS = 256
_ACCOUNT, _BREAKER = "account", "breaker"


class AccountState(msgspec.Struct, frozen=True, kw_only=True):
    """``lock``: on the whole account, ``models``: on single ones. ``looking_until``: a request looks whether its used-up windows
    still are. ``quiet``: nothing here can stand in a request's way."""

    lock: Lock | None = None
    models: dict[str, Lock] = {}
    windows: tuple[Window, ...] = ()
    rates: tuple[Rate, ...] = ()
    looking_until: float = 0.0
    quiet: bool = True

    @property
    def empty(self) -> bool:
        return self.lock is None and not self.models and not self.windows and not self.rates

    @property
    def has_locks(self) -> bool:
        return self.lock is not None or bool(self.models)

    def locked(self, lock: Lock | None) -> AccountState:
        return self if lock is self.lock else _with(self, lock=lock)

    def model_locked(self, model: str, lock: Lock, now: float) -> AccountState:
        """With ``lock`` on ``model``; of too many the one that ends first goes."""
        if self.models.get(model) is lock:
            return self
        kept = {name: old for name, old in self.models.items() if not old.forgotten(now)}
        kept[model] = lock
        if len(kept) > MOST_MODELS:
            del kept[min(kept, key=lambda name: kept[name].until or float("inf"))]
        return _with(self, models=kept)

    def model_unlocked(self, model: str) -> AccountState:
        if model not in self.models:
            return self
        return _with(self, models={name: lock for name, lock in self.models.items() if name != model})

    def unlocked(self) -> AccountState:
        """Without locks, rates and used-up windows."""
        return _with(self, lock=None, models={}, rates=(), windows=tuple(w for w in self.windows if w.used < FULL))

    def with_windows(self, windows: tuple[Window, ...]) -> AccountState:
        return _with(self, windows=windows, looking_until=0.0)

    def with_rates(self, rates: tuple[Rate, ...]) -> AccountState:
        return _with(self, rates=rates)

    def healed(self, model: str, now: float, started: float | None) -> AccountState:
        """After ``model`` answered a request that began at ``started``: only what was found out since stands."""
        lock, models = self.lock, self.models
        if lock is not None and (started is None or started >= lock.since):
            lock = None
        held = models.get(model)
        if held is not None and (started is None or started >= held.since):
            models = {name: old for name, old in models.items() if name != model and not old.forgotten(now)}
        windows = tuple(window.at(now) for window in self.windows)
        if lock is self.lock and models is self.models and windows == self.windows:
            return self
        return _with(self, lock=lock, models=models, windows=windows)

    def contradicted(self, seen: tuple[Window, ...], now: float) -> AccountState:
        """Without the locks that quota readings show to be out of date."""
        lock = self.lock
        if lock is not None and lock.contradicted(seen, None, now):
            lock = None
        kept = {model: old for model, old in self.models.items() if not old.contradicted(seen, model, now)}
        return self if lock is self.lock and len(kept) == len(self.models) else _with(self, lock=lock, models=kept)

    def looking(self, model: str, now: float, forced: bool) -> AccountState:
        """A request begins that looks whether the locks that hold still do: those due for it, or all when ``forced``."""
        lock, models, windows = self.lock, self.models, self.looking_until
        if lock is not None and lock.active(now) and (forced or not lock.blocks(now)):
            lock = lock.probing(now)
        held = models.get(model)
        if held is not None and held.active(now) and (forced or not held.blocks(now)):
            models = {**models, model: held.probing(now)}
        if any(window.exhausted(now) and window.concerns(model) for window in self.windows):
            windows = now + PROBE
        if lock is self.lock and models is self.models and windows == self.looking_until:
            return self
        return _with(self, lock=lock, models=models, looking_until=windows)

    def looks(self, model: str, now: float) -> bool:
        """A look that began at ``now`` is out."""
        held = self.models.get(model)
        slot = now + PROBE
        return (
            (self.lock is not None and self.lock.probing_until == slot)
            or (held is not None and held.probing_until == slot)
            or self.looking_until == slot
        )

    def looked(self, model: str, started: float) -> AccountState:
        """The look that began at ``started`` is over; where it left no result, another may begin."""
        if not self.looks(model, started):
            return self
        slot = started + PROBE
        lock, models = self.lock, self.models
        if lock is not None and lock.probing_until == slot:
            lock = msgspec.structs.replace(lock, probing_until=0.0)
        held = models.get(model)
        if held is not None and held.probing_until == slot:
            models = {**models, model: msgspec.structs.replace(held, probing_until=0.0)}
        windows = 0.0 if self.looking_until == slot else self.looking_until
        return _with(self, lock=lock, models=models, looking_until=windows)

    def spent(self, now: float) -> AccountState:
        """One request less is left of the rates."""
        return _with(self, rates=limits.spent(self.rates, now)) if self.rates else self

    def describe(self, now: float) -> dict[str, object]:
        """For the dashboard."""
        return {
            "lock": _describe_lock(self.lock, now) if self.lock is not None else None,
            "models": {model: _describe_lock(lock, now) for model, lock in self.models.items() if lock.active(now)},
            "windows": [_describe_window(window, now) for window in self.windows],
            "rates": [msgspec.structs.asdict(rate) for rate in self.rates if now < rate.until],
        }


NOTHING = AccountState()


class Saved(NamedTuple):
    """One row of what is kept: ``kind`` and ``key`` name it, ``value`` is JSON, ``until`` is when it means nothing any more (unix
    seconds, None = never)."""

    kind: str
    key: str
    value: str
    until: float | None


def dump(accounts: Iterable[tuple[str, AccountState]], breakers: Iterable[tuple[str, Breaker]], now: float) -> list[Saved]:
    """What is worth keeping: locks and breakers that hold for more than a minute, and windows until they start over."""
    saved = []
    for account_id, state in accounts:
        kept = _worth(state, now)
        if not kept.empty:
            ends = [lock.until for lock in (kept.lock, *kept.models.values()) if lock is not None]
            ends += [window.resets_at for window in kept.windows]
            until = None if None in ends else max(end for end in ends if end is not None)
            saved.append(Saved(_ACCOUNT, account_id, msgspec.json.encode(kept).decode(), until))
    for provider_id, breaker in breakers:
        if breaker.until is not None and breaker.until - now > WORTH_SAVING:
            saved.append(Saved(_BREAKER, provider_id, msgspec.json.encode(breaker).decode(), breaker.until))
    return saved


def load(saved: Iterable[Saved], now: float) -> tuple[Mapping[str, AccountState], Mapping[str, Breaker]]:
    """The states that still hold. A refused credential is looked at at once: it may have been replaced in between."""
    accounts: dict[str, AccountState] = {}
    breakers: dict[str, Breaker] = {}
    for kind, key, value, until in saved:
        if until is not None and until <= now:
            continue
        if kind == _ACCOUNT:
            state = _read(value, AccountState)
            if state is not None:
                state = _believed(state, now)
                if not state.empty:
                    accounts[key] = state
        elif kind == _BREAKER:
            breaker = _read(value, Breaker)
            if breaker is not None and breaker.until is not None and now < breaker.until:
                end = min(breaker.until, now + LONGEST_BREAK)
                breakers[key] = msgspec.structs.replace(breaker, until=end, probing_until=0.0)
    return accounts, breakers


def describe_breaker(breaker: Breaker, now: float) -> dict[str, object]:
    """For the dashboard."""
    state = "closed" if breaker.until is None else "open" if now < breaker.until else "half_open"
    return {"state": state, "until": breaker.until, "failures": len(breaker.failures), "opened": breaker.opened}


def _with(state: AccountState, **changes: Any) -> AccountState:
    new = msgspec.structs.replace(state, **changes)
    quiet = (
        new.lock is None
        and not new.models
        and not any(window.used >= FULL for window in new.windows)
        and not any(rate.tight for rate in new.rates)
    )
    return new if quiet is new.quiet else msgspec.structs.replace(new, quiet=quiet)


def _worth(state: AccountState, now: float) -> AccountState:
    windows = tuple(w for w in (window.at(now) for window in state.windows) if w.used > 0.0)
    models = {model: lock for model, lock in state.models.items() if _lasting(lock, now)}
    lock = state.lock if state.lock is not None and _lasting(state.lock, now) else None
    return _with(state, lock=lock, models=models, windows=windows, rates=(), looking_until=0.0)


def _lasting(lock: Lock, now: float) -> bool:
    return lock.until is None or lock.until - now > WORTH_SAVING


def _believed(state: AccountState, now: float) -> AccountState:
    """``state`` as far as its evidence reaches, whatever the clock did in between."""
    locks = {model: _trusted(lock, now) for model, lock in state.models.items() if lock.active(now) and lock.since <= now}
    lock = _trusted(state.lock, now) if state.lock is not None and state.lock.active(now) and state.lock.since <= now else None
    windows = tuple(window.at(now) for window in state.windows if window.seen_at <= now)
    return _with(state, lock=lock, models=locks, windows=windows, rates=(), looking_until=0.0)


def _trusted(lock: Lock, now: float) -> Lock:
    until = None if lock.until is None else min(lock.until, lock.since + LONGEST)
    probe_at = lock.probe_at
    if probe_at is not None:
        probe_at = now if lock.until is None else min(probe_at, now + REPROBE)
    return msgspec.structs.replace(lock, until=until, probe_at=probe_at, probing_until=0.0)


def _read(value: str, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(value, type=kind)
    except msgspec.DecodeError:
        return None


def _describe_lock(lock: Lock, now: float) -> dict[str, object]:
    return {
        "reason": lock.kind,
        "since": lock.since,
        "until": lock.until,
        "active": lock.active(now),
        "stated": lock.hinted,
        "next_probe_at": lock.probe_at,
    }


def _describe_window(window: Window, now: float) -> dict[str, object]:
    current, pace = window.at(now), window.pace(now)
    return {
        **msgspec.structs.asdict(current),
        "expected": pace.expected if pace is not None else None,
        "exhausts_at": pace.exhausts_at if pace is not None else None,
    }
