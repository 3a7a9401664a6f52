"""Prices that the operator states, and the figures that rows of the ledger were priced by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from omniroute.core import json
from omniroute.storage import rows
from omniroute.storage.db import Database


class PriceRow(msgspec.Struct, frozen=True, kw_only=True):
    """``rates`` is what ``catalog.prices.Override`` says, as JSON members."""

    provider: str
    model: str
    rates: dict[str, Any]
    updated_at: float


class PriceVersion(msgspec.Struct, frozen=True, kw_only=True):
    """``rates`` is what ``ir.caps.Rates`` says, as JSON members."""

    version: str
    provider: str
    model: str
    rates: dict[str, Any]
    first_used_at: float


class PriceRepository:
    """One override a model. Versions are only ever added."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def list(self) -> list[PriceRow]:
        found = await self._db.read("SELECT provider, model, rates_json, updated_at FROM prices ORDER BY provider, model")
        return [
            PriceRow(provider=r["provider"], model=r["model"], rates=json.loads(r["rates_json"]), updated_at=r["updated_at"])
            for r in found
        ]

    async def put(self, provider: str, model: str, rates: dict[str, Any]) -> None:
        columns = {
            "provider": provider,
            "model": model,
            "rates_json": json.dumps_text(rates),
            "updated_at": self._db.clock.now(),
        }
        await rows.insert(
            self._db,
            "prices",
            columns,
            otherwise="ON CONFLICT (provider, model) DO UPDATE SET "
            "rates_json = excluded.rates_json, updated_at = excluded.updated_at",
        )

    async def delete(self, provider: str, model: str) -> None:
        """NotFound when nothing is stated of that model."""
        missing = f"no price is stated for {provider}/{model}"
        await rows.remove(self._db, "prices", {"provider": provider, "model": model}, missing)

    async def remember(self, versions: Iterable[PriceVersion]) -> None:
        """Keep what these versions stand for; those that are known stay as they are."""
        await self._db.write_many(
            "INSERT OR IGNORE INTO price_versions (version, provider, model, rates_json, first_used_at) VALUES (?, ?, ?, ?, ?)",
            [(v.version, v.provider, v.model, json.dumps_text(v.rates), v.first_used_at) for v in versions],
        )

    async def version(self, version: str) -> PriceVersion | None:
        row = await self._db.read_one("SELECT * FROM price_versions WHERE version = ?", (version,))
        if row is None:
            return None
        return PriceVersion(
            version=row["version"],
            provider=row["provider"],
            model=row["model"],
            rates=json.loads(row["rates_json"]),
            first_used_at=row["first_used_at"],
        )
