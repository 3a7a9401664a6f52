"""Prices, budgets and captures of an admin API under test: the real parts over a database, without a gateway."""

from __future__ import annotations

import msgspec

from omniroute.admin.accounting import Accounting
from omniroute.admin.shapes.accounting import ActiveRequest
from omniroute.catalog.catalog import Catalogue
from omniroute.catalog.prices import Override, PriceBook
from omniroute.catalog.reference import Reference
from omniroute.core.ids import FakeClock
from omniroute.core.zone import Zone
from omniroute.gateway.spending import Spending
from omniroute.routing.snapshot import Snapshot
from omniroute.storage.budgets import BudgetRepository
from omniroute.storage.captures import CaptureRepository
from omniroute.storage.db import Database
from omniroute.storage.prices import PriceRepository
from omniroute.storage.vault import Vault


class Accounted:
    """``active`` are the requests under way, ``cancelled`` the ids that were ended; ``reference`` is the second source."""

    def __init__(self, db: Database, vault: Vault, clock: FakeClock) -> None:
        self.prices = PriceRepository(db)
        self.budgets = BudgetRepository(db)
        self.captures = CaptureRepository(db, vault)
        self.spending = Spending(clock)
        self.reference = Reference(())
        self.active: list[ActiveRequest] = []
        self.cancelled: list[str] = []
        self.book = PriceBook(Catalogue(()), {}, {}, frozenset(), lambda: self.reference)

    async def configure(self, snapshot: Snapshot) -> None:
        """What a server does with every snapshot."""
        stated = {(row.provider, row.model): msgspec.convert(row.rates, Override) for row in await self.prices.list()}
        self.book = PriceBook(snapshot.catalogue, stated, {}, frozenset(), lambda: self.reference)
        self.spending.configure(await self.budgets.list(), Zone(snapshot.settings.time_zone or "UTC"), 402)

    def admin(self) -> Accounting:
        return Accounting(
            prices=self.prices,
            budgets=self.budgets,
            captures=self.captures,
            book=lambda: self.book,
            listed=self._listed,
            figures=lambda: {meter.budget.id: meter.figures() for meter in self.spending.meters()},
            running=lambda: self.active,
            cancel=self._cancel,
        )

    async def _listed(self) -> None:
        """The second source is always there."""

    def _cancel(self, request_id: str) -> int:
        found = sum(one.request_id == request_id for one in self.active)
        self.cancelled += [request_id] * found
        return found
