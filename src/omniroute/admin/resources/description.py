"""The description of all this, for programs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from omniroute import __version__
from omniroute.admin.openapi import describe
from omniroute.admin.request import AdminRequest, Answer
from omniroute.admin.routes import Route
from omniroute.core import json


def described(routes: Sequence[Route]) -> tuple[Route, ...]:
    """``routes`` and the one that describes them, itself included."""

    @cache
    def document() -> bytes:
        return json.dumps(describe(complete, __version__))

    async def read_openapi(request: AdminRequest) -> Answer:
        """This API as an OpenAPI 3.1 document."""
        del request
        return Answer(document())

    complete = (*routes, Route("GET", "/api/openapi.json", read_openapi, answer=dict[str, Any]))
    return complete
