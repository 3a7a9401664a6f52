"""What was used: single tries, and sums."""

from __future__ import annotations

from typing import Any

import msgspec

from omniroute.admin.request import AdminRequest, Answer, listing
from omniroute.admin.routes import Route
from omniroute.core.errors import BadRequest
from omniroute.storage.usage import FILTERS

_OWN = frozenset({"since", "until", "limit", "cursor", "group_by"})


async def read_history(request: AdminRequest) -> Answer:
    """Tries, newest first. ``?since``/``?until`` in unix seconds, ``?limit`` (1..1000, 100), ``?cursor``, and any field of
    the filters (``provider``, ``model``, ``key_id``, ``session_id``, ``status`` …)."""
    page = await request.services.usage.history(
        since=request.number("since"),
        until=request.number("until"),
        limit=request.integer("limit", 100, minimum=1, maximum=1000),
        cursor=request.query.get("cursor"),
        filters=_filters(request),
    )
    return listing([msgspec.structs.asdict(row) for row in page.rows], page.cursor)


async def read_totals(request: AdminRequest) -> Answer:
    """Sums, ``?group_by`` a filter field, ``day`` or ``hour`` (UTC)."""
    totals = await request.services.usage.totals(
        since=request.number("since"),
        until=request.number("until"),
        group_by=request.query.get("group_by"),
        filters=_filters(request),
    )
    return listing([msgspec.structs.asdict(row) for row in totals])


def _filters(request: AdminRequest) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in request.query.items():
        if name in _OWN:
            continue
        if name not in FILTERS:
            raise BadRequest(f"cannot filter by {name!r}; known: {', '.join(FILTERS)}", param=name)
        found[name] = request.integer(name, 0, minimum=0, maximum=999) if name == "status" else value
    return found


ROUTES = (
    Route("GET", "/api/usage/history", read_history),
    Route("GET", "/api/usage/totals", read_totals),
)
