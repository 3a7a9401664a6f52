"""The ledger: one row per try."""

# ruff: noqa: S608 - only names that stand in this package are put into SQL texts, values are bound
from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import aiosqlite
import msgspec

from omniroute.core.errors import BadRequest
from omniroute.storage.db import Database


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """One try. ``started_at`` is in unix seconds, ``*_ms`` in milliseconds from then, ``bytes_in`` from the client, ``bytes_out``
    to it. ``input_tokens`` includes cached and written ones, ``output_tokens`` includes reasoning. ``outcome`` is ok, error,
    aborted or truncated; ``status`` what the client got (or would have got). ``cost_usd`` None = price unknown;
    ``shadow_cost_usd``: list price of what a plan made free. ``agent_id`` and ``session_id`` are the client's own.
    """

    request_id: str
    attempt: int
    started_at: float
    key_id: str | None = None
    account_id: str | None = None
    provider: str
    model: str
    client_format: str
    upstream_format: str
    stream: bool
    status: int
    outcome: str
    error_kind: str | None = None
    input_tokens: int = 0
    cached_tokens: int = 0
    written_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    cost_usd: float | None = None
    shadow_cost_usd: float | None = None
    price_basis: str = "unknown"
    ttft_ms: float | None = None
    total_ms: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    session_id: str | None = None
    agent_id: str | None = None


class UsagePage(msgspec.Struct, frozen=True):
    """Newest first. ``cursor`` asks for the next page, None = this was the last."""

    rows: list[UsageRow]
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


_FIELDS = UsageRow.__struct_fields__
_FLAGS = ("stream", "estimated")
_LONGEST_TEXT = 512
_LARGEST = 2**63 - 1
FILTERS = (
    "request_id", "key_id", "account_id", "provider", "model", "client_format", "upstream_format",
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

    async def insert_batch(self, records: Iterable[msgspec.Struct]) -> int:
        """Write records with the fields of :class:`UsageRow` in one transaction; returns how many were new.

        Repeating a batch is harmless: a try is known by ``(request_id, attempt)``, and the first word stands.
        """
        sql = (
            f"INSERT INTO usage ({', '.join(_FIELDS)}) VALUES ({', '.join('?' * len(_FIELDS))}) "
            "ON CONFLICT (request_id, attempt) DO NOTHING"
        )
        return await self._db.write_many(sql, [[_storable(getattr(r, field)) for field in _FIELDS] for r in records])

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
            f"SELECT id, {', '.join(_FIELDS)} FROM usage WHERE {' AND '.join(conditions)} "
            "ORDER BY started_at DESC, id DESC LIMIT ?",
            [*params, limit + 1],
        )
        page = found[:limit]
        following = f"{page[-1]['started_at']!r}:{page[-1]['id']}" if len(found) > limit else None
        return UsagePage([_from_columns(tuple(row)[1:]) for row in page], following)

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
            f"coalesce(sum(outcome <> 'ok'), 0) AS errors, coalesce(sum(cost_usd IS NULL), 0) AS unpriced, {sums} "
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


def _storable(value: Any) -> Any:
    """What SQLite takes: the ledger must not refuse a batch because one upstream claimed an absurd number or name."""
    if isinstance(value, str):
        return value[:_LONGEST_TEXT].encode("utf-8", "replace").decode()
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return max(-_LARGEST, min(value, _LARGEST))
    if isinstance(value, float) and not math.isfinite(value):
        return 0.0
    return value


def _from_columns(columns: Sequence[Any]) -> UsageRow:
    values = dict(zip(_FIELDS, columns, strict=True))
    for name in _FLAGS:
        values[name] = bool(values[name])
    return UsageRow(**values)


def _totals(columns: dict[str, Any]) -> UsageTotals:
    group = columns.pop("grp")
    return UsageTotals(group=None if group is None else str(group), **columns)
