"""When to come back: the waiting time that an error answer states, from the most exact source to the vaguest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from omniroute.upstream.call import Headers
from omniroute.upstream.error_body import details

SHORTEST = 1.0
LONGEST = 8 * 86400.0
_CHINA = timezone(timedelta(hours=8))
_UNITS: Mapping[str, float] = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = r"\d+(?:\.\d+)?\s*(?:ms|milliseconds?|d|days?|h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?)(?![a-z])"
_DURATION = re.compile(rf"(?:{_PART}(?:\s*,?\s*(?:and\s+)?)?)+", re.I)
_ONE = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|milli|d|h|m|s)", re.I)
_WAIT_WORDS = re.compile(
    r"(?:try again|retry|reset|available again|wait|come back|expires?)\w*\s*"
    r"(?:again\s*)?(?:in|after|for|within)?\s*(?:about\s*)?",
    re.I,
)
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?")
_RESET_HEADER = re.compile(r"(?:anthropic-|x-)?rate-?limit-(?:reset(?:-(.+))?|(.+)-reset)")


def retry_after(headers: Headers, body: bytes, message: str, now: float, *, limited: bool = True) -> float | None:
    """Seconds to wait from ``now`` (unix seconds), between 1 s and 8 days; None when the answer does not say.

    ``limited``: the answer is about a limit, so that headers describing usage windows count too.
    """
    names = {name.lower(): value for name, value in reversed(headers)}
    windows = list(_from_windows(names, now)) if limited else []
    found = [*_from_header(names, now), *_from_body(body, now), *windows, *_from_text(message, now)]
    for seconds in found:
        if seconds is not None and seconds > -60:  # a little in the past: the clocks differ
            return min(max(seconds, SHORTEST), LONGEST)
    return None


def midnight(zone: str, now: float) -> float:
    """Seconds until the next midnight in ``zone`` (an IANA name)."""
    try:
        place: Any = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        place = timezone(timedelta(hours=-8)) if zone.startswith("America/") else UTC  # no time zone data on this machine
    local = datetime.fromtimestamp(now, place)
    tomorrow = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return tomorrow.timestamp() - now


def next_month(now: float) -> float:
    """Seconds until the first of the next month, 00:00 UTC."""
    day = datetime.fromtimestamp(now, UTC)
    first = (day.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=32)).replace(day=1)
    return first.timestamp() - now


def seconds_of(value: Any, now: float) -> float | None:
    """A number or text as seconds from ``now``: "34.07s", "6m0s", "900ms", plain seconds, RFC 3339, unix seconds or milliseconds
    (told apart by magnitude)."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        return _by_magnitude(float(value), now)
    text = str(value).strip()
    try:
        return _by_magnitude(float(text), now)
    except ValueError:
        pass
    if _DURATION.fullmatch(text):
        return _duration(text)
    return _instant(text, now)


def _by_magnitude(number: float, now: float) -> float | None:
    if number != number or number in (float("inf"), float("-inf")):
        return None
    if number > 1e12:
        return number / 1000 - now
    return number - now if number > 1e9 else number


def _duration(text: str) -> float:
    total = 0.0
    for number, unit in _ONE.findall(text):
        total += float(number) * _UNITS["ms" if unit.lower() in ("ms", "milli") else unit.lower()]
    return total


def _instant(text: str, now: float) -> float | None:
    found = _ISO.search(text)
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(found[0].replace("Z", "+00:00"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_CHINA)  # the one vendor that leaves the zone out is in UTC+8
    return moment.timestamp() - now


def _from_header(headers: dict[str, str], now: float) -> Iterator[float | None]:
    milliseconds = headers.get("retry-after-ms", "").strip()
    if milliseconds:
        try:
            yield float(milliseconds) / 1000
        except ValueError:
            yield None
    value = headers.get("retry-after", "").strip()
    if value:
        found = seconds_of(value, now)
        if found is None:
            try:
                found = parsedate_to_datetime(value).timestamp() - now
            except (ValueError, TypeError, OverflowError):
                found = None
        yield found


def _from_body(body: bytes, now: float) -> Iterator[float | None]:
    found = list(details(body)) if body[:1] in (b"{", b"[", b" ", b"\n") else []
    for key in (
        "retryDelay",
        "quotaResetDelay",
        "quotaResetTimeStamp",
        "resets_in_seconds",
        "resets_at",
        "retry_after",
        "next_flush_time",
    ):
        for item in found:
            if isinstance(item.get(key), (int, float, str)):
                yield seconds_of(item[key], now)
    for item in found:
        lower = {str(key).lower(): value for key, value in item.items()}
        if isinstance(lower.get("x-ratelimit-reset"), (int, float, str)):
            yield seconds_of(lower["x-ratelimit-reset"], now)
        if isinstance(lower.get("estimated_time"), (int, float)):
            yield seconds_of(lower["estimated_time"], now)


def _from_windows(headers: dict[str, str], now: float) -> Iterator[float | None]:
    """The latest reset among the windows that are used up; among all of them when none says what is left."""
    exhausted: list[float] = []
    unknown: list[float] = []
    for name, value in headers.items():
        reset, used_up = _window(name, headers)
        if not reset:
            continue
        seconds = seconds_of(value, now)
        if seconds is not None and used_up is not False:
            (exhausted if used_up else unknown).append(seconds)
    if exhausted:
        yield max(exhausted)
    elif unknown:
        yield min(unknown)


def _window(name: str, headers: dict[str, str]) -> tuple[bool, bool | None]:
    """Whether ``name`` states a reset, and whether its window is used up (None = not said)."""
    if name.startswith("anthropic-ratelimit-unified") and name.endswith("-reset"):
        status = headers.get(name.removesuffix("-reset") + "-status")
        return True, None if status is None else status == "rejected"
    if name.startswith("x-codex-") and name.endswith("-reset-at"):
        used = _number(headers.get(name.removesuffix("-reset-at") + "-used-percent"))
        return True, None if used is None else used >= 100
    if not _RESET_HEADER.fullmatch(name):
        return False, None
    left = _number(headers.get(name.replace("reset", "remaining")))
    return True, None if left is None else left <= 0


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _from_text(message: str, now: float) -> Iterator[float | None]:
    for words in _WAIT_WORDS.finditer(message):
        rest = message[words.end() :]
        found = _DURATION.match(rest)
        if found:
            yield _duration(found[0])
    if re.search(r"\breset|\bretry|\btry again|\bavailable", message, re.I):
        yield _instant(message, now)
