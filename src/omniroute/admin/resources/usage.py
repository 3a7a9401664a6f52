"""What was used: single tries, and sums."""

from __future__ import annotations

from typing import Any

import msgspec

from omniroute.admin.request import AdminRequest, Answer, listing
from omniroute.admin.routes import Route
from omniroute.admin.shapes.basis import Listing
from omniroute.core.errors import BadRequest
from omniroute.core.ledger import LedgerRow
from omniroute.core.zone import Zone
from omniroute.storage.usage import FILTERS, UsageTotals
from omniroute.storage.usage_reports import UTC

_OWN = frozenset({"since", "until", "limit", "cursor", "group_by"})


class UsageFilters(msgspec.Struct, kw_only=True):
    """``since`` and ``until`` in unix seconds; the others are what a row has to equal."""

    since: float | None = None
    until: float | None = None
    request_id: str | None = None
    key_id: str | None = None
    account_id: str | None = None
    provider: str | None = None
    model: str | None = None
    combo: str | None = None
    client_format: str | None = None
    upstream_format: str | None = None
    status: int | None = None
    outcome: str | None = None
    error_kind: str | None = None
    session_id: str | None = None
    agent_id: str | None = None


class HistoryQuery(UsageFilters, kw_only=True):
    """``limit``: 1 to 1000; ``cursor``: from the page before."""

    limit: int = 100
    cursor: str | None = None


class TotalsQuery(UsageFilters, kw_only=True):
    """``group_by``: a filter, ``day`` or ``hour``, in UTC or (``tz``) in the setting ``time_zone``."""

    group_by: str | None = None
    tz: bool = False


async def read_history(request: AdminRequest) -> Answer:
    """Tries, newest first. ``?since``/``?until`` in unix seconds, ``?limit`` (1..1000, 100), ``?cursor``, and any field of
    the filters (``provider``, ``model``, ``key_id``, ``session_id``, ``status`` …)."""
    page = await request.services.usage.history(
        since=request.number("since"),
        until=request.number("until"),
        limit=request.integer("limit", 100, minimum=1, maximum=1000),
        cursor=request.query.get("cursor"),
        filters=filters_of(request),
    )
    return listing([msgspec.structs.asdict(row) for row in page.rows], page.cursor)


async def read_totals(request: AdminRequest) -> Answer:
    """Sums, ``?group_by`` a filter field, ``day`` or ``hour``, of UTC or with ``?tz=true`` of the setting ``time_zone``."""
    totals = await request.services.usage.totals(
        since=request.number("since"),
        until=request.number("until"),
        group_by=request.query.get("group_by"),
        filters=filters_of(request, frozenset({"tz"})),
        zone=Zone(request.services.settings().time_zone) if request.flag("tz") else UTC,
    )
    return listing([msgspec.structs.asdict(row) for row in totals])


def filters_of(request: AdminRequest, own: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The filters in the query. BadRequest for a word that is neither one, nor about the page, nor the caller's ``own``."""
    found: dict[str, Any] = {}
    for name, value in request.query.items():
        if name in _OWN or name in own:
            continue
        if name not in FILTERS:
            raise BadRequest(f"cannot filter by {name!r}; known: {', '.join(FILTERS)}", param=name)
        found[name] = request.integer(name, 0, minimum=0, maximum=999) if name == "status" else value
    return found


ROUTES = (
    Route("GET", "/api/usage/history", read_history, query=HistoryQuery, answer=Listing[LedgerRow]),
    Route("GET", "/api/usage/totals", read_totals, query=TotalsQuery, answer=Listing[UsageTotals]),
)
