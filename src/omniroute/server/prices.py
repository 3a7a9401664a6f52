"""Prices in force: the operator's from the store, the catalogue's, and the second source's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import structlog

from omniroute.catalog.account import Account
from omniroute.catalog.catalog import Catalogue
from omniroute.catalog.prices import Override, PriceBook
from omniroute.server.price_list import PriceList
from omniroute.storage.db import Database
from omniroute.storage.models import CustomModelRow
from omniroute.storage.prices import PriceRepository

log = structlog.get_logger("omniroute.server")


class Priced:
    """``book`` is replaced with every snapshot, see :meth:`take`."""

    def __init__(self, db: Database, environ: Mapping[str, str]) -> None:
        self.repository = PriceRepository(db)
        self.list = PriceList(environ, db.data_dir)
        self.book = PriceBook(Catalogue(()), {}, {}, frozenset(), self.list.get)

    async def overrides(self) -> dict[tuple[str, str], Override]:
        """What the operator states, by provider and model. What this version cannot read is left out, not lost."""
        found = {}
        for row in await self.repository.list():
            try:
                found[row.provider, row.model] = msgspec.convert(row.rates, Override)
            except msgspec.ValidationError as error:
                log.warning("price left out", provider=row.provider, model=row.model, reason=str(error))
        return found

    def take(
        self,
        catalogue: Catalogue,
        overrides: Mapping[tuple[str, str], Override],
        custom: Sequence[CustomModelRow],
        accounts: Sequence[Account],
    ) -> None:
        """The book of another snapshot."""
        self.book = PriceBook(
            catalogue,
            overrides,
            {account.id: account.tier for account in accounts if account.tier is not None},
            frozenset((row.provider, row.model_id) for row in custom),
            self.list.get,
        )
