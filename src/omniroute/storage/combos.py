"""Combos as the operator wrote them. What a definition means is routing's business; here it is one JSON value."""

# ruff: noqa: S608 - only names that stand in this package are put into SQL texts, values are bound
from __future__ import annotations

import sqlite3
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from omniroute.core import json
from omniroute.core.errors import Conflict, NotFound
from omniroute.core.ids import new_id
from omniroute.storage import rows
from omniroute.storage.db import Database

_COLUMNS = "id, name, definition_json, created_at, updated_at"


class ComboRow(msgspec.Struct, frozen=True, kw_only=True):
    """``definition``: steps, strategy, options, fallback, timeout, retries, as far as given."""

    id: str
    name: str
    definition: dict[str, Any]
    created_at: float
    updated_at: float


class ComboRepository:
    """Unknown ids raise NotFound, a taken name Conflict."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def create(self, name: str, definition: dict[str, Any]) -> ComboRow:
        now = self._db.clock.now()
        row = ComboRow(id=new_id("cmb"), name=name, definition=definition, created_at=now, updated_at=now)
        columns = msgspec.structs.asdict(row)
        columns["definition_json"] = json.dumps_text(columns.pop("definition"))
        try:
            await rows.insert(self._db, "combos", columns)
        except sqlite3.IntegrityError as error:
            raise _taken(name) from error
        return row

    async def list(self) -> list[ComboRow]:
        """All combos by name."""
        return [_from_row(row) for row in await self._db.read(f"SELECT {_COLUMNS} FROM combos ORDER BY name")]

    async def get(self, combo_id: str) -> ComboRow:
        """The combo of that id or name."""
        found = await self._db.read_one(f"SELECT {_COLUMNS} FROM combos WHERE id = ? OR name = ?", (combo_id, combo_id))
        if found is None:
            raise NotFound(_missing(combo_id))
        return _from_row(found)

    async def update(
        self, combo_id: str, *, name: str | UnsetType = UNSET, definition: dict[str, Any] | UnsetType = UNSET
    ) -> ComboRow:
        """Change what is given."""
        columns = rows.given(name=name, definition_json=definition if definition is UNSET else json.dumps_text(definition))
        if columns:
            columns["updated_at"] = self._db.clock.now()
            try:
                await rows.change(self._db, "combos", {"id": combo_id}, columns, _missing(combo_id))
            except sqlite3.IntegrityError as error:
                raise _taken(str(columns.get("name"))) from error
        return await self.get(combo_id)

    async def delete(self, combo_id: str) -> None:
        await rows.remove(self._db, "combos", {"id": combo_id}, _missing(combo_id))


def _missing(combo_id: str) -> str:
    return f"no combo {combo_id!r}"


def _taken(name: str) -> Conflict:
    return Conflict(f"a combo named {name!r} already exists", param="name")


def _from_row(row: sqlite3.Row) -> ComboRow:
    columns: dict[str, Any] = dict(row)
    columns["definition"] = json.loads(columns.pop("definition_json"))
    return ComboRow(**columns)
