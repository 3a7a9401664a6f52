"""The way out: answers, streams and errors in the caller's dialect."""

from __future__ import annotations

from collections.abc import Sequence

from omniroute.core.errors import Fault, OmniRouteError, RequestError
from omniroute.gateway.context import Context
from omniroute.gateway.ports import Exchange
from omniroute.routing.plan import Attempt
from omniroute.translation.format import Format

JSON_TYPE = ("content-type", "application/json")


def decision_headers(context: Context, attempt: Attempt) -> list[tuple[str, str]]:
    """Who serves this answer, for the caller's eyes."""
    headers = [
        ("x-omniroute-provider", attempt.target.provider.id),
        ("x-omniroute-model", attempt.target.model),
        ("x-omniroute-decision", context.decision),
        ("x-omniroute-attempts", str(context.attempts)),
    ]
    if context.ops is not None:
        headers.append(("x-omniroute-ops", str(len(context.ops))))
    return headers


def opening_headers(context: Context) -> list[tuple[str, str]]:
    """What is known before anybody has answered."""
    return [("x-omniroute-decision", context.decision)] if context.decision else []


def stream_headers(context: Context, extra: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Head of a stream: never cached, never buffered by a reverse proxy in between."""
    kind = JSON_TYPE if context.array else ("content-type", context.format.stream_type)
    return [kind, ("cache-control", "no-cache"), ("x-accel-buffering", "no"), *extra]


async def send_error(exchange: Exchange, format: Format, error: OmniRouteError, *, listed: bool = False) -> None:
    """The error as a finished answer in ``format``'s dialect, with Retry-After where waiting helps. ``listed``: in an array."""
    status = format.error_status(error)
    headers = [JSON_TYPE]
    wait = error.retry_after if isinstance(error, (Fault, RequestError)) else None
    if wait is not None:
        headers.append(("retry-after", str(max(1, int(wait + 0.999)))))
    if status == 401:
        headers.append(("www-authenticate", 'Bearer realm="OmniRoute"'))
    body = format.encode_error(error, exchange.request_id)
    await exchange.respond(status, headers, b"[%b]" % body if listed else body)
