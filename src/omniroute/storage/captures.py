"""Captured requests and answers, sealed, and whose are captured."""

from __future__ import annotations

import asyncio
import base64
import zlib
from typing import Any

import aiosqlite
import msgspec

from omniroute.core import json
from omniroute.core.errors import NotFound, WrongKey
from omniroute.storage.db import Database
from omniroute.storage.vault import Vault

_CONTEXT = "captures/payload"


class CaptureRule(msgspec.Struct, frozen=True, kw_only=True):
    """``key_id`` None: everybody's; ``until`` None: until it is switched off. Times in unix seconds."""

    key_id: str | None
    until: float | None
    created_at: float
    actor: str


class CaptureRepository:
    """A payload is a JSON object; what it looks like is for those who make and show it. Of one request id the newest is shown."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def rules(self) -> list[CaptureRule]:
        """Those in force, oldest first."""
        now = self._db.clock.now()
        found = await self._db.read("SELECT * FROM capture_rules WHERE until IS NULL OR until > ? ORDER BY created_at", (now,))
        return [
            CaptureRule(key_id=r["key_id"] or None, until=r["until"], created_at=r["created_at"], actor=r["actor"]) for r in found
        ]

    async def put_rule(self, key_id: str | None, until: float | None, actor: str) -> CaptureRule:
        rule = CaptureRule(key_id=key_id, until=until, created_at=self._db.clock.now(), actor=actor)

        async def run(connection: aiosqlite.Connection) -> None:
            await connection.execute_fetchall(
                "INSERT OR REPLACE INTO capture_rules (key_id, until, created_at, actor) VALUES (?, ?, ?, ?)",
                (key_id or "", until, rule.created_at, actor),
            )

        await self._db.write(run)
        return rule

    async def remove_rules(self, key_ids: list[str | None] | None = None) -> int:
        """Those of these keys (None among them: everybody's), or all of them; returns how many there were."""
        wanted = None if key_ids is None else [key_id or "" for key_id in key_ids]

        async def run(connection: aiosqlite.Connection) -> int:
            async with connection.execute(
                "DELETE FROM capture_rules WHERE ?1 IS NULL OR key_id IN (SELECT value FROM json_each(?1))",
                (None if wanted is None else json.dumps_text(wanted),),
            ) as cursor:
                return cursor.rowcount

        return await self._db.write(run)

    async def add(self, request_id: str, at: float, key_id: str | None, payload: dict[str, Any]) -> None:
        sealed = await asyncio.to_thread(self._seal, payload)

        async def run(connection: aiosqlite.Connection) -> None:
            await connection.execute_fetchall(
                "INSERT INTO captures (request_id, at, key_id, bytes, payload) VALUES (?, ?, ?, ?, ?)",
                (request_id, at, key_id, len(sealed), sealed),
            )

        await self._db.write(run, durable=False)

    async def get(self, request_id: str) -> dict[str, Any]:
        """NotFound when there is none, or it was sealed with another key."""
        row = await self._db.read_one("SELECT payload FROM captures WHERE request_id = ? ORDER BY id DESC LIMIT 1", (request_id,))
        if row is None:
            raise NotFound(f"nothing is captured of request {request_id!r}")
        try:
            return await asyncio.to_thread(self._open, bytes(row["payload"]))
        except WrongKey:
            raise NotFound(f"what is captured of request {request_id!r} was sealed with another key") from None

    async def has(self, request_id: str) -> bool:
        return await self._db.read_one("SELECT 1 FROM captures WHERE request_id = ? LIMIT 1", (request_id,)) is not None

    async def stored(self) -> tuple[int, int]:
        """(how many, bytes)"""
        row = await self._db.read_one("SELECT count(*) AS count, coalesce(sum(bytes), 0) AS bytes FROM captures")
        return (0, 0) if row is None else (row["count"], row["bytes"])

    async def clear(self) -> int:
        return await self._delete("SELECT id FROM captures LIMIT ?", (), 200)

    async def prune(self, before: float, most: int) -> int:
        """Remove those from before that time, then the oldest until ``most`` bytes are left; returns how many went."""
        gone = await self._delete("SELECT id FROM captures WHERE at < ? ORDER BY at LIMIT ?", (before,), 200)
        _, size = await self.stored()
        while size > most:
            found = await self._db.read("SELECT id, bytes FROM captures ORDER BY at, id LIMIT 200")
            some: list[int] = []
            for row in found:
                if size <= most:
                    break
                some.append(row["id"])
                size -= row["bytes"]
            ids = json.dumps_text(some)
            gone += await self._delete(
                "SELECT id FROM captures WHERE id IN (SELECT value FROM json_each(?)) LIMIT ?", (ids,), 200
            )
        return gone

    async def _delete(self, which: str, params: tuple[Any, ...], batch: int) -> int:
        """In small transactions, so that others' writes get in between."""
        removed = 0

        async def run(connection: aiosqlite.Connection) -> int:
            async with connection.execute(f"DELETE FROM captures WHERE id IN ({which})", (*params, batch)) as cursor:  # noqa: S608
                return cursor.rowcount

        while True:
            gone = await self._db.write(run, durable=False)
            removed += gone
            if gone:
                await self._db.release_pages()
            if gone < batch:
                return removed

    def _seal(self, payload: dict[str, Any]) -> bytes:
        return self._vault.seal(base64.b85encode(zlib.compress(json.dumps(payload), 6)).decode(), _CONTEXT)

    def _open(self, sealed: bytes) -> dict[str, Any]:
        payload: dict[str, Any] = json.loads(zlib.decompress(base64.b85decode(self._vault.unseal(sealed, _CONTEXT))))
        return payload
