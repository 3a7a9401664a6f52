"""The schema: made by numbered, immutable .sql files only, and written down whole beside this test.

``schema.sql`` holds the checksum of every migration and the schema they make together. A new migration changes it in the same
commit: ``UPDATE_SCHEMA=1 pytest tests/structure/test_schema.py`` writes it anew.
"""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from omniroute.core.ids import FakeClock
from omniroute.core.ledger import LedgerRow
from omniroute.storage.migrate import migrate, shipped_migrations
from structure.source_tree import python_files, relative, string_literals

SNAPSHOT = Path(__file__).with_name("schema.sql")
_MAKES_A_TABLE = re.compile(r"\bCREATE\s+(?:TEMP\s+|VIRTUAL\s+)*(?:TABLE|INDEX|VIEW|TRIGGER)\b|\bALTER\s+TABLE\b", re.I)
# A migration is recorded in a table that must exist before the first one is.
_BOOKKEEPING = "CREATE TABLE migrations "


@pytest.fixture
def migrated(tmp_path: Path) -> Path:
    path = tmp_path / "omniroute.sqlite"
    migrate(path, shipped_migrations(), FakeClock())
    return path


def _written_down(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY tbl_name, type DESC, name"
        ).fetchall()
    checksums = "".join(f"-- {migration.name} {migration.checksum}\n" for migration in shipped_migrations())
    return checksums + "\n" + "\n\n".join(f"{sql};" for (sql,) in rows) + "\n"


def test_the_schema_is_the_one_written_down(migrated: Path) -> None:
    found = _written_down(migrated)
    if os.environ.get("UPDATE_SCHEMA"):
        SNAPSHOT.write_text(found)
    assert found == SNAPSHOT.read_text()


def test_only_migrations_make_tables() -> None:
    offenders = [
        f"{relative(path)}:{line} {value[:60]!r}"
        for path in python_files()
        for line, value in string_literals(path)
        if _MAKES_A_TABLE.search(value) and not value.startswith(_BOOKKEEPING)
    ]
    assert not offenders, "\n" + "\n".join(offenders)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("create table x (id)", True),
        ("  ALTER  TABLE x ADD y", True),
        ("CREATE INDEX i ON x (y)", True),
        ("CREATE VIRTUAL TABLE v USING fts5(x)", True),
        ("INSERT INTO created VALUES (1)", False),
        ("the timetable is created", False),
    ],
)
def test_the_reader_of_table_makers(text: str, found: bool) -> None:
    assert bool(_MAKES_A_TABLE.search(text)) is found


def test_the_ledger_has_a_column_for_every_field_and_no_other(migrated: Path) -> None:
    with closing(sqlite3.connect(migrated)) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(usage)")]
    assert columns == list(LedgerRow.__struct_fields__)


def test_every_sealed_column_is_counted_before_a_key_is_accepted(migrated: Path) -> None:
    """A BLOB outside this list is either sealed, and then the vault must count it, or it is named here with its reason."""
    plain = {("vault", "salt"), ("vault", "key_check"), ("api_keys", "digest"), ("api_keys", "secret_mark")}
    plain |= {("captures", "payload")}  # sealed, but no credential: one that a new key does not open must not stop the start
    with closing(sqlite3.connect(migrated)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        blobs = {
            (table, row[1]) for table in tables for row in connection.execute(f"PRAGMA table_info({table})") if row[2] == "BLOB"
        }
    vault = next(path for path in python_files() if relative(path).endswith("storage/vault.py"))
    counted = {match for _, text in string_literals(vault) for match in re.findall(r"FROM (\w+) WHERE (\w+) IS NOT NULL", text)}
    assert counted == blobs - plain
