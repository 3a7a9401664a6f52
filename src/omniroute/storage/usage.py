"""The ledger: one row per try."""

# ruff: noqa: S608 - only names that stand in this package are put into SQL texts, values are bound
from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import aiosqlite
import msgspec

from omniroute.core import json
from omniroute.core.errors import BadRequest
from omniroute.core.ledger import LedgerRow
from omniroute.storage import usage_sums
from omniroute.storage.db import Database
from omniroute.storage.usage_reports import FILTERS, GROUPS, UsageReports, UsageTotals, conditions, means_failure

__all__ = ["FILTERS", "GROUPS", "UsagePage", "UsageRepository", "UsageTotals"]


class UsagePage(msgspec.Struct, frozen=True):
    """Newest first. ``cursor`` asks for the next page, None = this was the last."""

    rows: list[LedgerRow]
    cursor: str | None


_FIELDS = LedgerRow.__struct_fields__
_FLAGS = ("stream", "fallback", "hedge", "estimated")
# An open row gives way to a later word on the same try; a settled one stands.
_INSERT = (
    f"INSERT INTO usage ({', '.join(_FIELDS)}) VALUES ({', '.join('?' * len(_FIELDS))}) ON CONFLICT (id) DO UPDATE SET "
    f"{', '.join(f'{name} = excluded.{name}' for name in _FIELDS if name != 'id')} WHERE usage.outcome = 'open'"
)
_LONGEST_TEXT = 512
_LARGEST = 2**63 - 1
_FAR = 2**53
_HOURS_AT_ONCE = 200
"""Hours looked through in one question for rows that are few and far between."""


class UsageRepository:
    """Writes batches, reads pages and sums."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._highest: int | None = None
        self.reports = UsageReports(db)
        self.totals = self.reports.totals

    async def next_id(self) -> int:
        """A row number above every one in use."""
        row = await self._db.read_one("SELECT coalesce(max(id), 0) + 1 AS id FROM usage")
        return 1 if row is None else int(row["id"])

    async def insert_batch(self, records: Sequence[LedgerRow]) -> int:
        """Write the rows and their sums in one transaction; returns how many were new or settled an open one.

        Repeating a batch is harmless: a try is known by its ``id``, and the first word that is not ``open`` stands.
        """
        if not records:
            return 0
        try:
            return await self._write(records, _columns)
        except (OverflowError, UnicodeEncodeError, sqlite3.IntegrityError):
            # An absurd number or name of one upstream must not make the ledger refuse a batch.
            return await self._write([_from_columns(_fitting(record)) for record in records], _fitting)

    async def _write(self, records: Sequence[LedgerRow], columns: Callable[[LedgerRow], tuple[Any, ...]]) -> int:
        highest = self._highest
        known = [record.id for record in records if highest is None or record.id <= highest]

        def run(connection: sqlite3.Connection) -> int:
            settled: set[int] = set()
            if known:
                sql = "SELECT id FROM usage WHERE outcome != 'open' AND id IN (SELECT value FROM json_each(?))"
                settled = {row[0] for row in connection.execute(sql, (json.dumps_text(known),))}
            changed = connection.executemany(_INSERT, [columns(record) for record in records]).rowcount
            usage_sums.add(connection, _newly_settled(records, settled))
            return changed

        changed = await self._db.write_at_once(run)
        self._highest = max(max(record.id for record in records), highest or 0)
        return changed

    async def close_left_open(self) -> int:
        """Settle what a process that was killed left open: such tries were broken off, with what was measured of them until then.

        Returns how many there were. Call it before the first row of this process.
        """

        def run(connection: sqlite3.Connection) -> int:
            found = connection.execute(f"SELECT {', '.join(_FIELDS)} FROM usage WHERE outcome = 'open'").fetchall()
            left = [msgspec.structs.replace(_from_columns(tuple(row)), outcome="aborted") for row in found]
            connection.execute(
                "UPDATE usage SET outcome = 'aborted', error_kind = 'killed', estimated = 1 WHERE outcome = 'open'"
            )
            usage_sums.add(connection, left)
            return len(left)

        return await self._db.write_at_once(run, durable=True)

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
        texts, params = conditions(filters or {})
        position = None if cursor is None else _position(cursor)
        for text, value in (("started_at >= ?", since), ("started_at < ?", until)):
            if value is not None:
                texts.append(text)
                params.append(value)
        if position is not None:
            texts.append("(started_at, id) < (?, ?)")
            params.extend(position)
        family, known = _telling(filters or {})
        if known:
            upper = min(
                (moment for moment in (until, None if position is None else position[0]) if moment is not None), default=None
            )
            found = await self._rare(texts, params, limit + 1, family, known, since, upper)
        else:
            found = await self._select(texts, params, limit + 1)
        page = found[:limit]
        following = f"{page[-1]['started_at']!r}:{page[-1]['id']}" if len(found) > limit else None
        return UsagePage([_from_columns(tuple(row)) for row in page], following)

    async def request(self, request_id: str) -> list[LedgerRow]:
        """The tries of that request (of those of that id), oldest first; the newest hundred."""
        found = await self._db.read(
            f"SELECT {', '.join(_FIELDS)} FROM usage WHERE request_id = ? ORDER BY id DESC LIMIT 100", (request_id,)
        )
        return [_from_columns(tuple(row)) for row in reversed(found)]

    async def _select(self, texts: Sequence[str], params: Sequence[Any], limit: int) -> list[sqlite3.Row]:
        where = " AND ".join(texts) or "1"
        return await self._db.read(
            f"SELECT {', '.join(_FIELDS)} FROM usage WHERE {where} ORDER BY started_at DESC, id DESC LIMIT ?", [*params, limit]
        )

    async def _rare(
        self,
        texts: Sequence[str],
        params: Sequence[Any],
        limit: int,
        family: usage_sums.Family,
        known: Mapping[str, Any],
        since: float | None,
        upper: float | None,
    ) -> list[sqlite3.Row]:
        """Rows of a provider, model, key … that may be few among very many: the hourly sums tell which hours have any.

        A row under way is in no sum, so the hours of those are looked through as well.
        """
        sums = " AND ".join(f"{name} = ?" for name in known)
        values = ["" if value is None else value for value in known.values()]
        told = await self._db.read(
            f"SELECT hour, sum(attempts) AS rows FROM {family.table} WHERE {sums} AND hour BETWEEN ? AND ? GROUP BY hour "
            f"UNION ALL SELECT DISTINCT CAST(started_at / {usage_sums.HOUR} AS INTEGER), 0 FROM usage WHERE outcome = 'open'",
            [*values, *(_hour(moment, default) for moment, default in ((since, -_FAR), (upper, _FAR)))],
        )
        counts: dict[int, int] = {}
        for row in told:
            counts[row["hour"]] = counts.get(row["hour"], 0) + row["rows"]
        hours = sorted(counts, reverse=True)
        found: list[sqlite3.Row] = []
        plain = len(known) == len(texts)  # nothing but the sums' own dimensions is asked for: they know how many there are
        while hours and len(found) < limit:
            some: list[int] = []
            expected = 0
            while hours and len(some) < _HOURS_AT_ONCE and (not plain or expected < limit - len(found)):
                expected += counts[hours[0]]
                some.append(hours.pop(0))
            spans = " OR ".join("(started_at >= ? AND started_at < ?)" for _ in some)
            bounds = [edge * float(usage_sums.HOUR) for hour in some for edge in (hour, hour + 1)]
            found += await self._select([*texts, f"({spans})"], [*params, *bounds], limit - len(found))
        return found

    async def oldest(self, share: float) -> float | None:
        """A moment before which about that share of the tries began (one of them at least); None when there are none."""
        row = await self._db.read_one("SELECT min(id) AS low, max(id) AS high FROM usage")
        if row is None or row["low"] is None:
            return None
        last = row["low"] + int((row["high"] - row["low"]) * share)
        found = await self._db.read_one("SELECT max(started_at) AS moment FROM usage WHERE id <= ?", (last,))
        return None if found is None else math.nextafter(found["moment"], math.inf)

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


def _newly_settled(records: Sequence[LedgerRow], settled: set[int]) -> Iterator[LedgerRow]:
    """Each try once, by its first word that is not ``open``."""
    for record in records:
        if record.outcome != "open" and record.id not in settled:
            settled.add(record.id)
            yield record


def _telling(filters: Mapping[str, Any]) -> tuple[usage_sums.Family, dict[str, Any]]:
    """The hourly sums that know most of what is asked for, and how much of it. Nothing where an index leads to the rows."""
    found: dict[str, Any] = {}
    best = usage_sums.HOURS[-1]
    if not ("session_id" in filters or "request_id" in filters or means_failure(filters)):
        for family in usage_sums.HOURS:
            known = {name: value for name, value in filters.items() if name in family.dimensions}
            if len(known) > len(found):
                best, found = family, known
    return best, found


def _hour(moment: float | None, default: int) -> int:
    return default if moment is None else int(max(-_FAR, min(moment, _FAR)) // usage_sums.HOUR)


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


def _fitting(record: LedgerRow) -> tuple[Any, ...]:
    """The row's values, whatever they were, as SQLite takes them."""
    return tuple(_storable(value) for value in _columns(record))


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
