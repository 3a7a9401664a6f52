"""The windows of a Claude plan: ``{five_hour: {utilization, resets_at}, seven_day: …, seven_day_opus: …, extra_usage: …}``."""

from __future__ import annotations

from typing import Any

from omniroute.upstream.usage import Usage
from omniroute.upstream.usage._values import LENGTHS, NEARLY, members, moment, number, obj, reading

_WINDOWS = {"five_hour": "5h", "seven_day": "weekly"}
_FAMILIES = ("opus", "sonnet", "haiku")


class AnthropicWindows:
    """``utilization`` is the percentage used. With paid overage nothing is refused at a hundred."""

    name = "anthropic_windows"

    def read(self, value: Any, now: float) -> Usage:
        extra = obj(value, "extra_usage")
        overage = extra.get("is_enabled") is True and (number(extra.get("utilization")) or 0.0) < 100.0
        windows = []
        for word, fields in members(value):
            percent = number(fields.get("utilization"))
            found = _window(word)
            if percent is None or found is None:
                continue
            window, family = found
            used = min(percent / 100, NEARLY) if overage else percent / 100
            windows.append(
                reading(
                    f"{window}_{family}" if family else window,
                    used,
                    model=f"claude-{family}*" if family else None,
                    resets_at=moment(fields.get("resets_at"), now),
                    length=LENGTHS[window],
                )
            )
        return Usage(tuple(windows))


def _window(word: str) -> tuple[str, str | None] | None:
    """(window, model family or None for all); None for a pool that is not about models."""
    if word in _WINDOWS:
        return _WINDOWS[word], None
    stem, _, family = word.rpartition("_")
    return (_WINDOWS[stem], family) if stem in _WINDOWS and family in _FAMILIES else None


READER = AnthropicWindows()
