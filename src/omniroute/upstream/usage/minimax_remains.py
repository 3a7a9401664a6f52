"""The intervals of a MiniMax coding plan: ``{model_remains: [{model_name, current_interval_…_count, start_time, end_time}]}``."""

from __future__ import annotations

from typing import Any

from omniroute.upstream.quota_headers import QuotaReading
from omniroute.upstream.usage import Usage
from omniroute.upstream.usage._values import NEARLY, counted, moment, name_for, number, obj, objects, text


class MiniMaxRemains:
    """``current_interval_usage_count`` is what REMAINS, whatever it is called. A word that means its opposite may change its
    mind, so that no window is closed by it."""

    name = "minimax_remains"

    def read(self, value: Any, now: float) -> Usage:
        found = [_window(item, now) for item in objects(obj(value).get("model_remains"))]
        return Usage(tuple(window for window in found if window is not None))


def _window(item: dict[str, Any], now: float) -> QuotaReading | None:
    start, end = number(item.get("start_time")), number(item.get("end_time"))
    length = (end - start) / 1000 if start is not None and end is not None and 0 < end - start < 1e11 else None
    window = counted(
        name_for(length) or "rolling",
        None,
        item.get("current_interval_total_count"),
        remaining=item.get("current_interval_usage_count"),
        resets_at=moment(item.get("end_time"), now),
        length=length,
    )
    if window is None:
        return None
    return window._replace(model=text(item.get("model_name")), used=min(window.used, NEARLY))


READER = MiniMaxRemains()
