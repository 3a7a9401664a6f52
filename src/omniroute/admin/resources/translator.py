"""The translator's report: what a request would become at a target."""

from __future__ import annotations

from typing import Any

import msgspec

from omniroute.admin.request import AdminRequest, Answer
from omniroute.admin.routes import Route
from omniroute.admin.shapes.operating import Explanation


class ExplainRequest(msgspec.Struct, frozen=True, kw_only=True):
    """``body`` is a client's request in ``format``; ``model`` replaces the one it names."""

    format: str
    body: dict[str, Any]
    model: str | None = None


async def explain(request: AdminRequest) -> Answer:
    """``operations`` (rule, pointer, action, detail, lossy) and the ``body`` that would be sent. Nobody is called."""
    asked = request.decode(ExplainRequest)
    return Answer(request.services.explain(asked.format, asked.body, asked.model))


ROUTES = (Route("POST", "/api/translator/explain", explain, body=ExplainRequest, answer=Explanation),)
