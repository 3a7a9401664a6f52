"""Logins: the tokens behind accounts, sealed, and the rule by which several processes renew one without spending it twice.

A login is renewed by whoever holds the claim on its present generation. What comes of it is committed (durably) before anybody
uses it, and counts only while the generation is still the one that was claimed: otherwise somebody else was first, and theirs
counts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

import aiosqlite
import msgspec

from omniroute.core import json
from omniroute.core.errors import Conflict
from omniroute.core.ids import new_id
from omniroute.storage import rows
from omniroute.storage.db import Database
from omniroute.storage.vault import Vault

_COLUMNS = (
    "account_id, provider, subject, flow, method, tokens, facts_json, expires_at, generation, created_at, refreshed_at, problem, "
    "claimed_by, claimed_until"
)
_MOST_OF_ONE_NAME = 200


class LoginRow(msgspec.Struct, frozen=True, kw_only=True):
    """One login. ``tokens`` is sealed; :meth:`LoginRepository.reveal` opens it. ``subject`` is who signed in, ``flow`` and
    ``method`` how. Times are unix seconds; ``expires_at`` None = its token does not end by itself. ``problem``: why somebody has
    to sign in again."""

    account_id: str
    provider: str
    subject: str
    flow: str
    method: str
    tokens: bytes
    facts: dict[str, str]
    expires_at: float | None
    generation: int
    created_at: float
    refreshed_at: float
    problem: str | None
    claimed_by: str | None
    claimed_until: float | None

    def __repr__(self) -> str:
        return f"LoginRow(account_id={self.account_id!r}, provider={self.provider!r}, generation={self.generation})"

    def claimed(self, now: float) -> bool:
        """Somebody is renewing it."""
        return self.claimed_by is not None and self.claimed_until is not None and self.claimed_until > now


class LoginRepository:
    """Every write is one durable transaction."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def list(self) -> list[LoginRow]:
        return [_row(row) for row in await self._db.read(f"SELECT {_COLUMNS} FROM logins ORDER BY account_id")]  # noqa: S608

    async def get(self, account_id: str) -> LoginRow | None:
        row = await self._db.read_one(f"SELECT {_COLUMNS} FROM logins WHERE account_id = ?", (account_id,))  # noqa: S608
        return None if row is None else _row(row)

    def reveal(self, row: LoginRow) -> str:
        """The tokens as they were given (JSON). WrongKey if they cannot be opened."""
        return self._vault.unseal(row.tokens, _context(row.account_id))

    async def signed_in(
        self,
        provider: str,
        subject: str,
        *,
        name: str,
        flow: str,
        method: str,
        tokens: str,
        facts: Mapping[str, str],
        expires_at: float | None,
    ) -> str:
        """The id of the account of ``subject``: a new one called ``name`` (with a number behind it where that is taken), or the
        one that was signed in before, whose login (or key, if somebody gave it one since) this replaces."""
        now = self._db.clock.now()

        async def run(connection: aiosqlite.Connection) -> str:
            known = await connection.execute_fetchall(
                "SELECT account_id, generation FROM logins WHERE provider = ? AND subject = ?", (provider, subject)
            )
            generation = 0
            for row in known:
                account_id, generation = row[0], row[1]
                await connection.execute_fetchall("UPDATE accounts SET secret = NULL WHERE id = ?", (account_id,))
                break
            else:
                account_id = await _new_account(connection, provider, name, now)
            await connection.execute_fetchall(
                "INSERT INTO logins (account_id, provider, subject, flow, method, tokens, facts_json, expires_at, generation, "
                "created_at, refreshed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (account_id) DO UPDATE SET "
                "flow = excluded.flow, method = excluded.method, tokens = excluded.tokens, facts_json = excluded.facts_json, "
                "expires_at = excluded.expires_at, generation = excluded.generation, created_at = excluded.created_at, "
                "refreshed_at = excluded.refreshed_at, problem = NULL, claimed_by = NULL, claimed_until = NULL",
                (
                    account_id, provider, subject, flow, method, self._vault.seal(tokens, _context(account_id)),
                    json.dumps_text(dict(facts)), expires_at, generation + 1, now, now,
                ),
            )  # fmt: skip
            return str(account_id)

        return await self._db.write(run)

    async def claim(self, account_id: str, generation: int, by: str, until: float) -> bool:
        """Whether ``by`` may renew that generation now. A claim that has run out is anybody's."""
        now = self._db.clock.now()
        return await self._change(
            "UPDATE logins SET claimed_by = :by, claimed_until = :until WHERE account_id = :id AND generation = :generation "
            "AND problem IS NULL AND (claimed_by IS NULL OR claimed_by = :by OR claimed_until <= :now)",
            {"by": by, "until": until, "id": account_id, "generation": generation, "now": now},
        )

    async def release(self, account_id: str, by: str) -> None:
        """Nothing came of it; somebody else may try."""
        await self._change(
            "UPDATE logins SET claimed_by = NULL, claimed_until = NULL WHERE account_id = :id AND claimed_by = :by",
            {"id": account_id, "by": by},
        )

    async def release_all(self) -> None:
        """Of an installation that nobody else has open: whoever held a claim is gone."""
        await self._change("UPDATE logins SET claimed_by = NULL, claimed_until = NULL WHERE claimed_by IS NOT NULL", {})

    async def save(
        self,
        account_id: str,
        generation: int,
        by: str,
        *,
        tokens: str,
        facts: Mapping[str, str],
        expires_at: float | None,
        keep_claim: bool = False,
    ) -> bool:
        """The next generation, if ``generation`` is still the present one; False: somebody else was first and theirs counts.

        ``keep_claim``: ``by`` is not done yet.
        """
        return await self._change(
            "UPDATE logins SET tokens = :tokens, facts_json = :facts, expires_at = :expires_at, generation = generation + 1, "
            "refreshed_at = :now, problem = NULL, claimed_by = :claimed_by, claimed_until = "
            "CASE WHEN :claimed_by IS NULL THEN NULL ELSE claimed_until END WHERE account_id = :id AND generation = :generation",
            {
                "tokens": self._vault.seal(tokens, _context(account_id)),
                "facts": json.dumps_text(dict(facts)),
                "expires_at": expires_at,
                "now": self._db.clock.now(),
                "claimed_by": by if keep_claim else None,
                "id": account_id,
                "generation": generation,
            },
        )

    async def note(self, account_id: str, generation: int, facts: Mapping[str, str]) -> bool:
        """What else is known of that generation. False: it is not the present one."""
        return await self._change(
            "UPDATE logins SET facts_json = :facts WHERE account_id = :id AND generation = :generation",
            {"facts": json.dumps_text(dict(facts)), "id": account_id, "generation": generation},
        )

    async def lost(self, account_id: str, generation: int, problem: str) -> bool:
        """That generation is good for nothing any more. False: it is not the present one."""
        return await self._change(
            "UPDATE logins SET problem = :problem, claimed_by = NULL, claimed_until = NULL "
            "WHERE account_id = :id AND generation = :generation",
            {"problem": problem, "id": account_id, "generation": generation},
        )

    async def delete(self, account_id: str) -> None:
        """Forget the tokens; the account stays. NotFound."""
        await rows.remove(self._db, "logins", {"account_id": account_id}, f"the account {account_id!r} has no login")

    async def acknowledge(self, provider: str, digest: str) -> None:
        """Note that somebody has read the provider's terms, whose text has that digest."""
        await rows.insert(
            self._db,
            "terms",
            {"provider": provider, "digest": digest, "acknowledged_at": self._db.clock.now()},
            otherwise="ON CONFLICT (provider) DO UPDATE SET digest = excluded.digest, acknowledged_at = excluded.acknowledged_at",
        )

    async def acknowledged(self) -> dict[str, str]:
        """Provider → digest of the terms that were acknowledged."""
        return {row["provider"]: row["digest"] for row in await self._db.read("SELECT provider, digest FROM terms")}

    async def _change(self, sql: str, values: Mapping[str, Any]) -> bool:
        async def run(connection: aiosqlite.Connection) -> bool:
            async with connection.execute(sql, values) as cursor:
                return cursor.rowcount > 0

        return await self._db.write(run)


async def _new_account(connection: aiosqlite.Connection, provider: str, name: str, now: float) -> str:
    taken = {row[0] for row in await connection.execute_fetchall("SELECT name FROM accounts WHERE provider = ?", (provider,))}
    chosen = next((text for text in _names(name) if text not in taken), None)
    if chosen is None:
        raise Conflict(f"{provider} has too many accounts called {name!r}", param="name")
    account_id = new_id("acc")
    await connection.execute_fetchall(
        "INSERT INTO accounts (id, provider, name, secret, enabled, priority, url_vars_json, created_at, updated_at) "
        "VALUES (?, ?, ?, NULL, 1, 1, '{}', ?, ?)",
        (account_id, provider, chosen, now, now),
    )
    return account_id


def _names(name: str) -> list[str]:
    name = rows.checked_name(name)
    return [name, *(f"{name[:90]} {number}" for number in range(2, _MOST_OF_ONE_NAME))]


def _row(row: sqlite3.Row) -> LoginRow:
    columns: dict[str, Any] = dict(row)
    columns["facts"] = json.loads(columns.pop("facts_json"))
    return LoginRow(**columns)


def _context(account_id: str) -> str:
    return f"logins/{account_id}"
