"""The windows of a Kimi coding plan: ``{usage: {limit, used, remaining, resetTime}, limits: [{window, detail}], user}``."""

from __future__ import annotations

from typing import Any

from omniroute.upstream.quota_headers import QuotaReading
from omniroute.upstream.usage import Usage
from omniroute.upstream.usage._values import DAY, HOUR, LENGTHS, counted, moment, name_for, number, obj, objects, text

_UNITS = {"SECOND": 1.0, "MINUTE": 60.0, "HOUR": HOUR, "DAY": DAY, "WEEK": 7 * DAY, "MONTH": 30 * DAY}


class KimiUsages:
    """Numbers are texts. The first figures are the week's, the others say how long they hold."""

    name = "kimi_usages"

    def read(self, value: Any, now: float) -> Usage:
        fields = obj(value)
        found = [_window(obj(fields, "usage"), LENGTHS["weekly"], now)]
        for item in objects(fields.get("limits")):
            window = obj(item, "window")
            duration = number(window.get("duration"))
            unit = _UNITS.get((text(window.get("timeUnit")) or "").removeprefix("TIME_UNIT_"))
            length = duration * unit if duration is not None and unit is not None and 0 < duration < 1e6 else None
            found.append(_window(obj(item, "detail") or item, length, now))
        level = text(obj(fields, "user", "membership").get("level"))
        plan = None if level is None else level.removeprefix("LEVEL_").lower()
        return Usage(tuple(window for window in found if window is not None), plan)


def _window(fields: dict[str, Any], length: float | None, now: float) -> QuotaReading | None:
    name = name_for(length)
    resets_at = moment(fields.get("resetTime") or fields.get("resetAt") or fields.get("reset_time"), now)
    if name is None:
        return None
    return counted(
        name, fields.get("used"), fields.get("limit"), remaining=fields.get("remaining"), resets_at=resets_at, length=length
    )


READER = KimiUsages()
