"""What was changed, by whom, when."""

from __future__ import annotations

import msgspec

from omniroute.admin.request import AdminRequest, Answer, listing
from omniroute.admin.routes import Route
from omniroute.admin.shapes.basis import Listing
from omniroute.storage.audit import AuditRow


class PageQuery(msgspec.Struct):
    """``limit``: 1 to 1000; ``cursor``: from the page before."""

    limit: int = 100
    cursor: str | None = None


async def read_audit_log(request: AdminRequest) -> Answer:
    """Newest first; ``?limit`` (1..1000, 100) and ``?cursor`` from the page before."""
    limit = request.integer("limit", 100, minimum=1, maximum=1000)
    before = request.integer("cursor", 0, minimum=1, maximum=2**63 - 1) if "cursor" in request.query else None
    rows = await request.services.audit.list(limit=limit + 1, before=before)
    page = rows[:limit]
    return listing([msgspec.structs.asdict(row) for row in page], str(page[-1].id) if len(rows) > limit else None)


ROUTES = (Route("GET", "/api/compliance/audit-log", read_audit_log, query=PageQuery, answer=Listing[AuditRow]),)
