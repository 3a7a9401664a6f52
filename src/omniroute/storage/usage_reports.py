"""What pages ask of the ledger: sums by group, over time, by hour of the week, by session.

Whole days and hours are read from the sums that are kept beside the ledger, what is left at both ends from the rows themselves.
Only what those sums do not tell apart (a session, a status …) is added up from the rows. Tries under way do not count.
"""

# ruff: noqa: S608 - only names that stand in this package are put into SQL texts, values are bound
from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import msgspec

from omniroute.core.errors import BadRequest
from omniroute.core.zone import Zone
from omniroute.storage.db import Database
from omniroute.storage.usage_sums import DAY, DAYS, HOUR, HOURS, OF_A_ROW, SUMS, Family

Step = Literal["hour", "day"]
FILTERS = (
    "request_id", "key_id", "account_id", "provider", "model", "combo", "client_format", "upstream_format",
    "status", "outcome", "error_kind", "session_id", "agent_id",
)  # fmt: skip
TIMES = ("day", "hour")
GROUPS = (*(name for name in FILTERS if name != "request_id"), *TIMES)
UTC = Zone("UTC")
_MOST_BUCKETS = 2000


class UsageTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over one group of settled tries. ``requests`` counts requests whose first try is among them, so that groups add up to
    the whole; ``attempts`` rows, ``unpriced`` rows of unknown price, ``errors`` all that did not end well."""

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
    tries_ok: int
    fallbacks: int
    hedges: int


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One group over time: a number for each bucket."""

    group: str | None
    requests: list[int]
    errors: list[int]
    input_tokens: list[int]
    cached_tokens: list[int]
    output_tokens: list[int]
    cost_usd: list[float]
    shadow_cost_usd: list[float]


class Sessions(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation. Times in unix seconds; ``cache_hit``: the share of the input that was read from the cache."""

    session_id: str
    key_id: str | None
    first_at: float
    last_at: float
    requests: int
    tries: int
    errors: int
    input_tokens: int
    cached_tokens: int
    written_tokens: int
    output_tokens: int
    cost_usd: float
    shadow_cost_usd: float
    cache_hit: float


_HEAT = ("requests", "input_tokens", "output_tokens", "cost_usd")
_SERIES = tuple(name for name in Series.__struct_fields__ if name != "group")


class UsageReports:
    """Reads only. ``since`` and ``until`` are unix seconds, the latter excluded; None = no bound. ``filters``: field → value."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def totals(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        group_by: str | None = None,
        filters: Mapping[str, Any] | None = None,
        zone: Zone = UTC,
    ) -> list[UsageTotals]:
        """Sums by one of :data:`GROUPS`, by group; without ``group_by`` one row, even over nothing. Days and hours are those of
        ``zone``. BadRequest for an unknown group or filter."""
        if group_by is not None and group_by not in GROUPS:
            raise BadRequest(f"cannot group by {group_by!r}; known: {', '.join(GROUPS)}", param="group_by")
        filters = filters or {}
        grp = group_by or "NULL"
        if group_by in TIMES:
            local = await self._local_time(zone, since, until)
            grp = f"CAST({local} / {DAY if group_by == 'day' else HOUR} AS INTEGER)"
        source, params = _source(since, until, filters, {group_by} if group_by in FILTERS else set(), by_hour=group_by in TIMES)
        sums = ", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in SUMS)
        found = await self._db.read(
            f"SELECT {grp} AS grp, {sums} FROM ({source}) {'GROUP BY grp ORDER BY grp' if group_by else ''}", params
        )
        return [_totals(dict(row), group_by) for row in found]

    async def series(
        self,
        *,
        since: float,
        until: float,
        step: Step,
        zone: Zone,
        group_by: str | None = None,
        top: int = 8,
        filters: Mapping[str, Any] | None = None,
    ) -> tuple[list[float], list[Series]]:
        """(the buckets' beginnings, sums by one of the dimensions of the sums). The ``top`` groups by cost, then by tokens, stand
        alone, the others together as ``other``. BadRequest for too many buckets."""
        if group_by is not None and group_by not in DAYS.dimensions:
            raise BadRequest(f"cannot group by {group_by!r}; known: {', '.join(DAYS.dimensions)}", param="group_by")
        starts = _buckets(since, until, step, zone)
        # An hour that the clocks live through twice is two hours: what is told apart there is only how far an hour is shifted.
        seconds, shift = (DAY, None) if step == "day" else (HOUR, zone.offset(since) % HOUR)
        local = _shifted(zone, since, until) if shift is None else f"(moment + {shift})"
        source, params = _source(since, until, filters or {}, {group_by} if group_by else set(), by_hour=True, sums=_SERIES)
        sums = ", ".join(f"sum({name}) AS {name}" for name in _SERIES)
        found = await self._db.read(
            f"SELECT {group_by or 'NULL'} AS grp, CAST({local} / {seconds} AS INTEGER) AS slot, {sums} FROM ({source}) "
            "GROUP BY 1, 2",
            params,
        )
        places = {
            int((start + (zone.offset(start) if shift is None else shift)) // seconds): place
            for place, start in enumerate(starts)
        }
        groups: dict[str | None, dict[str, list[Any]]] = {}
        for row in found:
            place = places.get(row["slot"])
            if place is None:
                continue
            figures = groups.setdefault(row["grp"] or None, _empty(len(starts)))
            for name in _SERIES:
                figures[name][place] += row[name]
        if not groups and group_by is None:
            groups[None] = _empty(len(starts))
        return starts, [Series(group=name, **figures) for name, figures in _ranked(groups, top)]

    async def heat(
        self, *, since: float, until: float, zone: Zone, filters: Mapping[str, Any] | None = None
    ) -> dict[str, list[list[float]]]:
        """``requests``, ``tokens`` and ``cost_usd``, each seven days from Monday of 24 hours there."""
        local = _shifted(zone, since, until)
        source, params = _source(since, until, filters or {}, set(), by_hour=True, sums=_HEAT)
        found = await self._db.read(
            f"SELECT (CAST({local} / {DAY} AS INTEGER) + 3) % 7 AS day, CAST({local} / {HOUR} AS INTEGER) % 24 AS hour, "
            f"sum(requests) AS requests, sum(input_tokens) + sum(output_tokens) AS tokens, sum(cost_usd) AS cost_usd "
            f"FROM ({source}) GROUP BY 1, 2",
            params,
        )
        heat: dict[str, list[list[float]]] = {name: [[0] * 24 for _ in range(7)] for name in ("requests", "tokens", "cost_usd")}
        for row in found:
            for name, days in heat.items():
                days[row["day"]][row["hour"]] = row[name]
        return heat

    async def sessions(self, *, limit: int = 50, cursor: str | None = None) -> tuple[list[Sessions], str | None]:
        """Conversations, those that were active last first, and the cursor of the next page."""
        condition, params = "1", []
        if cursor is not None:
            condition, params = "(last_at, session_id) < (?, ?)", [*_session_position(cursor)]
        found = await self._db.read(
            f"SELECT * FROM usage_sessions WHERE {condition} ORDER BY last_at DESC, session_id DESC LIMIT ?",
            [*params, limit + 1],
        )
        page = [_session(dict(row)) for row in found[:limit]]
        return page, f"{page[-1].last_at!r}:{page[-1].session_id}" if len(found) > limit else None

    async def session(self, session_id: str) -> Sessions | None:
        row = await self._db.read_one("SELECT * FROM usage_sessions WHERE session_id = ?", (session_id,))
        return None if row is None else _session(dict(row))

    async def quarters(self, since: float) -> list[tuple[int, str, float, int]]:
        """(quarter of an hour since 1970, key or "", USD, tokens) of what was settled since that quarter."""
        found = await self._db.read(
            "SELECT quarter, key_id, usd, tokens FROM usage_quarters WHERE quarter >= ?", (math.floor(since / 900),)
        )
        return [(row["quarter"], row["key_id"], row["usd"], row["tokens"]) for row in found]

    async def _local_time(self, zone: Zone, since: float | None, until: float | None) -> str:
        """The SQL of local seconds; where the time is not bounded, over all there is."""
        if since is None or until is None:
            row = await self._db.read_one("SELECT min(hour) AS first, max(hour) AS last FROM usage_hours")
            first, last = (0, 0) if row is None or row["first"] is None else (row["first"], row["last"] + 1)
            since = first * float(HOUR) if since is None else since
            until = last * float(HOUR) if until is None else until
        return _shifted(zone, since, max(since, until))


def conditions(filters: Mapping[str, Any]) -> tuple[list[str], list[Any]]:
    """SQL conditions on rows of the ledger. BadRequest for a field that is none of :data:`FILTERS`."""
    found, params = [], []
    for name, value in filters.items():
        if name not in FILTERS:
            raise BadRequest(f"cannot filter by {name!r}; known: {', '.join(FILTERS)}", param=name)
        # IS ? would keep a partial index from being used
        found.append(f"{name} IS NULL" if value is None else f"{name} = ?")
        params += [] if value is None else [value]
    if means_failure(filters):
        found.append("outcome != 'ok'")  # in the words of the index
    return found, params


def means_failure(filters: Mapping[str, Any]) -> bool:
    """Only rows that are no success can fit: there is an index of those."""
    status, outcome = filters.get("status"), filters.get("outcome")
    return (
        (isinstance(status, int) and status != 200)
        or (isinstance(outcome, str) and outcome != "ok")
        or isinstance(filters.get("error_kind"), str)
    )


def _source(
    since: float | None,
    until: float | None,
    filters: Mapping[str, Any],
    groups: set[str | None],
    *,
    by_hour: bool,
    sums: Sequence[str] = SUMS,
) -> tuple[str, list[Any]]:
    """``sums`` with the ``groups`` and a ``moment``, as SQL: whole days (but ``by_hour``), then whole hours, then rows."""
    for name in filters:
        if name not in FILTERS:
            raise BadRequest(f"cannot filter by {name!r}; known: {', '.join(FILTERS)}", param=name)
    shown = {name for name in groups if name}
    wanted = set(filters) | shown
    families = [] if by_hour or not wanted <= set(DAYS.dimensions) else [DAYS]
    families += [family for family in HOURS if wanted <= set(family.dimensions)][:1]
    spans: list[tuple[float | None, float | None]] = [(since, until)]
    parts: list[str] = []
    params: list[Any] = []
    for family in families:
        left: list[tuple[float | None, float | None]] = []
        for start, end in spans:
            first = None if start is None else math.ceil(start / family.seconds)
            last = None if end is None else math.floor(end / family.seconds)
            if first is not None and last is not None and first >= last:
                left.append((start, end))
                continue
            sql, values = _of_family(family, first, last, filters, shown, sums)
            parts.append(sql)
            params += values
            if start is not None and first is not None and start < first * family.seconds:
                left.append((start, float(first * family.seconds)))
            if end is not None and last is not None and end > last * family.seconds:
                left.append((float(last * family.seconds), end))
        spans = left
    for start, end in spans:
        sql, values = _rows(start, end, filters, shown, sums)
        parts.append(sql)
        params += values
    return " UNION ALL ".join(parts), params


def _of_family(
    family: Family, first: int | None, last: int | None, filters: Mapping[str, Any], shown: set[str], sums: Sequence[str]
) -> tuple[str, list[Any]]:
    texts = [f"{name} = ?" for name in filters]
    params: list[Any] = ["" if value is None else value for value in filters.values()]
    for text, bound in ((f"{family.time} >= ?", first), (f"{family.time} < ?", last)):
        if bound is not None:
            texts.append(text)
            params.append(bound)
    columns = [*(f"nullif({name}, '') AS {name}" for name in sorted(shown)), f"{family.time} * {family.seconds} AS moment", *sums]
    return f"SELECT {', '.join(columns)} FROM {family.table} WHERE {' AND '.join(texts) or '1'}", params


def _rows(
    since: float | None, until: float | None, filters: Mapping[str, Any], groups: set[str], sums: Sequence[str]
) -> tuple[str, list[Any]]:
    texts, params = conditions(filters)
    for text, value in (("started_at >= ?", since), ("started_at < ?", until)):
        if value is not None:
            texts.append(text)
            params.append(value)
    shown = [*sorted(groups), "started_at AS moment", *(f"{OF_A_ROW[name]} AS {name}" for name in sums)]
    return f"SELECT {', '.join(shown)} FROM usage WHERE {' AND '.join((*texts, 'outcome IS NOT ?'))}", [*params, "open"]


def _shifted(zone: Zone, since: float, until: float) -> str:
    """The SQL of ``moment`` in local seconds: the zone's offset changes a few times at most."""
    changes = zone.offsets(since, until)
    if len(changes) == 1:
        return f"(moment + {changes[0][1]})"
    cases = " ".join(f"WHEN moment < {following[0]!r} THEN {offset}" for (_, offset), following in pairwise(changes))
    return f"(moment + CASE {cases} ELSE {changes[-1][1]} END)"


def _buckets(since: float, until: float, step: Step, zone: Zone) -> list[float]:
    starts: list[float] = []
    if step == "hour":
        shift = zone.offset(since) % HOUR
        moment = math.floor((since + shift) / HOUR) * HOUR - shift
        if (until - moment) / HOUR > _MOST_BUCKETS:
            raise BadRequest(f"that is more than {_MOST_BUCKETS} hours; ask for days", param="step")
        while moment < until:
            starts.append(float(moment))
            moment += HOUR
        return starts
    if (until - since) / DAY > _MOST_BUCKETS:
        raise BadRequest(f"that is more than {_MOST_BUCKETS} days", param="since")
    start, end = zone.window("daily", since)
    while start < until:
        starts.append(start)
        start, end = end, zone.window("daily", end)[1]
    return starts


def _empty(count: int) -> dict[str, list[Any]]:
    return {name: [0.0 if name.endswith("usd") else 0] * count for name in _SERIES}


def _ranked(groups: Mapping[str | None, dict[str, list[Any]]], top: int) -> Sequence[tuple[str | None, dict[str, list[Any]]]]:
    def weight(figures: dict[str, list[Any]]) -> tuple[float, int]:
        return -sum(figures["cost_usd"]), -sum(figures["input_tokens"]) - sum(figures["output_tokens"])

    ranked = sorted(groups.items(), key=lambda pair: weight(pair[1]))
    if len(ranked) <= top:
        return ranked
    rest = _empty(len(ranked[0][1]["requests"]))
    for _, figures in ranked[top:]:
        for name in _SERIES:
            rest[name] = [a + b for a, b in zip(rest[name], figures[name], strict=True)]
    return [*ranked[:top], ("other", rest)]


def _session_position(cursor: str) -> tuple[float, str]:
    moment, _, session_id = cursor.partition(":")
    try:
        position = float(moment)
    except ValueError:
        position = math.nan
    if not math.isfinite(position):
        raise BadRequest("the cursor is not one of ours", param="cursor")
    return position, session_id


def _session(row: dict[str, Any]) -> Sessions:
    given = max(row["input_tokens"], 1)
    return Sessions(
        **{name: row[name] for name in Sessions.__struct_fields__ if name in row and name != "key_id"},
        key_id=row["key_id"] or None,
        tries=row["attempts"],
        cache_hit=round(min(1.0, row["cached_tokens"] / given), 4),
    )


def _totals(columns: dict[str, Any], group_by: str | None) -> UsageTotals:
    group = columns.pop("grp")
    if group_by == "day":
        group = time.strftime("%Y-%m-%d", time.gmtime(group * DAY))
    elif group_by == "hour":
        group = time.strftime("%Y-%m-%dT%H", time.gmtime(group * HOUR))
    return UsageTotals(group=None if group is None or group == "" else str(group), **columns)
