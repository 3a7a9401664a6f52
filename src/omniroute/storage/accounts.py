"""Accounts at providers, their credentials sealed."""

# ruff: noqa: S608 - only names that stand in this package are put into SQL texts, values are bound
from __future__ import annotations

import sqlite3
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from omniroute.core import json
from omniroute.core.errors import Conflict, NotFound
from omniroute.core.ids import new_id
from omniroute.storage import rows
from omniroute.storage.db import Database
from omniroute.storage.vault import Vault

_COLUMNS = (
    "id, provider, name, secret, enabled, priority, url_vars_json, limits_json, proxy, created_at, updated_at, last_test_at, "
    "last_error"
)


class AccountRow(msgspec.Struct, frozen=True, kw_only=True):
    """One account. ``secret`` is sealed; :meth:`AccountRepository.reveal` opens it. ``priority``: lower is tried first.

    ``limits``: members as of ``catalog.account.AccountLimits`` but its models; ``proxy``: outbound proxy URL of its calls (sealed
    on disk: it may hold a password).
    ``last_error`` is the sentence of the last failed test, None after a good one; times are unix seconds.
    """

    id: str
    provider: str
    name: str
    secret: bytes | None = None
    enabled: bool = True
    priority: int = 1
    url_vars: dict[str, str] = {}
    limits: dict[str, Any] = {}
    proxy: str | None = None
    created_at: float
    updated_at: float
    last_test_at: float | None = None
    last_error: str | None = None

    def __repr__(self) -> str:
        return f"AccountRow(id={self.id!r}, provider={self.provider!r}, name={self.name!r})"


class AccountRepository:
    """Unknown ids raise NotFound, two accounts of one provider with the same name Conflict, a proxy that cannot be opened
    WrongKey."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def create(
        self,
        provider: str,
        name: str,
        *,
        secret: str | None = None,
        enabled: bool = True,
        priority: int = 1,
        url_vars: dict[str, str] | None = None,
        limits: dict[str, Any] | None = None,
        proxy: str | None = None,
    ) -> AccountRow:
        """``secret`` is the plain credential, None for providers that need none."""
        account_id = new_id("acc")
        now = self._db.clock.now()
        row = AccountRow(
            id=account_id,
            provider=provider,
            name=rows.checked_name(name),
            secret=self._seal(account_id, secret),
            enabled=enabled,
            priority=priority,
            url_vars=dict(url_vars or {}),
            limits=dict(limits or {}),
            proxy=proxy or None,
            created_at=now,
            updated_at=now,
        )
        columns = msgspec.structs.asdict(row)
        columns["url_vars_json"] = json.dumps_text(columns.pop("url_vars"))
        columns["limits_json"] = json.dumps_text(columns.pop("limits"))
        columns["proxy"] = self._seal_proxy(account_id, proxy)
        try:
            await rows.insert(self._db, "accounts", columns)
        except sqlite3.IntegrityError as error:
            raise _taken(provider, row.name) from error
        return row

    async def list(self, provider: str | None = None) -> list[AccountRow]:
        """All accounts, or one provider's, in the order they are tried: priority, then age."""
        condition, params = ("WHERE provider = ?", (provider,)) if provider is not None else ("", ())
        order = "ORDER BY provider, priority, created_at, id"
        found = await self._db.read(f"SELECT {_COLUMNS} FROM accounts {condition} {order}", params)
        return [self._from_row(row) for row in found]

    async def get(self, account_id: str) -> AccountRow:
        row = await self._db.read_one(f"SELECT {_COLUMNS} FROM accounts WHERE id = ?", (account_id,))
        if row is None:
            raise NotFound(_missing(account_id))
        return self._from_row(row)

    async def update(
        self,
        account_id: str,
        *,
        name: str | UnsetType = UNSET,
        secret: str | UnsetType | None = UNSET,
        enabled: bool | UnsetType = UNSET,
        priority: int | UnsetType = UNSET,
        url_vars: dict[str, str] | UnsetType = UNSET,
        limits: dict[str, Any] | UnsetType = UNSET,
        proxy: str | UnsetType | None = UNSET,
    ) -> AccountRow:
        """Change what is given; ``secret=None`` removes the credential, ``proxy=None`` the proxy."""
        columns = rows.given(
            name=name if name is UNSET else rows.checked_name(name),
            secret=secret if secret is UNSET else self._seal(account_id, secret),
            enabled=enabled,
            priority=priority,
            url_vars_json=url_vars if url_vars is UNSET else json.dumps_text(url_vars),
            limits_json=limits if limits is UNSET else json.dumps_text(limits),
            proxy=proxy if proxy is UNSET else self._seal_proxy(account_id, proxy),
        )
        if columns:
            columns["updated_at"] = self._db.clock.now()
            try:
                await rows.change(self._db, "accounts", {"id": account_id}, columns, _missing(account_id))
            except sqlite3.IntegrityError as error:
                raise _taken((await self.get(account_id)).provider, str(columns.get("name"))) from error
        return await self.get(account_id)

    async def record_test(self, account_id: str, error: str | None) -> None:
        """Note that the account was just tested: ``error`` is the sentence of what went wrong, None if it works."""
        columns = {"last_test_at": self._db.clock.now(), "last_error": error}
        await rows.change(self._db, "accounts", {"id": account_id}, columns, _missing(account_id))

    async def delete(self, account_id: str) -> None:
        await rows.remove(self._db, "accounts", {"id": account_id}, _missing(account_id))

    def reveal(self, row: AccountRow) -> str | None:
        """The plain credential of ``row``, None if it has none. WrongKey if it cannot be opened."""
        return None if row.secret is None else self._vault.unseal(row.secret, _context(row.id))

    def _seal(self, account_id: str, secret: str | None) -> bytes | None:
        return None if secret is None else self._vault.seal(secret, _context(account_id))

    def _seal_proxy(self, account_id: str, proxy: str | None) -> bytes | None:
        return self._vault.seal(proxy, _proxy_context(account_id)) if proxy else None

    def _from_row(self, row: sqlite3.Row) -> AccountRow:
        columns: dict[str, Any] = dict(row)
        columns["enabled"] = bool(columns["enabled"])
        columns["url_vars"] = json.loads(columns.pop("url_vars_json"))
        columns["limits"] = json.loads(columns.pop("limits_json"))
        sealed = columns["proxy"]
        columns["proxy"] = None if sealed is None else self._vault.unseal(sealed, _proxy_context(columns["id"]))
        return AccountRow(**columns)


def _context(account_id: str) -> str:
    return f"accounts/{account_id}"


def _proxy_context(account_id: str) -> str:
    return f"accounts/{account_id}/proxy"


def _missing(account_id: str) -> str:
    return f"no account {account_id!r}"


def _taken(provider: str, name: str) -> Conflict:
    return Conflict(f"{provider} already has an account named {name!r}", param="name")
