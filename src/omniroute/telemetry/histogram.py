"""A histogram of durations in bounded memory: eight steps to each doubling, so any quantile is right within about 6 %."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable

_LONGEST_US = (1 << 36) - 1  # 19 hours
_BUCKETS = 272


class Histogram:
    """Takes milliseconds; 2 kB. ``count``, ``total`` (ms) and ``largest`` (ms) are exact. :meth:`add` does not loop."""

    __slots__ = ("_counts", "count", "largest", "total")

    def __init__(self) -> None:
        self._counts = array("Q", bytes(8 * _BUCKETS))
        self.count = 0
        self.total = 0.0
        self.largest = 0.0

    def add(self, ms: float) -> None:
        us = int(ms * 1000)
        if us < 16:
            index = us if us > 0 else 0
        else:
            if us > _LONGEST_US:
                us = _LONGEST_US
            shift = us.bit_length() - 4
            index = (shift << 3) + (us >> shift)
        self._counts[index] += 1
        self.count += 1
        self.total += ms
        if ms > self.largest:
            self.largest = ms

    def take(self, other: Histogram) -> None:
        """Add what the other one holds."""
        for index, count in enumerate(other._counts):
            if count:
                self._counts[index] += count
        self.count += other.count
        self.total += other.total
        self.largest = max(self.largest, other.largest)

    def quantiles(self, wanted: Iterable[float]) -> list[float | None]:
        """The values in ms below which these shares (0..1, ascending) of all lie; None without any value."""
        found: list[float | None] = []
        seen, index = 0, -1
        for share in wanted:
            if not self.count:
                found.append(None)
                continue
            rank = max(1, math.ceil(share * self.count))
            while seen < rank:
                index += 1
                seen += self._counts[index]
            found.append(min(self.largest, (_floor(index) + _floor(index + 1)) / 2000))
        return found

    def below(self, powers: Iterable[int]) -> list[int]:
        """How many values lay below 2**power µs, for each of the ascending ``powers`` (4..36): exact."""
        found, seen, start = [], 0, 0
        for power in powers:
            end = (power - 2) * 8
            seen += sum(self._counts[start:end])
            start = end
            found.append(seen)
        return found


class Recent:
    """The values of the last one to two times ``span`` seconds: two histograms that take turns."""

    def __init__(self, now: float, *, span: float = 60.0) -> None:
        self._span = span
        self._turned = now
        self._before = Histogram()
        self._now = Histogram()

    def add(self, ms: float, now: float) -> None:
        """``now``: monotonic seconds."""
        if now - self._turned >= self._span:
            stale = now - self._turned >= 2 * self._span
            self._before = Histogram() if stale else self._now
            self._now = Histogram()
            self._turned = now
        self._now.add(ms)

    def describe(self) -> dict[str, float | int | None]:
        """p50, p99 and max in ms, and of how many values."""
        both = Histogram()
        both.take(self._before)
        both.take(self._now)
        p50, p99 = both.quantiles((0.5, 0.99))
        return {"p50_ms": _shown(p50), "p99_ms": _shown(p99), "max_ms": round(both.largest, 3), "count": both.count}


def _floor(index: int) -> int:
    """The smallest whole µs of a bucket."""
    if index < 16:
        return index
    shift = (index >> 3) - 1
    return (index - (shift << 3)) << shift


def _shown(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 3)
