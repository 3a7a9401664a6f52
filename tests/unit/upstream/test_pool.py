"""The pooled transport where it goes beyond the contract of all transports: the pool itself, URLs, names, memory, compression."""

from __future__ import annotations

import asyncio
import gzip
import socket
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uvloop

from omniroute.core.errors import BadAnswer, NetworkFault, TimeoutFault, TruncatedStream
from omniroute.core.ids import FakeClock
from omniroute.upstream.call import Call, Timers
from omniroute.upstream.connect import race
from omniroute.upstream.inflate import inflate, inflaters
from omniroute.upstream.pool import PooledTransport
from omniroute.upstream.tunnel import Wired
from upstream.raw import LAST_CHUNK, Connection, RawServer, chunk, head, say, say_and_close, say_and_hang, whole

OK = say(whole(b"ok"))


@pytest.fixture
async def pool() -> AsyncIterator[PooledTransport]:
    made = PooledTransport()
    yield made
    await made.close()


def call(url: str, **options: Any) -> Call:
    given: dict[str, Any] = {"method": "POST", "headers": [], "body": b"{}", "private": True} | options
    return Call(url=url, **given)


async def ask(pool: PooledTransport, request: Call) -> bytes:
    reply = await pool.send(request)
    return await reply.read(100_000_000)


def figures(pool: PooledTransport, server: RawServer) -> dict[str, int]:
    origins: Any = pool.describe()["origins"]
    found: dict[str, int] = origins.get(f"127.0.0.1:{server.port}", {})
    return found


# -- the pool ----------------------------------------------------------------------------------------------------------


async def test_busy_and_idle_are_told_apart(pool: PooledTransport) -> None:
    async with RawServer(OK).run() as server:
        assert figures(pool, server) == {}
        replies = [await pool.send(call(server.url)) for _ in range(3)]
        assert figures(pool, server) == {"open": 3, "idle": 0, "busy": 3}
        await replies[0].close()
        await replies[1].read(10)
        assert figures(pool, server) == {"open": 3, "idle": 2, "busy": 1}
        await ask(pool, call(server.url))
        assert figures(pool, server) == {"open": 3, "idle": 2, "busy": 1}
        await replies[2].close()
        assert len(server.connections) == 3


async def test_a_dropped_answer_leaves_the_books_right(pool: PooledTransport) -> None:
    async with RawServer(say_and_hang(head(content_length="5"), b"hel")).run() as server:
        reply = await pool.send(call(server.url))
        await reply.close()
        await server.connections[0].gone.wait()
        assert figures(pool, server) == {}


async def test_an_unread_but_complete_answer_gives_its_connection_back(pool: PooledTransport) -> None:
    async with RawServer(OK).run() as server:
        for _ in range(3):
            await (await pool.send(call(server.url))).close()
        assert len(server.connections) == 1


async def test_idle_connections_are_limited() -> None:
    pool = PooledTransport(max_idle=2)
    async with RawServer(OK).run() as server:
        replies = [await pool.send(call(server.url)) for _ in range(5)]
        for reply in replies:
            await reply.read(10)
        assert figures(pool, server) == {"open": 2, "idle": 2, "busy": 0}
        await pool.close()


async def test_idle_connections_expire_by_the_clock() -> None:
    clock = FakeClock()
    pool = PooledTransport(idle_seconds=30, clock=clock)
    async with RawServer(OK).run() as server:
        await ask(pool, call(server.url))
        clock.advance(29)
        await ask(pool, call(server.url))
        assert len(server.connections) == 1
        clock.advance(31)
        await ask(pool, call(server.url))
        assert len(server.connections) == 2
        await server.connections[0].gone.wait()
        await pool.close()


async def test_idle_connections_are_swept_without_a_call() -> None:
    pool = PooledTransport(idle_seconds=0.02)
    async with RawServer(OK).run() as server:
        await ask(pool, call(server.url))
        await server.connections[0].gone.wait()
        assert figures(pool, server) == {}
        await pool.close()


async def test_a_connection_closed_by_the_server_leaves_the_pool(pool: PooledTransport) -> None:
    async with RawServer(say_and_close(whole(b"ok"))).run() as server:
        await ask(pool, call(server.url))
        await server.connections[0].gone.wait()
        for _ in range(500):
            if figures(pool, server):
                await asyncio.sleep(0.01)
        assert figures(pool, server) == {}


async def test_calls_after_close_are_refused(pool: PooledTransport) -> None:
    await pool.close()
    with pytest.raises(RuntimeError):
        await pool.send(call("http://127.0.0.1:1"))


async def test_closing_ends_answers_that_are_being_read(pool: PooledTransport) -> None:
    async with RawServer(say_and_hang(head(content_length="5"), b"hel")).run() as server:
        reply = await pool.send(call(server.url))
        parts = reply.chunks()
        assert await anext(parts) == b"hel"
        await pool.close()
        with pytest.raises(TruncatedStream):
            await anext(parts)


async def test_reading_behind_the_end_gives_nothing_even_when_the_connection_serves_another(pool: PooledTransport) -> None:
    async with RawServer(OK, say_and_hang(head(content_length="5"), b"hel")).run() as server:
        first = await pool.send(call(server.url))
        assert await first.read(10) == b"ok"
        second = await pool.send(call(server.url))
        assert [part async for part in first.chunks()] == []
        await first.close()
        assert await anext(second.chunks()) == b"hel"
        await second.close()
        assert len(server.connections) == 1


async def test_a_cancelled_connect_leaves_nothing(pool: PooledTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    started = asyncio.Event()

    async def never(*_: Any, **__: Any) -> Any:
        started.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(uvloop.Loop, "create_connection", never)
    task = asyncio.ensure_future(pool.send(call("http://127.0.0.1:1")))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pool.describe() == {"origins": {}}


@pytest.mark.parametrize(
    ("timers", "code"),
    [(Timers(connect=0.02), "upstream_connect_timeout"), (Timers(connect=5, total=0.02), "upstream_total_timeout")],
)
async def test_connecting_is_bounded(pool: PooledTransport, monkeypatch: pytest.MonkeyPatch, timers: Timers, code: str) -> None:
    async def never(*_: Any, **__: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(uvloop.Loop, "create_connection", never)
    with pytest.raises(TimeoutFault) as late:
        await pool.send(call("http://127.0.0.1:1", timers=timers))
    assert late.value.error_code == code


async def test_many_urls_do_not_pile_up(pool: PooledTransport) -> None:
    async with RawServer(OK).run() as server:
        for number in range(1100):
            await ask(pool, call(f"{server.url}/{number}"))
        assert len(server.connections) == 1
        assert figures(pool, server)["idle"] == 1


# -- URLs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "line"),
    [("", "/"), ("/", "/"), ("?a=b", "/?a=b"), ("/v1/x:y?key=a%20b#part", "/v1/x:y?key=a%20b"), ("//a/../b", "//a/../b")],
)
async def test_the_target_is_what_the_url_says(pool: PooledTransport, path: str, line: str) -> None:
    async with RawServer(OK).run() as server:
        await ask(pool, call(f"{server.url}{path}"))
        assert server.requests[0].line == f"POST {line} HTTP/1.1"


async def test_credentials_in_a_url_are_sent_as_a_header(pool: PooledTransport) -> None:
    async with RawServer(OK).run() as server:
        url = server.url.replace("://", "://me:p%40ss@")
        await ask(pool, call(url))
        await ask(pool, call(url, headers=[("Authorization", "Bearer s")]))
        assert server.requests[0].header("host") == f"127.0.0.1:{server.port}"
        assert [request.header("authorization") for request in server.requests] == ["Basic bWU6cEBzcw==", "Bearer s"]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/a b",
        "http://127.0.0.1:1/\r\nx: y",
        "http://127.0.0.1:1/ü",
        "ftp://127.0.0.1/",
        "http:///x",
        "http://a:b/",
        "x",
    ],
)
async def test_urls_that_cannot_be_sent_are_refused(pool: PooledTransport, url: str) -> None:
    with pytest.raises(NetworkFault) as refused:
        await pool.send(call(url))
    assert refused.value.kind == "misconfiguration"


async def test_secrets_of_a_url_stay_out_of_messages(pool: PooledTransport) -> None:
    async with RawServer(say_and_close()).run() as server:
        with pytest.raises(NetworkFault) as broken:
            await pool.send(call(f"{server.url}/v1?key=hushhush"))
    assert "hushhush" not in broken.value.message


async def test_ipv6_hosts_are_bracketed(pool: PooledTransport) -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(whole(b"ok"))
        writer.close()

    try:
        server = await asyncio.start_server(serve, "::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    port = server.sockets[0].getsockname()[1]
    assert await ask(pool, call(f"http://[::1]:{port}/", method="GET", body=b"")) == b"ok"
    assert b"host: [::1]:%d\r\n" % port in seen[0]
    server.close()


# -- names -------------------------------------------------------------------------------------------------------------


class Resolver:
    """Stands in for the loop's getaddrinfo."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
        self.addresses = addresses
        self.asked: list[str] = []
        resolver = self

        async def getaddrinfo(self: Any, host: str, port: int, **_: Any) -> list[Any]:
            resolver.asked.append(host)
            await asyncio.sleep(0)
            families = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in resolver.addresses]
            pairs = zip(families, resolver.addresses, strict=True)
            return [(family, socket.SOCK_STREAM, 6, "", (address, port)) for family, address in pairs]

        monkeypatch.setattr(uvloop.Loop, "getaddrinfo", getaddrinfo)


async def test_names_are_remembered_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver(monkeypatch, "127.0.0.1")
    clock = FakeClock()
    pool = PooledTransport(clock=clock)
    async with RawServer(say_and_close(whole(b"ok", connection="close"))).run() as server:
        url = f"http://api.test:{server.port}"
        await asyncio.gather(*(ask(pool, call(url)) for _ in range(5)))
        await ask(pool, call(url))
        assert resolver.asked == ["api.test"]
        clock.advance(31)
        await ask(pool, call(url))
        assert resolver.asked == ["api.test"] * 2
        assert server.requests[0].header("host") == f"api.test:{server.port}"
        await pool.close()


async def test_a_dead_address_is_passed_over(pool: PooledTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch, "127.0.0.2", "127.0.0.3", "127.0.0.1")
    async with RawServer(OK).run() as server:
        assert await ask(pool, call(f"http://api.test:{server.port}")) == b"ok"


async def test_a_name_whose_addresses_all_fail_is_asked_again(pool: PooledTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver(monkeypatch, "127.0.0.2", "127.0.0.3")
    async with RawServer(OK).run() as server:
        with pytest.raises(NetworkFault, match="refused the connection"):
            await pool.send(call(f"http://api.test:{server.port}"))
        resolver.addresses = ("127.0.0.1",)
        assert await ask(pool, call(f"http://api.test:{server.port}")) == b"ok"
    assert resolver.asked == ["api.test"] * 2


async def test_one_forbidden_address_forbids_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch, "93.184.215.14", "127.0.0.1")
    pool = PooledTransport()
    with pytest.raises(NetworkFault) as refused:
        await pool.send(call("http://rebind.test:80", private=False))
    assert refused.value.kind == "blocked_address"
    await pool.close()


class Line(Wired):
    """A connection that stands only in this test."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dropped = asyncio.Event()
        self.transport: Any = self

    def abort(self) -> None:
        self.dropped.set()


async def test_a_silent_address_does_not_hold_up_the_next() -> None:
    async def attempt(address: str) -> Line:
        if address == "silent":
            await asyncio.Event().wait()
        return Line(address)

    assert (await race(["silent", "good"], attempt, stagger=0.01)).name == "good"


async def test_a_connection_that_comes_too_late_is_dropped() -> None:
    late = Line("late")

    async def attempt(address: str) -> Line:
        if address == "good":
            return Line("good")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return late  # it stood in the very moment it was given up
        raise AssertionError

    assert (await race(["late", "good"], attempt, stagger=0.01)).name == "good"
    async with asyncio.timeout(5):
        await late.dropped.wait()


async def test_when_all_fail_the_first_failure_is_told() -> None:
    async def attempt(address: str) -> Line:
        raise ConnectionRefusedError(address)

    with pytest.raises(ConnectionRefusedError, match="one"):
        await race(["one", "two"], attempt, stagger=0.01)


# -- memory and compression --------------------------------------------------------------------------------------------


async def test_a_reader_that_lags_holds_the_server_back(pool: PooledTransport) -> None:
    sent = 0
    size = 64 * 1024

    async def flood(connection: Connection) -> None:
        nonlocal sent
        connection.writer.transport.set_write_buffer_limits(high=size)
        await connection.say(head(content_length=str(size * 1000)))
        for _ in range(1000):
            await connection.say(b"x" * size)
            sent += size

    async with RawServer(flood).run() as server:
        reply = await pool.send(call(server.url))
        parts = reply.chunks()
        first = len(await anext(parts))
        before = -1
        while before != sent:  # until nothing moves any more
            before = sent
            await asyncio.sleep(0.05)
        assert sent < 20 * 1024 * 1024, "what the kernel holds and a quarter of a megabyte, not 64 MB"
        rest = sum([len(part) async for part in parts])
        assert first + rest == size * 1000


async def test_compressed_answers_are_handed_out_in_portions(pool: PooledTransport) -> None:
    packed = gzip.compress(b"\0" * 30_000_000)
    async with RawServer(say(whole(packed, content_encoding="gzip"))).run() as server:
        reply = await pool.send(call(server.url))
        sizes = [len(part) async for part in reply.chunks()]
        assert sum(sizes) == 30_000_000
        assert max(sizes) <= 1 << 20
        with pytest.raises(BadAnswer):
            await (await pool.send(call(server.url))).read(1_000_000)


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(b"hello ") + gzip.compress(b"world")),
        ("x-gzip", gzip.compress(b"hello world")),
        ("deflate", zlib.compress(b"hello world")),
        ("deflate", zlib.compress(b"hello world")[2:-4]),
        ("deflate, gzip", gzip.compress(zlib.compress(b"hello world"))),
        ("identity", b"hello world"),
        ("gzip", b""),
    ],
    ids=["members", "x-gzip", "zlib", "raw", "both", "identity", "empty"],
)
def test_layers_of_compression(encoding: str, packed: bytes) -> None:
    for size in (1, 3, 1000):
        layers = inflaters(encoding)
        pieces = [packed[start : start + size] for start in range(0, len(packed), size)]
        text = b"".join(portion for piece in pieces for portion in inflate(layers, piece))
        assert text == (b"hello world" if packed else b"")
        assert all(layer.finished for layer in layers)


async def test_a_compressed_answer_that_ends_early_is_truncated(pool: PooledTransport) -> None:
    packed = gzip.compress(b"hello world" * 100)[:-10]
    async with RawServer(
        say(head(transfer_encoding="chunked", content_encoding="gzip"), chunk(packed), LAST_CHUNK)
    ).run() as server:
        with pytest.raises(TruncatedStream):
            await ask(pool, call(server.url))


async def test_a_length_over_the_limit_is_not_even_read(pool: PooledTransport) -> None:
    async with RawServer(say_and_hang(head(content_length="5000000"), b"x")).run() as server:
        reply = await pool.send(call(server.url))
        with pytest.raises(BadAnswer):
            await reply.read(1_000_000)
        await server.connections[0].gone.wait()


async def test_an_answer_to_head(pool: PooledTransport) -> None:
    async with RawServer(say(head(content_length="5000000"))).run() as server:
        reply = await pool.send(call(server.url, method="HEAD", body=b""))
        assert (reply.status, await reply.read(10)) == (200, b"")


def test_it_also_runs_on_the_standard_loop() -> None:
    async def main() -> None:
        pool = PooledTransport()
        async with RawServer(say(head(transfer_encoding="chunked"), chunk(b"a" * 100_000), LAST_CHUNK)).run() as server:
            for _ in range(2):
                assert await ask(pool, call(server.url, body=b"x" * 300_000)) == b"a" * 100_000
            assert len(server.connections) == 1
            await pool.close()

    make: Callable[[], asyncio.AbstractEventLoop] = asyncio.SelectorEventLoop
    with asyncio.Runner(loop_factory=make) as runner:
        runner.run(main())
