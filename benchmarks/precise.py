"""Timers with microseconds where the event loop's have milliseconds: an arrival schedule and a cadence need them.

On Linux one kernel timer (timerfd) carries all of them; elsewhere the loop's own timers serve, and times below 2 ms mean little.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
import sys
import time
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1


class Timers:
    """For the running loop. Times are those of ``time.monotonic``. Close it before the loop ends."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._fd = -1
        if sys.platform == "linux":
            self._kernel = ctypes.CDLL(None, use_errno=True)
            self._fd = self._kernel.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
            if self._fd < 0:
                raise OSError(ctypes.get_errno(), "timerfd_create")
            self._loop.add_reader(self._fd, self._fire)

    def at(self, when: float, call: Callable[[], None]) -> None:
        if self._fd < 0:
            self._loop.call_later(max(0.0, when - time.monotonic()), call)
            return
        entry = (when, next(self._order), call)
        heappush(self._due, entry)
        if self._due[0] is entry:
            self._arm()

    def close(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _arm(self) -> None:
        seconds, part = divmod(self._due[0][0], 1)
        when = struct.pack("qqqq", 0, 0, int(seconds), max(1, int(part * 1e9)))
        if self._kernel.timerfd_settime(self._fd, _ABSOLUTE, when, None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def _fire(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            pass  # armed anew between the event and this call
        while self._due and self._due[0][0] <= time.monotonic():
            heappop(self._due)[2]()
        if self._due and self._fd >= 0:
            self._arm()
