"""What the admin API needs of the rest of the product, handed in by the composition root."""

from __future__ import annotations

import os
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from omniroute.admin.accounting import Accounting
from omniroute.admin.attempts import Attempts
from omniroute.admin.events import Events, signs
from omniroute.admin.hosts import HostPolicy
from omniroute.admin.login_port import Logins
from omniroute.admin.quota_port import Quotas
from omniroute.admin.sessions import Sessions
from omniroute.catalog.account import Account
from omniroute.catalog.catalog import Catalogue
from omniroute.catalog.schema import Provider
from omniroute.core.ids import Clock, new_id
from omniroute.core.settings import Settings
from omniroute.routing.health import Health
from omniroute.routing.snapshot import Snapshot
from omniroute.storage.accounts import AccountRepository
from omniroute.storage.audit import AuditRepository
from omniroute.storage.keys import KeyRepository
from omniroute.storage.models import ModelRepository
from omniroute.storage.nodes import NodeRepository
from omniroute.storage.password import PasswordStore
from omniroute.storage.routing import RoutingStore
from omniroute.storage.settings import SettingRepository
from omniroute.storage.usage import UsageRepository

if TYPE_CHECKING:
    from blacksheep import Request  # a server starts without loading it


@dataclass(frozen=True, slots=True)
class TestResult:
    """One live one-token test of an account. ``first_token_ms`` is None when nothing came."""

    ok: bool
    status: int
    message: str
    first_token_ms: float | None
    model: str | None


def request_id_of(request: Request) -> str:
    """The caller's ``X-Request-Id`` when it is short and plain, else a fresh one."""
    given = request.get_first_header(b"x-request-id")
    if given and len(given) <= 128 and all(0x21 <= byte < 0x7F for byte in given):
        return given.decode("ascii")
    return new_id("req")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminServices:
    """``reload`` rebuilds and swaps the snapshot; it is awaited after every acknowledged write.

    ``accounting`` knows prices, budgets, captures and requests under way. ``host``/``port`` are what the server listens on;
    ``status()`` is the live state of the process
    (uptime, requests in flight, …) as JSON-ready members; ``explain(format, body, model)`` tells what translation
    makes of a request; ``metrics(accept)`` is the content type and the text of the metrics page. ``health`` is what routing has
    learned, ``lines()`` who waits for which account, ``logins`` how people sign in at providers, ``quotas`` who asks providers
    what is left, ``forget_answers()`` empties the store of answers for equal requests and counts them. ``session_secret`` signs
    cookies, ``admin_token`` is the CLI's bearer.
    """

    keys: KeyRepository
    accounts: AccountRepository
    nodes: NodeRepository
    models: ModelRepository
    routing: RoutingStore
    accounting: Accounting
    setting_store: SettingRepository
    password: PasswordStore
    audit: AuditRepository
    usage: UsageRepository
    settings: Callable[[], Settings]
    catalogue: Callable[[], Catalogue]
    snapshot: Callable[[], Snapshot]
    reload: Callable[[], Awaitable[None]]
    test_account: Callable[[str], Awaitable[TestResult]]
    try_account: Callable[[Provider, Account], Awaitable[TestResult]]
    explain: Callable[[str, dict[str, Any], str | None], dict[str, Any]]
    status: Callable[[], dict[str, Any]]
    metrics: Callable[[str], tuple[str, bytes]]
    shutdown: Callable[[], None]
    clock: Clock
    session_secret: bytes
    admin_token: str
    host: str
    port: int
    config_file: str | None = None
    health: Health = field(default_factory=lambda: Health(random.Random()))
    lines: Callable[[], Mapping[str, Any]] = dict
    logins: Logins | None = None
    quotas: Quotas | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    forget_answers: Callable[[], int] = lambda: 0
    request_id: Callable[[Request], str] = request_id_of
    sessions: Sessions = field(init=False)
    attempts: Attempts = field(init=False)
    hosts: HostPolicy = field(init=False)
    events: Events = field(init=False)

    def __post_init__(self) -> None:
        if len(self.admin_token) < 16:
            raise ValueError("the admin token must have at least 16 characters")
        object.__setattr__(self, "sessions", Sessions(self.session_secret, self.clock))
        object.__setattr__(self, "attempts", Attempts(self.clock))
        object.__setattr__(self, "hosts", HostPolicy(self.host, self.settings().base_url))
        object.__setattr__(self, "events", Events(lambda: signs(self.health, self.clock.now())))
