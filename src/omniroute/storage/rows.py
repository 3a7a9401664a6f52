"""What every repository does the same way: JSON columns, changed columns, the sentence for a missing row."""

# ruff: noqa: S608 - only names that stand in this package are put into SQL texts, values are bound
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiosqlite
from msgspec import UNSET

from omniroute.core import json
from omniroute.core.errors import BadRequest, NotFound
from omniroute.storage.db import Database


def text_tuple(column: str) -> tuple[str, ...]:
    """A JSON list of texts as a tuple."""
    return tuple(json.loads(column))


def flag(column: int | None) -> bool | None:
    """0, 1 or NULL as False, True or None."""
    return None if column is None else bool(column)


def given(**columns: Any) -> dict[str, Any]:
    """The columns that are not UNSET."""
    return {name: value for name, value in columns.items() if value is not UNSET}


def checked_name(name: str, param: str = "name") -> str:
    """``name`` without outer spaces; BadRequest if nothing or more than 100 characters are left."""
    name = name.strip()
    if not name or len(name) > 100:
        raise BadRequest(f"{param} must have 1 to 100 characters", param=param)
    return name


async def change(db: Database, table: str, key: Mapping[str, Any], columns: Mapping[str, Any], missing: str) -> None:
    """Set ``columns`` of the one row that ``key`` names; NotFound with the sentence ``missing`` if there is none.

    ``table`` and all column names come from the repositories, never from outside.
    """
    assignments = ", ".join(f"{name} = :{name}" for name in columns)
    condition = " AND ".join(f"{name} = :key_{name}" for name in key)
    values = {**columns, **{f"key_{name}": value for name, value in key.items()}}
    await _one(db, f"UPDATE {table} SET {assignments} WHERE {condition}", values, missing)


async def remove(db: Database, table: str, key: Mapping[str, Any], missing: str) -> None:
    """Delete the one row that ``key`` names; NotFound with the sentence ``missing`` if there is none."""
    condition = " AND ".join(f"{name} = :{name}" for name in key)
    await _one(db, f"DELETE FROM {table} WHERE {condition}", dict(key), missing)


async def insert(db: Database, table: str, columns: Mapping[str, Any], *, otherwise: str = "") -> None:
    """Add a row; ``otherwise`` is an ON CONFLICT clause. sqlite3.IntegrityError if it breaks a constraint."""
    sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(f':{name}' for name in columns)}) {otherwise}"

    async def run(connection: aiosqlite.Connection) -> None:
        await connection.execute_fetchall(sql, columns)

    await db.write(run)


async def _one(db: Database, sql: str, values: Mapping[str, Any], missing: str) -> None:
    async def run(connection: aiosqlite.Connection) -> None:
        async with connection.execute(sql, values) as cursor:
            if cursor.rowcount != 1:
                raise NotFound(missing)

    await db.write(run)
