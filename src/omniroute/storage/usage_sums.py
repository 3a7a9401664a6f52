"""Sums of the ledger, kept beside it: by the hour, by the day, by session, and by key for budgets.

They are written in the transaction that settles the rows, so that they add up to the same whatever happens; rows that are pruned
leave their sums behind.
"""

# ruff: noqa: S608 - only names that stand in this package are put into SQL texts, values are bound
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import aiosqlite

from omniroute.core.ledger import LedgerRow

HOUR = 3600
DAY = 86_400
QUARTER = 900


class Family(NamedTuple):
    """A table of sums: the column of its time in units of ``seconds``, and what it tells apart."""

    table: str
    time: str
    seconds: int
    dimensions: tuple[str, ...]


HOURS = (
    Family("usage_combo_hours", "hour", HOUR, ("combo",)),
    Family("usage_account_hours", "hour", HOUR, ("provider", "account_id")),
    Family("usage_hours", "hour", HOUR, ("provider", "model", "key_id")),
)
"""The smallest first: what tells enough apart is read there."""
DAYS = Family("usage_days", "day", DAY, ("provider", "model", "key_id", "account_id", "combo", "client_format"))
SUMS = (
    "requests", "attempts", "tries_ok", "errors", "fallbacks", "hedges", "unpriced", "input_tokens", "cached_tokens",
    "written_tokens", "output_tokens", "reasoning_tokens", "cost_usd", "shadow_cost_usd",
)  # fmt: skip
MOST_TOKENS = 10**12
"""What one row adds at most: absurd figures of one upstream must not make sums that no column can hold."""
OF_A_ROW = {
    "requests": "attempt = 1",
    "attempts": "1",
    "tries_ok": "outcome = 'ok'",
    "errors": "outcome NOT IN ('ok', 'open')",
    "fallbacks": "fallback",
    "hedges": "hedge",
    "unpriced": "cost_usd IS NULL",
    **{name: f"min({name}, {MOST_TOKENS})" for name in SUMS if name.endswith("_tokens")},
    "cost_usd": "coalesce(cost_usd, 0.0)",
    "shadow_cost_usd": "coalesce(shadow_cost_usd, 0.0)",
}
"""What one row of the ledger adds to each sum, as SQL."""

_INPUT, _OUTPUT, _COST = (SUMS.index(name) for name in ("input_tokens", "output_tokens", "cost_usd"))


def _upsert(table: str, key: Sequence[str], more: str = "") -> str:
    columns = (*key, *SUMS)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}{', first_at, last_at' if more else ''}) "
        f"VALUES ({', '.join('?' * (len(columns) + (2 if more else 0)))}) ON CONFLICT DO UPDATE SET "
        f"{', '.join(f'{name} = {name} + excluded.{name}' for name in SUMS)}{more}"
    )


_FAMILIES = tuple((family, _upsert(family.table, (family.time, *family.dimensions))) for family in (*HOURS, DAYS))
_SESSIONS = _upsert(
    "usage_sessions",
    ("session_id", "key_id"),
    ", first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)",
)
_QUARTERS = (
    "INSERT INTO usage_quarters (quarter, key_id, usd, tokens) VALUES (?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET usd = usd + excluded.usd, tokens = tokens + excluded.tokens"
)


async def add(connection: aiosqlite.Connection, rows: Iterable[LedgerRow]) -> None:
    """Count rows that have just been settled, each once. Within the transaction that settles them."""
    groups: dict[tuple[Any, ...], list[Any]] = {}
    sessions: dict[str, tuple[str, list[Any], float, float]] = {}
    for row in rows:
        sums = _sums(row)
        moment, key = row.started_at, row.key_id or ""
        group = (
            int(moment // QUARTER), row.provider, row.model, key, row.account_id or "", row.combo or "", row.client_format
        )  # fmt: skip
        _into(groups, group, sums)
        session = row.session_id
        if session is not None:
            known = sessions.get(session)
            if known is None:
                sessions[session] = (key, sums, moment, moment)
            else:
                added = [a + b for a, b in zip(known[1], sums, strict=True)]
                sessions[session] = (known[0], added, min(known[2], moment), max(known[3], moment))
    if groups:
        await _add_groups(connection, groups)
    if sessions:
        told = [(name, key, *sums, first, last) for name, (key, sums, first, last) in sessions.items()]
        await _many(connection, _SESSIONS, told)


async def _add_groups(connection: aiosqlite.Connection, groups: dict[tuple[Any, ...], list[Any]]) -> None:
    """What few groups of many rows come to, in every table."""
    hours: dict[tuple[Any, ...], list[Any]] = {}
    accounts: dict[tuple[Any, ...], list[Any]] = {}
    combos: dict[tuple[Any, ...], list[Any]] = {}
    days: dict[tuple[Any, ...], list[Any]] = {}
    quarters: dict[tuple[Any, ...], list[Any]] = {}
    for (quarter, provider, model, key, account, combo, client_format), sums in groups.items():
        hour = quarter // (HOUR // QUARTER)
        _into(hours, (hour, provider, model, key), sums)
        _into(accounts, (hour, provider, account), sums)
        _into(combos, (hour, combo), sums)
        _into(days, (quarter // (DAY // QUARTER), provider, model, key, account, combo, client_format), sums)
        _into(quarters, (quarter, key), [sums[_COST], sums[_INPUT] + sums[_OUTPUT]])
    for (_, sql), found in zip(_FAMILIES, (combos, accounts, hours, days), strict=True):
        await _many(connection, sql, [(*of, *sums) for of, sums in found.items()])
    await _many(connection, _QUARTERS, [(*of, *sums) for of, sums in quarters.items()])


def _sums(row: LedgerRow) -> list[Any]:
    """What the row adds, in the order of :data:`SUMS`."""
    outcome, cost = row.outcome, row.cost_usd
    return [
        1 if row.attempt == 1 else 0,
        1,
        1 if outcome == "ok" else 0,
        0 if outcome == "ok" else 1,
        1 if row.fallback else 0,
        1 if row.hedge else 0,
        1 if cost is None else 0,
        min(row.input_tokens, MOST_TOKENS),
        min(row.cached_tokens, MOST_TOKENS),
        min(row.written_tokens, MOST_TOKENS),
        min(row.output_tokens, MOST_TOKENS),
        min(row.reasoning_tokens, MOST_TOKENS),
        cost or 0.0,
        row.shadow_cost_usd or 0.0,
    ]


def _into(sums: dict[Any, list[Any]], key: Any, more: list[Any]) -> None:
    known = sums.get(key)
    sums[key] = more if known is None else [a + b for a, b in zip(known, more, strict=True)]


async def _many(connection: aiosqlite.Connection, sql: str, rows: list[tuple[Any, ...]]) -> None:
    async with connection.executemany(sql, rows):
        return
