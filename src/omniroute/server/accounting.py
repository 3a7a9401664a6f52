"""What is done with the ledger beside keeping it: budgets are watched, captures stored, old rows removed, prices kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from omniroute.admin import accounting as admin
from omniroute.core.ledger import LedgerRow
from omniroute.core.zone import Zone
from omniroute.gateway.attendance import Attendance
from omniroute.gateway.spending import LONGEST_WINDOW, Meter
from omniroute.server.capture_writer import CaptureWriter
from omniroute.server.installation import Installation
from omniroute.server.ledger import Ledger
from omniroute.server.retention import Retention
from omniroute.server.running import running_requests
from omniroute.storage.budgets import BudgetRepository
from omniroute.storage.captures import CaptureRepository
from omniroute.storage.prices import PriceVersion
from omniroute.storage.usage import UsageRepository
from omniroute.telemetry.metrics import Metrics, Sample


class Accounting:
    """Put together once; :meth:`start` before the first request, :meth:`stop` after the last."""

    def __init__(
        self, installation: Installation, usage: UsageRepository, ledger: Ledger, attendance: Attendance, metrics: Metrics
    ) -> None:
        self._installation = installation
        self._usage = usage
        self.ledger = ledger
        self.attendance = attendance
        self.budgets = BudgetRepository(installation.db)
        self.captures = CaptureRepository(installation.db, installation.vault)
        self.prices = installation.priced.repository
        self.writer = CaptureWriter(self.captures)
        self._retention = Retention(
            installation.db, usage, self.captures, lambda: installation.snapshot.settings, installation.clock
        )
        self.stored: Callable[[list[LedgerRow]], None] = _nobody
        ledger.spent = attendance.spending.spent
        attendance.rates = lambda provider, model, account: installation.priced.book.rates(provider, model, account)
        attendance.captures.sink = self.writer.take
        self._register(metrics)

    async def start(self) -> None:
        since = self._installation.clock.now() - LONGEST_WINDOW
        self.attendance.spending.load(await self._usage.reports.quarters(since))
        self._installation.reloaded = self.configure
        await self.configure()
        self.writer.start()
        self._retention.start()

    async def stop(self) -> None:
        """Before the recorder is closed: rows that wait for a price are settled."""
        await self._retention.stop()
        self.ledger.close()
        await self.writer.close()
        await self._installation.priced.list.stop()

    def admin(self) -> admin.Accounting:
        """What the admin API is given of it."""
        return admin.Accounting(
            prices=self.prices,
            budgets=self.budgets,
            captures=self.captures,
            book=lambda: self._installation.priced.book,
            listed=self._installation.priced.list.ready,
            figures=lambda: {meter.budget.id: meter.figures() for meter in self.attendance.spending.meters()},
            running=lambda: running_requests(self.attendance, self.ledger, self._installation.clock),
            cancel=self.attendance.cancel,
        )

    async def configure(self) -> None:
        """Budgets, captures and settings as they are stored now."""
        settings = self._installation.snapshot.settings
        self.attendance.spending.configure(await self.budgets.list(), Zone(settings.time_zone), int(settings.budget_status))
        self.attendance.captures.configure([(rule.key_id, rule.until) for rule in await self.captures.rules()])

    async def store(self, records: list[LedgerRow]) -> None:
        """Write rows of the ledger, what they were priced by, and when keys were used; then say so to ``stored``."""
        await self._keep_prices()
        await self._usage.insert_batch(records)
        used = {row.key_id: row.started_at for row in records if row.key_id is not None}
        if used:
            await self._installation.keys.touch(used)
        self.stored(records)

    async def _keep_prices(self) -> None:
        fresh = list(self.ledger.fresh)
        if not fresh:
            return
        now = self._installation.clock.now()
        await self.prices.remember(
            PriceVersion(
                version=priced.rates.version or "", provider=priced.provider, model=priced.model,
                rates=msgspec.to_builtins(priced.rates), first_used_at=now,
            )
            for priced in fresh
        )  # fmt: skip
        del self.ledger.fresh[: len(fresh)]

    def _register(self, metrics: Metrics) -> None:
        spending = self.attendance.spending
        metrics.register(
            "omniroute_budget_used_ratio",
            lambda: _of_each(spending.meters(), lambda meter: meter.share(reserved=False)),
            help="Share of each budget that is used in its present window.",
        )
        metrics.register(
            "omniroute_budget_reset_timestamp_seconds",
            lambda: _of_each(spending.meters(), lambda meter: meter.end),
            help="When the present window of each budget ends.",
        )
        metrics.register(
            "omniroute_budget_refusals_total",
            lambda: spending.refused,
            kind="counter",
            help="Requests refused because a budget was used up.",
        )
        metrics.register(
            "omniroute_captures_dropped_total",
            lambda: self.writer.dropped,
            kind="counter",
            help="Captured requests that could not be stored.",
        )


def _nobody(rows: list[LedgerRow]) -> None:
    """Where nobody listens."""


def _of_each(meters: list[Meter], value: Any) -> Iterator[Sample]:
    for meter in meters:
        budget = meter.budget
        yield Sample(value(meter), (("budget", budget.id), ("period", budget.period), ("key", budget.key_id or "")))
