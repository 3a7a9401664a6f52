"""Quotas that we count ourselves, because the provider does not say what is left (the operator states limit and window)."""

from __future__ import annotations

from datetime import datetime, timedelta

from omniroute.catalog.account import Allowance
from omniroute.routing.quota import STALE_AFTER, Window

_DAY = 86400.0
_NEARLY = 0.999
_LENGTHS = {"5h": 5 * 3600.0, "daily": _DAY, "weekly": 7 * _DAY, "monthly": 30 * _DAY}


def counted(
    windows: tuple[Window, ...], allowances: tuple[Allowance, ...], model: str, now: float, *, requests: int = 0, tokens: int = 0
) -> tuple[Window, ...]:
    """``windows`` after one more use. A window that the provider itself reports is left alone while that report is fresh, and is
    counted on from there when it no longer is."""
    kept = {(window.name, window.model or ""): window for window in windows}
    reported = any(window.source != "counted" and now - window.seen_at < STALE_AFTER for window in windows)
    for allowance in allowances:
        if not concerns(allowance, model) or (allowance.soft and reported):
            continue
        amount = requests if allowance.unit == "requests" else tokens
        key = (allowance.per, allowance.model or "")
        old = kept.get(key)
        if old is not None and old.source != "counted" and now - old.seen_at < STALE_AFTER:
            continue
        if amount:
            kept[key] = _one_more(old, allowance, amount, now)
    return tuple(kept[key] for key in sorted(kept))


def concerns(allowance: Allowance, model: str) -> bool:
    """The allowance counts requests for ``model``."""
    scope = allowance.model
    return scope is None or scope == model or (scope.endswith("*") and model.startswith(scope[:-1]))


def next_reset(allowance: Allowance, now: float) -> float:
    """Unix seconds when a window that holds ``now`` starts over; one that begins with its first request begins now."""
    if allowance.per == "rolling":
        return now + allowance.hours * 3600.0
    if allowance.per == "5h":
        return now + _LENGTHS["5h"]
    local = datetime.fromtimestamp(now, allowance.tzinfo())
    start = local.replace(hour=allowance.reset_hour, minute=0, second=0, microsecond=0)
    if allowance.per == "daily":
        following = start if start > local else start + timedelta(days=1)
    elif allowance.per == "weekly":
        following = start + timedelta(days=(allowance.weekday - local.weekday()) % 7)
        if following <= local:
            following += timedelta(days=7)
    else:
        following = start.replace(day=allowance.day)
        if following <= local:
            following = (following.replace(day=1) + timedelta(days=32)).replace(day=allowance.day)
    return following.timestamp()


def _one_more(old: Window | None, allowance: Allowance, amount: int, now: float) -> Window:
    units, resets = 0.0, None
    if old is not None and (old.resets_at is None or now < old.resets_at):
        units = old.used_units if old.source == "counted" and old.used_units is not None else old.used * allowance.limit
        resets = old.resets_at
    units += amount
    length = allowance.hours * 3600.0 if allowance.per == "rolling" else _LENGTHS[allowance.per]
    return Window(
        name=allowance.per,
        model=allowance.model,
        used=min(units / allowance.limit, _NEARLY if allowance.soft else 1.0),
        used_units=units,
        limit=allowance.limit,
        resets_at=resets if resets is not None else next_reset(allowance, now),
        source="counted",
        seen_at=now,
        length=length,
    )
