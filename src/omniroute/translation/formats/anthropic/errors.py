"""Errors as an Anthropic client expects them."""

from __future__ import annotations

from omniroute.core import json
from omniroute.core.errors import OmniRouteError
from omniroute.translation.errors import describe

_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_STATUSES = {503: 529}
_OVERFLOW = "prompt is too long"


def error_status(error: OmniRouteError) -> int:
    """The HTTP status of that error for an Anthropic client."""
    status = describe(error).status
    return _STATUSES.get(status, status)


def encode_error(error: OmniRouteError, request_id: str) -> bytes:
    """{type: error, error{type, message, …}, request_id}. A full context is worded so that agents know to compact."""
    facts = describe(error)
    kind = _TYPES.get(facts.status) or ("invalid_request_error" if facts.status < 500 else "api_error")
    message = facts.message
    if (facts.code == "context_length_exceeded" or facts.kind == "context_overflow") and _OVERFLOW not in message.lower():
        message = f"{_OVERFLOW}: {message}"
    fields = {"type": kind, "message": message}
    return json.dumps({"type": "error", "error": fields | facts.hints(), "request_id": request_id})
