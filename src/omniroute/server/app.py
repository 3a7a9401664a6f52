"""The composition root: every part is made here, once, and handed to those that need it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import msgspec

from omniroute import __version__
from omniroute.admin.services import AdminServices, TestResult
from omniroute.catalog.account import Account
from omniroute.catalog.schema import Provider
from omniroute.core import json
from omniroute.core.ids import Clock
from omniroute.gateway.explain import explain
from omniroute.gateway.probe import probe
from omniroute.gateway.service import Gateway
from omniroute.routing.health import Health
from omniroute.server.accounting import Accounting
from omniroute.server.health_keeper import HealthKeeper
from omniroute.server.installation import Installation, Launch
from omniroute.server.lazy_site import LazySite
from omniroute.server.ledger import Ledger
from omniroute.server.observing import Observing
from omniroute.server.routes import Front
from omniroute.server.routing_metrics import watch_routing
from omniroute.server.sign_ins import SignIns
from omniroute.storage.routing_state import RoutingStateRepository
from omniroute.storage.usage import UsageRepository
from omniroute.telemetry.recorder import Recorder
from omniroute.translation.format import registry
from omniroute.upstream.transports import Transports


class OmniRoute:
    """The whole product, not yet listening. An async context manager: leaving it drains the ledger and closes the store."""

    def __init__(self, installation: Installation, usage: UsageRepository, first_row: int, host: str, port: int) -> None:
        clock = installation.clock
        self.installation = installation
        self.started_at = clock.now()
        self._clock = clock
        self.observing = Observing()
        self._usage = usage
        self._recorder = Recorder(lambda records: self.accounting.store(records), clock=clock, first_id=first_row)
        self._ledger = Ledger(self._recorder, lambda: installation.priced.book, self.observing.traffic, clock)
        self._transports = Transports(clock)
        self._shutdown: Callable[[], None] = lambda: None
        self.health = Health(random.Random())
        self.health_keeper = HealthKeeper(self.health, RoutingStateRepository(installation.db), clock)
        self.gateway = Gateway(
            formats=registry(),
            snapshot=lambda: installation.snapshot,
            digest=installation.digest,
            transport_for=self._transports.for_wire,
            recorder=self._ledger,
            clock=clock,
            environ=installation.launch.environ,
            health=self.health,
        )
        self.sign_ins = SignIns(installation, self._transports, self.health)
        self.gateway.pipeline.renewal = self.sign_ins.renewer
        self.observing.watch(
            in_flight=lambda: self.gateway.in_flight,
            running=self._ledger.running,
            recorder=self._recorder,
            upstream=self._transports,
        )
        watch_routing(self.observing.metrics, self.health, self.gateway.dispatch.lines.describe, clock)
        self.accounting = Accounting(installation, usage, self._ledger, self.gateway.attendance, self.observing.metrics)
        self.services = self._services(host, port)
        self.accounting.stored = self.services.events.stored
        self.site = LazySite(self.services)
        self.front = Front(self.gateway, self.site, self.not_ready, installation.snapshot.settings.cors_origins)

    @classmethod
    async def open(cls, launch: Launch, clock: Clock, *, host: str = "127.0.0.1", port: int = 0) -> OmniRoute:
        """Open the installation and put everything together. ConfigError or StorageError with one clear sentence."""
        installation = await Installation.open(launch, clock)
        try:
            usage = UsageRepository(installation.db)
            await usage.close_left_open()
            return cls(installation, usage, await usage.next_id(), host, port)
        except BaseException:
            await installation.close()
            raise

    async def __aenter__(self) -> Self:
        await self.health_keeper.load()
        self.health_keeper.start()
        await self.sign_ins.start()
        await self.accounting.start()
        self._recorder.start()
        self.observing.start(self._ledger.reserve)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            await self.sign_ins.stop()
            await self.health_keeper.stop()
            await self.observing.stop()
            await self.accounting.stop()
            await self._recorder.close()
            await self._transports.close()
            await self.site.stop()
        finally:
            await self.installation.close()

    def drain(self) -> None:
        """Refuse new model requests; what is open goes on."""
        self.gateway.draining = True
        self.services.events.close()

    def busy(self) -> int:
        """Model requests being served."""
        return self.gateway.in_flight

    async def settled(self) -> None:
        """Returns when no model request is being served."""
        await self.gateway.settled()

    def not_ready(self) -> str | None:
        """Why requests cannot be served now; None when they can."""
        return "draining" if self.gateway.draining else None

    def on_shutdown(self, stop: Callable[[], None]) -> None:
        """What the admin API's shutdown calls."""
        self._shutdown = stop

    def _services(self, host: str, port: int) -> AdminServices:
        installation = self.installation
        return AdminServices(
            keys=installation.keys,
            accounts=installation.accounts,
            nodes=installation.nodes,
            models=installation.models,
            routing=installation.routing,
            accounting=self.accounting.admin(),
            setting_store=installation.setting_store,
            password=installation.password,
            audit=installation.audit,
            usage=self._usage,
            settings=lambda: installation.snapshot.settings,
            catalogue=lambda: installation.snapshot.catalogue,
            snapshot=lambda: installation.snapshot,
            reload=installation.reload,
            test_account=self._test_account,
            try_account=self._try_account,
            explain=self._explain,
            status=self._status,
            metrics=self.observing.page,
            health=self.health,
            forget_answers=self.gateway.idempotency.clear,
            logins=self.sign_ins.logins,
            quotas=self.sign_ins.quotas,
            lines=self.gateway.dispatch.lines.describe,
            shutdown=lambda: self._shutdown(),
            clock=self._clock,
            session_secret=installation.secrets.session,
            admin_token=installation.secrets.admin_token,
            host=host,
            port=port,
            config_file=None if installation.file is None else str(installation.file.path),
        )

    async def _test_account(self, account_id: str) -> TestResult:
        return await self._try_account(*self.installation.payer(account_id))

    async def _try_account(self, provider: Provider, account: Account) -> TestResult:
        result = await probe(
            self.gateway.pipeline, registry()["openai_chat"], self.installation.snapshot, provider, account, self._clock
        )
        return TestResult(**msgspec.structs.asdict(result))

    def _explain(self, format_name: str, body: dict[str, Any], model: str | None) -> dict[str, Any]:
        choose = self.gateway.dispatch.choose
        return explain(registry(), self.installation.snapshot, format_name, json.dumps(body), model, choose)

    def _status(self) -> dict[str, Any]:
        return {
            "version": __version__,
            "uptime_seconds": round(self._clock.now() - self.started_at, 3),
            "in_flight": self.gateway.in_flight,
            "tasks": len(asyncio.all_tasks()),
            "draining": self.gateway.draining,
            "recorder": self._recorder.describe(),
            "reasoning": self.gateway.pipeline.memory.describe(),
            "clients": self.gateway.gate.describe(),
            "idempotency": self.gateway.idempotency.describe(),
            "database": self.installation.db.describe(),
            "upstream": self._transports.describe(),
            **self.observing.describe(),
        }
