"""The client protocol over a transport that only records: framing at every cut, limits, timers, and what may be kept alive."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute._fast.http1 import Cut, Expired, Http1, Malformed
from omniroute._fast.http_head import request_head

REQUEST = b"POST / HTTP/1.1\r\nhost: x\r\n\r\n"


class Wire(asyncio.Transport):
    """What the protocol did to its transport."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.aborted = False
        self.paused = False
        self.unsent = 0

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.written += [bytes(data) for data in list_of_data]

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def get_write_buffer_size(self) -> int:
        return self.unsent


class Client(Http1):
    """The protocol with its hooks recorded."""

    def __init__(self, size: int = 65536) -> None:
        self.memory = memoryview(bytearray(size))
        super().__init__(asyncio.get_event_loop_policy().get_event_loop(), self.memory)
        self.wire = Wire()
        self.idle = 0
        self.gone = 0
        self.connection_made(self.wire)

    def on_idle(self) -> None:
        self.idle += 1

    def on_lost(self) -> None:
        self.gone += 1

    def ask(self, body: bytes = b"", **options: Any) -> None:
        given: dict[str, Any] = {"bodiless": False, "first_byte": inf, "between": inf, "total_at": inf} | options
        self.waiter = self.begin(REQUEST, body, **given)

    def hear(self, data: bytes) -> None:
        for start in range(0, len(data), len(self.memory)):
            part = data[start : start + len(self.memory)]
            self.get_buffer(len(part))[: len(part)] = part
            self.buffer_updated(len(part))


@pytest.fixture
async def client() -> Client:
    return Client()


async def body_of(client: Client) -> bytes:
    return b"".join([part async for part in client.chunks(client.serial)])


LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\nX-A: 1\r\nx-a: 2\r\n\r\nhello world"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6;a=b\r\nhello \r\n5\r\nworld\r\n0\r\nx-trailer: secret\r\nx-more: 1\r\n\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\ncontent-length: 3\r\n\r\n" + LENGTH


@pytest.mark.parametrize("answer", [LENGTH, CHUNKED, INTERIM], ids=["length", "chunked", "interim"])
async def test_an_answer_may_be_cut_anywhere(answer: bytes) -> None:
    for cut in range(1, len(answer)):
        client = Client()
        client.ask()
        client.hear(answer[:cut])
        client.hear(answer[cut:])
        assert client.status == 200
        assert await body_of(client) == b"hello world"
        assert (client.idle, client.wire.aborted) == (1, False), cut


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=6), st.integers(1, 40))
def test_chunks_of_any_size_in_reads_of_any_size(pieces: list[bytes], size: int) -> None:
    async def check() -> None:
        client = Client()
        client.ask()
        framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + framed
        for start in range(0, len(answer), size):
            client.hear(answer[start : start + size])
        assert await body_of(client) == b"".join(pieces)
        assert client.idle == 1

    asyncio.run(check())


async def test_one_connection_after_another(client: Client) -> None:
    for number in (1, 2, 3):
        client.ask()
        assert not client.waiter.done()
        client.hear(LENGTH)
        assert client.waiter.done()
        assert client.headers == [("content-length", "11"), ("x-a", "1"), ("x-a", "2")]
        assert (client.length, client.encoding, client.serial) == (11, None, number)
        assert await body_of(client) == b"hello world"
    assert client.wire.written == [REQUEST] * 3
    assert client.idle == 3


async def test_what_arrived_is_handed_out_at_once(client: Client) -> None:
    client.ask()
    client.hear(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    parts = client.chunks(client.serial)
    client.hear(b"1\r\na\r\n1\r\nb\r\n")
    client.hear(b"1\r\nc\r\n")
    assert await anext(parts) == b"abc"
    task = asyncio.ensure_future(anext(parts))
    await asyncio.sleep(0)
    client.hear(b"1\r\nd\r\n")
    assert await task == b"d"


async def test_trailers_are_no_headers(client: Client) -> None:
    client.ask()
    client.hear(CHUNKED)
    assert client.headers == [("transfer-encoding", "chunked")]


async def test_an_old_reader_gets_nothing_of_a_new_answer(client: Client) -> None:
    client.ask()
    old = client.serial
    client.hear(LENGTH)
    await body_of(client)
    client.ask()
    client.hear(LENGTH)
    assert [part async for part in client.chunks(old)] == []
    client.finish(old)
    assert not client.wire.aborted
    assert await body_of(client) == b"hello world"


async def test_a_busy_connection_takes_no_second_request(client: Client) -> None:
    client.ask()
    with pytest.raises(RuntimeError):
        client.ask()


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nstray", False),
    ],
)
async def test_what_is_kept_alive(client: Client, answer: bytes, kept: bool) -> None:
    client.ask()
    client.hear(answer)
    assert await body_of(client) == b""
    assert (client.idle, client.wire.aborted) == ((1, False) if kept else (0, True))


async def test_bytes_behind_the_end_spoil_the_connection(client: Client) -> None:
    client.ask()
    client.hear(LENGTH)
    client.hear(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
    assert (client.status, await body_of(client)) == (200, b"hello world")
    assert client.wire.aborted


async def test_bytes_on_an_idle_connection_close_it(client: Client) -> None:
    client.ask()
    client.hear(LENGTH)
    await body_of(client)
    client.hear(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
    assert client.wire.aborted


@pytest.mark.parametrize(("length", "kept"), [(b"", False), (b"content-length: 9\r\n", False), (b"content-length: 0\r\n", True)])
async def test_the_answer_to_head_has_no_body(client: Client, length: bytes, kept: bool) -> None:
    client.ask(bodiless=True)
    client.hear(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n")
    assert (client.status, await body_of(client)) == (200, b"")
    assert (client.idle, client.wire.aborted) == ((1, False) if kept else (0, True))


async def test_a_body_without_framing_ends_with_the_connection(client: Client) -> None:
    client.ask()
    client.hear(b"HTTP/1.1 200 OK\r\n\r\nhello ")
    client.hear(b"world")
    assert not client.eof_received()
    client.connection_lost(None)
    assert await body_of(client) == b"hello world"
    assert (client.idle, client.gone) == (0, 1)


@pytest.mark.parametrize("error", [None, ConnectionResetError("reset")])
@pytest.mark.parametrize("framing", [b"content-length: 20", b"transfer-encoding: chunked"])
async def test_a_cut_body_raises_behind_what_came(client: Client, framing: bytes, error: Exception | None) -> None:
    client.ask()
    start = b"a\r\n" if b"chunked" in framing else b""
    client.hear(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n" + start + b"hello")
    client.connection_lost(error)
    parts = client.chunks(client.serial)
    assert await anext(parts) == b"hello"
    with pytest.raises(type(error) if error else Cut):
        await anext(parts)
    assert client.gone == 1


async def test_a_connection_lost_before_the_head(client: Client) -> None:
    client.ask()
    client.connection_lost(None)
    assert client.waiter.done()
    assert (client.status, client.answered, type(client.failure)) == (0, False, Cut)
    with pytest.raises(RuntimeError):
        client.ask()


@pytest.mark.parametrize(
    "bad",
    [
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx y: 1\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_malformed(client: Client, bad: bytes) -> None:
    client.ask()
    client.hear(bad)
    assert client.waiter.done()
    assert isinstance(client.failure, Malformed)
    assert client.wire.aborted


@pytest.mark.parametrize(
    "flood",
    [
        [b"HTTP/1.1 200 OK\r\n", *[b"x-%d: y\r\n" % i for i in range(9000)]],
        [b"HTTP/1.1 200 OK\r\nx: ", *[b"y" * 1000] * 70],
        [b"HTTP/1.1 103 Hints\r\n\r\n"] * 4000,
    ],
    ids=["many", "long", "interim"],
)
async def test_heads_are_bounded(client: Client, flood: list[bytes]) -> None:
    client.ask()
    for part in flood:
        if not client.wire.aborted:
            client.hear(part)
    assert "more than 65536 bytes of headers" in str(client.failure)


async def test_framing_without_body_is_bounded(client: Client) -> None:
    client.ask()
    client.hear(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;")
    for _ in range(70):
        client.hear(b"x" * 1000)
    assert isinstance(client.failure, Malformed)
    assert client.wire.aborted


async def test_a_slow_reader_stops_the_reading(client: Client) -> None:
    client.ask()
    client.hear(b"HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n" + b"x" * 200_000)
    assert not client.wire.paused
    client.hear(b"x" * 70_000)
    assert client.wire.paused
    parts = client.chunks(client.serial)
    assert len(await anext(parts)) == 270_000
    assert not client.wire.paused
    client.hear(b"x" * 30_000)
    assert sum([len(part) async for part in parts]) == 30_000


async def test_an_answer_dropped_while_paused_is_given_back_unpaused(client: Client) -> None:
    client.ask()
    client.hear(b"HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n" + b"x" * 300_000)
    assert client.wire.paused
    client.finish(client.serial)
    assert (client.idle, client.wire.paused, client.wire.aborted) == (1, False, False)


async def test_closing_in_the_middle_drops_the_connection(client: Client) -> None:
    client.ask()
    client.hear(LENGTH[:-3])
    client.finish(client.serial)
    client.finish(client.serial)
    assert (client.idle, client.wire.aborted) == (0, True)


async def test_an_answer_that_overtakes_the_request_spoils_the_connection(client: Client) -> None:
    client.wire.unsent = 500_000
    client.ask(b"x" * 1_000_000)
    client.hear(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
    assert await body_of(client) == b""
    assert client.wire.aborted


async def test_large_bodies_are_not_joined_to_the_head(client: Client) -> None:
    body = b"x" * 100_000
    client.ask(body)
    assert client.wire.written == [REQUEST, body]


async def test_two_readers_are_refused(client: Client) -> None:
    client.ask()
    client.hear(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
    first = asyncio.ensure_future(anext(client.chunks(client.serial)))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError):
        await anext(client.chunks(client.serial))
    client.hear(b"hello")
    assert await first == b"hello"


async def test_timers(client: Client) -> None:
    now = asyncio.get_running_loop().time()
    later = now + 10_000
    client.ask(first_byte=5, between=7, total_at=later + 100)
    assert now < client.due(now) < later
    assert client.look_again(now) == now + 5
    client.hear(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
    assert client.due(later) == later + 100, "nobody waits: only the total runs"
    parts = client.chunks(client.serial)
    reader = asyncio.ensure_future(anext(parts))
    await asyncio.sleep(0)
    before = client.due(now)
    client.hear(b"h")
    assert await reader == b"h"
    reader = asyncio.ensure_future(anext(parts))
    await asyncio.sleep(0)
    assert client.due(now) == pytest.approx(before + 2, abs=1.5), "from first_byte to between"
    client.expire(later)
    with pytest.raises(Expired, match="between"):
        await reader
    assert client.wire.aborted
    assert client.due(now) < inf


async def test_the_total_runs_out(client: Client) -> None:
    client.ask(total_at=50.0)
    assert client.due(10.0) == 50.0
    client.expire(50.0)
    assert isinstance(client.failure, Expired)
    assert client.failure.timer == "total"


async def test_an_upload_that_goes_on_is_no_silence(client: Client) -> None:
    client.wire.unsent = 900_000
    client.ask(b"x" * 1_000_000, first_byte=5)
    later = client.due(0.0) + 100
    client.wire.unsent = 800_000
    assert client.due(later) == later + 5
    assert client.due(later + 1) == later + 5, "it stands still now"


async def test_no_timer_runs_on_an_idle_connection(client: Client) -> None:
    client.ask(first_byte=1, between=1, total_at=1.0)
    client.hear(LENGTH)
    assert client.due(100.0) == inf


def test_the_request_head() -> None:
    head = request_head("POST", b"/v1?a=b", b"h:1", [("X-A", "1"), ("x-latin", "é"), ("x-empty", "")], 7, b"extra: 1\r\n")
    assert head == (
        b"POST /v1?a=b HTTP/1.1\r\nhost: h:1\r\nX-A: 1\r\nx-latin: \xe9\r\nx-empty: \r\nextra: 1\r\ncontent-length: 7\r\n\r\n"
    )
    assert request_head("GET", b"/", b"h", [], -1, b"") == b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"


@pytest.mark.parametrize("name", ["Host", "CONNECTION", "content-length", "Transfer-Encoding"])
def test_headers_that_are_ours_are_left_out(name: str) -> None:
    assert request_head("GET", b"/", b"h", [(name, "evil")], -1, b"") == b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x\r\ny", "1"),
        ("x:", "1"),
        ("x y", "1"),
        ("", "1"),
        ("é", "1"),
        ("x\0", "1"),
        ("x", "a\r\nb: c"),
        ("x", "a\n"),
        ("x", "a\0b"),
        ("x", "\x7f"),
        ("x", " a"),
        ("x", "a\t"),
        ("x", "你"),
        ("x", "é\r\n"),
    ],
)
def test_headers_cannot_break_out_of_their_line(name: str, value: str) -> None:
    with pytest.raises(ValueError):
        request_head("GET", b"/", b"h", [(name, value)], -1, b"")


@pytest.mark.parametrize(
    ("method", "target"),
    [("GET /x", b"/"), ("", b"/"), ("G\r\n", b"/"), ("GET", b"/a b"), ("GET", b"/\r\n"), ("GET", b""), ("GET", b"/\xff")],
)
def test_neither_can_method_and_target(method: str, target: bytes) -> None:
    with pytest.raises(ValueError):
        request_head(method, target, b"h", [], -1, b"")


def test_only_text_is_a_header() -> None:
    with pytest.raises(TypeError):
        request_head("GET", b"/", b"h", [("x", b"1")], -1, b"")  # type: ignore[list-item]
