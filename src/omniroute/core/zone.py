"""Time zones: where days, weeks and months begin, in unix seconds."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Period = Literal["daily", "weekly", "monthly"]
PERIODS: tuple[Period, ...] = ("daily", "weekly", "monthly")

_DAY = 86_400.0


class Zone:
    """A zone of the IANA's names, or (``name`` None) the one this machine is set to. ValueError for a name that is none."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name
        self._info = None if name is None else _found(name)

    def offset(self, moment: float) -> int:
        """Seconds that the zone's clocks are ahead of UTC at that moment."""
        if self._info is None:
            return time.localtime(moment).tm_gmtoff
        shift = datetime.fromtimestamp(moment, self._info).utcoffset()
        return 0 if shift is None else int(shift.total_seconds())

    def offsets(self, since: float, until: float) -> list[tuple[float, int]]:
        """(from when, offset) from ``since`` on, one entry for each change before ``until``."""
        found = [(since, self.offset(since))]
        moment = since
        while moment < until:
            following = min(moment + _DAY, until)
            if self.offset(following) != found[-1][1]:
                found.append(self._change(moment, following))
            moment = following
        return found

    def window(self, period: Period, moment: float) -> tuple[float, float]:
        """Beginning and end of the day, week (from Monday) or month that ``moment`` is in."""
        day = self.day(moment)
        if period == "daily":
            first, following = day, day + timedelta(days=1)
        elif period == "weekly":
            first = day - timedelta(days=day.weekday())
            following = first + timedelta(days=7)
        else:
            first = day.replace(day=1)
            following = (first + timedelta(days=31)).replace(day=1)
        return self.midnight(first), self.midnight(following)

    def day(self, moment: float) -> date:
        """The calendar's day there and then."""
        if self._info is None:
            told = time.localtime(moment)
            return date(told.tm_year, told.tm_mon, told.tm_mday)
        return datetime.fromtimestamp(moment, self._info).date()

    def midnight(self, day: date) -> float:
        """When that day begins."""
        if self._info is None:
            return time.mktime((day.year, day.month, day.day, 0, 0, 0, 0, 0, -1))
        return datetime(day.year, day.month, day.day, tzinfo=self._info).timestamp()

    def text(self, moment: float) -> str:
        """``2026-12-01T00:00:00+01:00``."""
        shift = self.offset(moment)
        told = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment + shift))
        minutes = abs(shift) // 60
        return f"{told}{'-' if shift < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"

    def _change(self, before: float, after: float) -> tuple[float, int]:
        """The first second of the offset that holds at ``after`` and not at ``before``."""
        low, high = int(before), int(after)
        wanted = self.offset(after)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.offset(middle) == wanted else (middle, high)
        return float(high), wanted


def _found(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder of the zone data is an OSError
        raise ValueError(f"{name!r} is not a time zone (such as Europe/Berlin)") from None
