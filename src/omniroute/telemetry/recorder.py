"""The ledger's inbox: takes a record without waiting, hands batches to whoever stores them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from omniroute.core.ids import Clock
from omniroute.core.ledger import LedgerRow

_BATCH = 500
_LONGEST_PAUSE = 5.0


class Recorder:
    """Collects records for ``interval`` seconds at most, then awaits ``sink(batch)``.

    A sink that raises is asked again, with growing pauses, in the same order: it must take a batch it has seen before. Up to
    ``capacity`` records wait meanwhile; beyond that the oldest are dropped and counted in :meth:`describe`, since an unbounded
    queue would take the traffic down with the ledger. Row numbers begin at ``first_id``. Use from one event loop; start with
    :meth:`start`, end with :meth:`close`.
    """

    def __init__(
        self,
        sink: Callable[[list[LedgerRow]], Awaitable[Any]],
        *,
        capacity: int = 10_000,
        interval: float = 0.1,
        clock: Clock,
        first_id: int = 1,
    ) -> None:
        self._sink = sink
        self._capacity = capacity
        self._interval = interval
        self._clock = clock
        self._next_id = first_id
        self._waiting: deque[LedgerRow] = deque()
        self._batch: list[LedgerRow] = []
        self._news = asyncio.Event()
        self._closing = asyncio.Event()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._accepted = 0
        self._settled = 0  # how many of the accepted are written or dropped
        self._written = 0
        self._dropped = 0
        self._failures = 0
        self._failing_since: float | None = None
        self._last_error: str | None = None
        self._log = structlog.get_logger("omniroute.telemetry")

    def start(self) -> None:
        """Begin to write in the background; needs a running event loop."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="usage-recorder")

    def new_id(self) -> int:
        """The number of a row to come."""
        found = self._next_id
        self._next_id += 1
        return found

    def record(self, record: LedgerRow) -> None:
        """Take one row, and give it a number unless it has one. Never blocks, never raises. After :meth:`close` it is counted as
        dropped."""
        if not record.id:
            record.id = self.new_id()
        if self._closing.is_set():
            self._drop(1)
            return
        if len(self._waiting) + len(self._batch) >= self._capacity:
            self._drop(1)
            if not self._waiting:  # everything is being written right now and cannot be taken back
                return
            self._waiting.popleft()
            self._settled += 1
        self._waiting.append(record)
        self._accepted += 1
        self._news.set()

    async def flush(self) -> None:
        """Return when everything recorded before is stored; as long as the sink fails, so long does this wait."""
        goal = self._accepted
        while self._settled < goal and (self._batch or self._waiting):
            await self._write_next()

    async def close(self, *, within: float = 10.0) -> int:
        """Write all that waits and stop. Returns how many records could not be stored within ``within`` seconds (0 is normal).

        Repeating it is harmless.
        """
        self._closing.set()
        try:
            async with asyncio.timeout(within):
                await self.flush()
        except TimeoutError:
            await self._stop()
            return self._give_up()
        await self._stop()
        return 0

    def describe(self) -> dict[str, Any]:
        """Counters since the start; ``failing_since`` (unix seconds) is None while the sink works."""
        return {
            "waiting": len(self._waiting) + len(self._batch),
            "capacity": self._capacity,
            "written": self._written,
            "dropped": self._dropped,
            "failures": self._failures,
            "failing_since": self._failing_since,
            "last_error": self._last_error,
        }

    def _drop(self, count: int) -> None:
        if self._dropped == 0:
            self._log.error("usage records are dropped: the ledger is closed or too slow", capacity=self._capacity)
        self._dropped += count

    def _give_up(self) -> int:
        lost = len(self._batch) + len(self._waiting)
        self._batch = []
        self._waiting.clear()
        self._settled = self._accepted
        self._dropped += lost
        self._log.error("usage records lost at shutdown", lost=lost, error=self._last_error)
        return lost

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            await self._pause(self._interval)
            await self.flush()

    async def _stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _write_next(self) -> None:
        """Store one batch, however often the sink fails on the way; a batch whose write was cut short is written again."""
        async with self._writing:
            pause = self._interval
            while self._batch or self._waiting:
                while self._waiting and len(self._batch) < _BATCH:
                    self._batch.append(self._waiting.popleft())
                try:
                    await self._sink(list(self._batch))
                except Exception as error:
                    self._note_failure(error)
                    await self._pause(pause)
                    pause = min(pause * 2, _LONGEST_PAUSE)
                else:
                    self._written += len(self._batch)
                    self._settled += len(self._batch)
                    self._batch = []
                    self._note_success()
                    return

    async def _pause(self, seconds: float) -> None:
        """Wait; while closing, an interval at most."""
        if self._closing.is_set():
            await asyncio.sleep(min(seconds, self._interval))
            return
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return

    def _note_failure(self, error: Exception) -> None:
        self._failures += 1
        self._last_error = f"{type(error).__name__}: {error}"
        if self._failing_since is None:
            self._failing_since = self._clock.now()
            self._log.error("usage records cannot be stored, trying again", error=self._last_error, waiting=len(self._waiting))

    def _note_success(self) -> None:
        if self._failing_since is not None:
            self._log.info("usage records are stored again", seconds=round(self._clock.now() - self._failing_since, 1))
            self._failing_since = None
