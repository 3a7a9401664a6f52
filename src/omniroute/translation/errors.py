"""Errors in both directions: an error object found in a body read as (status, code, message), and what every dialect's error
body says about an error of ours. The bodies themselves are made in the formats' folders.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from omniroute.core.errors import Fault, OmniRouteError, RequestError, Scope, UpstreamStatus
from omniroute.core.redact import redact_text

MESSAGE_LIMIT = 2048
NO_MESSAGE = "The provider reported an error."
INTERNAL = "Internal error; the server's log has the details."
_WORD_STATUS = {
    "invalid_request_error": 400,
    "bad_request": 400,
    "invalid_argument": 400,
    "failed_precondition": 400,
    "context_length_exceeded": 400,
    "content_filter": 400,
    "invalid_prompt": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "unauthenticated": 401,
    "unauthorized": 401,
    "billing_error": 402,
    "payment_required": 402,
    "permission_error": 403,
    "permission_denied": 403,
    "forbidden": 403,
    "not_found_error": 404,
    "not_found": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "resource_exhausted": 429,
    "too_many_requests": 429,
    "usage_limit_reached": 429,
    "api_error": 500,
    "server_error": 500,
    "internal": 500,
    "internal_server_error": 500,
    "unavailable": 503,
    "service_unavailable": 503,
    "overloaded": 503,
    "overloaded_error": 529,
    "server_is_overloaded": 503,
    "timeout": 504,
    "timeout_error": 504,
    "deadline_exceeded": 504,
    "gateway_timeout": 504,
}
_KIND_CODE = {
    "context_overflow": "context_length_exceeded",
    "content_filter": "content_filter",
    "quota_exhausted": "insufficient_quota",
    "billing": "insufficient_quota",
    "model_not_found": "model_not_found",
    "rate_limit": "rate_limit_exceeded",
    "auth": "invalid_api_key",
    "permission": "permission_denied",
    "overloaded": "overloaded",
}
_STATUS_CODE = {
    400: "bad_request",
    401: "invalid_api_key",
    402: "insufficient_quota",
    403: "permission_denied",
    404: "model_not_found",
    408: "gateway_timeout",
    413: "request_too_large",
    429: "rate_limit_exceeded",
    500: "internal_server_error",
    502: "bad_gateway",
    503: "service_unavailable",
    504: "gateway_timeout",
    529: "overloaded",
}
_ANSWER_KEYS = ("choices", "content", "candidates", "output", "message")


class Described(NamedTuple):
    """What a dialect needs to know of an error. ``retry_after`` is in seconds; ``status`` is not yet fitted to the dialect."""

    status: int
    code: str
    kind: str
    message: str
    param: str | None
    retryable: bool
    retry_after: float | None
    scope: str

    def hints(self) -> dict[str, Any]:
        """The fields we add to every dialect's error object; SDKs carry them along."""
        fields: dict[str, Any] = {"retryable": self.retryable, "scope": self.scope}
        if self.retry_after is not None:
            fields["retry_after"] = self.retry_after
        return fields


def describe(error: OmniRouteError) -> Described:
    """The facts of any error of ours. What is neither the client's nor an upstream's fault keeps its details to itself."""
    if isinstance(error, Fault):
        status = error.http_status if 400 <= error.http_status <= 599 else 502
        code = _fault_code(error, status)
        waits = error.kind not in ("quota_exhausted", "billing")
        return _described(error, status, code, error.kind, error.scope, waits)
    if isinstance(error, RequestError):
        return _described(error, error.status, error.error_code, error.error_code, Scope.REQUEST, True)
    return Described(500, "internal_error", "internal", INTERNAL, None, False, None, "nothing")


def _described(error: Fault | RequestError, status: int, code: str, kind: str, scope: Scope, waits: bool) -> Described:
    retryable = waits and (status in (408, 409, 429) or status >= 500)
    message = redact_text(error.message)[:MESSAGE_LIMIT] or "The request failed."
    after = None if error.retry_after is None else round(error.retry_after, 3)
    return Described(status, code, kind, message, error.param, retryable, after, scope.value)


def _fault_code(error: Fault, status: int) -> str:
    if error.error_code != type(error).code:
        return error.error_code
    if not isinstance(error, UpstreamStatus):
        return error.error_code
    return _KIND_CODE.get(error.kind) or _STATUS_CODE.get(status) or ("bad_request" if status < 500 else "bad_gateway")


def error_in_body(value: Any) -> tuple[int, str, str] | None:
    """(HTTP status it stands for, code word, message) when a parsed 200 body is an error, None when it may be an answer.

    Knows {error{…}}, [{error{…}}], {error: text}, {detail}, {message}, {msg}, {errors: […]}, {type: "error"} and {base_resp{…}}.
    """
    if isinstance(value, list):
        return error_in_body(value[0]) if len(value) == 1 else None
    if not isinstance(value, dict):
        return None
    base = value.get("base_resp")
    if isinstance(base, dict) and isinstance(base.get("status_code"), int) and base["status_code"] != 0:
        return 502, str(base["status_code"]), _text(base.get("status_msg")) or NO_MESSAGE
    error = value.get("error")
    if error:
        return _read_error(error, value)
    if value.get("type") == "error" or _only(value):
        listed = value.get("errors")
        found = (
            value.get("detail")
            or value.get("message")
            or value.get("msg")
            or (listed[0] if isinstance(listed, list) and listed else None)
        )
        if found or value.get("type") == "error":
            return _read_error(found or {}, value)
    return None


def _only(value: dict[str, Any]) -> bool:
    """Whether nothing in the object can be an answer."""
    return not any(isinstance(value.get(key), list | dict) for key in _ANSWER_KEYS)


def _read_error(error: Any, outer: dict[str, Any]) -> tuple[int, str, str]:
    if not isinstance(error, dict):
        return _status(outer, ""), "", _text(error) or NO_MESSAGE
    words = [word for word in (error.get("code"), error.get("type"), error.get("status")) if isinstance(word, str) and word]
    message = next((found for key in ("message", "msg", "detail") if (found := _text(error.get(key)))), NO_MESSAGE)
    numbers = (_as_status(error.get(key)) for key in ("code", "status", "status_code", "http_status"))
    status = next((number for number in numbers if number), None)
    if status is None:
        status = next((number for word in words if (number := _WORD_STATUS.get(word.lower()))), None)
    code = words[0] if words else ""
    return status or _status(outer, code), code, message


def _as_status(value: Any) -> int | None:
    """An HTTP error status, written as a number or in digits."""
    if isinstance(value, str) and len(value) == 3 and value.isascii() and value.isdigit():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599 else None


def _status(outer: dict[str, Any], word: str) -> int:
    """The status an error object without words of its own stands for."""
    for key in ("status", "status_code", "code"):
        number = _as_status(outer.get(key))
        if number is not None:
            return number
    return _WORD_STATUS.get(word.lower(), 502)


def _text(value: Any) -> str:
    """A message, whatever it came as, cut to a length fit for a client."""
    if isinstance(value, str):
        return value[:MESSAGE_LIMIT]
    if isinstance(value, dict):
        return _text(value.get("message") or value.get("msg"))
    if isinstance(value, list):
        return _text(value[0]) if value else ""
    return ""
