"""The way out: answers, streams and errors in the caller's dialect."""

from __future__ import annotations

from collections.abc import Sequence

from omniroute.core.errors import Fault, OmniRouteError, RequestError
from omniroute.gateway.context import Context, Waiting
from omniroute.gateway.ports import Exchange
from omniroute.routing.plan import FIRST_CHOICE, Attempt
from omniroute.translation.format import Format

JSON_TYPE = ("content-type", "application/json")


def decision_of(context: Context, attempt: Attempt) -> str:
    """How the model's name was understood and, where it was not the first choice, why this target was asked."""
    return context.decision if attempt.reason == FIRST_CHOICE else f"{context.decision}; {attempt.reason}"


def decision_headers(context: Context, attempt: Attempt) -> list[tuple[str, str]]:
    """Who serves this answer, why, and how long that took until now, for the caller's eyes.

    ``overhead-ms`` is our own share of the time: all of it but the standing in line and the waiting for upstreams.
    """
    headers = choice_headers(attempt, decision_of(context, attempt), context.attempts)
    if context.upstream is not None:
        ours, told = timing(context, context.upstream)
        headers.append(("x-omniroute-overhead-ms", ours))
        headers.append(("server-timing", told))
    if context.ops is not None:
        headers.append(("x-omniroute-ops", str(len(context.ops))))
    if context.own is not None:
        headers += context.own.beside
    return headers


def choice_headers(attempt: Attempt, decision: str, attempts: int) -> list[tuple[str, str]]:
    """Those of them that say who and why."""
    target = attempt.target
    headers = [
        ("x-omniroute-provider", target.provider.id),
        ("x-omniroute-model", _line(target.model)),
        ("x-omniroute-decision", _line(decision)),
        ("x-omniroute-attempts", str(attempts)),
    ]
    if attempt.account.label:
        headers.append(("x-omniroute-account", attempt.account.label))
    if attempt.combo is not None:
        headers.append(("x-omniroute-combo", attempt.combo))
    return headers


def timing(context: Context, upstream: Waiting) -> tuple[str, str]:
    """Those that say how long: the values of ``x-omniroute-overhead-ms`` and ``server-timing``."""
    now, waited = upstream.read()
    total = now - context.received
    ours = max(0.0, total - waited - context.queued)
    told = f"queue;dur={context.queued * 1e3:.1f}, upstream;dur={waited * 1e3:.1f}, total;dur={total * 1e3:.1f}"
    return f"{ours * 1e3:.2f}", told


def _line(text: str) -> str:
    """Names come from the client: what cannot stand in a header is written as its escape."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def opening_headers(context: Context) -> list[tuple[str, str]]:
    """What is known before anybody has answered."""
    return [("x-omniroute-decision", context.decision)] if context.decision else []


def stream_headers(context: Context, extra: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Head of a stream: never cached, never buffered by a reverse proxy in between."""
    kind = JSON_TYPE if context.array else ("content-type", context.format.stream_type)
    return [kind, ("cache-control", "no-cache"), ("x-accel-buffering", "no"), *extra]


async def send_error(
    exchange: Exchange, format: Format, error: OmniRouteError, *, listed: bool = False, context: Context | None = None
) -> None:
    """The error as a finished answer in ``format``'s dialect, with Retry-After where waiting helps. ``listed``: in an array;
    ``context``: the request, where it got so far: the headers say who was asked last."""
    status = format.error_status(error)
    headers = [JSON_TYPE]
    wait = error.retry_after if isinstance(error, (Fault, RequestError)) else None
    if wait is not None:
        headers.append(("retry-after", str(max(1, int(wait + 0.999)))))
    if status == 401:
        headers.append(("www-authenticate", 'Bearer realm="OmniRoute"'))
    if context is not None:
        headers += opening_headers(context) if context.attempt is None else decision_headers(context, context.attempt)
    body = format.encode_error(error, exchange.request_id)
    await exchange.respond(status, headers, b"[%b]" % body if listed else body)
