"""One request on our own protocol: filled by the parser's callbacks, answered straight to the transport."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from omniroute._fast.http_head import response_head
from omniroute.core.errors import BodyTooLarge
from omniroute.gateway.ports import ClientGone, Flight
from omniroute.server.exchange import Incoming

if TYPE_CHECKING:
    from omniroute.server.wire import LimitedProtocol

log = structlog.get_logger("omniroute.server")

_COPIED = 16 * 1024  # bytes: a smaller body is copied behind its head, for one segment instead of two
_BODILESS = frozenset({204, 304})
_FAILED = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Served(Protocol):
    """The application, where it takes requests of its own routes without ASGI."""

    def find(self, path: str) -> Any:
        """What serves that path, None where only ASGI does."""

    def serve(self, exchange: Incoming, found: Any) -> Awaitable[None]: ...


class WireExchange(Incoming):
    """One request of a connection. To uvicorn, whose line of pipelined requests it stands in, it is a RequestResponseCycle."""

    __slots__ = (
        "_chunked",
        "_connection",
        "_expects",
        "_flow",
        "_limit",
        "_mark",
        "_more",
        "_parts",
        "_size",
        "_told",
        "_waiter",
        "disconnected",
        "flight",
        "found",
        "keep_alive",
        "response_complete",
        "transport",
    )

    def __init__(
        self,
        connection: LimitedProtocol,
        found: Any,
        method: str,
        path: str,
        query_string: bytes,
        mark: str,
        *,
        keep_alive: bool,
        by_name: dict[bytes, bytes] | None = None,
    ) -> None:
        client = connection.client
        super().__init__(method, path, query_string, connection.headers, client[0] if client else None, by_name)
        self.transport = connection.transport
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_complete = False
        self._connection = connection
        self._flow = connection.flow
        self.found = found
        self._mark = mark
        self._expects = connection.expect_100_continue
        self._parts: list[bytes] = []
        self._size = 0
        self._more = True
        self._limit = 0
        self._told = False
        self._chunked = False
        self._waiter: asyncio.Future[None] | None = None
        self.flight: Flight | None = None

    @property
    def plain(self) -> bool:
        """A request whose kind may be known by its head: nothing but its body depends on what comes behind that."""
        return self.keep_alive and self._mark == "1.1" and self.method == "POST" and not self._expects

    def fill(self, body: bytes) -> None:
        """The whole body, of a request known by its head: there another length may stand."""
        length = b"%d" % len(body)
        self.headers = [(name, length if name == b"content-length" else value) for name, value in self.headers]
        self.by_name = {**self.by_name, b"content-length": length}
        self._parts.append(body)
        self._size = len(body)
        self._more = False

    async def run(self, app: Served) -> None:
        """The task: answers whatever happens, or closes the connection."""
        try:
            await app.serve(self, self.found)
            if not self.response_complete and not self.disconnected:
                log.error("request left without a whole answer", path=self.path)
                self._give_up()
        except asyncio.CancelledError:
            self.transport.close()
            raise
        except Exception:
            log.exception("request failed")
            self._give_up()
        finally:
            self._connection.ended(self)

    def _give_up(self) -> None:
        if not self.started and not self.transport.is_closing():
            self.transport.write(_FAILED)
        self.transport.close()

    # the request's body, from the parser ------------------------------------------------------------------------------

    def take(self, data: bytes) -> None:
        """A piece of the body. What nobody waits for yet is bounded, what is waited for has its limit."""
        if self.response_complete:
            return
        self._parts.append(data)
        self._size += len(data)
        if self._waiter is None:
            if self._size > HIGH_WATER_LIMIT:
                self._flow.pause_reading()
        elif self._size > self._limit:
            self._wake()

    def whole(self) -> None:
        """The body has come to its end."""
        self._more = False
        self._wake()

    def lost(self) -> None:
        """The connection is gone."""
        if self.response_complete:
            return
        self.disconnected = True
        self._wake()
        if self.flight is not None:
            self.flight.left()
        if self._told:
            self.left()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def body(self, limit: int) -> bytes:
        self.check_declared(limit)
        if self._expects:
            self._expects = False
            if not self.transport.is_closing():
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._limit = limit
        while not self.disconnected and self._more and self._size <= limit:
            self._waiter = self._connection.loop.create_future()
            self._flow.resume_reading()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self.disconnected:
            raise ClientGone
        if self._size > limit:
            raise BodyTooLarge(f"The request body is larger than the limit of {limit} bytes.")
        parts, self._parts = self._parts, []
        self._told = True
        return parts[0] if len(parts) == 1 else b"".join(parts)

    # the answer -------------------------------------------------------------------------------------------------------

    def _head(self, status: int, headers: Sequence[tuple[str, str]], framing: bytes) -> bytes:
        """Raises ValueError for a header that would break out of its line."""
        if self.started:
            raise RuntimeError("the answer has begun")
        if self._expects and self._more:
            self.keep_alive = False  # a body may follow or not: what comes next on this connection has no meaning
        given = [*headers, ("x-request-id", self.request_id), *self.extra]
        end = framing + (b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        return response_head(STATUS_LINE[status] + self._connection.default_head(), given, end)

    def answer(self, lines: bytes, body: bytes) -> None:
        head = self._lined(lines, b"content-length: %d\r\n" % len(body))
        self.sent += len(body)
        if self._writable():
            if len(body) <= _COPIED:
                self.transport.write(head + body)
            else:
                self.transport.writelines((head, body))
        self._complete()

    def begin(self, lines: bytes, data: bytes) -> None:
        self._chunked = self._mark != "1.0"
        head = self._lined(lines, b"transfer-encoding: chunked\r\n" if self._chunked else b"")
        self.sent += len(data)
        if self._writable():
            self.transport.write(head + (self._framed(data) if data else b""))

    def end(self, tail: bytes) -> bool:
        if self._flow.write_paused and not self.disconnected:
            return False
        self.sent += len(tail)
        last = (self._framed(tail) if tail else b"") + (b"0\r\n\r\n" if self._chunked else b"")
        if last and self._writable():
            self.transport.write(last)
        self._complete()
        return True

    def hand_over(self, work: Callable[[Incoming], Awaitable[None]]) -> None:
        self._told = True
        self.found = self.found._replace(handler=work)
        self._connection.serve(self)

    def landed(self) -> None:
        self.flight = None
        self.finished = True
        self._connection.ended(self)

    def cancel(self, msg: str | None = None) -> None:
        """What a server that stops does to whatever takes too long: to it, a flight is a task."""
        if self.flight is not None:
            self._connection.loop.call_soon(self.flight.left)

    def _lined(self, lines: bytes, framing: bytes) -> bytes:
        """The head of a 200 with such lines."""
        if self.started:
            raise RuntimeError("the answer has begun")
        self.started = True
        more = response_head(b"", self.extra, b"") if self.extra else b""
        return b"%b%b%bx-request-id: %b\r\n%b%b%b" % (
            STATUS_LINE[200], self._connection.default_head(), lines, self.request_id.encode(), more, framing,
            b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n",
        )  # fmt: skip

    def _framed(self, data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data

    async def respond(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        head = self._head(status, headers, b"" if status in _BODILESS else b"content-length: %d\r\n" % len(body))
        self.started = True
        if self.method == "HEAD":
            body = b""
        self.sent += len(body)
        if self._writable():
            if len(body) <= _COPIED:
                self.transport.write(head + body)
            else:
                self.transport.writelines((head, body))
        self._complete()

    async def start(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        self._chunked = self._mark != "1.0" and self.method != "HEAD" and status not in _BODILESS
        head = self._head(status, headers, b"transfer-encoding: chunked\r\n" if self._chunked else b"")
        self.started = True
        if self._writable():
            self.transport.write(head)

    async def write(self, data: bytes) -> None:
        if self._flow.write_paused and not self.disconnected:
            await self._flow.drain()
        self.push(data)

    @property
    def pushes(self) -> bool:
        return True

    def push(self, data: bytes) -> bool:
        self.sent += len(data)
        if not data or self.response_complete or self.method == "HEAD" or not self._writable():
            return True
        if self._chunked:
            self.transport.writelines((b"%x\r\n" % len(data), data, b"\r\n"))
        else:
            self.transport.write(data)
        return not self._flow.write_paused

    async def drained(self) -> None:
        await self._flow.drain()

    async def finish(self) -> None:
        if self._flow.write_paused and not self.disconnected:
            await self._flow.drain()
        if self._chunked and self._writable():
            self.transport.write(b"0\r\n\r\n")
        self._complete()

    def _writable(self) -> bool:
        return not self.disconnected and not self.transport.is_closing()

    def _complete(self) -> None:
        self.finished = True
        if self.disconnected or self.response_complete:
            return
        self.response_complete = True
        self._parts.clear()
        if not self.keep_alive:
            self.transport.close()
        self._connection.on_response_complete()
