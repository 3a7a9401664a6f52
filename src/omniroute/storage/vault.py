"""Provider credentials at rest: AES-256-GCM under one key, derived in exactly one way.

    key  = scrypt(text, salt; n = 2**14, r = 8, p = 1)       text: STORAGE_ENCRYPTION_KEY, else the content of ``storage.key``
    blob = 0x01 · nonce (12 bytes) · ciphertext and tag      associated data: the version byte and the context, "table/id"

Both sources go through the same derivation, so the content of the key file may be moved into the variable and back. The salt
and a sealed constant (the key-check value) are in the database: a key that does not fit is noticed at the start, and nothing
is ever re-encrypted, reset or dropped because of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from pathlib import Path

import aiosqlite
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from omniroute.core.errors import StorageError, WrongKey
from omniroute.storage.db import Database
from omniroute.storage.secrets import read_or_create, read_secret

KEY_FILE = "storage.key"
KEY_VARIABLE = "STORAGE_ENCRYPTION_KEY"
_VERSION = b"\x01"
_NONCE = 12
_SALT = 16
_CHECK_CONTEXT = "vault/check"
_CHECK_TEXT = "omniroute"
# Every sealed column there is: while one of these holds a value, the key must fit.
_SEALED_VALUES = (
    "SELECT (SELECT count(*) FROM accounts WHERE secret IS NOT NULL) + (SELECT count(*) FROM nodes WHERE headers IS NOT NULL)"
    " + (SELECT count(*) FROM api_keys WHERE proxy IS NOT NULL) + (SELECT count(*) FROM accounts WHERE proxy IS NOT NULL)"
    " + (SELECT count(*) FROM nodes WHERE proxy IS NOT NULL) + (SELECT count(*) FROM logins WHERE tokens IS NOT NULL)"
)


class Vault:
    """Seals and opens texts. Made by :meth:`open`."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def __repr__(self) -> str:
        return "Vault(…)"

    @classmethod
    async def open(cls, db: Database, *, key_text: str | None = None) -> Vault:
        """The vault of ``db``. ``key_text`` is the setting ``storage_encryption_key``; without it the key file is used, and made
        on first run. Raises WrongKey if credentials are stored that the key does not fit, or whose key file is gone; beside a
        server (a shared database) a key that does not fit is refused even while nothing is stored."""
        key_file = db.data_dir / KEY_FILE
        while True:
            row = await db.read_one("SELECT salt, key_check FROM vault")
            sealed = await _sealed_values(db)
            if key_text:
                text = key_text
            else:
                text = await asyncio.to_thread(_key_from_file, key_file, sealed)
            if row is not None:
                vault = cls(await asyncio.to_thread(_derive, text, bytes(row["salt"])))
                if vault._fits(bytes(row["key_check"])):
                    return vault
            if sealed or (row is not None and db.shared):
                raise WrongKey(await asyncio.to_thread(_mismatch, key_file, sealed, bool(key_text)))
            salt = secrets.token_bytes(_SALT)
            vault = cls(await asyncio.to_thread(_derive, text, salt))
            if await vault._introduce(db, salt, None if row is None else bytes(row["salt"])):
                return vault

    def seal(self, text: str, context: str) -> bytes:
        """Encrypt ``text`` for one place: ``context`` is ``table/id`` and must be given again to :meth:`unseal`."""
        nonce = secrets.token_bytes(_NONCE)
        return _VERSION + nonce + self._cipher.encrypt(nonce, text.encode(), _VERSION + context.encode())

    def unseal(self, blob: bytes, context: str) -> str:
        """The text sealed in ``blob``. WrongKey if it was sealed by another key, for another place, or is damaged."""
        if blob[:1] != _VERSION:
            raise StorageError(f"the stored credential {context} is damaged or was written by a newer OmniRoute")
        try:
            plain = self._cipher.decrypt(blob[1 : 1 + _NONCE], blob[1 + _NONCE :], _VERSION + context.encode())
        except (InvalidTag, ValueError):
            raise WrongKey(f"the stored credential {context} does not open with this key: enter the credential again") from None
        return plain.decode()

    def _fits(self, check: bytes) -> bool:
        try:
            return self.unseal(check, _CHECK_CONTEXT) == _CHECK_TEXT
        except WrongKey:
            return False

    async def _introduce(self, db: Database, salt: bytes, old_salt: bytes | None) -> bool:
        """Record the salt and check value of a key that no stored credential depends on. False if the database is no longer as
        it was when that was found out: another process may have introduced its own key, or stored something."""
        check = self.seal(_CHECK_TEXT, _CHECK_CONTEXT)

        async def run(connection: aiosqlite.Connection) -> bool:
            (sealed,) = next(iter(await connection.execute_fetchall(_SEALED_VALUES)))
            current = list(await connection.execute_fetchall("SELECT salt FROM vault"))
            if sealed or (bytes(current[0][0]) if current else None) != old_salt:
                return False
            await connection.execute_fetchall(
                "INSERT INTO vault (id, salt, key_check, created_at) VALUES (1, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
                "salt = excluded.salt, key_check = excluded.key_check, created_at = excluded.created_at",
                (salt, check, db.clock.now()),
            )
            return True

        return await db.write(run)


async def _sealed_values(db: Database) -> int:
    row = await db.read_one(_SEALED_VALUES)
    return int(row[0]) if row is not None else 0


def _key_from_file(path: Path, sealed: int) -> str:
    if sealed and read_secret(path) is None:
        raise WrongKey(
            f"the key file {path} is missing but {sealed} stored credential{'s are' if sealed > 1 else ' is'} encrypted with it; "
            f"put it back or set {KEY_VARIABLE}"
        )
    return read_or_create(path, lambda: secrets.token_urlsafe(32))


def _mismatch(path: Path, sealed: int, from_variable: bool) -> str:
    source = KEY_VARIABLE if from_variable else f"the key file {path}"
    what = f"{sealed} stored credential{'s' if sealed != 1 else ''}" if sealed else "key this database was set up with"
    hint = f"; {path} exists: unset the variable if that is the right key" if from_variable and path.exists() else ""
    return f"{source} does not fit the {what}; give the key it was before{hint}"


def _derive(text: str, salt: bytes) -> bytes:
    return hashlib.scrypt(text.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32)
