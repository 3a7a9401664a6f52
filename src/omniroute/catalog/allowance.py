"""Quotas that we count, since the provider does not say what is left of them."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec


class Allowance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A quota that the provider does not report and we count: ``limit`` requests or tokens ``per`` window.

    Days begin at ``reset_hour`` in ``zone`` (IANA name), weeks on ``weekday`` (0 = Monday), months on ``day``; ``5h`` and
    ``rolling`` (of ``hours``) begin with the first request. ``model``: an id, or a beginning and ``*``; None = all together.
    ``soft``: what the provider is said to give; it is not counted where the provider reports, and only a refusal uses it up.
    """

    limit: float
    unit: Literal["requests", "tokens"] = "requests"
    per: Literal["5h", "daily", "weekly", "monthly", "rolling"] = "daily"
    model: str | None = None
    hours: float = 24.0
    reset_hour: int = 0
    weekday: int = 0
    day: int = 1
    zone: str = "UTC"
    soft: bool = False

    def __post_init__(self) -> None:
        if self.limit <= 0 or self.hours <= 0:
            raise ValueError("limit and hours must be positive")
        if not (0 <= self.reset_hour <= 23 and 0 <= self.weekday <= 6 and 1 <= self.day <= 28):
            raise ValueError("reset_hour is 0 to 23, weekday 0 (Monday) to 6, day 1 to 28")
        self.tzinfo()

    def tzinfo(self) -> tzinfo:
        """The zone. ValueError when this machine does not know it."""
        if self.zone == "UTC":
            return UTC
        try:
            return ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"zone {self.zone!r} is not known here") from None
