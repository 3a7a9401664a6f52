"""The listening protocol: uvicorn's httptools one, with the limits it lacks and refusals that clients can parse."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from omniroute.core import json

EXTENSION = "omniroute.push"
_UNSAFE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_MAX_TARGET = 16 * 1024
_MAX_HEADERS = 128
_MAX_HEADER_BYTES = 64 * 1024


def _refusal(status: str, message: str) -> bytes:
    body = json.dumps({"error": {"message": message, "type": "invalid_request_error", "param": None, "code": "bad_request"}})
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


_TOO_LARGE = _refusal("431 Request Header Fields Too Large", "The request line or headers are too large.")
_MALFORMED = _refusal("400 Bad Request", "This is not a well-formed HTTP request.")


class Push:
    """The ASGI extension ``omniroute.push``: writes body bytes of a response that has begun straight to the client's transport.

    No task switch and no queue: it may be called from the upstream's read callback.
    """

    __slots__ = ("_cycle", "_gone", "_watched")

    def __init__(self, cycle: RequestResponseCycle, watched: set[Push]) -> None:
        self._cycle = cycle
        self._watched = watched
        self._gone: Callable[[], None] | None = None

    def watch(self, gone: Callable[[], None]) -> None:
        """Have ``gone`` called when the client leaves before :meth:`unwatch`; at once if it has left."""
        if self._cycle.disconnected:
            gone()
            return
        self._gone = gone
        self._watched.add(self)

    def unwatch(self) -> None:
        self._watched.discard(self)

    def lost(self) -> None:
        """The connection is gone."""
        if self._gone is not None:
            self._gone()

    def write(self, data: bytes) -> bool:
        """Send now. False when the client is slow: hold back until :meth:`drained`. Nothing is sent to a client that left."""
        cycle = self._cycle
        if cycle.disconnected or cycle.response_complete or cycle.transport.is_closing():
            return True
        if cycle.chunked_encoding:
            cycle.transport.writelines((b"%x\r\n" % len(data), data, b"\r\n"))
        else:
            cycle.transport.write(data)
        return not cycle.flow.write_paused

    def respond(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """A whole response in one write. ``headers`` hold the content length; nothing is sent to a client that left."""
        cycle = self._cycle
        if cycle.disconnected or cycle.response_started:
            return
        parts = [STATUS_LINE[status]]
        for name, value in cycle.default_headers:
            parts += (name, b": ", value, b"\r\n")
        for name, value in headers:
            parts += (name, b": ", value, b"\r\n")
        if _UNSAFE.search(b" ".join([value for _, value in headers])) is not None:
            raise ValueError("the value of a header holds a control character")
        if not cycle.keep_alive:
            parts.append(b"connection: close\r\n")
        parts += (b"\r\n", body)
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.transport.write(b"".join(parts))
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()

    async def drained(self) -> None:
        """Returns when the client has caught up or left."""
        await self._cycle.flow.drain()


class LimitedProtocol(HttpToolsProtocol):
    """Answers oversized request heads with 431 and malformed requests with 400, then closes the connection."""

    _seen_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watched: set[Push] = set()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for push in tuple(self._watched):
            push.lost()

    def on_message_begin(self) -> None:
        self._seen_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._seen_bytes += len(url)
        if self._seen_bytes > _MAX_TARGET:
            self._too_large()

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        seen = self._seen_bytes = self._seen_bytes + len(name) + len(value)
        if seen > _MAX_HEADER_BYTES or len(self.headers) > _MAX_HEADERS:
            self._too_large()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self.cycle.scope is self.scope:
            self.scope["extensions"] = {EXTENSION: Push(self.cycle, self._watched)}  # type: ignore[dict-item]

    def _too_large(self) -> None:
        self._refuse(_TOO_LARGE)
        raise ValueError("request head too large")

    def send_400_response(self, msg: str) -> None:
        self._refuse(_MALFORMED)

    def _refuse(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()
