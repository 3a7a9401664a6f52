"""What an answer's headers say is left: quota windows and rates, out of every family of headers in use.

The vendors disagree about everything: shares used or left, of one or of a hundred; resets as moments, durations or milliseconds.
Here they become one kind of reading: shares used of one, moments in unix seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, unquote

from omniroute.upstream import reset_time
from omniroute.upstream.call import Headers

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
_LENGTHS: Mapping[str, float] = {"5h": 5 * _HOUR, "daily": _DAY, "weekly": 7 * _DAY, "monthly": 30 * _DAY}
_SPANS: Mapping[str, float] = {"second": 1.0, "minute": _MINUTE, "hour": _HOUR, "day": _DAY, "month": 30 * _DAY}
_UNITS: Mapping[str, str] = {"": "requests", "req": "requests"}
_KNOWN_UNITS = frozenset({"requests", "tokens", "input-tokens", "output-tokens"})
_UNIFIED = "anthropic-ratelimit-unified-"
_CODEX = "x-codex-"
_SNAPSHOT = "x-quota-snapshot-"
_SESSION = "x-usage-ratelimit-"
_QUOTA_PERIOD = 2 * _HOUR
"""A rate that takes longer than this to come back is a quota."""
_NEARLY = 0.999
_INTERESTING = ("ratelimit", "x-codex-", "x-quota-snapshot-")


class QuotaReading(NamedTuple):
    """One quota window. ``used``: 0..1; ``resets_at``: unix seconds; ``length``: seconds; None where the answer does not say."""

    name: str
    used: float
    model: str | None = None
    limit: float | None = None
    used_units: float | None = None
    resets_at: float | None = None
    length: float | None = None
    source: Literal["header", "endpoint"] = "header"


class RateReading(NamedTuple):
    """One rate. ``unit``: requests, tokens, input-tokens or output-tokens; ``period``: seconds in which the limit comes back.
    None where not known."""

    unit: str
    limit: float | None
    remaining: float | None
    resets_at: float | None
    period: float | None


class Readings(NamedTuple):
    windows: tuple[QuotaReading, ...] = ()
    rates: tuple[RateReading, ...] = ()


NOTHING = Readings()


@lru_cache(maxsize=1024)
def _telling(name: str) -> str | None:
    """The header's name in small letters where it may say something; the same few come with every answer."""
    lower = name.lower()
    return lower if any(word in lower for word in _INTERESTING) else None


def windows_from_headers(headers: Headers, now: float, model: str | None = None) -> Readings:
    """Everything that ``headers`` say of quotas and rates. ``model``: the one asked for, to which per-model pools belong.

    Values that make no sense are left out; of a repeated header the first counts.
    """
    names: dict[str, str] = {}
    for name, value in headers:
        lower = _telling(name)
        if lower is not None:
            names.setdefault(lower, value.strip())
    if not names:
        return NOTHING
    windows = [*_unified(names, now, model), *_codex(names, now, model), *_snapshots(names, now)]
    rates = []
    for unit, limit, remaining, resets_at, period in _pairs(names, now):
        if period is not None and period >= _QUOTA_PERIOD and limit and remaining is not None:
            windows.append(_long_rate(unit, limit, remaining, resets_at, period, model))
        else:
            rates.append(RateReading(unit, limit, remaining, resets_at, period))
    return Readings(tuple(windows), tuple(rates))


# -- families ----------------------------------------------------------------------------------------------------------


def _unified(names: Mapping[str, str], now: float, model: str | None) -> Iterator[QuotaReading]:
    """``<window>-status`` (rejected = used up), ``-utilization`` 0..1, ``-reset`` in unix seconds. A window that is neither the
    session's nor the week's is the pool of a model family."""
    for name in names:
        if not name.startswith(_UNIFIED) or not name.endswith("-reset"):
            continue
        claim = name.removeprefix(_UNIFIED).removesuffix("-reset")
        if not claim or claim == "reset" or claim.startswith("overage"):
            continue
        share = _number(names.get(f"{_UNIFIED}{claim}-utilization"))
        if names.get(f"{_UNIFIED}{claim}-status") == "rejected":
            share = 1.0
        if share is None:
            continue
        window, _, family = claim.partition("_")
        known = {"5h": "5h", "7d": "weekly", "1d": "daily", "30d": "monthly"}.get(window, window)
        if family and model is None:
            continue
        yield QuotaReading(
            name=f"{known}_{family}" if family else known,
            used=_share(share),
            model=model if family else None,
            resets_at=_moment(names[name], now),
            length=_LENGTHS.get(known),
        )


def _codex(names: Mapping[str, str], now: float, model: str | None) -> Iterator[QuotaReading]:
    """``<window>-used-percent``, ``-window-minutes``, ``-reset-at`` (older: ``-reset-after-seconds``). Named by length: which one
    is called primary depends on the plan. Windows of further limit families are pools of the model asked for."""
    for name, value in names.items():
        if not name.startswith(_CODEX) or not name.endswith("-used-percent"):
            continue
        stem = name.removesuffix("-used-percent")
        percent, minutes = _number(value), _number(names.get(f"{stem}-window-minutes"))
        if percent is None or (not minutes and not percent):
            continue
        length = minutes * _MINUTE if minutes else None
        family, _, which = stem.removeprefix(_CODEX).rpartition("-")
        if which not in ("primary", "secondary") or (family and model is None):
            continue
        label = _named(length) or ("5h" if which == "primary" else "weekly")
        moment = _moment(names.get(f"{stem}-reset-at"), now)
        if moment is None:
            after = _number(names.get(f"{stem}-reset-after-seconds"))
            moment = now + after if after is not None and after >= 0 else None
        yield QuotaReading(
            name=f"{label}_{family}" if family else label,
            used=_share(percent / 100),
            model=model if family else None,
            resets_at=moment,
            length=length,
        )


def _snapshots(names: Mapping[str, str], now: float) -> Iterator[QuotaReading]:
    """URL-encoded pairs: ``ent`` the entitlement, ``rem`` the percentage that is LEFT, ``rst`` the reset. Without limit: -1."""
    for name, value in names.items():
        if name.startswith(_SNAPSHOT):
            label = name.removeprefix(_SNAPSHOT)
        elif name.startswith(_SESSION):
            label = {"session": "5h", "weekly": "weekly"}.get(name.removeprefix(_SESSION), "")
        else:
            continue
        fields = dict(parse_qsl(value.replace("&amp;", "&")))
        left, entitled = _number(fields.get("rem")), _number(fields.get("ent"))
        if not label or left is None or (entitled is not None and entitled < 0):
            continue
        used = _share(1 - left / 100)
        if fields.get("ovPerm", "").lower() == "true" and used >= 1:
            used = _NEARLY  # what goes beyond is paid for, not refused
        yield QuotaReading(
            name=f"monthly_{label}" if name.startswith(_SNAPSHOT) else label,
            used=used,
            # A pool of some models only: which, the catalogue knows, not the header.
            model=None if name.startswith(_SESSION) else label,
            limit=entitled,
            used_units=used * entitled if entitled is not None else None,
            resets_at=_moment(unquote(fields.get("rst", "")), now),
            length=_LENGTHS["monthly"] if name.startswith(_SNAPSHOT) else _LENGTHS.get(label),
        )


_Pair = tuple[str, float | None, float | None, float | None, float | None]


def _pairs(names: Mapping[str, str], now: float) -> Iterator[_Pair]:
    """(unit, limit, remaining, resets at, period) of every ``…-remaining…`` header with its companions, in either order of words:
    ``x-ratelimit-remaining-requests-day``, ``anthropic-ratelimit-tokens-remaining``."""
    for name, value in names.items():
        if "remaining" not in name or name.startswith((_UNIFIED, _CODEX)):
            continue
        remaining = _number(value)
        if remaining is None:
            continue
        words = name.replace("x-ratelimitbysize", "x-ratelimit-tokens").split("ratelimit", 1)[1].strip("-").split("-")
        words = [word for word in words if word not in ("remaining", "model")]
        span = words.pop() if words and words[-1] in _SPANS else None
        unit = "-".join(words)
        unit = _UNITS.get(unit, unit)
        if unit not in _KNOWN_UNITS:
            continue
        limit = _number(names.get(name.replace("remaining", "limit")))
        seconds = reset_time.seconds_of(names.get(name.replace("remaining", "reset")), now)
        if seconds is not None and not -_MINUTE < seconds <= reset_time.LONGEST * 5:
            seconds = None
        resets_at = None if seconds is None else now + max(seconds, 0.0)
        yield unit, limit, remaining, resets_at, _period(span, limit, remaining, seconds)


def _period(span: str | None, limit: float | None, remaining: float, seconds: float | None) -> float | None:
    """The time in which a rate comes back: as its header is called, else from what is used and how long that takes to return."""
    if span is not None:
        return _SPANS[span]
    if not limit or seconds is None or seconds <= 0 or remaining >= limit:
        return None
    if seconds > _QUOTA_PERIOD:  # a fixed window, or a slow one: either way not a matter of minutes
        return _DAY if seconds <= _DAY else 30 * _DAY
    whole = seconds * limit / (limit - max(remaining, 0.0))
    nearest = min((1.0, _MINUTE, _HOUR, _DAY), key=lambda period: abs(math.log(period / whole)))
    return nearest if 0.5 <= nearest / whole <= 2 else None


def _long_rate(
    unit: str, limit: float, remaining: float, resets_at: float | None, period: float, model: str | None
) -> QuotaReading:
    """A pool that refills steadily is never used up for long, and its reset is when it would be full: only a 429 tells."""
    name = "daily" if period <= _DAY else "monthly"
    return QuotaReading(
        name=f"{name}_{unit}",
        used=min(_share(1 - remaining / limit), _NEARLY),
        model=model,
        limit=limit,
        used_units=limit - remaining,
        resets_at=resets_at,
        length=period,
    )


# -- values ------------------------------------------------------------------------------------------------------------


def _named(length: float | None) -> str | None:
    """The window's usual name for its length, within a tenth."""
    if length is None:
        return None
    return next((name for name, usual in _LENGTHS.items() if abs(length - usual) <= usual / 10), f"{length / _HOUR:g}h")


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is not None and math.isfinite(value) else None


def _moment(text: str | None, now: float) -> float | None:
    seconds = reset_time.seconds_of(text, now) if text else None
    return None if seconds is None else now + seconds
