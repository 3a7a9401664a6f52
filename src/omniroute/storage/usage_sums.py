"""Sums of the ledger, kept beside it: by the hour, by the day, by session, and by key for budgets.

They are written in the transaction that settles the rows, so that they add up to the same whatever happens; rows that are pruned
leave their sums behind.
"""

# ruff: noqa: S608 - only names that stand in this package are put into SQL texts, values are bound
from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

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
OF_A_ROW: Mapping[str, str] = {
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


def add(connection: sqlite3.Connection, rows: Iterable[LedgerRow]) -> None:
    """Count rows that have just been settled, each once. Within the transaction that settles them."""
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for row in rows:
        moment = row.started_at
        group = (
            int(moment // QUARTER), row.provider, row.model, row.key_id or "", row.account_id or "", row.combo or "",
            row.client_format, row.session_id,
        )  # fmt: skip
        sums = groups.get(group)
        if sums is None:
            sums = groups[group] = [0] * 12 + [0.0, 0.0, moment, moment]
        _count(sums, row)
    if groups:
        _add_groups(connection, groups)


def _count(sums: list[Any], row: LedgerRow) -> None:
    """Add one row to the sums, in the order of :data:`SUMS`; behind them the first and the last moment."""
    cost, moment = row.cost_usd, row.started_at
    if row.attempt == 1:
        sums[0] += 1
    sums[1] += 1
    sums[2 if row.outcome == "ok" else 3] += 1
    if row.fallback:
        sums[4] += 1
    if row.hedge:
        sums[5] += 1
    if cost is None:
        sums[6] += 1
    else:
        sums[12] += cost
    sums[7] += min(row.input_tokens, MOST_TOKENS)
    if row.cached_tokens or row.written_tokens:
        sums[8] += min(row.cached_tokens, MOST_TOKENS)
        sums[9] += min(row.written_tokens, MOST_TOKENS)
    sums[10] += min(row.output_tokens, MOST_TOKENS)
    if row.reasoning_tokens:
        sums[11] += min(row.reasoning_tokens, MOST_TOKENS)
    if row.shadow_cost_usd:
        sums[13] += row.shadow_cost_usd
    if moment < sums[14]:
        sums[14] = moment
    elif moment > sums[15]:
        sums[15] = moment


def _add_groups(connection: sqlite3.Connection, groups: dict[tuple[Any, ...], list[Any]]) -> None:
    """What few groups of many rows come to, in every table."""
    families: tuple[dict[tuple[Any, ...], list[Any]], ...] = ({}, {}, {}, {})
    combos, accounts, hours, days = families
    quarters: dict[tuple[Any, ...], list[Any]] = {}
    sessions: dict[str, tuple[str, list[Any], float, float]] = {}
    for (quarter, provider, model, key, account, combo, client_format, session), found in groups.items():
        sums, first, last = found[:14], found[14], found[15]
        hour = quarter // (HOUR // QUARTER)
        _into(combos, (hour, combo), sums)
        _into(accounts, (hour, provider, account), sums)
        _into(hours, (hour, provider, model, key), sums)
        _into(days, (quarter // (DAY // QUARTER), provider, model, key, account, combo, client_format), sums)
        _into(quarters, (quarter, key), [sums[_COST], sums[_INPUT] + sums[_OUTPUT]])
        if session is not None:
            known = sessions.get(session)
            if known is None:
                sessions[session] = (key, sums, first, last)
            else:
                added = [a + b for a, b in zip(known[1], sums, strict=True)]
                sessions[session] = (known[0], added, min(known[2], first), max(known[3], last))
    for (_, sql), sums_of in zip(_FAMILIES, families, strict=True):
        connection.executemany(sql, [(*of, *sums) for of, sums in sums_of.items()])
    connection.executemany(_QUARTERS, [(*of, *sums) for of, sums in quarters.items()])
    told = [(name, key, *sums, first, last) for name, (key, sums, first, last) in sessions.items()]
    connection.executemany(_SESSIONS, told)


def _into(sums: dict[Any, list[Any]], key: Any, more: list[Any]) -> None:
    known = sums.get(key)
    sums[key] = more if known is None else [a + b for a, b in zip(known, more, strict=True)]
