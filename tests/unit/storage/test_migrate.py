"""Migrations: numbered, immutable, snapshotted; nothing is touched that cannot be understood."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from omniroute.core.errors import DataDirLocked, NewerSchema, StorageError
from omniroute.core.ids import FakeClock
from omniroute.storage import Database, KeyRepository, Vault
from omniroute.storage.migrate import Migration, pending, shipped_migrations, statements

FIRST = Migration.of("0001_words", "CREATE TABLE words (word TEXT); INSERT INTO words VALUES ('semi;colon'); -- the end;\n")
SECOND = Migration.of("0002_length", "ALTER TABLE words ADD COLUMN length INTEGER;\nUPDATE words SET length = length(word);")
BROKEN = Migration.of("0003_broken", "CREATE TABLE more (id INTEGER);\nINSERT INTO missing VALUES (1);")


async def opened(path: Path, clock: FakeClock, *migrations: Migration, shared: bool = False) -> Database:
    return await Database.open(path, clock=clock, migrations=migrations, shared=shared)


async def made(path: Path, clock: FakeClock, *migrations: Migration) -> None:
    await (await opened(path, clock, *migrations)).close()


def contents(path: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in sorted(path.rglob("*")) if entry.is_file()}


async def test_a_new_file_gets_every_migration_and_no_snapshot(tmp_path: Path, clock: FakeClock) -> None:
    db = await opened(tmp_path, clock, FIRST, SECOND)
    assert [tuple(row) for row in await db.read("SELECT * FROM words")] == [("semi;colon", 10)]
    recorded = [tuple(row) for row in await db.read("SELECT * FROM migrations ORDER BY name")]
    assert recorded == [(m.name, m.checksum, clock.now()) for m in (FIRST, SECOND)]
    assert db.schema == "0002_length"
    await db.close()
    assert not (tmp_path / "backups").exists()


async def test_an_old_file_is_copied_then_brought_up_to_date(tmp_path: Path, clock: FakeClock) -> None:
    db = await opened(tmp_path, clock, FIRST)
    await db.write_many("INSERT INTO words VALUES (?)", [("kept",)])
    await db.close()
    db = await opened(tmp_path, clock, FIRST, SECOND)
    assert [tuple(row) for row in await db.read("SELECT * FROM words")] == [("semi;colon", 10), ("kept", 4)]
    await db.close()
    (snapshot,) = (tmp_path / "backups").iterdir()
    assert snapshot.name.startswith("omniroute-0001-20270115T080000")
    assert snapshot.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(snapshot)) as copy:
        assert copy.execute("SELECT word FROM words").fetchall() == [("semi;colon",), ("kept",)]


async def test_a_snapshot_can_be_put_back(tmp_path: Path, clock: FakeClock) -> None:
    await made(tmp_path, clock, FIRST)
    await made(tmp_path, clock, FIRST, SECOND)
    (snapshot,) = (tmp_path / "backups").iterdir()
    (tmp_path / "omniroute.sqlite").write_bytes(snapshot.read_bytes())
    db = await opened(tmp_path, clock, FIRST)
    assert (await db.read_one("SELECT word FROM words"))["word"] == "semi;colon"
    await db.close()


async def test_five_snapshots_are_kept_the_newest(tmp_path: Path, clock: FakeClock) -> None:
    steps = [Migration.of(f"{number:04d}_step", f"CREATE TABLE t{number} (id INTEGER);") for number in range(1, 10)]
    for number in range(1, 10):
        clock.advance(1)
        await made(tmp_path, clock, *steps[:number])
    kept = sorted(path.name[:14] for path in (tmp_path / "backups").iterdir())
    assert kept == [f"omniroute-{number:04d}" for number in range(4, 9)]


async def test_a_current_file_is_only_opened(tmp_path: Path, clock: FakeClock) -> None:
    await made(tmp_path, clock, FIRST)
    before = (tmp_path / "omniroute.sqlite").read_bytes()
    await made(tmp_path, clock, FIRST)
    assert (tmp_path / "omniroute.sqlite").read_bytes() == before
    assert not (tmp_path / "backups").exists()


async def test_a_failing_migration_is_undone_and_the_ones_before_stay(tmp_path: Path, clock: FakeClock) -> None:
    await made(tmp_path, clock, FIRST)
    with pytest.raises(StorageError, match=r"cannot migrate .*missing"):
        await opened(tmp_path, clock, FIRST, SECOND, BROKEN)
    with closing(sqlite3.connect(tmp_path / "omniroute.sqlite")) as file:
        assert [row[0] for row in file.execute("SELECT name FROM migrations ORDER BY name")] == ["0001_words", "0002_length"]
        assert file.execute("SELECT name FROM sqlite_master WHERE name = 'more'").fetchall() == []
    await made(tmp_path, clock, FIRST, SECOND)


@pytest.mark.parametrize("shared", [False, True])
async def test_a_newer_file_is_refused_untouched(tmp_path: Path, clock: FakeClock, shared: bool) -> None:
    await made(tmp_path, clock, FIRST, SECOND)
    before = contents(tmp_path)
    with pytest.raises(NewerSchema, match=r"newer OmniRoute.*0002_length.*0001_words"):
        await opened(tmp_path, clock, FIRST, shared=shared)
    assert contents(tmp_path) == before


async def test_a_newer_file_is_refused_after_a_crash_too(tmp_path: Path, clock: FakeClock) -> None:
    """With a log that was never folded in, the file itself may not even name the newer migration."""
    db = await opened(tmp_path / "live", clock, FIRST, SECOND)
    await db.write_many("INSERT INTO words (word) VALUES (?)", [("late",)])
    (tmp_path / "crashed").mkdir()
    for name in ("omniroute.sqlite", "omniroute.sqlite-wal"):
        (tmp_path / "crashed" / name).write_bytes((tmp_path / "live" / name).read_bytes())
    await db.close()
    before = contents(tmp_path / "crashed")
    with pytest.raises(NewerSchema):
        await opened(tmp_path / "crashed", clock, FIRST)
    after = contents(tmp_path / "crashed")
    assert {name: after[name] for name in before} == before
    db = await opened(tmp_path / "crashed", clock, FIRST, SECOND)
    assert len(await db.read("SELECT * FROM words")) == 2
    await db.close()


async def test_a_changed_migration_is_refused_untouched(tmp_path: Path, clock: FakeClock) -> None:
    await made(tmp_path, clock, FIRST)
    before = contents(tmp_path)
    with pytest.raises(StorageError, match="0001_words differs"):
        await opened(tmp_path, clock, Migration.of(FIRST.name, FIRST.sql + "-- a word more"))
    assert contents(tmp_path) == before


async def test_a_skipped_migration_is_refused(tmp_path: Path, clock: FakeClock) -> None:
    await made(tmp_path, clock, FIRST, SECOND)
    with closing(sqlite3.connect(tmp_path / "omniroute.sqlite")) as file, file:
        file.execute("DELETE FROM migrations WHERE name = '0001_words'")
    with pytest.raises(StorageError, match="lacks migration 0001_words"):
        await opened(tmp_path, clock, FIRST, SECOND)


async def test_a_command_beside_a_server_does_not_migrate_under_it(tmp_path: Path, clock: FakeClock) -> None:
    server = await opened(tmp_path, clock, FIRST)
    with pytest.raises(DataDirLocked):
        await opened(tmp_path, clock, FIRST, SECOND, shared=True)
    assert (await server.read_one("SELECT count(*) FROM migrations"))[0] == 1
    await server.close()
    beside = await opened(tmp_path, clock, FIRST, SECOND, shared=True)
    assert beside.schema == "0002_length"
    await beside.close()


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        (b"this is a letter, not a database, and long enough to be read as a header of one", "not a database"),
        (None, "not a database of OmniRoute"),
    ],
)
async def test_a_file_that_is_not_ours_is_refused_untouched(
    tmp_path: Path, clock: FakeClock, what: bytes | None, sentence: str
) -> None:
    path = tmp_path / "omniroute.sqlite"
    if what is None:
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("CREATE TABLE theirs (id INTEGER)")
    else:
        path.write_bytes(what)
    before = contents(tmp_path)
    with pytest.raises(StorageError, match=sentence):
        await opened(tmp_path, clock, FIRST)
    assert contents(tmp_path) == before


async def test_an_empty_database_is_not_started_over_the_remains_of_a_full_one(tmp_path: Path, clock: FakeClock) -> None:
    await made(tmp_path, clock, FIRST)
    await made(tmp_path, clock, FIRST, SECOND)
    (tmp_path / "omniroute.sqlite").unlink()
    with pytest.raises(StorageError, match="has snapshots; restore one"):
        await opened(tmp_path, clock, FIRST, SECOND)
    (tmp_path / "backups").rename(tmp_path / "elsewhere")
    (tmp_path / "omniroute.sqlite-wal").write_bytes(b"a transaction that was never folded in")
    with pytest.raises(StorageError, match=r"its log omniroute\.sqlite-wal is not"):
        await opened(tmp_path, clock, FIRST, SECOND)
    assert (tmp_path / "omniroute.sqlite-wal").read_bytes() == b"a transaction that was never folded in"
    (tmp_path / "omniroute.sqlite-wal").unlink()
    await made(tmp_path, clock, FIRST, SECOND)


async def test_a_failed_snapshot_stops_the_migration(tmp_path: Path, clock: FakeClock) -> None:
    await made(tmp_path, clock, FIRST)
    (tmp_path / "backups").write_text("in the way")
    with pytest.raises(StorageError, match="cannot use"):
        await opened(tmp_path, clock, FIRST, SECOND)
    (tmp_path / "backups").unlink()
    assert [m.name for m in pending(tmp_path / "omniroute.sqlite", (FIRST, SECOND))] == ["0002_length"]


async def test_a_database_of_the_first_version_opens_with_all_it_held(tmp_path: Path, clock: FakeClock) -> None:
    first = await Database.open(tmp_path, clock=clock, migrations=shipped_migrations()[:1])
    columns = "id, name, prefix, digest, secret_mark, models_json, providers_json, created_at"
    await first.write_many(
        f"INSERT INTO api_keys ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [("key_1", "laptop", "sk-or-AbCd…wxyz", b"d" * 32, b"m" * 8, '["a/b"]', "[]", 1_790_000_000.0)],
    )
    await first.close()
    async with await Database.open(tmp_path, clock=clock) as latest:
        assert latest.schema == shipped_migrations()[-1].name
        (key,) = await KeyRepository(latest, b"secret", await Vault.open(latest)).list()
        assert (key.name, key.models, key.usable(clock.now())) == ("laptop", ("a/b",), True)
        assert await latest.check() == []


def test_shipped_migrations_are_numbered_without_a_gap() -> None:
    names = [migration.name for migration in shipped_migrations()]
    assert names[0] == "0001_initial"
    assert [name[:4] for name in names] == [f"{number:04d}" for number in range(1, len(names) + 1)]


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["0002_later.sql"],
        ["0001_initial.sql", "0003_gap.sql"],
        ["0001_initial.sql", "0001_twice.sql"],
        ["0001_initial.sql", "words.sql"],
        ["0001.sql"],
    ],
    ids=["none", "no-first", "gap", "twice", "unnumbered", "unnamed"],
)
def test_migrations_numbered_otherwise_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str]) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    for name in names:
        (folder / name).write_text("SELECT 1;")
    monkeypatch.setattr("omniroute.storage.migrate.resources.files", lambda package: tmp_path)
    with pytest.raises(ValueError, match="not numbered 0001"):
        shipped_migrations()


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("", []),
        ("-- only words\n", []),
        ("SELECT 1;", ["SELECT 1;"]),
        ("SELECT 1;\n\nSELECT\n 2;\n-- end", ["SELECT 1;", "SELECT\n 2;"]),
        (
            "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n DELETE FROM b;\n DELETE FROM c;\nEND;\nSELECT 3;",
            ["CREATE TRIGGER t AFTER INSERT ON a BEGIN\n DELETE FROM b;\n DELETE FROM c;\nEND;", "SELECT 3;"],
        ),
    ],
)
def test_a_script_is_cut_at_the_ends_of_its_statements(script: str, found: list[str]) -> None:
    assert list(statements(script)) == found


def test_an_unfinished_statement_is_refused() -> None:
    with pytest.raises(ValueError, match="unfinished"):
        list(statements("SELECT 1;\nSELECT 2"))
