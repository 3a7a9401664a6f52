"""The pools of a GLM coding plan: ``{data: {level, limits: [{type, unit, number, percentage, nextResetTime}]}}``."""

from __future__ import annotations

from typing import Any

from omniroute.upstream.quota_headers import QuotaReading
from omniroute.upstream.usage import Usage
from omniroute.upstream.usage._values import DAY, HOUR, LENGTHS, moment, name_for, number, obj, objects, reading, text

_UNITS = {3: HOUR, 4: DAY, 6: 7 * DAY}


class ZhipuLimits:
    """``percentage`` is what is used. Besides tokens, calls of hosted tools are counted by the month; they close no model."""

    name = "zhipu_limits"

    def read(self, value: Any, now: float) -> Usage:
        data = obj(value, "data")
        found = [_window(limit, now) for limit in objects(data.get("limits"))]
        return Usage(tuple(window for window in found if window is not None), text(data.get("level")))


def _window(limit: dict[str, Any], now: float) -> QuotaReading | None:
    percent, resets_at = number(limit.get("percentage")), moment(limit.get("nextResetTime"), now)
    if percent is None:
        return None
    if limit.get("type") == "TIME_LIMIT":
        return reading("monthly_tools", percent / 100, model="tools", resets_at=resets_at, length=LENGTHS["monthly"])
    unit, count = number(limit.get("unit")), number(limit.get("number"))
    seconds = _UNITS.get(int(unit)) if unit is not None and 0 <= unit < 100 else None
    length = seconds * count if seconds is not None and count is not None and 0 < count < 1000 else None
    name = name_for(length)
    if limit.get("type") != "TOKENS_LIMIT" or name is None:
        return None
    return reading(name, percent / 100, resets_at=resets_at, length=length)


READER = ZhipuLimits()
