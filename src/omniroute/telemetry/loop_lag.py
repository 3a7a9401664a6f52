"""How late the event loop is, and how long the garbage collector stops it: two figures that explain slow answers."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import Any

from omniroute.telemetry.histogram import Histogram, Recent

_INTERVAL = 0.1


class LoopLag:
    """Asks to be called every ``interval`` seconds and notes how much later that was. ``all`` counts since the start."""

    def __init__(self, *, interval: float = _INTERVAL) -> None:
        self._interval = interval
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handle: asyncio.TimerHandle | None = None
        self._due = 0.0
        self.all = Histogram()
        self._recent = Recent(0.0)

    def start(self) -> None:
        """Needs a running event loop."""
        self._loop = asyncio.get_running_loop()
        self._recent = Recent(self._loop.time())
        self._again(self._loop)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def describe(self) -> dict[str, Any]:
        """p50, p99 and max of the last minute or two, in ms."""
        return self._recent.describe()

    def _again(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = loop.time() + self._interval
        self._handle = loop.call_at(self._due, self._called, loop)

    def _called(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        self.note(max(0.0, now - self._due) * 1000, now)
        self._again(loop)

    def note(self, ms: float, now: float) -> None:
        """One measured lag."""
        self.all.add(ms)
        self._recent.add(ms, now)


class GcPauses:
    """How long each run of the collector took. The process has one collector, so have one of these at a time."""

    def __init__(self) -> None:
        self._began = 0
        self.all = Histogram()
        self.collections = [0, 0, 0]

    def start(self) -> None:
        gc.callbacks.append(self._seen)

    def stop(self) -> None:
        """Repeating it is harmless."""
        if self._seen in gc.callbacks:
            gc.callbacks.remove(self._seen)

    def describe(self) -> dict[str, Any]:
        """Runs by generation, and p50, p99 and max pause in ms since the start."""
        p50, p99 = self.all.quantiles((0.5, 0.99))
        return {
            "collections": list(self.collections),
            "p50_ms": None if p50 is None else round(p50, 3),
            "p99_ms": None if p99 is None else round(p99, 3),
            "max_ms": round(self.all.largest, 3),
            "frozen": gc.get_freeze_count(),
        }

    def _seen(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter_ns()
        else:
            self.all.add((time.perf_counter_ns() - self._began) / 1e6)
            self.collections[info["generation"]] += 1
