"""Numbered, immutable SQL migrations: verified, snapshotted, applied one transaction each.

Everything here is synchronous and runs in a worker thread while the database is being opened.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import msgspec

from omniroute.core.errors import NewerSchema, StorageError
from omniroute.core.ids import Clock

BACKUP_DIR = "backups"
BACKUPS_KEPT = 5
_BOOKKEEPING = "CREATE TABLE migrations (name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_at REAL NOT NULL)"


class Migration(msgspec.Struct, frozen=True):
    """One ``NNNN_words.sql`` file. ``name`` is the file's stem; ``checksum`` is the SHA-256 of its bytes, in hex."""

    name: str
    sql: str
    checksum: str

    @classmethod
    def of(cls, name: str, sql: str) -> Migration:
        return cls(name, sql, hashlib.sha256(sql.encode()).hexdigest())


def shipped_migrations() -> tuple[Migration, ...]:
    """Every migration of this version, in order. ValueError if there is none, or if the numbers have a gap or a repetition."""
    folder = resources.files("omniroute.storage") / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    if not names or [name[:5] for name in names] != [f"{number:04d}_" for number in range(1, len(names) + 1)]:
        raise ValueError(f"migrations are not numbered 0001, 0002, …: {', '.join(names)}")
    return tuple(Migration.of(name.removesuffix(".sql"), (folder / name).read_text("utf-8")) for name in names)


def pending(path: Path, migrations: Sequence[Migration]) -> list[Migration]:
    """What still has to be applied to the file at ``path``; reads only.

    Raises NewerSchema if the file has migrations this version does not know, StorageError if an applied one was changed,
    if the file is damaged or not ours, or if it is gone while its write-ahead log or its backups are still there.
    """
    applied = _applied(path)
    known = {migration.name: migration for migration in migrations}
    for name, checksum in applied.items():
        if name not in known:
            raise NewerSchema(
                f"{path} was written by a newer OmniRoute (schema {name}, this version knows up to "
                f"{migrations[-1].name}); install that version or restore a file of {path.parent / BACKUP_DIR}"
            )
        if known[name].checksum != checksum:
            raise StorageError(f"migration {name} differs from the one that was applied to {path}; reinstall OmniRoute")
    missing = [migration for migration in migrations if migration.name not in applied]
    if applied and missing and missing[0].name < max(applied):
        raise StorageError(f"{path} lacks migration {missing[0].name} but has later ones; restore a backup")
    return missing


def migrate(path: Path, migrations: Sequence[Migration], clock: Clock) -> Path | None:
    """Apply ``migrations`` (the result of :func:`pending`) and return the snapshot taken before, if there was data.

    A failing migration is rolled back and raised as StorageError; earlier ones stay applied.
    """
    snapshot: Path | None = None
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        try:
            if not _tables(connection):
                # Only an empty file can be told how to give pages back without a full VACUUM later.
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            elif migrations:
                snapshot = take_snapshot(connection, path.parent, clock)
            connection.execute("PRAGMA journal_mode = WAL")
            for migration in migrations:
                _apply(connection, migration, clock.now())
        except sqlite3.Error as error:
            raise StorageError(f"cannot migrate {path}: {error}") from error
    return snapshot


def take_snapshot(connection: sqlite3.Connection, data_dir: Path, clock: Clock) -> Path:
    """Copy the open database to ``backups/omniroute-<schema>-<UTC time>.sqlite`` (mode 0600) and drop all but the newest few."""
    folder = data_dir / BACKUP_DIR
    folder.mkdir(mode=0o700, exist_ok=True)
    schema = connection.execute("SELECT max(name) FROM migrations").fetchone()[0]
    moment = datetime.fromtimestamp(clock.now(), UTC).strftime("%Y%m%dT%H%M%S%fZ")
    target = folder / f"omniroute-{schema[:4]}-{moment}.sqlite"
    partial = target.with_suffix(".partial")
    os.close(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(partial)) as copy:
            connection.backup(copy)
            # A backup is one file: it must not depend on a log beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
        os.replace(partial, target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    for old in sorted(folder.glob("omniroute-*.sqlite"), key=_moment)[:-BACKUPS_KEPT]:
        old.unlink()
    return target


def _moment(snapshot: Path) -> str:
    return snapshot.stem.rsplit("-", 1)[-1]


def _apply(connection: sqlite3.Connection, migration: Migration, now: float) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if "migrations" not in _tables(connection):
            connection.execute(_BOOKKEEPING)
        for statement in statements(migration.sql):
            connection.execute(statement)
        connection.execute("INSERT INTO migrations VALUES (?, ?, ?)", (migration.name, migration.checksum, now))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def statements(script: str) -> Iterator[str]:
    """The single statements of an SQL script (``executescript`` would commit the transaction around it)."""
    *ended, rest = script.split(";")
    statement = ""
    for piece in ended:
        statement += piece + ";"
        if sqlite3.complete_statement(statement):  # knows texts, comments and triggers
            yield statement.strip()
            statement = ""
    if not _only_comment(statement + rest):
        raise ValueError(f"unfinished SQL statement: {(statement + rest).strip()[:80]}")


def _only_comment(text: str) -> bool:
    return all(not line.strip() or line.lstrip().startswith("--") for line in text.splitlines())


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _applied(path: Path) -> dict[str, str]:
    """Name → checksum of what the file records; empty for a file that does not exist yet."""
    log = path.with_name(path.name + "-wal")
    if not path.exists() or path.stat().st_size == 0:
        _refuse_to_start_over(path, log)
        return {}
    if not os.access(path, os.R_OK | os.W_OK):
        raise StorageError(f"cannot use {path}: the file must be readable and writable")
    # Without a log nobody has the file open: immutable keeps SQLite from creating one just for this look.
    mode = "mode=ro" if log.exists() else "mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)) as connection:
            tables = _tables(connection)
            if tables and "migrations" not in tables:
                raise StorageError(f"{path} is not a database of OmniRoute; move it away or choose another data directory")
            if not tables:
                return {}
            return dict(connection.execute("SELECT name, checksum FROM migrations ORDER BY name").fetchall())
    except sqlite3.Error as error:
        raise StorageError(f"cannot read {path}: {error}; restore a file of {path.parent / BACKUP_DIR}") from error


def _refuse_to_start_over(path: Path, log: Path) -> None:
    """An empty database over remains of a full one would be a silent loss of everything (and SQLite would delete the log)."""
    if log.exists() and log.stat().st_size:
        raise StorageError(
            f"{path} is missing or empty but its log {log.name} is not; put the database back or move the log away"
        )
    if any((path.parent / BACKUP_DIR).glob("omniroute-*.sqlite")):
        raise StorageError(
            f"{path} is missing or empty but {path.parent / BACKUP_DIR} has snapshots; restore one or move them away"
        )
