"""The listening protocol: uvicorn's httptools one, with the limits it lacks and refusals that clients can parse.

Requests of our own routes do not take its way through ASGI: the parser's callbacks fill an Exchange, whose answer goes to the
transport. Everything else, pipelining and shutdown among it, is uvicorn's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

import httptools
import structlog
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from omniroute._fast.http_head import response_head
from omniroute.core import json
from omniroute.core.errors import BodyTooLarge
from omniroute.gateway.ports import ClientGone
from omniroute.server.exchange import Incoming

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

log = structlog.get_logger("omniroute.server")

_MAX_TARGET = 16 * 1024
_MAX_HEADERS = 128
_MAX_HEADER_BYTES = 64 * 1024
_COPIED = 16 * 1024  # bytes: a smaller body is copied behind its head, for one segment instead of two
_BODILESS = frozenset({204, 304})


def _refusal(status: str, message: str) -> bytes:
    body = json.dumps({"error": {"message": message, "type": "invalid_request_error", "param": None, "code": "bad_request"}})
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


_TOO_LARGE = _refusal("431 Request Header Fields Too Large", "The request line or headers are too large.")
_MALFORMED = _refusal("400 Bad Request", "This is not a well-formed HTTP request.")
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
        "_found",
        "_limit",
        "_mark",
        "_more",
        "_parts",
        "_size",
        "_told",
        "_waiter",
        "disconnected",
        "keep_alive",
        "response_complete",
        "transport",
    )

    def __init__(
        self, connection: LimitedProtocol, found: Any, method: str, path: str, query_string: bytes, mark: str, *, keep_alive: bool
    ) -> None:
        client = connection.client
        super().__init__(method, path, query_string, connection.headers, client[0] if client else None)
        self.transport = connection.transport
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_complete = False
        self._connection = connection
        self._flow = connection.flow
        self._found = found
        self._mark = mark
        self._expects = connection.expect_100_continue
        self._parts: list[bytes] = []
        self._size = 0
        self._more = True
        self._limit = 0
        self._told = False
        self._chunked = False
        self._waiter: asyncio.Future[None] | None = None

    async def run(self, app: Served) -> None:
        """The task: answers whatever happens, or closes the connection."""
        try:
            await app.serve(self, self._found)
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


class LimitedProtocol(HttpToolsProtocol):
    """Answers oversized request heads with 431 and malformed requests with 400, then closes the connection; closes one on which
    no request begins, or its head does not end, within the keep-alive time."""

    _seen_bytes = 0

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        # What uvicorn can do besides is its own machinery's to do.
        plain = not (self.access_log or config.limit_concurrency is not None or config.root_path)
        self._find = getattr(self.app, "find", None) if plain else None
        self._serving: WireExchange | None = None
        self._offered = False
        self._waiting_since: float | None = None
        self._defaults: tuple[list[tuple[bytes, bytes]], bytes] = ([], b"")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        cycle: Any = self.cycle
        if isinstance(cycle, WireExchange):
            self.cycle = None  # type: ignore[assignment]
        super().connection_lost(exc)  # tells a cycle of its own
        if self._serving is not None:
            self._serving.lost()
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None

    # one timer a connection, set anew when it rings -------------------------------------------------------------------

    def _wait(self) -> None:
        """The client has the keep-alive time from now on to send a whole head."""
        self._waiting_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        if self._waiting_since is None or self.transport.is_closing():
            return
        left = self._waiting_since + self.timeout_keep_alive - self.loop.time()
        if left > 0.001:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            self.transport.close()

    def _unset_keepalive_if_required(self) -> None:
        """The timer looks for itself whether anything is to be done."""

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        self._serving = None
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        else:
            self._wait()

    # from the parser --------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        try:
            while data:
                try:
                    self.parser.feed_data(data)
                except httptools.HttpParserUpgrade as stop:
                    data = self._declined(data[stop.args[0] :])
                else:
                    return
        except httptools.HttpParserError:
            log.info("malformed request", client=self.client and self.client[0])
            self._refuse(_MALFORMED)

    def _declined(self, rest: bytes) -> bytes:
        """The client offered another protocol, which we decline and the parser takes for a fact: it has no eye for the body. What
        there is to read now: the head again without the offer, if a body belongs to it, and what followed."""
        if not self._offered:
            return rest
        self._offered = False
        line = b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        head = b"".join([b"%b: %b\r\n" % pair for pair in self.headers if pair[0] != b"upgrade"])
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
        return line + head + b"\r\n" + rest

    def _offers_with_body(self) -> bool:
        if not self.parser.should_upgrade() or self.parser.get_method() == b"CONNECT":
            return False
        return any(name == b"transfer-encoding" or (name == b"content-length" and value != b"0") for name, value in self.headers)

    def on_message_begin(self) -> None:
        self._seen_bytes = 0
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        if self._waiting_since is not None:
            self._waiting_since = self.loop.time()

    def on_url(self, url: bytes) -> None:
        self.url += url
        self._seen_bytes += len(url)
        if self._seen_bytes > _MAX_TARGET:
            self._too_large()

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))
        seen = self._seen_bytes = self._seen_bytes + len(name) + len(value)
        if seen > _MAX_HEADER_BYTES or len(self.headers) > _MAX_HEADERS:
            self._too_large()

    def on_headers_complete(self) -> None:
        if self._offers_with_body():
            self._offered = True
            return
        self._waiting_since = None
        path, query = self._target()
        found = None if self._find is None else self._find(path)
        if found is None:
            self._take_as_asgi()
            return
        parser = self.parser
        mark = parser.get_http_version()
        method = parser.get_method().decode("ascii")
        keep_alive = mark != "1.0" and parser.should_keep_alive()
        exchange = WireExchange(self, found, method, path, query, mark, keep_alive=keep_alive)
        before: Any = self.cycle
        self.cycle = exchange  # type: ignore[assignment]
        if before is None or before.response_complete:
            self._start_asgi_task(exchange, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, self.app))  # type: ignore[arg-type]

    def _target(self) -> tuple[str, bytes]:
        """Path and query string. What is wrong with them is wrong with the request."""
        url = self.url
        if url[:1] == b"/" and url[1:2] != b"/" and b"?" not in url and b"%" not in url and b"#" not in url:
            return url.decode("ascii"), b""
        parsed = httptools.parse_url(url)
        path = parsed.path.decode("ascii")
        return unquote(path) if "%" in path else path, parsed.query or b""

    def _take_as_asgi(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers  # the scope holds that list
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle | WireExchange, app: Any) -> None:
        if isinstance(cycle, WireExchange):
            self._serving = cycle
            task = cycle.task = self.loop.create_task(cycle.run(app))
            self.tasks.add(task)
        else:
            super()._start_asgi_task(cycle, app)

    def ended(self, exchange: WireExchange) -> None:
        """The task of one request is over."""
        if exchange.task is not None:
            self.tasks.discard(exchange.task)
        if self._serving is exchange:
            self._serving = None

    def on_body(self, body: bytes) -> None:
        cycle: Any = self.cycle
        if isinstance(cycle, WireExchange):
            cycle.take(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        cycle: Any = self.cycle
        if self._offered:
            return
        if isinstance(cycle, WireExchange):
            cycle.whole()
        else:
            super().on_message_complete()

    # answers ----------------------------------------------------------------------------------------------------------

    def default_head(self) -> bytes:
        """The header lines every answer has; they change once a second."""
        headers = self.server_state.default_headers
        known, joined = self._defaults
        if known is not headers:
            joined = b"".join([b"%b: %b\r\n" % pair for pair in headers])
            self._defaults = (headers, joined)
        return joined

    def _too_large(self) -> None:
        self._refuse(_TOO_LARGE)
        raise ValueError("request head too large")

    def _refuse(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            if self._serving is None or not self._serving.started:  # else it would stand in the middle of another answer
                self.transport.write(answer)
            self.transport.close()
