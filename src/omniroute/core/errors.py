"""One error tree for the whole product.

    OmniRouteError
    ├── ConfigError            a setting, file or flag is wrong (CLI exit 1 or 2, never seen by a client)
    ├── StorageError           the data directory cannot be used
    │   ├── NewerSchema        written by a newer OmniRoute
    │   ├── WrongKey           the encryption key does not fit the stored credentials
    │   └── DataDirLocked      another process owns the directory
    ├── RequestError           the client can mend it; never punishes an account
    │   ├── BadRequest 400 · Unauthorized 401 · PaymentRequired 402 · Forbidden 403 · NotFound 404 (ModelNotFound)
    │   ├── MethodNotAllowed 405 · Conflict 409 · BodyTooLarge 413 · UnsupportedMedia 415
    │   └── UpgradeRefused 426 · TooManyRequests 429 · Cancelled 499
    ├── Unavailable 503        nothing can serve now: draining, no account, all cooled
    └── Fault                  one try at an upstream failed; carries scope and verdict
        ├── UpstreamStatus     it answered with an error status (or an error inside a 200)
        ├── NetworkFault 502   refused, reset, DNS, TLS
        ├── TimeoutFault 504   connect, first token, between tokens or total timer ran out
        ├── TruncatedStream 502  the answer ended before its terminal marker
        └── BadAnswer 502      bytes that are not an answer in the provider's format

Each class states its HTTP status and machine code; an instance adds the message and, where known, the parameter,
the seconds to wait and the evidence. The dialect bodies are made by ``translation``, never here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Scope(StrEnum):
    """What a fault speaks about: how much must be avoided because of it."""

    NOTHING = "nothing"
    REQUEST = "request"
    MODEL = "model"
    ACCOUNT = "account"
    PROVIDER = "provider"


class Verdict(StrEnum):
    """Where the request may go after a fault."""

    RETURN = "return"
    RETRY = "retry"
    NEXT_ACCOUNT = "next_account"
    NEXT_TARGET = "next_target"


class OmniRouteError(Exception):
    """Anything we raise on purpose. ``str(error)`` is a sentence fit for a person."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigError(OmniRouteError):
    code = "config_error"


class StorageError(OmniRouteError):
    code = "storage_error"


class NewerSchema(StorageError):
    code = "newer_schema"


class WrongKey(StorageError):
    code = "wrong_key"


class DataDirLocked(StorageError):
    code = "data_dir_locked"


class RequestError(OmniRouteError):
    """The caller sent something we cannot serve. ``param`` names the field, ``retry_after`` is in seconds."""

    status = 400
    code = "bad_request"

    def __init__(
        self, message: str, *, param: str | None = None, code: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.param = param
        self.error_code = code or type(self).code
        self.retry_after = retry_after


class BadRequest(RequestError):
    pass


class Unauthorized(RequestError):
    status = 401
    code = "invalid_api_key"


class PaymentRequired(RequestError):
    """A budget is used up; ``retry_after`` says when it begins anew."""

    status = 402
    code = "budget_exceeded"


class Forbidden(RequestError):
    status = 403
    code = "permission_denied"


class NotFound(RequestError):
    status = 404
    code = "not_found"


class ModelNotFound(NotFound):
    code = "model_not_found"


class MethodNotAllowed(RequestError):
    status = 405
    code = "method_not_allowed"


class Conflict(RequestError):
    status = 409
    code = "conflict"


class BodyTooLarge(RequestError):
    status = 413
    code = "request_too_large"


class UnsupportedMedia(RequestError):
    status = 415
    code = "unsupported_media_type"


class UpgradeRefused(RequestError):
    """A WebSocket was asked for where plain HTTP is spoken. 426 has clients fall back at once; 4xx others have them retry."""

    status = 426
    code = "upgrade_refused"


class TooManyRequests(RequestError):
    status = 429
    code = "rate_limit_exceeded"


class Cancelled(RequestError):
    """The operator put an end to the request."""

    status = 499
    code = "request_cancelled"


class Unavailable(RequestError):
    """Nothing can serve this now; ``retry_after`` says when to come back, if known."""

    status = 503
    code = "service_unavailable"


class Fault(OmniRouteError):
    """One try at an upstream failed.

    ``http_status`` is what the client gets if nothing else helps; ``scope`` and ``verdict`` drive routing;
    ``kind`` is the class word of the error taxonomy (rate_limit, auth, overloaded, timeout, …). ``retry_after``: seconds that the
    upstream stated; ``cooldown``: seconds its documentation advises where it states none. ``upstream_status``: what it answered.
    """

    status = 502
    code = "bad_gateway"

    def __init__(
        self,
        message: str,
        *,
        kind: str,
        http_status: int | None = None,
        error_code: str | None = None,
        scope: Scope = Scope.PROVIDER,
        verdict: Verdict = Verdict.NEXT_TARGET,
        retry_after: float | None = None,
        cooldown: float | None = None,
        upstream_status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.http_status = http_status or type(self).status
        self.error_code = error_code or type(self).code
        self.scope = scope
        self.verdict = verdict
        self.retry_after = retry_after
        self.cooldown = cooldown
        self.upstream_status = upstream_status
        self.param: str | None = None


class UpstreamStatus(Fault):
    code = "upstream_error"


class NetworkFault(Fault):
    code = "upstream_unreachable"


class TimeoutFault(Fault):
    status = 504
    code = "upstream_timeout"


class TruncatedStream(Fault):
    code = "upstream_truncated"


class BadAnswer(Fault):
    code = "upstream_bad_answer"
