"""The listening protocol byte by byte: on its own way and, where that must not differ, on the one through ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from omniroute.core.errors import BodyTooLarge
from omniroute.gateway.ports import ClientGone
from omniroute.server.exchange import AsgiExchange, Incoming
from omniroute.server.wire import LimitedProtocol

LIMIT = 200_000
KIND = ("content-type", "text/plain")
each_way = pytest.mark.parametrize("way", ["/ours", "/asgi"])


class App:
    """Echoes. ``/ours…`` is served without ASGI, ``/asgi…`` with it; the word behind says how."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bytes]] = []
        self.gone = asyncio.Event()
        self.called = asyncio.Event()
        self.begun = asyncio.Event()
        self.let_go = asyncio.Event()

    def find(self, path: str) -> str | None:
        return path.removeprefix("/ours") if path.startswith("/ours") else None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        exchange = AsgiExchange(scope, receive, send)
        await self.serve(exchange, exchange.path.removeprefix("/asgi"))

    async def serve(self, exchange: Incoming, found: str) -> None:
        self.called.set()
        try:
            await self._serve(exchange, found)
        except (ClientGone, asyncio.CancelledError):
            self.gone.set()
            if not exchange.gone:
                raise
        finally:
            exchange.release()

    async def _serve(self, exchange: Incoming, found: str) -> None:
        if found == "/unread":
            await exchange.respond(401, [KIND], b"no")
            return
        try:
            body = await exchange.body(LIMIT)
        except BodyTooLarge:
            await exchange.respond(413, [KIND], b"large")
            return
        self.seen.append((exchange.method, body))
        if found == "/stream":
            await exchange.start(200, [KIND])
            for part in (b"one ", b"two ", body):
                await exchange.write(part)
            await exchange.finish()
        elif found == "/wait":
            self.begun.set()
            await self.let_go.wait()
            await exchange.respond(200, [KIND], b"waited")
        elif found == "/fail":
            raise LookupError("a defect")
        elif found == "/half":
            await exchange.start(200, [KIND])
            await exchange.write(b"half")
            raise LookupError("a defect")
        elif found == "/split":
            await exchange.respond(200, [("x-evil", "a\r\nset-cookie: b")], b"")
        elif found == "/nothing":
            return
        else:
            await exchange.respond(200, [KIND], b"got " + body + (exchange.query("q") or "").encode())


class Line:
    """A raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, *data: bytes) -> None:
        for piece in data:
            self.writer.write(piece)

    async def head(self) -> tuple[int, dict[str, str]]:
        lines = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)).decode().split("\r\n")
        return int(lines[0].split()[1]), dict(line.split(": ", 1) for line in lines[1:] if line)

    async def answer(self) -> tuple[int, bytes]:
        status, headers = await self.head()
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(await self.reader.readline(), 16):
                body += (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readline()
            return status, body
        return status, await self.reader.readexactly(int(headers.get("content-length", "0")))

    async def rest(self) -> bytes:
        """What comes until the other side closes."""
        return await asyncio.wait_for(self.reader.read(), 10)


class Bench:
    def __init__(self, app: App, state: ServerState, port: int) -> None:
        self.app = app
        self.state = state
        self.port = port
        self.lines: list[Line] = []

    async def line(self, *data: bytes) -> Line:
        line = Line(*await asyncio.open_connection("127.0.0.1", self.port))
        self.lines.append(line)
        line.say(*data)
        return line


@asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[Bench]:
    app = App()
    given = {"ws": "none", "lifespan": "off", "log_config": None, "access_log": False, "proxy_headers": False, **settings}
    config = uvicorn.Config(app, http=LimitedProtocol, loop="none", **given)
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: LimitedProtocol(config, state, {}), "127.0.0.1", 0)
    bench = Bench(app, state, server.sockets[0].getsockname()[1])
    try:
        yield bench
    finally:
        app.let_go.set()
        for line in bench.lines:
            line.writer.close()
        server.close()


def get(path: str, *headers: str, method: str = "GET", version: str = "1.1") -> bytes:
    return "".join(f"{line}\r\n" for line in (f"{method} {path} HTTP/{version}", "host: x", *headers, "")).encode()


def post(path: str, body: bytes, *headers: str) -> bytes:
    return get(path, f"content-length: {len(body)}", *headers, method="POST") + body


@each_way
async def test_one_connection_serves_one_request_after_the_other(way: str) -> None:
    async with serving() as bench:
        line = await bench.line()
        for body in (b"a", b"", b"x" * 150_000):
            line.say(post(way, body))
            assert await line.answer() == (200, b"got " + body)
        line.say(get(f"{way}?q=%C3%A4&r=1"))
        assert await line.answer() == (200, "got ä".encode())


@each_way
async def test_pipelined_requests_are_answered_in_their_order(way: str) -> None:
    async with serving() as bench:
        line = await bench.line(post(f"{way}/wait", b"1") + post(way, b"2") + post("/asgi", b"3") + post("/ours/stream", b"4"))
        await bench.app.begun.wait()
        assert bench.app.seen == [("POST", b"1")]
        bench.app.let_go.set()
        said = [await line.answer() for _ in range(4)]
        assert said == [(200, b"waited"), (200, b"got 2"), (200, b"got 3"), (200, b"one two 4")]


@each_way
@pytest.mark.parametrize("cut", [1, 7, 40, 100])
async def test_requests_in_pieces(way: str, cut: int) -> None:
    async with serving() as bench:
        request = (
            get(way, "transfer-encoding: chunked", method="POST") + b"5\r\nhello\r\n6;x=y\r\n there\r\n0\r\nx-trailer: t\r\n\r\n"
        )
        line = await bench.line()
        for at in range(0, len(request), cut):
            line.say(request[at : at + cut])
            await line.writer.drain()
            await asyncio.sleep(0)
        assert await line.answer() == (200, b"got hello there")


@each_way
async def test_bodies_have_their_limit(way: str) -> None:
    async with serving() as bench:
        line = await bench.line(get(way, f"content-length: {LIMIT + 1}", method="POST"))
        assert (await line.answer())[0] == 413
        line = await bench.line(get(way, "transfer-encoding: chunked", method="POST"))
        for _ in range(5):
            line.say(b"c350\r\n" + b"x" * 50_000 + b"\r\n")
        assert (await line.answer())[0] == 413
        line.say(b"0\r\n\r\n", post(way, b"next"))
        assert await line.answer() == (200, b"got next")


@each_way
async def test_what_is_not_read_does_not_become_the_next_request(way: str) -> None:
    async with serving() as bench:
        smuggled = get("/ours/smuggled")
        line = await bench.line(post(f"{way}/unread", smuggled), post(way, b"honest"))
        assert await line.answer() == (401, b"no")
        assert await line.answer() == (200, b"got honest")
        assert bench.app.seen == [("POST", b"honest")]


@each_way
@pytest.mark.parametrize(
    "head",
    [
        ("content-length: 4", "transfer-encoding: chunked"),
        ("transfer-encoding: chunked", "content-length: 4"),
        ("content-length: 4", "content-length: 5"),
        ("content-length: +4",),
        ("content-length: 4, 5",),
        ("content-length: -1",),
        ("content-length: 0x4",),
        ("transfer-encoding: xchunked",),
        ("transfer-encoding: chunked, identity",),
        ("transfer-encoding : chunked",),
        ("content-length: 4", " folded: 1"),
        ("bad name: 1",),
        ("x: a\x00b",),
    ],
    ids=repr,
)
async def test_ambiguous_framing_is_refused(way: str, head: tuple[str, ...]) -> None:
    """Whatever two parsers could read in two ways is answered with 400, and nothing behind it is taken for a request."""
    async with serving() as bench:
        line = await bench.line(get(way, *head, method="POST") + b"0\r\n\r\n" + get("/ours/smuggled"))
        assert (await line.head())[0] == 400
        await line.rest()
        assert ("GET", b"") not in bench.app.seen


@each_way
@pytest.mark.parametrize(
    "rest",
    [
        b"5\r\nhelloX\r\n0\r\n\r\n",
        b"zz\r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\n0\n\n",
        b"fffffffffffffffff\r\n",
    ],
    ids=repr,
)
async def test_broken_chunks_end_the_connection(way: str, rest: bytes) -> None:
    async with serving() as bench:
        line = await bench.line(get(way, "transfer-encoding: chunked", method="POST") + rest + get("/ours/smuggled"))
        said = await line.rest()
        assert said.startswith(b"HTTP/1.1 400 ")
        assert said.count(b"HTTP/1.1") == 1
        assert bench.app.seen == []


async def test_a_malformed_request_does_not_speak_into_the_answer_before_it() -> None:
    async with serving() as bench:
        line = await bench.line(post("/ours/wait", b"1"))
        await bench.app.begun.wait()
        line.say(b"\x00\x01 nonsense\r\n\r\n")
        assert (await line.rest()).count(b"HTTP/1.1") == 1
        await bench.app.gone.wait()


@each_way
async def test_oversized_heads(way: str) -> None:
    async with serving() as bench:
        for head in (get(way + "?" + "q" * 20_000), get(way, *[f"x-{i}: y" for i in range(200)]), get(way, "x: " + "y" * 70_000)):
            line = await bench.line(head)
            assert (await line.rest()).startswith(b"HTTP/1.1 431 ")
        assert bench.app.seen == []


@each_way
async def test_who_expects_a_100_gets_one_when_the_body_is_wanted(way: str) -> None:
    async with serving() as bench:
        line = await bench.line(get(way, "content-length: 5", "expect: 100-continue", method="POST"))
        assert await line.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.say(b"hello")
        assert await line.answer() == (200, b"got hello")


async def test_a_body_that_was_not_asked_for_ends_the_connection() -> None:
    """The client may send it or not: what follows could be either."""
    async with serving() as bench:
        line = await bench.line(get("/ours/unread", "content-length: 50", "expect: 100-continue", method="POST"))
        status, headers = await line.head()
        assert (status, headers["connection"]) == (401, "close")
        line.say(get("/ours/smuggled"))
        assert await line.rest() == b"no"
        assert bench.app.seen == []


@each_way
@pytest.mark.parametrize(
    ("version", "header"), [("1.0", "x: y"), ("1.0", "connection: keep-alive"), ("1.1", "connection: close")]
)
async def test_connections_that_are_not_kept(way: str, version: str, header: str) -> None:
    async with serving() as bench:
        line = await bench.line(get(way, header, version=version))
        status, headers = await line.head()
        assert (status, headers["connection"]) == (200, "close")
        assert await line.rest() == b"got "


async def test_a_stream_to_an_old_client_ends_with_the_connection() -> None:
    async with serving() as bench:
        line = await bench.line(get("/ours/stream", version="1.0"))
        _, headers = await line.head()
        assert "transfer-encoding" not in headers
        assert await line.rest() == b"one two "


@each_way
@pytest.mark.parametrize("kind", ["", "/stream"])
async def test_head_has_no_body(way: str, kind: str) -> None:
    async with serving() as bench:
        line = await bench.line(get(way + kind, method="HEAD") + get(way))
        status, headers = await line.head()
        assert status == 200
        assert headers.get("content-length") == (None if kind else "4")
        assert await line.answer() == (200, b"got ")


@each_way
async def test_streams_are_chunked(way: str) -> None:
    async with serving() as bench:
        line = await bench.line(post(f"{way}/stream", b"three"), post(way, b"next"))
        assert await line.answer() == (200, b"one two three")
        assert await line.answer() == (200, b"got next")


async def test_defects_answer_500_or_break_off() -> None:
    async with serving() as bench:
        for path in ("/ours/fail", "/ours/nothing", "/ours/split"):
            line = await bench.line(get(path))
            said = await line.rest()
            assert said.startswith(b"HTTP/1.1 500 ")
            assert b"set-cookie" not in said
        line = await bench.line(get("/ours/half"))
        await line.head()
        assert await line.rest() == b"4\r\nhalf\r\n"
        assert not bench.state.tasks


async def test_a_client_that_leaves_stops_the_work() -> None:
    async with serving() as bench:
        line = await bench.line(post("/ours/wait", b"1"))
        await bench.app.begun.wait()
        line.writer.close()
        await asyncio.wait_for(bench.app.gone.wait(), 10)


async def test_a_client_that_leaves_within_its_body() -> None:
    async with serving() as bench:
        line = await bench.line(get("/ours", "content-length: 50", method="POST") + b"half")
        await line.writer.drain()
        line.writer.close()
        await asyncio.wait_for(bench.app.gone.wait(), 10)
        assert bench.app.seen == []


@pytest.mark.parametrize(
    "said", [b"", b"GET /ours HT", get("/ours")[:-2] + b"x-slow: 1\r\n"], ids=["nothing", "a line", "headers"]
)
async def test_who_does_not_end_a_head_loses_the_connection(said: bytes) -> None:
    async with serving(timeout_keep_alive=0.05) as bench:
        line = await bench.line(said)
        assert await line.rest() == b""


@each_way
async def test_the_keep_alive_time_begins_with_each_answer(way: str) -> None:
    async with serving(timeout_keep_alive=0.05) as bench:
        line = await bench.line(get(way))
        assert await line.answer() == (200, b"got ")
        assert await line.rest() == b""


async def test_a_request_at_work_outlives_the_keep_alive_time() -> None:
    async with serving(timeout_keep_alive=0.02) as bench:
        line = await bench.line(post("/ours/wait", b"1"))
        await bench.app.begun.wait()
        idle = await bench.line()
        assert await idle.rest() == b""
        bench.app.let_go.set()
        assert await line.answer() == (200, b"waited")


@each_way
async def test_shutdown_lets_the_answer_end(way: str) -> None:
    async with serving() as bench:
        idle, busy = await bench.line(get(way)), await bench.line(post(f"{way}/wait", b"1"))
        assert await idle.answer() == (200, b"got ")
        await bench.app.begun.wait()
        for connection in tuple(bench.state.connections):
            connection.shutdown()
        assert await idle.rest() == b""
        bench.app.let_go.set()
        status, headers = await busy.head()
        assert (status, headers["connection"]) == (200, "close")
        assert await busy.rest() == b"waited"
        assert not bench.state.tasks


@each_way
async def test_upgrades_are_not_taken(way: str) -> None:
    async with serving() as bench:
        line = await bench.line(get(way, "connection: Upgrade", "upgrade: websocket"))
        assert await line.answer() == (200, b"got ")


@each_way
@pytest.mark.parametrize("later", [False, True], ids=["at once", "later"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
async def test_a_declined_upgrade_keeps_its_body(way: str, later: bool, chunked: bool) -> None:
    """Java's client offers HTTP/2 with every first request. Its body is a body, not a request of its own."""
    offer = ("connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMAAABkAAQBAAAAAAIAAAAA")
    body = get("/ours/smuggled")
    framing = "transfer-encoding: chunked" if chunked else f"content-length: {len(body)}"
    head = get(way, framing, *offer, method="POST")
    rest = (b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body) + post(way, b"next")
    async with serving() as bench:
        line = await bench.line(head if later else head + rest)
        if later:
            await bench.app.called.wait()
            line.say(rest)
        assert await line.answer() == (200, b"got " + body)
        assert await line.answer() == (200, b"got next")
        assert [seen for _, seen in bench.app.seen] == [body, b"next"]


@each_way
async def test_offers_in_a_line(way: str) -> None:
    async with serving() as bench:
        one = post(way, b"a", "connection: upgrade", "upgrade: x")
        line = await bench.line(one * 3 + get(way, "connection: upgrade", "upgrade: websocket") + post(way, b"b"))
        said = [await line.answer() for _ in range(5)]
        assert said == [(200, b"got a")] * 3 + [(200, b"got "), (200, b"got b")]


@pytest.mark.parametrize("target", ["example.org:443", "/ours", "/asgi"])
async def test_tunnels_are_refused(target: str) -> None:
    async with serving() as bench:
        line = await bench.line(get(target, "content-length: 3", method="CONNECT") + b"abc" + get("/ours/smuggled"))
        said = await line.rest()
        assert said.startswith(b"HTTP/1.1 400 ")
        assert said.count(b"HTTP/1.1") == 1
        assert bench.app.seen == []


@pytest.mark.parametrize("target", ["http://x/ours?q=1", "//ours", "/ours#f", "/o%75rs"])
async def test_odd_targets(target: str) -> None:
    async with serving() as bench:
        line = await bench.line(get(target))
        status, _ = await line.answer()
        assert status == 200


@pytest.mark.parametrize("settings", [{"limit_concurrency": 100}, {"root_path": "/below"}], ids=repr)
async def test_settings_of_uvicorn_are_left_to_uvicorn(settings: dict[str, Any]) -> None:
    async with serving(**settings) as bench:
        line = await bench.line(post("/asgi", b"x"))
        assert (await line.answer())[0] == 200
