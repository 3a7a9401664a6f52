"""The requests of a Cursor account this month: ``{model: {numRequests, maxRequestUsage}, …, startOfMonth}``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from omniroute.upstream.usage import Usage
from omniroute.upstream.usage._values import LENGTHS, counted, members, moment, obj


class CursorRequests:
    """A model without ``maxRequestUsage`` has no limit of its own. Slow requests go on where the fast ones end, so that nothing
    is refused at the limit."""

    name = "cursor_requests"

    def read(self, value: Any, now: float) -> Usage:
        resets_at = _month_later(moment(obj(value).get("startOfMonth"), now))
        windows = []
        for model, fields in members(value):
            found = counted(
                "monthly",
                fields.get("numRequests"),
                fields.get("maxRequestUsage"),
                resets_at=resets_at,
                length=LENGTHS["monthly"],
            )
            if found is not None:
                windows.append(found._replace(model=model[:100]))
        return Usage(tuple(windows))


def _month_later(start: float | None) -> float | None:
    """The same day of the next month, or its last one."""
    if start is None:
        return None
    day = datetime.fromtimestamp(start, UTC)
    first = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    last = ((first + timedelta(days=32)).replace(day=1) - timedelta(days=1)).day
    return first.replace(day=min(day.day, last)).timestamp()


READER = CursorRequests()
