"""Errors as a Gemini client expects them."""

from __future__ import annotations

import math
from typing import Any

from omniroute.core import json
from omniroute.core.errors import OmniRouteError
from omniroute.translation.errors import Described, describe

_WORDS = {
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_STATUSES = {529: 503}
_REASONS = {"insufficient_quota": "QUOTA_EXHAUSTED", "invalid_api_key": "API_KEY_INVALID"}


def error_status(error: OmniRouteError) -> int:
    """The HTTP status of that error for a Gemini client."""
    status = describe(error).status
    return _STATUSES.get(status, status)


def encode_error(error: OmniRouteError, request_id: str) -> bytes:
    """{error{code, message, status, details, …}}: details say why, and how long to wait where that is known."""
    facts = describe(error)
    status = _STATUSES.get(facts.status, facts.status)
    word = _WORDS.get(status) or ("INVALID_ARGUMENT" if status < 500 else "INTERNAL")
    fields = {"code": status, "message": facts.message, "status": word, "details": _details(facts, status, request_id)}
    return json.dumps({"error": fields | facts.hints()})


def _details(facts: Described, status: int, request_id: str) -> list[dict[str, Any]]:
    reason = _REASONS.get(facts.code) or ("RATE_LIMIT_EXCEEDED" if status == 429 else facts.code.upper())
    hints = {key: json.dumps_text(value) if not isinstance(value, str) else value for key, value in facts.hints().items()}
    details: list[dict[str, Any]] = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason,
            "domain": "omniroute",
            "metadata": hints | ({"param": facts.param} if facts.param else {}),
        },
        {"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": request_id},
    ]
    if facts.retry_after is not None and status in (429, 503):
        wait = f"{max(1, math.ceil(facts.retry_after))}s"
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": wait})
    return details
