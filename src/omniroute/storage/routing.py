"""What the operator says about how a provider and its accounts are used, whoever manages them: tier, strategy, model limits."""

from __future__ import annotations

from typing import Any

import msgspec

from omniroute.core import json
from omniroute.storage import rows
from omniroute.storage.aliases import AliasRepository, ChainRepository
from omniroute.storage.combos import ComboRepository
from omniroute.storage.db import Database


class ProviderRoutingRow(msgspec.Struct, frozen=True, kw_only=True):
    """None leaves the catalogue's tier, or the setting's strategy."""

    provider: str
    tier: str | None = None
    strategy: str | None = None
    options: dict[str, Any] = {}


class AccountRoutingRow(msgspec.Struct, frozen=True, kw_only=True):
    """``tier`` None means the provider's; empty ``models`` mean all."""

    account_id: str
    tier: str | None = None
    models: tuple[str, ...] = ()


class RoutingStore:
    """All the repositories of routing."""

    def __init__(self, db: Database) -> None:
        self.combos = ComboRepository(db)
        self.aliases = AliasRepository(db)
        self.chains = ChainRepository(db)
        self.use = RoutingRepository(db)


class RoutingRepository:
    """One row per provider and per account of the store; none where nothing was said."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def put_provider(self, row: ProviderRoutingRow) -> None:
        columns = {
            "provider": row.provider,
            "tier": row.tier,
            "strategy": row.strategy,
            "options_json": json.dumps_text(row.options),
            "updated_at": self._db.clock.now(),
        }
        await rows.insert(
            self._db,
            "provider_routing",
            columns,
            otherwise="ON CONFLICT (provider) DO UPDATE SET tier = excluded.tier, strategy = excluded.strategy, "
            "options_json = excluded.options_json, updated_at = excluded.updated_at",
        )

    async def providers(self) -> list[ProviderRoutingRow]:
        found = await self._db.read("SELECT provider, tier, strategy, options_json FROM provider_routing ORDER BY provider")
        return [
            ProviderRoutingRow(
                provider=row["provider"], tier=row["tier"], strategy=row["strategy"], options=json.loads(row["options_json"])
            )
            for row in found
        ]

    async def put_account(self, row: AccountRoutingRow) -> None:
        """The account must be there: sqlite3.IntegrityError otherwise."""
        columns = {
            "account_id": row.account_id,
            "tier": row.tier,
            "models_json": json.dumps_text(list(row.models)),
            "updated_at": self._db.clock.now(),
        }
        await rows.insert(
            self._db,
            "account_routing",
            columns,
            otherwise="ON CONFLICT (account_id) DO UPDATE SET tier = excluded.tier, models_json = excluded.models_json, "
            "updated_at = excluded.updated_at",
        )

    async def accounts(self) -> list[AccountRoutingRow]:
        found = await self._db.read("SELECT account_id, tier, models_json FROM account_routing ORDER BY account_id")
        return [
            AccountRoutingRow(account_id=row["account_id"], tier=row["tier"], models=rows.text_tuple(row["models_json"]))
            for row in found
        ]
