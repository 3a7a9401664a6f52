"""Keeps what routing has learned over a restart: reads it at the start, writes it while it changes and at the end."""

from __future__ import annotations

import asyncio

import structlog

from omniroute.core.errors import StorageError
from omniroute.core.ids import Clock
from omniroute.routing.health import Health
from omniroute.routing.remembered import Saved
from omniroute.storage.routing_state import RoutingStateRepository

_EVERY = 10.0
_log = structlog.get_logger("omniroute.server")


class HealthKeeper:
    """``every``: seconds between two looks; nothing is written where nothing changed."""

    def __init__(self, health: Health, repository: RoutingStateRepository, clock: Clock, every: float = _EVERY) -> None:
        self._health = health
        self._repository = repository
        self._clock = clock
        self._every = every
        self._written: list[Saved] = []
        self._task: asyncio.Task[None] | None = None

    async def load(self) -> int:
        """Take up what the last process left, as far as it still holds; returns how much that was."""
        self._written = [Saved(*row) for row in await self._repository.load()]
        return self._health.load(self._written, self._clock.now())

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="health-keeper")

    async def stop(self) -> None:
        """Write once more and stop."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            await self.save()

    async def save(self) -> bool:
        """Write what is to be remembered if it has changed. A store that cannot be written costs what was learned, no request."""
        saved = self._health.dump(self._clock.now())
        if saved == self._written:
            return False
        try:
            await self._repository.replace(saved)
        except StorageError as error:
            _log.warning("routing state cannot be stored", error=error.message)
            return False
        self._written = saved
        return True

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            await self.save()
