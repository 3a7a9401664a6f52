"""The database: one writer in order, readers beside it, an owner per directory."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import aiosqlite
import pytest

from omniroute.core.errors import DataDirLocked, StorageError
from omniroute.core.ids import FakeClock
from omniroute.storage import Database
from omniroute.storage.migrate import Migration

NOTES = (Migration.of("0001_notes", "CREATE TABLE notes (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE);"),)


@pytest.fixture
async def notes(tmp_path: Path, clock: FakeClock):
    async with await Database.open(tmp_path / "data", clock=clock, migrations=NOTES) as database:
        yield database


def insert(word: str | None):
    async def run(connection: aiosqlite.Connection) -> str | None:
        await connection.execute_fetchall("INSERT INTO notes (word) VALUES (?)", (word,))
        return word

    return run


async def words(db: Database) -> list[str]:
    return [row["word"] for row in await db.read("SELECT word FROM notes ORDER BY id")]


async def test_a_write_is_visible_to_readers_when_it_returns(notes: Database) -> None:
    assert await notes.write(insert("a")) == "a"
    assert await words(notes) == ["a"]
    assert (await notes.read_one("SELECT count(*) AS n FROM notes"))["n"] == 1
    assert await notes.read_one("SELECT 1 FROM notes WHERE word = ?", ("b",)) is None


async def test_concurrent_writers_are_served_in_the_order_they_asked(notes: Database) -> None:
    wanted = [f"{number:03d}" for number in range(200)]
    await asyncio.gather(*(notes.write(insert(word), durable=number % 3 == 0) for number, word in enumerate(wanted)))
    assert await words(notes) == wanted


async def test_a_transaction_is_all_or_nothing(notes: Database) -> None:
    async def two_then_fail(connection: aiosqlite.Connection) -> None:
        await insert("a")(connection)
        await insert("b")(connection)
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        await notes.write(two_then_fail)
    assert await words(notes) == []
    await notes.write(insert("c"))
    assert await words(notes) == ["c"]


async def test_a_broken_constraint_comes_out_as_it_is_and_harms_nobody_else(notes: Database) -> None:
    results = await asyncio.gather(*(notes.write(insert(word)) for word in ("a", "a", None, "b")), return_exceptions=True)
    assert results[0] == "a"
    assert results[3] == "b"
    assert all(isinstance(result, sqlite3.IntegrityError) for result in results[1:3])
    assert await words(notes) == ["a", "b"]


async def test_other_database_errors_are_storage_errors_with_their_cause(notes: Database) -> None:
    async def nonsense(connection: aiosqlite.Connection) -> None:
        await connection.execute_fetchall("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(StorageError, match="nowhere") as caught:
        await notes.write(nonsense)
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
    with pytest.raises(StorageError, match="nowhere"):
        await notes.read("SELECT * FROM nowhere")


async def test_many_rows_are_one_transaction(notes: Database) -> None:
    assert await notes.write_many("INSERT INTO notes (word) VALUES (?)", [("a",), ("b",)]) == 2
    assert await notes.write_many("INSERT INTO notes (word) VALUES (?)", []) == 0
    with pytest.raises(sqlite3.IntegrityError):
        await notes.write_many("INSERT INTO notes (word) VALUES (?)", [("c",), ("a",)])
    assert await words(notes) == ["a", "b"]


async def test_readers_cannot_write(notes: Database) -> None:
    with pytest.raises(StorageError, match="readonly"):
        await notes.read("INSERT INTO notes (word) VALUES ('a') ")


async def test_readers_do_not_wait_for_a_running_write(notes: Database) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(connection: aiosqlite.Connection) -> None:
        await insert("a")(connection)
        begun.set()
        await go_on.wait()

    write = asyncio.create_task(notes.write(slow))
    await begun.wait()
    assert await words(notes) == []
    go_on.set()
    await write
    assert await words(notes) == ["a"]


async def test_a_cancelled_caller_withdraws_a_waiting_write_but_not_a_running_one(notes: Database) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(connection: aiosqlite.Connection) -> None:
        begun.set()
        await go_on.wait()
        await insert("running")(connection)

    running = asyncio.create_task(notes.write(slow))
    await begun.wait()
    waiting = asyncio.create_task(notes.write(insert("waiting")))
    await asyncio.sleep(0)
    assert notes.describe()["writes_waiting"] == 1
    running.cancel()
    waiting.cancel()
    await asyncio.gather(running, waiting, return_exceptions=True)
    go_on.set()
    await notes.write(insert("last"))
    assert await words(notes) == ["running", "last"]


async def test_a_write_that_is_cancelled_from_inside_does_not_stop_the_writer(notes: Database) -> None:
    async def cancelled_inside(connection: aiosqlite.Connection) -> None:
        await insert("a")(connection)
        raise asyncio.CancelledError

    with pytest.raises(StorageError, match="rolled back"):
        await notes.write(cancelled_inside)
    await notes.write(insert("b"))
    assert await words(notes) == ["b"]


async def test_close_finishes_what_was_accepted_and_can_be_repeated(tmp_path: Path, clock: FakeClock) -> None:
    db = await Database.open(tmp_path, clock=clock, migrations=NOTES)
    writes = [asyncio.create_task(db.write(insert(str(number)))) for number in range(50)]
    reads = [asyncio.create_task(db.read("SELECT count(*) FROM notes")) for _ in range(10)]
    await asyncio.sleep(0)
    await asyncio.gather(db.close(), db.close())
    await db.close()
    assert [await write for write in writes] == [str(number) for number in range(50)]
    for result in await asyncio.gather(*reads, return_exceptions=True):
        assert isinstance(result, (list, StorageError))  # answered or refused, never left waiting
    for call in (db.write(insert("late")), db.read("SELECT 1"), db.check()):
        with pytest.raises(StorageError, match="closed"):
            await call
    async with await Database.open(tmp_path, clock=clock, migrations=NOTES) as again:
        assert len(await words(again)) == 50


async def test_closing_folds_the_log_into_one_private_file(tmp_path: Path, clock: FakeClock) -> None:
    old_mask = os.umask(0)
    try:
        db = await Database.open(tmp_path / "new" / "data", clock=clock, migrations=NOTES)
        await db.write(insert("a"))
        modes = {path.name: path.stat().st_mode & 0o777 for path in db.data_dir.iterdir()}
        await db.close()
    finally:
        os.umask(old_mask)
    assert modes == dict.fromkeys(("omniroute.lock", "omniroute.sqlite", "omniroute.sqlite-wal", "omniroute.sqlite-shm"), 0o600)
    assert db.data_dir.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in db.data_dir.iterdir()) == ["omniroute.lock", "omniroute.sqlite"]


async def test_a_file_that_others_can_read_is_made_private(tmp_path: Path, clock: FakeClock) -> None:
    await (await Database.open(tmp_path, clock=clock, migrations=NOTES)).close()
    path = tmp_path / "omniroute.sqlite"
    path.chmod(0o644)
    await (await Database.open(tmp_path, clock=clock, migrations=NOTES)).close()
    assert path.stat().st_mode & 0o777 == 0o600


async def test_pragmas_are_in_force(notes: Database) -> None:
    async def asked(connection: aiosqlite.Connection) -> dict[str, object]:
        names = ("journal_mode", "foreign_keys", "busy_timeout", "synchronous", "auto_vacuum")
        return {name: next(iter(await connection.execute_fetchall(f"PRAGMA {name}")))[0] for name in names}

    durable = await notes.write(asked)
    assert durable == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 5000, "synchronous": 2, "auto_vacuum": 2}
    assert (await notes.write(asked, durable=False))["synchronous"] == 1
    assert (await notes.write(asked))["synchronous"] == 2


async def test_a_second_owner_is_refused_by_the_number_of_the_first(notes: Database, clock: FakeClock) -> None:
    with pytest.raises(DataDirLocked, match=f"process {os.getpid()}"):
        await Database.open(notes.data_dir, clock=clock, migrations=NOTES)
    await notes.close()
    await (await Database.open(notes.data_dir, clock=clock, migrations=NOTES)).close()


async def test_a_shared_database_writes_beside_the_owner(notes: Database, clock: FakeClock) -> None:
    async with await Database.open(notes.data_dir, clock=clock, migrations=NOTES, shared=True) as beside:
        assert (notes.shared, beside.shared) == (False, True)
        await asyncio.gather(
            *(notes.write(insert(f"own {n}")) for n in range(20)), *(beside.write(insert(f"beside {n}")) for n in range(20))
        )
        assert sorted(await words(notes)) == sorted(await words(beside))
        assert len(await words(notes)) == 40


async def test_a_shared_database_makes_a_new_directory_and_leaves_it_free(tmp_path: Path, clock: FakeClock) -> None:
    beside = await Database.open(tmp_path, clock=clock, migrations=NOTES, shared=True)
    owner = await Database.open(tmp_path, clock=clock, migrations=NOTES)
    await beside.close()
    await owner.close()


async def test_check_is_silent_on_health_and_names_the_damage(tmp_path: Path, clock: FakeClock) -> None:
    script = (
        "CREATE TABLE parents (id INTEGER PRIMARY KEY);"
        "CREATE TABLE children (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents (id));"
    )
    async with await Database.open(tmp_path, clock=clock, migrations=(Migration.of("0001_family", script),)) as db:
        assert await db.check() == []
        outside = sqlite3.connect(db.path)
        outside.execute("INSERT INTO children (parent) VALUES (7)")
        outside.commit()
        outside.close()
        assert await db.check() == ["row 1 of children points to a missing row of parents"]


async def test_pages_are_given_back(notes: Database) -> None:
    await notes.write_many("INSERT INTO notes (word) VALUES (?)", [(f"{number:04d}" + "x" * 2000,) for number in range(500)])

    async def clear(connection: aiosqlite.Connection) -> None:
        await connection.execute_fetchall("DELETE FROM notes")

    await notes.write(clear)
    before = await notes.sizes()
    assert before["free"] > 500_000
    await notes.release_pages(10)
    assert before["free"] - (await notes.sizes())["free"] == 10 * 4096
    await notes.release_pages(10_000)
    assert (await notes.sizes())["free"] == 0


async def test_describe_tells_the_queue_and_the_schema(notes: Database) -> None:
    await notes.write(insert("a"))
    assert notes.describe() == {
        "path": str(notes.path), "schema": "0001_notes", "writes_waiting": 0, "writes_done": 1, "readers": 2, "readers_idle": 2,
    }  # fmt: skip


async def test_nothing_blocks_the_event_loop(tmp_path: Path, clock: FakeClock, no_blocking: None) -> None:
    async with await Database.open(tmp_path / "data", clock=clock) as db:
        await db.read("SELECT 1")
        await db.sizes()
        db.describe()


async def test_fifty_opens_leave_no_descriptor_and_no_thread(tmp_path: Path, clock: FakeClock) -> None:
    await (await Database.open(tmp_path, clock=clock)).close()  # starts the shared worker thread of asyncio.to_thread
    descriptors, threads = len(os.listdir("/dev/fd")), threading.active_count()
    for number in range(50):
        db = await Database.open(tmp_path, clock=clock, shared=number % 2 == 1)
        await db.read("SELECT 1")
        await db.close()
    assert len(os.listdir("/dev/fd")) == descriptors
    assert threading.active_count() <= threads


async def test_a_failed_open_leaves_nothing_either(tmp_path: Path, clock: FakeClock) -> None:
    await (await Database.open(tmp_path, clock=clock)).close()
    descriptors, threads = len(os.listdir("/dev/fd")), threading.active_count()
    owner = await Database.open(tmp_path, clock=clock)
    for _ in range(5):
        with pytest.raises(DataDirLocked):
            await Database.open(tmp_path, clock=clock)
    await owner.close()
    assert len(os.listdir("/dev/fd")) == descriptors
    assert threading.active_count() <= threads


async def test_a_database_that_cannot_be_opened_is_given_back(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await Database.open(tmp_path, clock=clock)).close()
    descriptors, threads = len(os.listdir("/dev/fd")), threading.active_count()
    with monkeypatch.context() as patch:
        patch.setattr("omniroute.storage.db._READER_PRAGMAS", ("no such pragma!",))
        with pytest.raises(StorageError, match="cannot open"):
            await Database.open(tmp_path, clock=clock)
    assert len(os.listdir("/dev/fd")) == descriptors
    assert threading.active_count() <= threads
    await (await Database.open(tmp_path, clock=clock)).close()


@pytest.mark.parametrize("waiting", [0, 3])
async def test_a_writer_that_is_cancelled_closes_the_database(tmp_path: Path, clock: FakeClock, waiting: int) -> None:
    """What happens to it when an event loop ends that nobody told to close the database."""
    threads = threading.active_count()
    db = await Database.open(tmp_path, clock=clock, migrations=NOTES)
    begun = asyncio.Event()

    async def endless(connection: aiosqlite.Connection) -> None:
        await insert("half")(connection)
        begun.set()
        await asyncio.Event().wait()

    writes = [asyncio.create_task(db.write(endless))]
    await begun.wait()
    writes += [asyncio.create_task(db.write(insert(str(number)))) for number in range(waiting)]
    await asyncio.sleep(0)
    (writer,) = (task for task in asyncio.all_tasks() if task.get_name() == "storage-writer")
    writer.cancel()
    for result in await asyncio.gather(*writes, writer, return_exceptions=True):
        assert isinstance(result, (StorageError, asyncio.CancelledError))
    assert threading.active_count() <= threads + 1  # the worker thread of asyncio.to_thread
    with pytest.raises(StorageError, match="closed"):
        await db.read("SELECT 1")
    await db.close()
    async with await Database.open(tmp_path, clock=clock, migrations=NOTES) as again:
        assert await words(again) == []


@pytest.mark.e2e
def test_a_program_that_forgets_to_close_still_ends(tmp_path: Path) -> None:
    program = (
        "import asyncio, pathlib, sys\n"
        "from omniroute.core.ids import SystemClock\n"
        "from omniroute.storage import Database\n"
        "kept = []\n"
        "async def main():\n"
        "    kept.append(await Database.open(pathlib.Path(sys.argv[1]), clock=SystemClock()))\n"
        "    raise SystemExit(7)\n"
        "asyncio.run(main())\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, timeout=30, check=False)
    assert (ended.returncode, ended.stderr) == (7, b"")


@pytest.mark.parametrize("where", ["file", "file/below"])
async def test_a_directory_that_cannot_be_is_one_sentence(tmp_path: Path, clock: FakeClock, where: str) -> None:
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(StorageError, match=r"cannot use .*file") as caught:
        await Database.open(tmp_path / where, clock=clock)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "file").read_text() == "not a directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_an_unwritable_directory_is_one_sentence_and_stays_as_it_is(tmp_path: Path, clock: FakeClock) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageError, match="not writable"):
            await Database.open(tmp_path, clock=clock)
        assert list(tmp_path.iterdir()) == []
    finally:
        tmp_path.chmod(0o700)
