"""What every transport shares: the deadlines of a call, header hygiene, TLS trust, and how failures become faults."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Literal
from urllib.parse import urlsplit

import certifi

from omniroute.core.errors import BadAnswer, NetworkFault, Scope, TimeoutFault, TruncatedStream, Verdict
from omniroute.core.redact import redact_text
from omniroute.upstream.call import Call, Headers, Timers
from omniroute.upstream.inflate import inflate, inflaters

Timer = Literal["connect", "first_byte", "between", "total"]

DECODABLE = frozenset({"identity", "gzip", "deflate"})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_WORDS: Mapping[Timer, str] = {
    "connect": "no connection to {where} within {seconds:g} s",
    "first_byte": "{where} sent nothing for {seconds:g} s after the request",
    "between": "{where} fell silent for {seconds:g} s in the middle of its answer",
    "total": "{where} did not finish within the {seconds:g} s allowed for one call",
}


def place(call: Call) -> str:
    """``host`` or ``host:port``, for messages and figures: never the path or the query, which may hold secrets."""
    parts = urlsplit(call.url)
    return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or "the upstream"


def origin(url: str) -> tuple[str, str, int]:
    """(scheme, host, port) of an absolute http(s) URL, lower case, default ports filled in. ValueError otherwise."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not an http(s) URL: {url!r}")
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def check_headers(headers: Iterable[tuple[str, str]]) -> None:
    """NetworkFault (kind ``misconfiguration``) when a header could break out of its line or cannot be sent at all."""
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise misconfigured(f"{name!r} is not a header name")
        if any(c in value for c in "\r\n\0") or value != value.strip(" \t"):
            raise misconfigured(f"the value of header {name!r} holds a line break or stray blanks")
        try:
            value.encode("latin-1")
        except UnicodeEncodeError:
            raise misconfigured(f"the value of header {name!r} holds characters that HTTP cannot carry") from None


def check_encoding(headers: Headers, where: str) -> None:
    """BadAnswer when the body is compressed in a way we did not ask for and cannot undo."""
    for name, value in headers:
        if name.lower() == "content-encoding":
            unknown = {word.strip().lower() for word in value.split(",")} - DECODABLE - {""}
            if unknown:
                raise BadAnswer(f"{where} answered with content-encoding {value!r}, which was not asked for", kind="server_error")


def tls_context() -> ssl.SSLContext:
    """Trust of the machine (SSL_CERT_FILE and SSL_CERT_DIR included) together with the bundle that came with us, for containers
    without a store of their own. Reads files: call it once, at start."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    return context


def misconfigured(message: str) -> NetworkFault:
    """The call as we built it cannot be sent; asking again changes nothing."""
    return NetworkFault(message, kind="misconfiguration", error_code="misconfigured", verdict=Verdict.NEXT_TARGET)


def timed_out(timer: Timer, seconds: float, call: Call) -> TimeoutFault:
    """A timer ran out. A local server that is silent stays silent: only others are asked a second time, but another account
    may be served by another of its machines."""
    if timer == "total":
        verdict = Verdict.NEXT_TARGET
    else:
        verdict = Verdict.NEXT_ACCOUNT if call.private else Verdict.RETRY
    return TimeoutFault(
        _WORDS[timer].format(where=place(call), seconds=seconds),
        kind="timeout",
        error_code=f"upstream_{timer}_timeout",
        scope=Scope.PROVIDER,
        verdict=verdict,
    )


def unreachable(call: Call, error: BaseException) -> NetworkFault:
    """No answer at all: refused, reset, DNS, TLS, or bytes that are not HTTP."""
    where = f"{place(call)} (through the outbound proxy)" if call.proxy else place(call)
    roots = list(_causes(error))
    if any(isinstance(e, ConnectionRefusedError) for e in roots):
        down = call.private
        return NetworkFault(
            f"{where} refused the connection" + ("; is the server running?" if down else ""),
            kind="provider_down" if down else "network",
            verdict=Verdict.NEXT_TARGET if down else Verdict.RETRY,
        )
    if any(isinstance(e, (socket.gaierror, UnicodeError)) for e in roots):
        return NetworkFault(f"the name of {where} cannot be resolved", kind="network", verdict=Verdict.RETRY)
    for root in roots:
        if isinstance(root, ssl.SSLCertVerificationError):
            return NetworkFault(
                f"the TLS certificate of {where} is not trusted: {root.verify_message}",
                kind="network",
                verdict=Verdict.NEXT_TARGET,
            )
    if any(isinstance(e, ssl.SSLError) for e in roots):
        return NetworkFault(f"TLS with {where} failed: {_reason(roots)}", kind="network", verdict=Verdict.RETRY)
    return NetworkFault(f"no answer from {where}: {_reason(roots)}", kind="network", verdict=Verdict.RETRY)


def truncated(call: Call, error: BaseException) -> TruncatedStream:
    """The head came, the body did not come whole."""
    return TruncatedStream(
        f"the answer of {place(call)} broke off: {_reason(list(_causes(error)))}", kind="network", verdict=Verdict.RETRY
    )


def too_large(call: Call, limit: int) -> BadAnswer:
    return BadAnswer(
        f"the answer of {place(call)} is larger than {limit} bytes", kind="server_error", verdict=Verdict.NEXT_TARGET
    )


async def gathered(parts: AsyncIterator[bytes], call: Call, limit: int) -> bytes:
    """A whole body of at most ``limit`` bytes. Raises BadAnswer, and whatever ``parts`` raises."""
    held: list[bytes] = []
    size = 0
    async for part in parts:
        size += len(part)
        if size > limit:
            raise too_large(call, limit)
        held.append(part)
    return held[0] if len(held) == 1 else b"".join(held)


async def inflated(parts: AsyncIterator[bytes], encoding: str, call: Call) -> AsyncIterator[bytes]:
    """``parts`` with their content-encoding undone. Raises BadAnswer, TruncatedStream."""
    layers = inflaters(encoding)
    try:
        async for data in parts:
            for portion in inflate(layers, data):
                yield portion
    except zlib.error as error:
        raise BadAnswer(f"the answer of {place(call)} cannot be decompressed", kind="server_error") from error
    if not all(layer.finished for layer in layers):
        raise truncated(call, EOFError("the compressed body is incomplete"))


def _causes(error: BaseException) -> Iterable[BaseException]:
    """``error`` and what led to it, outermost first."""
    seen: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        current = todo.pop(0)
        if current is None or any(current is e for e in seen):
            continue
        seen.append(current)
        todo += [*(current.exceptions if isinstance(current, BaseExceptionGroup) else ()), current.__cause__, current.__context__]
    return seen


def _reason(roots: list[BaseException]) -> str:
    """The outermost words that say something, without secrets."""
    if any(isinstance(e, ConnectionResetError | BrokenPipeError) for e in roots):
        return "connection reset"
    return next((redact_text(str(e))[:300] for e in roots if str(e)), "connection lost")


class Deadline:
    """The timers of one call. :meth:`watch` bounds a wait; :meth:`arm` moves on to the next timer inside one.

    Only waiting counts: the time a caller takes between two reads is not the upstream's silence. The total always runs.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._timers: Timers = call.timers
        self._loop = asyncio.get_running_loop()
        total = call.timers.total
        self._total_at = None if total is None else self._loop.time() + total
        self._scope: asyncio.Timeout | None = None
        self._timer: Timer = "connect"

    def arm(self, timer: Timer) -> None:
        """From now on ``timer`` bounds the wait that is being watched."""
        if self._scope is None or self._scope.expired():
            return
        limit: float | None = getattr(self._timers, timer)
        when = None if limit is None else self._loop.time() + limit
        self._timer = timer
        if self._total_at is not None and (when is None or when > self._total_at):
            when, self._timer = self._total_at, "total"
        self._scope.reschedule(when)

    @asynccontextmanager
    async def watch(self, timer: Timer) -> AsyncIterator[None]:
        """Inside, silence longer than ``timer`` allows raises TimeoutFault."""
        scope = asyncio.timeout(None)
        try:
            async with scope:
                self._scope = scope
                self.arm(timer)
                yield
        except TimeoutError as error:
            if not scope.expired():
                raise  # the operating system's own ETIMEDOUT
            raise timed_out(self._timer, getattr(self._timers, self._timer), self._call) from error
        finally:
            self._scope = None
