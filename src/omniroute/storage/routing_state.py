"""What routing learned, over a restart: opaque rows, replaced as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import aiosqlite

from omniroute.storage.db import Database


class RoutingRow(NamedTuple):
    """``kind`` and ``key`` name the row, ``value`` is JSON. ``until``: unix seconds when it ends, None = never."""

    kind: str
    key: str
    value: str
    until: float | None


class RoutingStateRepository:
    """Saves what Health dumps and hands it back."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def replace(self, rows: Iterable[tuple[str, str, str, float | None]]) -> int:
        """Keep ``rows`` (kind, key, value, until) and nothing else; returns how many. All or none, safe against a crash; the last
        save may be lost with the power, which costs a few requests that find out again."""
        kept = list(rows)

        async def run(connection: aiosqlite.Connection) -> None:
            await connection.execute_fetchall("DELETE FROM routing_state")
            await connection.executemany("INSERT INTO routing_state (kind, key, value_json, until) VALUES (?, ?, ?, ?)", kept)

        await self._db.write(run, durable=False)
        return len(kept)

    async def load(self) -> list[RoutingRow]:
        """The rows that still mean something."""
        found = await self._db.read(
            "SELECT kind, key, value_json, until FROM routing_state WHERE until IS NULL OR until > ? ORDER BY kind, key",
            [self._db.clock.now()],
        )
        return [RoutingRow(*row) for row in found]
