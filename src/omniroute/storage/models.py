"""Custom models: ids the operator added to a provider or node."""

# ruff: noqa: S608 - only names that stand in this package are put into SQL texts, values are bound
from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from omniroute.core import json
from omniroute.core.errors import BadRequest
from omniroute.storage import rows
from omniroute.storage.db import Database

_COLUMNS = "provider, model_id, name, context, max_output, tools, vision, reasoning, price_json, created_at, updated_at"


class CustomModelRow(msgspec.Struct, frozen=True, kw_only=True):
    """One model. ``context`` and ``max_output`` in tokens; None = not known. ``price``: USD per million tokens under ``input``,
    ``output``, ``cached``, ``cache_write``."""

    provider: str
    model_id: str
    name: str = ""
    context: int | None = None
    max_output: int | None = None
    tools: bool | None = None
    vision: bool | None = None
    reasoning: bool | None = None
    price: dict[str, float] | None = None
    created_at: float
    updated_at: float


class ModelRepository:
    """Custom models by provider and id."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def put(
        self,
        provider: str,
        model_id: str,
        *,
        name: str = "",
        context: int | None = None,
        max_output: int | None = None,
        tools: bool | None = None,
        vision: bool | None = None,
        reasoning: bool | None = None,
        price: dict[str, float] | None = None,
    ) -> CustomModelRow:
        """Add the model, or replace all that was said of it."""
        if not model_id.strip() or len(model_id) > 200:
            raise BadRequest("a model id has 1 to 200 characters", param="model_id")
        now = self._db.clock.now()
        columns = {
            "provider": provider,
            "model_id": model_id.strip(),
            "name": name,
            "context": context,
            "max_output": max_output,
            "tools": tools,
            "vision": vision,
            "reasoning": reasoning,
            "price_json": None if price is None else json.dumps_text(price),
            "created_at": now,
            "updated_at": now,
        }
        replaced = ", ".join(f"{c} = excluded.{c}" for c in columns if c not in ("provider", "model_id", "created_at"))
        otherwise = f"ON CONFLICT (provider, model_id) DO UPDATE SET {replaced}"
        await rows.insert(self._db, "custom_models", columns, otherwise=otherwise)
        found = await self._db.read_one(
            f"SELECT {_COLUMNS} FROM custom_models WHERE provider = ? AND model_id = ?", (provider, columns["model_id"])
        )
        if found is None:
            raise BadRequest(f"model {model_id!r} was removed while it was being added", param="model_id")
        return _from_row(found)

    async def list(self, provider: str | None = None) -> list[CustomModelRow]:
        """All custom models, or one provider's, by provider and id."""
        condition, params = ("WHERE provider = ?", (provider,)) if provider is not None else ("", ())
        found = await self._db.read(f"SELECT {_COLUMNS} FROM custom_models {condition} ORDER BY provider, model_id", params)
        return [_from_row(row) for row in found]

    async def delete(self, provider: str, model_id: str) -> None:
        """NotFound if the operator added no such model."""
        await rows.remove(
            self._db, "custom_models", {"provider": provider, "model_id": model_id}, f"no custom model {model_id!r} of {provider}"
        )


def _from_row(row: sqlite3.Row) -> CustomModelRow:
    columns: dict[str, Any] = dict(row)
    for name in ("tools", "vision", "reasoning"):
        columns[name] = rows.flag(columns[name])
    price = columns.pop("price_json")
    columns["price"] = None if price is None else json.loads(price)
    return CustomModelRow(**columns)
