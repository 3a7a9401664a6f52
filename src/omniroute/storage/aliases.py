"""Aliases and fallback chains, both known by the pattern of names they are for."""

from __future__ import annotations

from typing import Any

import msgspec

from omniroute.core import json
from omniroute.storage import rows
from omniroute.storage.db import Database


class AliasRow(msgspec.Struct, frozen=True, kw_only=True):
    pattern: str
    target: str
    created_at: float
    updated_at: float


class ChainRow(msgspec.Struct, frozen=True, kw_only=True):
    """``steps`` as they were written: names, or tables."""

    pattern: str
    steps: list[Any]
    created_at: float
    updated_at: float


class AliasRepository:
    """Unknown patterns raise NotFound."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def put(self, pattern: str, target: str) -> AliasRow:
        """Add the alias or lead it elsewhere."""
        now = self._db.clock.now()
        await rows.insert(
            self._db,
            "aliases",
            {"pattern": pattern, "target": target, "created_at": now, "updated_at": now},
            otherwise="ON CONFLICT (pattern) DO UPDATE SET target = excluded.target, updated_at = excluded.updated_at",
        )
        return next(row for row in await self.list() if row.pattern == pattern)

    async def list(self) -> list[AliasRow]:
        """All aliases by pattern."""
        found = await self._db.read("SELECT pattern, target, created_at, updated_at FROM aliases ORDER BY pattern")
        return [AliasRow(**dict(row)) for row in found]

    async def delete(self, pattern: str) -> None:
        await rows.remove(self._db, "aliases", {"pattern": pattern}, f"no alias {pattern!r}")


class ChainRepository:
    """Unknown patterns raise NotFound."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def put(self, pattern: str, steps: list[Any]) -> None:
        """Add the chain or replace it."""
        now = self._db.clock.now()
        await rows.insert(
            self._db,
            "fallback_chains",
            {"pattern": pattern, "steps_json": json.dumps_text(steps), "created_at": now, "updated_at": now},
            otherwise="ON CONFLICT (pattern) DO UPDATE SET steps_json = excluded.steps_json, updated_at = excluded.updated_at",
        )

    async def list(self) -> list[ChainRow]:
        """All chains by pattern."""
        found = await self._db.read("SELECT pattern, steps_json, created_at, updated_at FROM fallback_chains ORDER BY pattern")
        made = []
        for row in found:
            columns: dict[str, Any] = dict(row)
            columns["steps"] = json.loads(columns.pop("steps_json"))
            made.append(ChainRow(**columns))
        return made

    async def delete(self, pattern: str) -> None:
        await rows.remove(self._db, "fallback_chains", {"pattern": pattern}, f"no fallback chain {pattern!r}")
