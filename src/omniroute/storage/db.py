"""The database file: one writer behind a queue, a few read-only readers, pragmas with their reasons.

Durability: the file is in WAL mode, so a committed transaction survives the death of the process at any moment. Writes are
``durable`` unless said otherwise: they run with ``synchronous = FULL`` and survive a power cut too. Bulk writes (the ledger)
use NORMAL: a power cut, not a crash, may take the last of them, never the file's integrity.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import aiosqlite

from omniroute.core.errors import StorageError
from omniroute.core.ids import Clock
from omniroute.storage.directory import DirectoryLock, prepare_directory, storage_problem
from omniroute.storage.migrate import Migration, migrate, pending, shipped_migrations

T = TypeVar("T")
Transaction = Callable[[aiosqlite.Connection], Awaitable[T]]

DATABASE_NAME = "omniroute.sqlite"
_SHARED_PRAGMAS = (
    "foreign_keys = ON",  # off by default for compatibility with databases of 2009
    "busy_timeout = 5000",  # a command-line tool may be writing: wait for it instead of failing
    "temp_store = MEMORY",  # sorting a page of the ledger must not write to disk
    "cache_size = -8192",  # KiB: the configuration and the hot end of the ledger stay in memory
)
_WRITER_PRAGMAS = (
    "journal_mode = WAL",  # readers never wait for the writer, a commit is one append
    "synchronous = FULL",  # see the module's text; switched per job
    "journal_size_limit = 67108864",  # bytes: one huge transaction must not leave a huge log behind
    "wal_autocheckpoint = 1000",  # pages: keeps the log, and so the start after a crash, short
)
_READER_PRAGMAS = ("query_only = ON",)  # a second fence behind mode=ro


class _Connection(aiosqlite.Connection):
    """One that can do several things in one step of its thread: each step there and back costs as much as writing ten rows."""

    async def at_once(self, run: Callable[[sqlite3.Connection], T]) -> T:
        found: T = await self._execute(run, self._conn)  # type: ignore[no-untyped-call]
        return found


class _Job:
    """``run`` is a coroutine function or, ``at_once``, a plain function for the writer's thread."""

    __slots__ = ("at_once", "done", "durable", "run")

    def __init__(self, run: Callable[[Any], Any], durable: bool, done: asyncio.Future[Any], *, at_once: bool = False) -> None:
        self.run = run
        self.durable = durable
        self.done = done
        self.at_once = at_once

    def fail(self, error: Exception) -> None:
        """Tell the caller, unless it has gone."""
        if not self.done.done():
            self.done.set_exception(error)


class Database:
    """An open data directory. Made by :meth:`open`; every method raises StorageError once it is closed."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        schema: str,
        lock: DirectoryLock | None,
        writer: _Connection,
        readers: Sequence[aiosqlite.Connection],
    ) -> None:
        self.path = path
        self.data_dir = path.parent
        self.clock = clock
        self.schema = schema
        self.shared = lock is None
        self._lock = lock
        self._writer = writer
        self._readers = tuple(readers)
        self._idle: asyncio.LifoQueue[aiosqlite.Connection] = asyncio.LifoQueue()
        for reader in self._readers:
            self._idle.put_nowait(reader)
        self._jobs: asyncio.Queue[_Job | None] = asyncio.Queue()
        self._durable = True
        self._writes = 0
        self._open = True
        self._closing: asyncio.Task[None] | None = None
        self._worker = asyncio.create_task(self._work(), name="storage-writer")

    @classmethod
    async def open(
        cls,
        data_dir: Path,
        *,
        clock: Clock,
        shared: bool = False,
        readers: int = 2,
        migrations: Sequence[Migration] | None = None,
    ) -> Database:
        """Open (and on first use create, or bring up to date) the database of ``data_dir``.

        ``shared``: do not own the directory, as a command beside a running server does; migrating still needs ownership.
        ``migrations``: other than the shipped ones, for tests. Raises DataDirLocked, NewerSchema or StorageError; a refused
        directory is left as it was.
        """
        path, schema, lock = await asyncio.to_thread(_prepare, data_dir, migrations, shared, clock)
        opened: list[_Connection] = []
        try:
            await _connect(path, "rw", (*_SHARED_PRAGMAS, *_WRITER_PRAGMAS), opened)
            for _ in range(readers):
                await _connect(path, "ro", (*_SHARED_PRAGMAS, *_READER_PRAGMAS), opened)
        except BaseException as error:
            for connection in reversed(opened):
                await connection.close()
            if lock is not None:
                lock.release()
            if isinstance(error, sqlite3.Error):
                raise StorageError(f"cannot open {path}: {error}") from error
            raise
        database = cls(path, clock, schema, lock, opened[0], opened[1:])
        await asyncio.sleep(0)  # lets the writer begin: a task cancelled before its first step would not clean up
        return database

    async def read(self, sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> list[sqlite3.Row]:
        """All rows of one query, from a read-only connection; it sees every write acknowledged before."""
        if not self._open:
            raise StorageError("the database is closed")
        connection = await self._idle.get()
        try:
            if not self._open:
                raise StorageError("the database is closed")
            return list(await connection.execute_fetchall(sql, params))
        except sqlite3.Error as error:
            raise StorageError(f"reading {self.path} failed: {error}") from error
        finally:
            self._idle.put_nowait(connection)

    async def read_one(self, sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> sqlite3.Row | None:
        """The first row of :meth:`read`, or None."""
        rows = await self.read(sql, params)
        return rows[0] if rows else None

    async def write(self, run: Transaction[T], *, durable: bool = True) -> T:
        """Run ``run(connection)`` inside one ``BEGIN IMMEDIATE`` transaction of the only writer, in the order of the calls.

        When this returns, the change is committed. ``run`` should await nothing but the connection: all writes stand behind
        it. What it raises rolls back and comes out here: sqlite3.IntegrityError as it is, other database errors as
        StorageError. A caller that is cancelled while waiting in the queue withdraws its write; a running one is finished.
        """
        if not self._open:
            raise StorageError("the database is closed")
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put_nowait(_Job(run, durable, done))
        return await done

    async def write_at_once(self, run: Callable[[sqlite3.Connection], T], *, durable: bool = False) -> T:
        """:meth:`write` for bulk: ``run`` is a plain function, called in the writer's thread with its connection, in one step.

        It touches nothing that the event loop uses, and neither begins nor ends a transaction.
        """
        if not self._open:
            raise StorageError("the database is closed")
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put_nowait(_Job(run, durable, done, at_once=True))
        return await done

    async def write_many(self, sql: str, rows: Iterable[Sequence[Any]], *, durable: bool = False) -> int:
        """Run ``sql`` once per row, all in one transaction; returns how many rows were changed."""
        given = list(rows)
        return await self.write_at_once(lambda db: db.executemany(sql, given).rowcount, durable=durable) if given else 0

    async def check(self) -> list[str]:
        """What ``PRAGMA quick_check`` and ``foreign_key_check`` complain about; empty is healthy."""
        found = [str(row[0]) for row in await self.read("PRAGMA quick_check(20)") if row[0] != "ok"]
        for row in await self.read("PRAGMA foreign_key_check"):
            found.append(f"row {row['rowid']} of {row['table']} points to a missing row of {row['parent']}")
        return found

    async def release_pages(self, pages: int = 1000) -> None:
        """Give up to ``pages`` free pages back to the file system, as pruning leaves them behind."""

        async def run(connection: aiosqlite.Connection) -> None:
            # Only a script steps this pragma to its end; a script commits what is open, so a transaction is begun for our caller.
            await connection.executescript(f"PRAGMA incremental_vacuum({int(pages)}); BEGIN")

        await self.write(run, durable=False)

    def describe(self) -> dict[str, Any]:
        """For people: path, schema name, waiting and finished writes, idle readers. Touches no disk; see :meth:`sizes`."""
        return {
            "path": str(self.path),
            "schema": self.schema,
            "writes_waiting": self._jobs.qsize(),
            "writes_done": self._writes,
            "readers": len(self._readers),
            "readers_idle": self._idle.qsize(),
        }

    async def sizes(self) -> dict[str, int]:
        """Bytes on disk: ``file`` and its write-ahead ``log``, and how many bytes of the file are ``free``."""
        row = await self.read_one("SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size")
        file, log = await asyncio.to_thread(_bytes_of, self.path, self.path.with_name(self.path.name + "-wal"))
        return {"file": file, "log": log, "free": 0 if row is None else int(row[0])}

    async def close(self) -> None:
        """Finish every accepted write, close the connections, give the directory back. Repeating it is harmless."""
        if self._closing is None:
            self._open = False
            self._closing = asyncio.create_task(self._close(), name="storage-close")
        await asyncio.shield(self._closing)

    async def __aenter__(self) -> Database:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _close(self) -> None:
        self._jobs.put_nowait(None)
        try:
            await asyncio.wait([self._worker])
        finally:
            await self._disconnect()

    async def _disconnect(self) -> None:
        try:
            # Readers first: the last connection to leave folds the log into the file, and only the writer can.
            for reader in self._readers:
                await reader.close()
        finally:
            await self._writer.close()
            if self._lock is not None:
                self._lock.release()

    async def _work(self) -> None:
        try:
            while (job := await self._jobs.get()) is not None:
                if not job.done.cancelled():
                    await self._perform(job)
        finally:
            # Something is left only if we were cancelled.
            while not self._jobs.empty():
                left = self._jobs.get_nowait()
                if left is not None:
                    left.fail(StorageError("the database was closed before the write began"))
            if self._open:
                # The event loop goes down and nobody closed us: the connections' threads would keep the process alive.
                self._open = False
                await self._disconnect()

    async def _perform(self, job: _Job) -> None:
        try:
            result = await self._transact(job)
        except asyncio.CancelledError:
            job.fail(StorageError("the write was cut short and rolled back"))
            task = asyncio.current_task()
            if task is None or task.cancelling():  # else only the job was cancelled, by something it awaited
                raise
        except sqlite3.IntegrityError as error:
            job.fail(error)
        except sqlite3.Error as error:
            wrapped = StorageError(f"writing {self.path} failed: {error}")
            wrapped.__cause__ = error
            job.fail(wrapped)
        except Exception as error:
            job.fail(error)
        except BaseException:
            job.fail(StorageError("the process is stopping"))
            raise
        else:
            self._writes += 1
            if not job.done.done():
                job.done.set_result(result)

    async def _transact(self, job: _Job) -> Any:
        connection = self._writer
        if job.durable != self._durable:
            await connection.execute_fetchall(f"PRAGMA synchronous = {'FULL' if job.durable else 'NORMAL'}")
            self._durable = job.durable
        if job.at_once:
            return await connection.at_once(lambda db: _in_transaction(db, job.run))
        await connection.execute_fetchall("BEGIN IMMEDIATE")
        try:
            result = await job.run(connection)
            await connection.execute_fetchall("COMMIT")
        except BaseException:
            if connection.in_transaction:
                await connection.execute_fetchall("ROLLBACK")
            raise
        return result


def _prepare(
    data_dir: Path, given: Sequence[Migration] | None, shared: bool, clock: Clock
) -> tuple[Path, str, DirectoryLock | None]:
    """All that comes before the first connection: refusals, directory, lock, migrations.

    Returns the file, the name of its schema, and the lock if we keep it.
    """
    migrations = shipped_migrations() if given is None else tuple(given)
    path = data_dir.expanduser().absolute() / DATABASE_NAME
    lock: DirectoryLock | None = None
    try:
        missing = pending(path, migrations)  # refuses before anything, even the lock file, is written
        prepare_directory(path.parent)
        if missing or not shared:
            lock = DirectoryLock.acquire(path.parent)
            missing = pending(path, migrations)  # again: another process may have migrated before we got the lock
        _make_private(path)
        if missing:
            migrate(path, missing, clock)
        kept: DirectoryLock | None = None
        if not shared:
            kept, lock = lock, None
        return path, migrations[-1].name, kept
    except OSError as error:
        raise storage_problem(path, error) from error
    finally:
        if lock is not None:
            lock.release()


def _in_transaction(connection: sqlite3.Connection, run: Callable[[sqlite3.Connection], T]) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = run(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _bytes_of(*paths: Path) -> list[int]:
    return [path.stat().st_size if path.exists() else 0 for path in paths]


def _make_private(path: Path) -> None:
    """Create ``path`` with mode 0600, or tighten it by name: SQLite gives its log the mode of the file.

    A database that exists is never opened here, since closing any descriptor of a file drops all POSIX locks that SQLite
    holds on it elsewhere in this process.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)


async def _connect(path: Path, mode: str, pragmas: Sequence[str], opened: list[_Connection]) -> None:
    uri = f"{path.as_uri()}?mode={mode}"
    opening = _Connection(lambda: sqlite3.connect(uri, uri=True, isolation_level=None), iter_chunk_size=64)
    connection = cast(_Connection, await opening)
    opened.append(connection)
    connection.row_factory = sqlite3.Row
    for pragma in pragmas:
        await connection.execute_fetchall(f"PRAGMA {pragma}")
