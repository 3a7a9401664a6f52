"""Sums of what was used: over time, over the hours of the week, by conversation; and the rows themselves as a file."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from omniroute.admin.request import AdminRequest, Answer, listing
from omniroute.admin.resources.usage import UsageFilters, filters_of
from omniroute.admin.routes import Route
from omniroute.admin.shapes.accounting import Heat, Session, SessionDetail, UsageSeries
from omniroute.admin.shapes.basis import Listing
from omniroute.core import json
from omniroute.core.errors import BadRequest, NotFound
from omniroute.core.ledger import LedgerRow
from omniroute.core.zone import Zone
from omniroute.storage.usage_reports import Step

_DAY = 86_400.0
_HOURS_UNTIL = 3 * _DAY
_MOST_TURNS = 500
_MOST_EXPORTED = 100_000
_PAGE = 1000
_FIELDS = LedgerRow.__struct_fields__
_AGENT_SUMS = ("requests", "tries", "errors", "input_tokens", "cached_tokens", "output_tokens", "cost_usd", "shadow_cost_usd")


class SeriesQuery(msgspec.Struct, kw_only=True):
    """``since`` and ``until`` in unix seconds (the last 24 hours); ``step``: ``hour``, ``day`` or ``auto``; ``group_by``: one of
    the filters; ``top``: that many groups stand alone, 1 to 50."""

    since: float | None = None
    until: float | None = None
    step: Literal["hour", "day", "auto"] = "auto"
    group_by: str | None = None
    top: int = 8
    provider: str | None = None
    model: str | None = None
    key_id: str | None = None
    account_id: str | None = None
    combo: str | None = None


class HeatQuery(msgspec.Struct, kw_only=True):
    """``since`` and ``until`` in unix seconds (the last four weeks)."""

    since: float | None = None
    until: float | None = None
    provider: str | None = None
    model: str | None = None
    key_id: str | None = None
    account_id: str | None = None
    combo: str | None = None


class SessionsQuery(msgspec.Struct):
    """``limit``: 1 to 500; ``cursor``: from the page before."""

    limit: int = 50
    cursor: str | None = None


class ExportQuery(UsageFilters, kw_only=True):
    """``format``: ``csv``, or ``json`` for a row a line; ``limit``: 1 to 100000."""

    format: Literal["csv", "json"] = "csv"
    limit: int = _MOST_EXPORTED


async def read_series(request: AdminRequest) -> Answer:
    """Requests, errors, tokens and cost over time, by group."""
    since, until = _span(request, _DAY)
    word = request.query.get("step", "auto")
    if word not in ("hour", "day", "auto"):
        raise BadRequest("step must be hour, day or auto", param="step")
    step: Step = "day" if word == "day" or (word == "auto" and until - since > _HOURS_UNTIL) else "hour"
    zone = _zone(request)
    buckets, series = await request.services.usage.reports.series(
        since=since,
        until=until,
        step=step,
        zone=zone,
        group_by=request.query.get("group_by") or None,
        top=request.integer("top", 8, minimum=1, maximum=50),
        filters=filters_of(request, frozenset({"step", "top"})),
    )
    told = {"step": step, "time_zone": zone_name(zone), "buckets": buckets}
    return Answer({**told, "series": [msgspec.structs.asdict(one) for one in series]})


async def read_heat(request: AdminRequest) -> Answer:
    """Requests, tokens and cost by day of the week and hour."""
    since, until = _span(request, 28 * _DAY)
    zone = _zone(request)
    heat = await request.services.usage.reports.heat(since=since, until=until, zone=zone, filters=filters_of(request))
    return Answer({"time_zone": zone_name(zone), **heat})


async def list_sessions(request: AdminRequest) -> Answer:
    """Conversations, those that were active last first."""
    limit = request.integer("limit", 50, minimum=1, maximum=500)
    found, cursor = await request.services.usage.reports.sessions(limit=limit, cursor=request.query.get("cursor"))
    return listing([msgspec.structs.asdict(session) for session in found], cursor)


async def read_session(request: AdminRequest) -> Answer:
    """One conversation: its agents and their turns."""
    session_id = request.params["id"]
    usage = request.services.usage
    found = await usage.reports.session(session_id)
    if found is None:
        raise NotFound(f"no conversation {session_id!r} is known")
    sums = await usage.totals(group_by="agent_id", filters={"session_id": session_id})
    rows = (await usage.history(limit=_MOST_TURNS, filters={"session_id": session_id})).rows
    agents = [{**_agent(msgspec.structs.asdict(group)), **_turns(rows, group.group)} for group in sums]
    return Answer({**msgspec.structs.asdict(found), "agents": agents})


async def export(request: AdminRequest) -> Answer:
    """Rows of the ledger as a file, newest first."""
    kind = request.query.get("format", "csv")
    if kind not in ("csv", "json"):
        raise BadRequest("format must be csv or json", param="format")
    limit = request.integer("limit", _MOST_EXPORTED, minimum=1, maximum=_MOST_EXPORTED)
    wanted = filters_of(request, frozenset({"format"}))
    lines = [",".join(_FIELDS).encode()] if kind == "csv" else []
    cursor: str | None = None
    while limit > 0:
        page = await request.services.usage.history(
            since=request.number("since"),
            until=request.number("until"),
            limit=min(limit, _PAGE),
            cursor=cursor,
            filters=wanted,
        )
        lines += [_line(row, kind) for row in page.rows]
        limit -= len(page.rows)
        cursor = page.cursor
        if cursor is None:
            break
    media = "text/csv; charset=utf-8" if kind == "csv" else "application/x-ndjson"
    name = f"omniroute-usage.{'csv' if kind == 'csv' else 'ndjson'}"
    headers = (("content-disposition", f'attachment; filename="{name}"'),)
    return Answer(b"\n".join([*lines, b""]), headers=headers, media=media)


def _span(request: AdminRequest, default: float) -> tuple[float, float]:
    until, since = request.number("until"), request.number("since")
    until = request.services.clock.now() if until is None else until
    since = until - default if since is None else since
    if not 0 <= since <= until <= 10**11:
        raise BadRequest("since must lie before until", param="since")
    return since, until


def _zone(request: AdminRequest) -> Zone:
    return Zone(request.services.settings().time_zone)


def zone_name(zone: Zone) -> str:
    """For people; this machine's zone has no name that is sure."""
    return zone.name or "local"


def _agent(sums: dict[str, Any]) -> dict[str, Any]:
    sums["tries"] = sums["attempts"]
    return {"agent_id": sums["group"], **{name: sums[name] for name in _AGENT_SUMS}}


def _turns(rows: list[LedgerRow], agent: str | None) -> dict[str, Any]:
    own = [row for row in rows if row.agent_id == agent]
    return {
        "models": sorted({f"{row.provider}/{row.model}" for row in own}),
        "turns": [
            {
                "request_id": row.request_id,
                "started_at": row.started_at,
                "provider": row.provider,
                "model": row.model,
                "outcome": row.outcome,
                "input_tokens": row.input_tokens,
                "cached_tokens": row.cached_tokens,
                "output_tokens": row.output_tokens,
                "cost_usd": row.cost_usd,
                "total_ms": row.total_ms,
            }
            for row in own
        ],
    }


def _line(row: LedgerRow, kind: str) -> bytes:
    if kind == "json":
        return json.dumps(msgspec.structs.asdict(row))
    return ",".join(_cell(getattr(row, name)) for name in _FIELDS).encode("utf-8", "replace")


def _cell(value: Any) -> str:
    """A spreadsheet takes what begins like a formula for one: names that clients make up must not become that."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if not isinstance(value, str):
        return str(value)
    if value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        value = f"'{value}"
    return f'"{value.replace(chr(34), chr(34) * 2)}"' if any(sign in value for sign in ',"\r\n') else value


ROUTES = (
    Route("GET", "/api/usage/series", read_series, query=SeriesQuery, answer=UsageSeries),
    Route("GET", "/api/usage/heat", read_heat, query=HeatQuery, answer=Heat),
    Route("GET", "/api/usage/export", export, query=ExportQuery, media="text/csv"),
    Route("GET", "/api/usage/sessions", list_sessions, query=SessionsQuery, answer=Listing[Session]),
    Route("GET", "/api/usage/sessions/{id}", read_session, answer=SessionDetail),
)
