"""Errors as an Ollama client expects them: the status says what kind it is, the body is one sentence."""

from __future__ import annotations

from omniroute.core import json
from omniroute.core.errors import OmniRouteError
from omniroute.translation.errors import describe

_STATUSES = {529: 503}


def error_status(error: OmniRouteError) -> int:
    """The HTTP status of that error for an Ollama client."""
    status = describe(error).status
    return _STATUSES.get(status, status)


def encode_error(error: OmniRouteError, request_id: str) -> bytes:
    """{error: text, …}; clients show the text and nothing else, so the hints stand beside it."""
    facts = describe(error)
    return json.dumps({"error": facts.message} | facts.hints())
