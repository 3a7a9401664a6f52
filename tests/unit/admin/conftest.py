"""The admin API over real repositories in a temporary directory, with a catalogue of three providers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from omniroute.admin.api import build_admin
from omniroute.admin.services import AdminServices, TestResult
from omniroute.catalog.account import Account, Secret
from omniroute.catalog.catalog import Catalogue
from omniroute.catalog.configured import Configured
from omniroute.catalog.nodes import node_provider, parse_node
from omniroute.catalog.schema import Auth, Model, Provider
from omniroute.core.configfile import FileKey
from omniroute.core.ids import FakeClock
from omniroute.core.settings import Settings
from omniroute.ir.caps import Limits
from omniroute.routing.routes import StoredRoutes
from omniroute.routing.snapshot import Snapshot
from omniroute.server.assembly import Stored, build_snapshot
from omniroute.storage import (
    AccountRepository,
    AuditRepository,
    Database,
    KeyRepository,
    ModelRepository,
    NodeRepository,
    PasswordStore,
    RoutingStore,
    SettingRepository,
    UsageRepository,
    Vault,
    digest_key,
)
from running.accounted import Accounted
from running.described import Described

# Every answer any of these tests gets is held against the API's description of itself.
DESCRIBED = Described()
ADMIN_TOKEN = "oat-" + "t" * 40
STATUS: dict[str, Any] = {
    "uptime_seconds": 1.5,
    "in_flight": 0,
    "tasks": 3,
    "draining": False,
    "recorder": {
        "waiting": 0, "capacity": 10, "written": 0, "dropped": 0, "failures": 0, "failing_since": None, "last_error": None
    },
    "database": {
        "path": "x", "schema": "0001", "writes_waiting": 0, "writes_done": 0, "readers": 2, "readers_idle": 2
    },
    "upstream": {"httpx": {"origins": {"https://alpha.example": {"open": 1, "idle": 1, "busy": 0}}}},
    "loop_lag": {"p50_ms": None, "p99_ms": None, "max_ms": 0.0, "count": 0},
    "gc": {"collections": [0, 0, 0], "p50_ms": None, "p99_ms": None, "max_ms": 0.0, "frozen": 0},
    "memory": {"rss_bytes": 1},
    "idempotency": {"answers": 0, "bytes": 0, "replayed": 0},
    "latency": [],
}  # fmt: skip
FORMATS = frozenset({"openai_chat", "anthropic"})
KEY_SECRET = b"k" * 32
PASSWORD = "correct horse battery"

ALPHA = Provider(
    id="alpha",
    prefix="al",
    name="Alpha",
    format="openai_chat",
    base_url="https://alpha.example/v1",
    auth=Auth(scheme="bearer"),
    env_keys=("ALPHA_API_KEY",),
    models=(Model(id="small", limits=Limits(context=8000)), Model(id="draw", kind="images")),
)
REGION = Provider(
    id="regional",
    prefix="rg",
    name="Regional",
    format="openai_chat",
    base_url="https://{region}.regional.example/v1",
    auth=Auth(scheme="bearer"),
    url_vars=("region",),
)
FUTURE = Provider(
    id="future",
    prefix="fu",
    name="Future",
    format="telepathy",
    base_url="https://future.example",
    auth=Auth(scheme="oauth"),
    tier="subscription",
)
BUILTIN = Provider(
    id="within",
    prefix="wi",
    name="Within",
    format="openai_chat",
    base_url="builtin:",
    auth=Auth(scheme="none", optional=True),
    wire="builtin",
    models=(Model(id="echo"),),
)


@dataclass
class World:
    """Everything around the admin API that a test may look at or change."""

    services: AdminServices
    clock: FakeClock
    db: Database
    vault: Vault
    accounted: Accounted
    tests: dict[str, TestResult] = field(default_factory=dict)
    tried: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    shutdowns: int = 0
    transport: Any = None

    def client(self, *, token: bool = True, peer: str = "127.0.0.1", host: str = "localhost:20128") -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {ADMIN_TOKEN}"} if token else {}
        transport = httpx.ASGITransport(app=self.transport, client=(peer, 50000))
        return httpx.AsyncClient(transport=transport, base_url=f"http://{host}", headers=headers, event_hooks=DESCRIBED.hooks)


Opened = Callable[..., Any]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """``async with opened(host=…, environ=…, file=…, flags=…) as world``."""

    @asynccontextmanager
    async def make(
        *,
        host: str = "127.0.0.1",
        environ: dict[str, str] | None = None,
        file: dict[str, Any] | None = None,
        flags: dict[str, Any] | None = None,
    ) -> AsyncIterator[World]:
        clock = FakeClock()
        async with await Database.open(tmp_path / "data", clock=clock) as db:
            vault = await Vault.open(db)
            yield await _world(db, vault, clock, host, environ or {}, file or {}, flags or {})

    return make


@pytest.fixture
async def world(opened: Opened) -> AsyncIterator[World]:
    async with opened() as made:
        yield made


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with world.client() as made:
        yield made


async def _world(
    db: Database, vault: Vault, clock: FakeClock, host: str, environ: dict[str, str], file: dict[str, Any], flags: dict[str, Any]
) -> World:
    store, routing = SettingRepository(db), RoutingStore(db)
    accounts, nodes, models, keys = (
        AccountRepository(db, vault),
        NodeRepository(db, vault),
        ModelRepository(db),
        KeyRepository(db, KEY_SECRET, vault),
    )
    catalogue = Catalogue((ALPHA, REGION, FUTURE, BUILTIN))
    from_file, file_keys = _from_file(file, catalogue)
    accounted = Accounted(db, vault, clock)
    box: list[Snapshot] = []
    made: list[World] = []

    async def reload() -> None:
        snapshot, _ = build_snapshot(
            settings=Settings.load(flags=flags, environ=environ, file=file.get("settings"), database=await store.get_all()),
            catalogue=catalogue,
            from_file=from_file,
            stored=Stored(
                accounts=[(row, accounts.reveal(row)) for row in await accounts.list()],
                nodes=await nodes.list(),
                models=await models.list(),
                keys=await keys.list(),
                routes=StoredRoutes(
                    combos=[(row.id, row.name, row.definition) for row in await routing.combos.list()],
                    aliases={row.pattern: row.target for row in await routing.aliases.list()},
                    chains={row.pattern: row.steps for row in await routing.chains.list()},
                ),
                provider_routing=await routing.use.providers(),
                account_routing=await routing.use.accounts(),
            ),
            file_keys=file_keys,
            formats=FORMATS,
            environ=environ,
            version=1,
        )
        box[:] = [snapshot]
        await accounted.configure(snapshot)

    async def test_account(account_id: str) -> TestResult:
        return made[0].tests[account_id]

    async def try_account(provider: Provider, account: Account) -> TestResult:
        assert account.secret is not None
        made[0].tried.append((provider.id, account.secret.reveal(), account.url_vars))
        return made[0].tests["tried"]

    def shutdown() -> None:
        made[0].shutdowns += 1

    await reload()
    services = AdminServices(
        keys=keys,
        accounts=accounts,
        nodes=nodes,
        models=models,
        routing=routing,
        accounting=accounted.admin(),
        setting_store=store,
        password=PasswordStore(db, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)),
        audit=AuditRepository(db),
        usage=UsageRepository(db),
        settings=lambda: box[0].settings,
        catalogue=lambda: box[0].catalogue,
        snapshot=lambda: box[0],
        reload=reload,
        test_account=test_account,
        try_account=try_account,
        explain=lambda format_name, body, model: {"format": format_name, "body": body, "model": model},
        status=lambda: STATUS,
        metrics=lambda accept: (f"text/{accept}", b"up 1\n"),
        shutdown=shutdown,
        clock=clock,
        session_secret=b"s" * 32,
        admin_token=ADMIN_TOKEN,
        host=host,
        port=20128,
        config_file="/etc/omniroute.toml" if file else None,
        environ=environ,
    )
    made.append(World(services, clock, db, vault, accounted))
    made[0].transport = build_admin(services)
    return made[0]


def _from_file(file: dict[str, Any], catalogue: Catalogue) -> tuple[Configured, list[tuple[FileKey, bytes]]]:
    """A node ``lab`` with a credential and a key ``laptop`` where ``file`` asks for them."""
    keys = [FileKey(name=name, key=key) for name, key in file.get("keys", {}).items()]
    nodes = [
        node_provider(parse_node(prefix, table, FORMATS, catalogue), "file") for prefix, table in file.get("nodes", {}).items()
    ]
    accounts = tuple(
        Account(id=f"file-{node.id}", provider=node.id, name=node.name, secret=Secret("file-secret-0123456789"), source="file")
        for node in nodes
    )
    return Configured(nodes=tuple(nodes), accounts=accounts), [(key, digest_key(KEY_SECRET, key.key)) for key in keys]
