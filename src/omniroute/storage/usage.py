"""The ledger: one row per try."""

# ruff: noqa: S608 - only names that stand in this package are put into SQL texts, values are bound
from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import aiosqlite
import msgspec

from omniroute.core.errors import BadRequest
from omniroute.core.ledger import LedgerRow
from omniroute.storage.db import Database


class UsagePage(msgspec.Struct, frozen=True):
    """Newest first. ``cursor`` asks for the next page, None = this was the last."""

    rows: list[LedgerRow]
    cursor: str | None


class UsageTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over one group. ``requests`` counts distinct requests, ``attempts`` rows, ``unpriced`` rows of unknown price."""

    group: str | None
    requests: int
    attempts: int
    errors: int
    input_tokens: int
    cached_tokens: int
    written_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost_usd: float
    shadow_cost_usd: float
    unpriced: int


_FIELDS = LedgerRow.__struct_fields__
_FLAGS = ("stream", "fallback", "hedge", "estimated")
# An open row gives way to a later word on the same try; a settled one stands.
_INSERT = (
    f"INSERT INTO usage ({', '.join(_FIELDS)}) VALUES ({', '.join('?' * len(_FIELDS))}) ON CONFLICT (id) DO UPDATE SET "
    f"{', '.join(f'{name} = excluded.{name}' for name in _FIELDS if name != 'id')} WHERE usage.outcome = 'open'"
)
_LONGEST_TEXT = 512
_LARGEST = 2**63 - 1
FILTERS = (
    "request_id", "key_id", "account_id", "provider", "model", "combo", "client_format", "upstream_format",
    "status", "outcome", "error_kind", "session_id", "agent_id",
)  # fmt: skip
GROUPS: Mapping[str, str] = {
    **{name: name for name in FILTERS if name != "request_id"},
    "day": "strftime('%Y-%m-%d', started_at, 'unixepoch')",
    "hour": "strftime('%Y-%m-%dT%H', started_at, 'unixepoch')",
}


class UsageRepository:
    """Writes batches, reads pages and sums."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def next_id(self) -> int:
        """A row number above every one in use."""
        row = await self._db.read_one("SELECT coalesce(max(id), 0) + 1 AS id FROM usage")
        return 1 if row is None else int(row["id"])

    async def insert_batch(self, records: Sequence[LedgerRow]) -> int:
        """Write the rows in one transaction; returns how many were new or settled an open one.

        Repeating a batch is harmless: a try is known by its ``id``, and the first word that is not ``open`` stands.
        """
        rows = [_columns(record) for record in records]
        try:
            return await self._db.write_many(_INSERT, rows)
        except (OverflowError, UnicodeEncodeError, sqlite3.IntegrityError):
            # An absurd number or name of one upstream must not make the ledger refuse a batch.
            return await self._db.write_many(_INSERT, [[_storable(value) for value in row] for row in rows])

    async def close_left_open(self) -> int:
        """Settle what a process that was killed left open: such tries were broken off, with what was measured of them until then.

        Returns how many there were. Call it before the first row of this process.
        """

        async def run(connection: aiosqlite.Connection) -> int:
            sql = "UPDATE usage SET outcome = 'aborted', error_kind = 'killed', estimated = 1 WHERE outcome = 'open'"
            async with connection.execute(sql) as cursor:
                return cursor.rowcount

        return await self._db.write(run)

    async def history(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        limit: int = 100,
        cursor: str | None = None,
        filters: Mapping[str, Any] | None = None,
    ) -> UsagePage:
        """Rows with ``since <= started_at < until``, newest first. ``filters``: field of :data:`FILTERS` → value it equals.

        BadRequest for an unknown filter, a limit outside 1..1000 or a cursor that is not ours.
        """
        if not 1 <= limit <= 1000:
            raise BadRequest("limit must be between 1 and 1000", param="limit")
        conditions, params = _conditions(since, until, filters or {})
        if cursor is not None:
            conditions.append("(started_at, id) < (?, ?)")
            params.extend(_position(cursor))
        found = await self._db.read(
            f"SELECT {', '.join(_FIELDS)} FROM usage WHERE {' AND '.join(conditions)} ORDER BY started_at DESC, id DESC LIMIT ?",
            [*params, limit + 1],
        )
        page = found[:limit]
        following = f"{page[-1]['started_at']!r}:{page[-1]['id']}" if len(found) > limit else None
        return UsagePage([_from_columns(tuple(row)) for row in page], following)

    async def totals(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        group_by: str | None = None,
        filters: Mapping[str, Any] | None = None,
    ) -> list[UsageTotals]:
        """Sums by one of :data:`GROUPS` (day and hour in UTC), by group; without ``group_by`` one row, even over nothing."""
        if group_by is not None and group_by not in GROUPS:
            raise BadRequest(f"cannot group by {group_by!r}; known: {', '.join(GROUPS)}", param="group_by")
        conditions, params = _conditions(since, until, filters or {})
        sums = ", ".join(f"coalesce(sum({field}), 0) AS {field}" for field in UsageTotals.__struct_fields__ if field in _FIELDS)
        found = await self._db.read(
            f"SELECT {GROUPS[group_by] if group_by else 'NULL'} AS grp, "
            "count(DISTINCT request_id) AS requests, count(*) AS attempts, "
            f"coalesce(sum(outcome NOT IN ('ok', 'open')), 0) AS errors, coalesce(sum(cost_usd IS NULL), 0) AS unpriced, {sums} "
            f"FROM usage WHERE {' AND '.join(conditions)} {'GROUP BY grp ORDER BY grp' if group_by else ''}",
            params,
        )
        return [_totals(dict(row)) for row in found]

    async def prune(self, before: float, *, batch: int = 1000) -> int:
        """Delete rows that started before ``before``, ``batch`` rows a transaction so that other writes get in between, and give
        the space back. Returns how many went."""
        removed = 0

        async def run(connection: aiosqlite.Connection) -> int:
            sql = "DELETE FROM usage WHERE id IN (SELECT id FROM usage WHERE started_at < ? ORDER BY started_at LIMIT ?)"
            async with connection.execute(sql, (before, batch)) as cursor:
                return cursor.rowcount

        while True:
            gone = await self._db.write(run, durable=False)
            removed += gone
            if gone:
                await self._db.release_pages()
            if gone < batch:
                return removed


def _conditions(since: float | None, until: float | None, filters: Mapping[str, Any]) -> tuple[list[str], list[Any]]:
    conditions, params = ["1"], []
    for condition, value in (("started_at >= ?", since), ("started_at < ?", until)):
        if value is not None:
            conditions.append(condition)
            params.append(value)
    for name, value in filters.items():
        if name not in FILTERS:
            raise BadRequest(f"cannot filter by {name!r}; known: {', '.join(FILTERS)}", param=name)
        conditions.append(f"{name} IS ?")
        params.append(value)
    return conditions, params


def _position(cursor: str) -> tuple[float, int]:
    moment, _, row_id = cursor.partition(":")
    try:
        position = float(moment), int(row_id)
    except ValueError:
        position = math.nan, 0
    if not math.isfinite(position[0]) or abs(position[1]) > _LARGEST:
        raise BadRequest("the cursor is not one of ours", param="cursor")
    return position


def _columns(record: LedgerRow) -> tuple[Any, ...]:
    """The row's values; only what clients and upstreams make up can be long."""
    if (
        len(record.model) > _LONGEST_TEXT
        or len(record.session_id or "") > _LONGEST_TEXT
        or len(record.decision) > _LONGEST_TEXT
        or len(record.agent_id or "") > _LONGEST_TEXT
    ):
        return tuple(_storable(value) for value in msgspec.structs.astuple(record))
    return msgspec.structs.astuple(record)


def _storable(value: Any) -> Any:
    """What SQLite takes, whatever it was."""
    if isinstance(value, str):
        return value[:_LONGEST_TEXT].encode("utf-8", "replace").decode()
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return max(-_LARGEST, min(value, _LARGEST))
    if isinstance(value, float) and not math.isfinite(value):
        return 0.0
    return value


def _from_columns(columns: Sequence[Any]) -> LedgerRow:
    values = dict(zip(_FIELDS, columns, strict=True))
    for name in _FLAGS:
        values[name] = bool(values[name])
    return LedgerRow(**values)


def _totals(columns: dict[str, Any]) -> UsageTotals:
    group = columns.pop("grp")
    return UsageTotals(group=None if group is None else str(group), **columns)
