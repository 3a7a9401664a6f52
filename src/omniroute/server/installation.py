"""Installation: what persists of an OmniRoute (settings, store, secrets, catalogue) and the snapshot made of it."""

from __future__ import annotations

import os
import random
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import structlog

from omniroute.catalog.account import Account
from omniroute.catalog.catalog import Catalogue
from omniroute.catalog.configured import Configured, configured
from omniroute.catalog.load import load_catalogue
from omniroute.catalog.schema import Provider
from omniroute.core.configfile import ConfigFile, config_path, read_config
from omniroute.core.errors import ConfigError, NotFound
from omniroute.core.ids import Clock
from omniroute.core.settings import Settings
from omniroute.routing.routes import StoredRoutes, check_file
from omniroute.routing.snapshot import Snapshot
from omniroute.server.assembly import Stored, build_snapshot
from omniroute.server.login_book import LoginBook
from omniroute.server.prices import Priced
from omniroute.storage.accounts import AccountRepository
from omniroute.storage.audit import AuditRepository
from omniroute.storage.db import DATABASE_NAME, Database
from omniroute.storage.keys import KeyRepository, digest_key
from omniroute.storage.logins import LoginRepository
from omniroute.storage.models import ModelRepository
from omniroute.storage.nodes import NodeRepository
from omniroute.storage.password import PasswordStore
from omniroute.storage.routing import RoutingStore
from omniroute.storage.secrets import Secrets, data_directory, load_secrets
from omniroute.storage.settings import SettingRepository
from omniroute.storage.vault import Vault
from omniroute.translation.format import registry as formats

log = structlog.get_logger("omniroute.server")

FIRST_KEY_NAME = "first key"


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """How the process was started. ``config`` is the ``--config`` flag."""

    flags: Mapping[str, Any]
    environ: Mapping[str, str]
    config: Path | None = None

    def file(self) -> ConfigFile | None:
        """The config file in force, parsed; None when there is none."""
        path = config_path(self.config, self.environ)
        return None if path is None else read_config(path, self.environ)

    def settings(self, database: Mapping[str, Any] | None = None) -> Settings:
        """Flags, environment, file and (once it is open) database. ConfigError."""
        return self.settings_with(self.file(), database)

    def settings_with(self, file: ConfigFile | None, database: Mapping[str, Any] | None = None) -> Settings:
        """The same with a file that was read before."""
        return Settings.load(
            flags=self.flags, environ=self.environ, file=None if file is None else file.settings, database=database
        )

    def database_exists(self) -> bool:
        return (data_directory(self.settings()) / DATABASE_NAME).exists()


class Installation:
    """Open one with :meth:`open`, give it back with :meth:`close`. ``snapshot`` is replaced by :meth:`reload`, never edited."""

    def __init__(
        self,
        launch: Launch,
        clock: Clock,
        file: ConfigFile | None,
        catalogue: Catalogue,
        from_file: Configured,
        db: Database,
        vault: Vault,
        secrets: Secrets,
    ) -> None:
        self.launch = launch
        self.clock = clock
        self.file = file
        self.db = db
        self.data_dir = db.data_dir
        self.secrets = secrets
        self.vault = vault
        self.keys = KeyRepository(db, secrets.api_key, vault)
        self.accounts = AccountRepository(db, vault)
        self.logins = LoginRepository(db, vault)
        self.book = LoginBook(self.logins, clock, random.Random())
        self.acknowledged: Mapping[str, str] = {}
        self.nodes = NodeRepository(db, vault)
        self.models = ModelRepository(db)
        self.routing = RoutingStore(db)
        self.setting_store = SettingRepository(db)
        self.password = PasswordStore(db)
        self.audit = AuditRepository(db)
        self.priced = Priced(db, os.environ)
        self.snapshot: Snapshot
        self.all_accounts: tuple[Account, ...] = ()
        self._catalogue = catalogue
        self._from_file = from_file
        self.reloaded: Callable[[], Awaitable[None]] = _nothing
        self._version = 0
        self._digests: dict[str, bytes] = {}

    @classmethod
    async def open(cls, launch: Launch, clock: Clock) -> Installation:
        """Check everything that can be wrong in flags, environment and file first, then open the data directory.

        ConfigError or StorageError with one clear sentence; a directory that is refused is left as it was.
        """
        settings = launch.settings()
        file = launch.file()
        catalogue = load_catalogue()
        from_file = configured_by(file, catalogue, launch.environ)
        db = await Database.open(data_directory(settings), clock=clock)
        try:
            vault = await Vault.open(db, key_text=settings.storage_encryption_key)
            secrets = load_secrets(db.data_dir, api_key_secret=settings.api_key_secret, jwt_secret=settings.jwt_secret)
            self = cls(launch, clock, file, catalogue, from_file, db, vault, secrets)
            if settings.initial_password:
                await self.password.set(settings.initial_password, only_first=True)
            await self.reload()
            self.tell_problems()
        except BaseException:
            await db.close()
            raise
        return self

    async def close(self) -> None:
        await self.db.close()

    def digest(self, key: str) -> bytes:
        """The keyed hash under which an API key is known. Those of keys in force are remembered until the next reload."""
        known = self._digests.get(key)
        if known is None:
            known = digest_key(self.secrets.api_key, key)
            if known in self.snapshot.keys:  # nobody can fill our memory with keys of their own making
                self._digests[key] = known
        return known

    async def reload(self) -> None:
        """Read what is stored and swap the snapshot; requests under way keep the one they have."""
        rows = await self.accounts.list()
        self.book.take(await self.logins.list())
        self.acknowledged = await self.logins.acknowledged()
        stored = Stored(
            accounts=[(row, self.accounts.reveal(row)) for row in rows],
            nodes=await self.nodes.list(),
            models=await self.models.list(),
            keys=await self.keys.list(),
            routes=StoredRoutes(
                combos=[(row.id, row.name, row.definition) for row in await self.routing.combos.list()],
                aliases={row.pattern: row.target for row in await self.routing.aliases.list()},
                chains={row.pattern: row.steps for row in await self.routing.chains.list()},
            ),
            provider_routing=await self.routing.use.providers(),
            account_routing=await self.routing.use.accounts(),
            signed=self.book.signed,
            acknowledged=self.acknowledged,
            prices=await self.priced.overrides(),
        )
        settings = self.launch.settings_with(self.file, await self.setting_store.get_all())
        file_keys = () if self.file is None else self.file.keys
        self._version += 1
        self.snapshot, self.all_accounts = build_snapshot(
            settings=settings,
            catalogue=self._catalogue,
            from_file=self._from_file,
            stored=stored,
            file_keys=[(key, digest_key(self.secrets.api_key, key.key)) for key in file_keys],
            formats=frozenset(formats().names()),
            environ=self.launch.environ,
            version=self._version,
            file=self.file,
            label_key=self.secrets.session,
        )
        self.priced.take(self.snapshot.catalogue, stored.prices, stored.models, self.all_accounts)
        self._digests.clear()
        await self.reloaded()

    def account(self, account_id: str) -> Account | None:
        """The account of that id, paused or not."""
        return next((account for account in self.all_accounts if account.id == account_id), None)

    def payer(self, account_id: str) -> tuple[Provider, Account]:
        """The account and its provider. NotFound."""
        account = self.account(account_id)
        provider = None if account is None else self.snapshot.catalogue.by_id(account.provider)
        if account is None or provider is None:
            raise NotFound(f"There is no account {account_id!r}.")
        return provider, account

    def resign(self, account_id: str) -> None:
        """Take over what the book knows anew of one account's login; cheaper than :meth:`reload`."""
        old = self.account(account_id)
        if old is None or (old.login is None and old.secret is not None) or (new := self.book.signed(old)) is old:
            return
        self.all_accounts = tuple(new if account is old else account for account in self.all_accounts)
        enabled = self.snapshot.accounts.get(old.provider, ())
        if any(account is old for account in enabled):
            changed = tuple(new if account is old else account for account in enabled)
            self.snapshot = msgspec.structs.replace(self.snapshot, accounts={**self.snapshot.accounts, old.provider: changed})

    async def reread(self) -> None:
        """Take over what the config file says now. ConfigError when it is wrong: everything stays as it was then."""
        file = self.launch.file()
        from_file = configured_by(file, self._catalogue, self.launch.environ)
        before = self.file, self._from_file
        self.file, self._from_file = file, from_file
        try:
            await self.reload()
        except ConfigError:
            self.file, self._from_file = before
            raise
        self.tell_problems()

    def tell_problems(self) -> None:
        """Log what the routes in force lack."""
        for what, sentence in self.snapshot.problems:
            log.warning("route incomplete", of=what, reason=sentence)
        for account in self.snapshot.withheld:
            reason = "its provider's terms are not acknowledged: omniroute login shows them"
            log.warning("account left out", provider=account.provider, account=account.name, reason=reason)

    async def first_key(self) -> str | None:
        """On a fresh installation: make the first API key and give it back, this once. None ever after."""
        if await self.keys.list() or (self.file is not None and self.file.keys):
            return None
        _, plain = await self.keys.create(FIRST_KEY_NAME)
        await self.reload()
        return plain


async def _nothing() -> None:
    """Nobody waits for another snapshot."""


def check_config(launch: Launch) -> None:
    """What :meth:`Installation.open` checks before it touches the disk. ConfigError."""
    file = launch.file()
    launch.settings()
    configured_by(file, load_catalogue(), launch.environ)


def configured_by(file: ConfigFile | None, catalogue: Catalogue, environ: Mapping[str, str]) -> Configured:
    """What the file says of providers; its routes are checked too. ConfigError."""
    if file is None:
        return Configured()
    found = configured(file, catalogue, formats().names(), environ)
    check_file(file)
    return found
