"""The doctor's look at the data directory: rights, database, encryption key, file modes."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omniroute.core.errors import NewerSchema, StorageError, WrongKey
from omniroute.core.ids import Clock
from omniroute.core.settings import Settings
from omniroute.operations.existing import existing_database
from omniroute.operations.finding import Finding, error, ok, warning
from omniroute.storage.accounts import AccountRepository
from omniroute.storage.audit import AuditRepository
from omniroute.storage.db import DATABASE_NAME, Database
from omniroute.storage.logins import LoginRepository
from omniroute.storage.migrate import pending, shipped_migrations
from omniroute.storage.nodes import NodeRepository
from omniroute.storage.password import PasswordStore
from omniroute.storage.secrets import ADMIN_TOKEN_FILE, API_KEY_FILE, SESSION_FILE
from omniroute.storage.settings import SettingRepository
from omniroute.storage.vault import KEY_FILE, Vault

_SECRET_FILES = (API_KEY_FILE, SESSION_FILE, ADMIN_TOKEN_FILE, KEY_FILE, DATABASE_NAME)
_TOLERATED_SKEW = 300.0
_LONG_OVER = 86400.0  # what renews itself is late only when it is late by a lot


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database told, as far as it could be opened."""

    findings: list[Finding]
    settings: Mapping[str, Any] = field(default_factory=dict)
    has_password: bool = False


def directory_usable(data_dir: Path) -> list[Finding]:
    """The directory exists and is ours to write, or can be made."""
    if data_dir.is_dir():
        if not os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
            return [
                error(
                    "data_dir.usable",
                    f"{data_dir} is not writable for this user",
                    "give this user the directory, or choose another --data-dir",
                )
            ]
        return [ok("data_dir.usable", f"data directory {data_dir}")]
    if data_dir.exists():
        return [error("data_dir.usable", f"{data_dir} is a file, not a directory", "move it away, or choose another --data-dir")]
    place = next(parent for parent in data_dir.parents if parent.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return [
            error(
                "data_dir.usable", f"{data_dir} cannot be made: {place} is not a writable directory", "choose another --data-dir"
            )
        ]
    return [ok("data_dir.usable", f"{data_dir} does not exist yet; the first start makes it")]


async def database_healthy(data_dir: Path, settings: Settings, clock: Clock) -> Stored:
    """The database opens, is whole, has a schema we know, and the encryption key fits it."""
    problem = _cannot_open(data_dir)
    if problem is not None:
        return Stored([problem])
    try:
        async with existing_database(data_dir, clock) as db:
            if db is None:
                return Stored([ok("database.open", "there is no database yet")])
            return Stored(
                [*await _whole(db), *await _times(db, clock), *await _key_fits(db, settings), *await _logins_last(db, clock)],
                await SettingRepository(db).get_all(),
                await PasswordStore(db).exists(),
            )
    except StorageError as unusable:
        return Stored([error("database.open", unusable.message, f"restore a backup of {data_dir}, or choose another --data-dir")])


def _cannot_open(data_dir: Path) -> Finding | None:
    """Why the database is not looked into: not there yet, older, newer or broken."""
    path = data_dir / DATABASE_NAME
    try:
        missing = pending(path, shipped_migrations()) if data_dir.is_dir() else []
    except NewerSchema as problem:
        return error("database.schema", problem.message, "install the version that wrote it, or restore a backup")
    except StorageError as problem:
        return error("database.open", problem.message, f"restore a backup of {data_dir}, or choose another --data-dir")
    if not path.exists():
        return ok("database.open", "there is no database yet")
    return ok("database.open", f"the next start brings the database up to date ({len(missing)} steps)") if missing else None


def modes_private(data_dir: Path) -> list[Finding]:
    """Nobody else can read the secrets."""
    findings = []
    for path, wanted in ((data_dir, 0o700), *((data_dir / name, 0o600) for name in _SECRET_FILES)):
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except FileNotFoundError:
            continue
        except OSError as problem:
            findings.append(error("files.private", f"{path}: {problem.strerror}", "give this user the data directory"))
            continue
        if mode & 0o077:
            report = warning if path == data_dir else error
            findings.append(
                report(
                    "files.private",
                    f"other users can reach {path} (mode {mode:04o})",
                    f"chmod {wanted:o} {path}",
                    _chmod(path, wanted),
                )
            )
    return findings or [ok("files.private", "secrets are readable by this user only")]


def _chmod(path: Path, mode: int) -> Callable[[], str]:
    def mend() -> str:
        path.chmod(mode)
        return f"{path} now has mode {mode:o}"

    return mend


async def _whole(db: Database) -> list[Finding]:
    problems = await db.check()
    if problems:
        return [error("database.open", f"{db.path} is damaged: {problems[0]}", f"restore a file of {db.data_dir / 'backups'}")]
    return [ok("database.open", f"{db.path} is whole (schema {db.schema})")]


async def _times(db: Database, clock: Clock) -> list[Finding]:
    newest = await AuditRepository(db).list(limit=1)
    if newest and newest[0].at > clock.now() + _TOLERATED_SKEW:
        return [
            warning(
                "clock.forward",
                "the database holds entries from the future: the clock was ahead, or is behind now",
                "set the clock by NTP",
            )
        ]
    return []


async def _key_fits(db: Database, settings: Settings) -> list[Finding]:
    """Opens the vault only where credentials are stored: on anything else, opening would make a key."""
    if not await _holds_credentials(db):
        return [ok("encryption.key", "no provider credential is stored yet")]
    try:
        vault = await Vault.open(db, key_text=settings.storage_encryption_key)
        for row in await AccountRepository(db, vault).list():
            AccountRepository(db, vault).reveal(row)
        for login in await LoginRepository(db, vault).list():
            LoginRepository(db, vault).reveal(login)
        await NodeRepository(db, vault).list()
    except WrongKey as problem:
        return [
            error(
                "encryption.key",
                problem.message,
                f"set STORAGE_ENCRYPTION_KEY to the right key, or put {db.data_dir / KEY_FILE} back",
            )
        ]
    return [ok("encryption.key", "the encryption key fits the stored credentials")]


async def _holds_credentials(db: Database) -> bool:
    """Listing accounts opens no seal, so any key will do for it; a node's sealed headers give themselves away by refusing one."""
    blind = Vault(secrets.token_bytes(32))
    if (
        any(row.secret is not None for row in await AccountRepository(db, blind).list())
        or await LoginRepository(db, blind).list()
    ):
        return True
    try:
        await NodeRepository(db, blind).list()
    except WrongKey:
        return True
    return False


async def _logins_last(db: Database, clock: Clock) -> list[Finding]:
    """Nobody must sign in again: no provider has refused to renew a login, and none has been over for long."""
    blind = Vault(secrets.token_bytes(32))  # the listing opens no seal
    names = {row.id: row.name for row in await AccountRepository(db, blind).list()}
    logins = await LoginRepository(db, blind).list()
    findings = []
    for login in logins:
        problem = login.problem
        if problem is None and login.expires_at is not None and login.expires_at < clock.now() - _LONG_OVER:
            problem = "its token ended more than a day ago"
        if problem is not None:
            about = f"account {names.get(login.account_id, login.account_id)!r} must sign in again: {problem}"
            findings.append(warning("logins.last", about, f"omniroute login {login.provider}"))
    if findings or not logins:
        return findings
    return [ok("logins.last", f"{len(logins)} {'account is' if len(logins) == 1 else 'accounts are'} signed in")]
