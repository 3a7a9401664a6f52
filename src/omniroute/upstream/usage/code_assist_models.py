"""What Antigravity has left for each model: ``{models: {id: {quotaInfo: {remainingFraction, resetTime, isExhausted}}}}``."""

from __future__ import annotations

from typing import Any

from omniroute.upstream.quota_headers import QuotaReading
from omniroute.upstream.usage import Usage
from omniroute.upstream.usage._values import members, moment, number, obj, reading


class CodeAssistModels:
    """The length of a pool is not told (hours on paid plans, a week on free ones), so its pace stays unknown."""

    name = "code_assist_models"

    def read(self, value: Any, now: float) -> Usage:
        found = [_window(model, obj(fields, "quotaInfo"), now) for model, fields in members(obj(value).get("models"))]
        return Usage(tuple(window for window in found if window is not None))


def _window(model: str, info: dict[str, Any], now: float) -> QuotaReading | None:
    resets_at = moment(info.get("resetTime"), now)
    left = number(info.get("remainingFraction"))
    if info.get("isExhausted") is True or (left is None and resets_at is not None):
        left = 0.0
    return None if left is None or not model else reading("pool", 1 - left, model=model[:100], resets_at=resets_at)


READER = CodeAssistModels()
