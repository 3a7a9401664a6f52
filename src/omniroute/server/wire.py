"""The listening protocol: uvicorn's httptools one, with the limits it lacks and refusals that clients can parse.

Requests of our own routes do not take its way through ASGI: the parser's callbacks fill an Exchange, whose answer goes to the
transport. Everything else, pipelining and shutdown among it, is uvicorn's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from omniroute.core import json
from omniroute.server.flow import Flow
from omniroute.server.known_heads import Known, KnownHeads, Outcome
from omniroute.server.wire_exchange import WireExchange

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

log = structlog.get_logger("omniroute.server")

_MAX_TARGET = 16 * 1024
_MAX_HEADERS = 128
_MAX_HEADER_BYTES = 64 * 1024


def _refusal(status: str, message: str) -> bytes:
    body = json.dumps({"error": {"message": message, "type": "invalid_request_error", "param": None, "code": "bad_request"}})
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


_NOBODY: Any = ()
_TOO_LARGE = _refusal("431 Request Header Fields Too Large", "The request line or headers are too large.")
_MALFORMED = _refusal("400 Bad Request", "This is not a well-formed HTTP request.")


class LimitedProtocol(HttpToolsProtocol):
    """Answers oversized request heads with 431 and malformed requests with 400, then closes the connection; closes one on which
    no request begins, or its head does not end, within the keep-alive time."""

    # Beside the dictionary that uvicorn's own attributes fill: with these in it, it would be thrice as large.
    __slots__ = (
        "_defaults", "_find", "_heads", "_held", "_offered", "_read", "_reading", "_seen_bytes", "_serving", "_waiting_since",
    )  # fmt: skip

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        # What uvicorn can do besides is its own machinery's to do.
        plain = not (config.access_log or config.limit_concurrency is not None or config.root_path)
        self._find = getattr(self.app, "find", None) if plain else None
        self._heads: KnownHeads | None = getattr(self.app, "heads", None) if plain else None
        self.pipeline = _NOBODY
        self._seen_bytes = 0
        self._held = b""  # of a request known by its head, not yet whole
        self._reading = False  # the parser is within a request
        self._read = 0  # requests the parser has begun to read
        self._serving: WireExchange | None = None
        self._offered = False
        self._waiting_since: float | None = None
        self._defaults: tuple[list[tuple[bytes, bytes]], bytes] = ([], b"")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = Flow(transport)
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
        cycle: Any = self.cycle
        if self._heads is None or not self._at_rest() or not (cycle is None or cycle.response_complete):
            self._parse(data)
            return
        if self._held:
            data, self._held = self._held + data, b""
        outcome = self._heads.take(self, data)
        if outcome is Outcome.TAKEN:
            return
        if outcome is Outcome.HELD:
            self._waiting_since = None
            self._held = data
            return
        alone = self._read + 1
        self._parse(data)
        exchange: Any = self.cycle
        if outcome is Outcome.NEW and isinstance(exchange, WireExchange) and (self._read, self._at_rest()) == (alone, True):
            self._heads.learn(data, exchange)

    def _at_rest(self) -> bool:
        """The parser is between two requests."""
        return not self._reading

    def again(self, known: Known) -> WireExchange:
        """A request known by its head."""
        self._waiting_since = None
        self.headers = known.headers
        exchange = WireExchange(
            self, known.found, known.method, known.path, known.query_string, "1.1", keep_alive=True, by_name=known.by_name
        )
        self.cycle = exchange  # type: ignore[assignment]
        return exchange

    def flies(self, exchange: WireExchange) -> None:
        """The request is served by callbacks."""
        if not exchange.response_complete:
            self._serving = exchange
            self.tasks.add(exchange)  # type: ignore[arg-type]

    def serve(self, exchange: WireExchange) -> None:
        """The request is served by a task."""
        self._start_asgi_task(exchange, self.app)

    def _parse(self, data: bytes) -> None:
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
        if not self.parser.should_upgrade():
            return False
        if self.parser.get_method() == b"CONNECT":
            raise ValueError("no proxy, no tunnels")
        return any(name == b"transfer-encoding" or (name == b"content-length" and value != b"0") for name, value in self.headers)

    def on_message_begin(self) -> None:
        self._reading = True
        self._read += 1
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
            self._make_line()
            self.pipeline.appendleft((exchange, self.app))  # type: ignore[arg-type]

    def _make_line(self) -> None:
        """Requests come before earlier ones are answered: few clients do that."""
        if self.pipeline is _NOBODY:
            self.pipeline = deque()

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
        self._make_line()
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
        self.tasks.discard(exchange if exchange.task is None else exchange.task)
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
        self._reading = False
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
