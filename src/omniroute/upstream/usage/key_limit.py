"""The limit of an API key in credits: ``{data: {limit, limit_remaining, limit_reset, is_free_tier}}``."""

from __future__ import annotations

from typing import Any

from omniroute.upstream.usage import Usage
from omniroute.upstream.usage._values import LENGTHS, NEARLY, counted, obj, text


class KeyLimit:
    """A key without a limit has no window. One at its limit still gets models that cost nothing."""

    name = "key_limit"

    def read(self, value: Any, now: float) -> Usage:
        data = obj(value, "data")
        plan = "free" if data.get("is_free_tier") is True else None
        word = text(data.get("limit_reset"))
        name = word if word is not None and word in LENGTHS else "credits"
        found = counted(name, None, data.get("limit"), remaining=data.get("limit_remaining"), length=LENGTHS.get(name))
        if found is None:
            return Usage((), plan)
        return Usage((found._replace(used=min(found.used, NEARLY)),), plan)


READER = KeyLimit()
