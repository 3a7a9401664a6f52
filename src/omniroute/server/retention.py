"""Keeps ledger and captures within their age and size: now and then, in small steps, giving the space back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from omniroute.core.errors import StorageError
from omniroute.core.ids import Clock
from omniroute.core.settings import Settings
from omniroute.storage.captures import CaptureRepository
from omniroute.storage.db import Database
from omniroute.storage.usage import UsageRepository

_FIRST_AFTER = 60.0
_EVERY = 3600.0
_DAY = 86_400.0
_SHARE_AT_ONCE = 0.05
log = structlog.get_logger("omniroute.retention")


class Retention:
    """:meth:`once` is one look; :meth:`start` looks every hour."""

    def __init__(
        self, db: Database, usage: UsageRepository, captures: CaptureRepository, settings: Callable[[], Settings], clock: Clock
    ) -> None:
        self._db = db
        self._usage = usage
        self._captures = captures
        self._settings = settings
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Needs a running event loop."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="retention")

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def once(self) -> tuple[int, int]:
        """(tries, captured requests) that were removed."""
        settings, now = self._settings(), self._clock.now()
        tries = 0
        captured = await self._captures.prune(now - settings.capture_days * _DAY, settings.capture_size)
        if settings.ledger_days:
            tries = await self._usage.prune(now - settings.ledger_days * _DAY)
        if settings.ledger_size:
            tries += await self._shrink(settings.ledger_size)
        if tries or captured:
            log.info("old records removed", tries=tries, captures=captured)
        return tries, captured

    async def _shrink(self, most: int) -> int:
        """Remove the oldest tries, a twentieth at a time, until the file is small enough or nothing is left."""
        removed = 0
        while True:
            sizes = await self._db.sizes()
            if sizes["file"] - sizes["free"] <= most:
                return removed
            before = await self._usage.oldest(_SHARE_AT_ONCE)
            gone = 0 if before is None else await self._usage.prune(before)
            if not gone:
                log.warning("the database is larger than ledger_size, and holds no more tries to remove", bytes=sizes["file"])
                return removed
            removed += gone

    async def _run(self) -> None:
        await asyncio.sleep(_FIRST_AFTER)
        while True:
            try:
                await self.once()
            except StorageError as error:
                log.warning("old records not removed", reason=error.message)
            await asyncio.sleep(_EVERY)
