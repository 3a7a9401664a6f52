"""Custom nodes: endpoints the operator added. Their API key is an account whose provider is the node's prefix."""

# ruff: noqa: S608 - only names that stand in this package are put into SQL texts, values are bound
from __future__ import annotations

import re
import sqlite3
from typing import Any

import aiosqlite
import msgspec
from msgspec import UNSET, UnsetType

from omniroute.core import json
from omniroute.core.errors import BadRequest, Conflict, NotFound
from omniroute.storage import rows
from omniroute.storage.db import Database
from omniroute.storage.vault import Vault

_COLUMNS = (
    "prefix, name, format, base_url, headers, models_json, tier, timeouts_json, resilience, proxy, transport, created_at, "
    "updated_at"
)
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class NodeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One node. ``headers`` are sent with every call and may hold secrets (sealed on disk: mask them before showing).

    ``models``: ids it lists, ``*`` accepts any. ``timeouts``: connect, first_token, between_tokens, total, in seconds.
    ``resilience`` False switches retries, cooldowns, breakers and limits off. ``proxy``: outbound proxy URL of its calls (sealed
    on disk: mask its password before showing it); ``transport``: what carries them.
    """

    prefix: str
    name: str
    format: str
    base_url: str
    headers: dict[str, str] = {}
    models: tuple[str, ...] = ("*",)
    tier: str = "api_key"
    timeouts: dict[str, float] = {}
    resilience: bool = True
    proxy: str | None = None
    transport: str = "standard"
    created_at: float
    updated_at: float

    def __repr__(self) -> str:
        return f"NodeRow(prefix={self.prefix!r}, format={self.format!r}, base_url={self.base_url!r})"


class NodeRepository:
    """Unknown prefixes raise NotFound, a taken one Conflict. That the format exists and no provider has the prefix is checked
    by the caller, who knows the catalogue."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def create(
        self,
        prefix: str,
        *,
        format: str,
        base_url: str,
        name: str | None = None,
        headers: dict[str, str] | None = None,
        models: tuple[str, ...] = ("*",),
        tier: str = "api_key",
        timeouts: dict[str, float] | None = None,
        resilience: bool = True,
        proxy: str | None = None,
        transport: str = "standard",
    ) -> NodeRow:
        """``name`` defaults to the prefix. BadRequest if the prefix could not stand before the slash of a model id."""
        if not _PREFIX.fullmatch(prefix):
            raise BadRequest("a prefix has 1 to 64 letters, digits, dots, dashes or underscores", param="prefix")
        now = self._db.clock.now()
        row = NodeRow(
            prefix=prefix,
            name=rows.checked_name(name or prefix),
            format=format,
            base_url=base_url,
            headers=dict(headers or {}),
            models=tuple(models),
            tier=tier,
            timeouts=dict(timeouts or {}),
            resilience=resilience,
            proxy=proxy or None,
            transport=transport,
            created_at=now,
            updated_at=now,
        )
        columns = msgspec.structs.asdict(row)
        columns["headers"] = self._seal(prefix, columns["headers"])
        columns["proxy"] = self._seal_proxy(prefix, proxy)
        columns["models_json"] = json.dumps_text(list(columns.pop("models")))
        columns["timeouts_json"] = json.dumps_text(columns.pop("timeouts"))
        try:
            await rows.insert(self._db, "nodes", columns)
        except sqlite3.IntegrityError as error:
            raise Conflict(f"a node with the prefix {prefix!r} already exists", param="prefix") from error
        return row

    async def list(self) -> list[NodeRow]:
        """All nodes by prefix. WrongKey if headers cannot be opened."""
        return [self._from_row(row) for row in await self._db.read(f"SELECT {_COLUMNS} FROM nodes ORDER BY prefix")]

    async def get(self, prefix: str) -> NodeRow:
        row = await self._db.read_one(f"SELECT {_COLUMNS} FROM nodes WHERE prefix = ?", (prefix,))
        if row is None:
            raise NotFound(_missing(prefix))
        return self._from_row(row)

    async def update(
        self,
        prefix: str,
        *,
        name: str | UnsetType = UNSET,
        format: str | UnsetType = UNSET,
        base_url: str | UnsetType = UNSET,
        headers: dict[str, str] | UnsetType = UNSET,
        models: tuple[str, ...] | UnsetType = UNSET,
        tier: str | UnsetType = UNSET,
        timeouts: dict[str, float] | UnsetType = UNSET,
        resilience: bool | UnsetType = UNSET,
        proxy: str | UnsetType | None = UNSET,
        transport: str | UnsetType = UNSET,
    ) -> NodeRow:
        """Change what is given; ``proxy=None`` removes it."""
        columns = rows.given(
            name=name if name is UNSET else rows.checked_name(name),
            format=format,
            base_url=base_url,
            headers=headers if headers is UNSET else self._seal(prefix, headers),
            models_json=models if models is UNSET else json.dumps_text(list(models)),
            tier=tier,
            timeouts_json=timeouts if timeouts is UNSET else json.dumps_text(timeouts),
            resilience=resilience,
            proxy=proxy if proxy is UNSET else self._seal_proxy(prefix, proxy),
            transport=transport,
        )
        if columns:
            columns["updated_at"] = self._db.clock.now()
            await rows.change(self._db, "nodes", {"prefix": prefix}, columns, _missing(prefix))
        return await self.get(prefix)

    async def delete(self, prefix: str) -> None:
        """Remove the node with its accounts and custom models, all or nothing."""

        async def run(connection: aiosqlite.Connection) -> None:
            async with connection.execute("DELETE FROM nodes WHERE prefix = ?", (prefix,)) as cursor:
                if cursor.rowcount != 1:
                    raise NotFound(_missing(prefix))
            await connection.execute_fetchall("DELETE FROM accounts WHERE provider = ?", (prefix,))
            await connection.execute_fetchall("DELETE FROM custom_models WHERE provider = ?", (prefix,))

        await self._db.write(run)

    def _seal(self, prefix: str, headers: dict[str, str]) -> bytes | None:
        return self._vault.seal(json.dumps_text(headers), _context(prefix)) if headers else None

    def _seal_proxy(self, prefix: str, proxy: str | None) -> bytes | None:
        return self._vault.seal(proxy, f"{_context(prefix)}/proxy") if proxy else None

    def _from_row(self, row: sqlite3.Row) -> NodeRow:
        columns: dict[str, Any] = dict(row)
        sealed = columns["headers"]
        columns["headers"] = {} if sealed is None else json.loads(self._vault.unseal(sealed, _context(columns["prefix"])))
        columns["models"] = rows.text_tuple(columns.pop("models_json"))
        columns["timeouts"] = json.loads(columns.pop("timeouts_json"))
        columns["resilience"] = bool(columns["resilience"])
        if columns["proxy"] is not None:
            columns["proxy"] = self._vault.unseal(columns["proxy"], f"{_context(columns['prefix'])}/proxy")
        return NodeRow(**columns)


def _context(prefix: str) -> str:
    return f"nodes/{prefix}"


def _missing(prefix: str) -> str:
    return f"no node with the prefix {prefix!r}"
