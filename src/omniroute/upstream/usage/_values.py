"""Values of usage answers, which nobody promised a type: numbers as text, moments in every spelling."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from omniroute.upstream import reset_time
from omniroute.upstream.quota_headers import QuotaReading

HOUR, DAY = 3600.0, 86400.0
LENGTHS: Mapping[str, float] = {"5h": 5 * HOUR, "daily": DAY, "weekly": 7 * DAY, "monthly": 30 * DAY}
NEARLY = 0.999
"""The share of a window that is used up without anything being refused: what goes beyond is paid for, or free."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MOST = 200
_FAR = 400 * DAY


def obj(value: Any, *path: str) -> dict[str, Any]:
    """The object at ``path`` inside of ``value``, {} when there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """The objects of a list, the first 200."""
    if isinstance(value, list):
        yield from (item for item in value[:_MOST] if isinstance(item, dict))


def members(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Names and values of the members that are objects, the first 200."""
    if isinstance(value, dict):
        yield from ((name, item) for name, item in list(value.items())[:_MOST] if isinstance(item, dict))


def text(value: Any) -> str | None:
    """A text that says something, at most 100 characters of it."""
    return value.strip()[:100] if isinstance(value, str) and value.strip() else None


def number(value: Any) -> float | None:
    """A finite number, also one written as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def share(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def moment(value: Any, now: float) -> float | None:
    """Unix seconds of a moment or a waiting time, None for none or one that is more than a year away."""
    if value is None or isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, int | float):
        value = number(value)
    elif _DATE.fullmatch(value.strip()):
        value = f"{value.strip()}T00:00:00Z"
    try:
        seconds = reset_time.seconds_of(value, now)
    except OverflowError:
        return None
    return None if seconds is None or not math.isfinite(seconds) or abs(seconds) > _FAR else now + seconds


def name_for(length: float | None) -> str | None:
    """The usual name of a window of that length, within a tenth; None when the length is not known."""
    if length is None or length <= 0:
        return None
    return next((name for name, usual in LENGTHS.items() if abs(length - usual) <= usual / 10), f"{length / HOUR:g}h")


def reading(
    name: str,
    used: float,
    *,
    model: str | None = None,
    limit: float | None = None,
    used_units: float | None = None,
    resets_at: float | None = None,
    length: float | None = None,
) -> QuotaReading:
    """One window as an endpoint tells it."""
    return QuotaReading(name, share(used), model, limit, used_units, resets_at, length, "endpoint")


def counted(
    name: str, used: Any, limit: Any, *, resets_at: float | None = None, length: float | None = None, remaining: Any = None
) -> QuotaReading | None:
    """A window of so many units; None when the numbers make no window."""
    most, spent, left = number(limit), number(used), number(remaining)
    if most is None or most <= 0:
        return None
    if spent is None:
        spent = None if left is None else most - left
    if spent is None:
        return None
    return reading(name, spent / most, limit=most, used_units=max(spent, 0.0), resets_at=resets_at, length=length)
