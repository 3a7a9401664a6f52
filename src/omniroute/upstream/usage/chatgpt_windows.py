"""The windows of a ChatGPT plan: ``{plan_type, rate_limit: {primary_window, secondary_window}, additional_rate_limits}``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from omniroute.upstream.quota_headers import QuotaReading
from omniroute.upstream.usage import Usage
from omniroute.upstream.usage._values import NEARLY, moment, name_for, number, obj, objects, reading, text


class ChatGptWindows:
    """Windows are named by their length: which one is called primary depends on the plan. Credits go on where a window ends."""

    name = "chatgpt_windows"

    def read(self, value: Any, now: float) -> Usage:
        fields = obj(value)
        credits = obj(fields, "credits")
        beyond = credits.get("unlimited") is True or credits.get("has_credits") is True
        windows = list(_windows(obj(fields, "rate_limit"), now, None, beyond))
        for extra in objects(fields.get("additional_rate_limits")):
            pool = text(extra.get("limit_name")) or text(extra.get("metered_feature"))
            if pool is not None:
                windows += _windows(obj(extra, "rate_limit"), now, pool.lower().replace(" ", "-"), beyond)
        return Usage(tuple(windows), text(fields.get("plan_type")))


def _windows(limit: dict[str, Any], now: float, pool: str | None, beyond: bool) -> Iterator[QuotaReading]:
    for word in ("primary_window", "secondary_window"):
        fields = obj(limit, word)
        percent, length = number(fields.get("used_percent")), number(fields.get("limit_window_seconds"))
        if percent is None:
            continue
        name = name_for(length) or ("5h" if word == "primary_window" else "weekly")
        resets_at = moment(fields.get("reset_at"), now)
        if resets_at is None:
            after = number(fields.get("reset_after_seconds"))
            resets_at = now + after if after is not None and 0 <= after < 1e8 else None
        used = min(percent / 100, NEARLY) if beyond else percent / 100
        yield reading(
            f"{name}_{pool}" if pool else name,
            used,
            model=f"{pool}*" if pool else None,
            resets_at=resets_at,
            length=length if length is not None and length > 0 else None,
        )


READER = ChatGptWindows()
