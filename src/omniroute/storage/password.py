"""The admin password: argon2id, with a generation number that ends old sessions when it changes."""

# ruff: noqa: S608 - only names that stand in this package are put into SQL texts, values are bound
from __future__ import annotations

import asyncio

import aiosqlite
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from omniroute.core.errors import BadRequest, StorageError
from omniroute.storage.db import Database

MINIMUM_LENGTH = 8
MAXIMUM_LENGTH = 1024
_REPLACE = "DO UPDATE SET password_hash = excluded.password_hash, generation = generation + 1, changed_at = excluded.changed_at"


class PasswordStore:
    """Hashing runs in a thread, one at a time: each takes tens of MiB, and a burst of log-in attempts must not multiply that."""

    def __init__(self, db: Database, hasher: PasswordHasher | None = None) -> None:
        self._db = db
        self._hasher = hasher or PasswordHasher()
        self._one_at_a_time = asyncio.Semaphore(1)

    async def exists(self) -> bool:
        """Whether a password was ever set."""
        return await self._db.read_one("SELECT 1 FROM admin") is not None

    async def generation(self) -> int:
        """How often the password was set; 0 before the first time. A session of an older generation is over."""
        row = await self._db.read_one("SELECT generation FROM admin")
        return 0 if row is None else int(row["generation"])

    async def set(self, plain: str, *, only_first: bool = False) -> bool:
        """Set the password and start a new generation. ``only_first``: keep one that exists, and return False.

        BadRequest if it has fewer than 8 or more than 1024 characters.
        """
        if not MINIMUM_LENGTH <= len(plain) <= MAXIMUM_LENGTH:
            raise BadRequest(f"the password must have {MINIMUM_LENGTH} to {MAXIMUM_LENGTH} characters", param="password")
        hashed = await self._hash(plain)
        conflict = "DO NOTHING" if only_first else _REPLACE

        async def run(connection: aiosqlite.Connection) -> bool:
            sql = f"INSERT INTO admin (id, password_hash, generation, changed_at) VALUES (1, ?, 1, ?) ON CONFLICT (id) {conflict}"
            async with connection.execute(sql, (hashed, self._db.clock.now())) as cursor:
                return cursor.rowcount == 1

        return await self._db.write(run)

    async def verify(self, plain: str) -> bool:
        """Whether ``plain`` is the password; False if none is set. A hash of weaker parameters is renewed on the way."""
        row = await self._db.read_one("SELECT password_hash, generation FROM admin")
        if row is None or len(plain) > MAXIMUM_LENGTH:
            return False
        stored = str(row["password_hash"])
        async with self._one_at_a_time:
            if not await asyncio.to_thread(self._matches, stored, plain):
                return False
        if self._hasher.check_needs_rehash(stored):
            await self._renew(stored, await self._hash(plain))
        return True

    def _matches(self, stored: str, plain: str) -> bool:
        try:
            return self._hasher.verify(stored, plain)
        except VerifyMismatchError:
            return False
        except (VerificationError, InvalidHashError) as error:
            raise StorageError("the stored admin password is damaged; set a new one with: omniroute reset-password") from error

    async def _hash(self, plain: str) -> str:
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._hasher.hash, plain)

    async def _renew(self, old: str, new: str) -> None:
        async def run(connection: aiosqlite.Connection) -> None:
            # Only if it is still the same password: it may have been changed while we were hashing.
            await connection.execute_fetchall("UPDATE admin SET password_hash = ? WHERE password_hash = ?", (new, old))

        await self._db.write(run)
