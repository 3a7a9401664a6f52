"""Errors as a Responses client expects them: outside of a stream the envelope of Chat, with the codes agents act on."""

from __future__ import annotations

from omniroute.core import json
from omniroute.core.errors import OmniRouteError
from omniroute.translation.errors import describe

_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    408: "server_error",
    429: "rate_limit_error",
}
_STATUSES = {529: 503}


def error_status(error: OmniRouteError) -> int:
    """The HTTP status of that error for a Responses client."""
    status = describe(error).status
    return _STATUSES.get(status, status)


def encode_error(error: OmniRouteError, request_id: str) -> bytes:
    """{error{message, type, param, code, …}}; the request id travels in its header only."""
    facts = describe(error)
    kind = _TYPES.get(facts.status) or ("invalid_request_error" if facts.status < 500 else "server_error")
    if facts.code in ("insufficient_quota", "usage_limit_reached") and facts.status == 429:
        kind = facts.code
    if facts.code == "previous_response_not_found":
        kind = "invalid_request_error"
    fields = {"message": facts.message, "type": kind, "param": facts.param, "code": facts.code}
    return json.dumps({"error": fields | facts.hints()})
