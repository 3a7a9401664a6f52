"""The transport that speaks HTTP/2: windows, timers, ends of all kinds, connections that are kept, TLS, guard and proxies."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from omniroute.core.errors import BadAnswer, NetworkFault, TimeoutFault, TruncatedStream
from omniroute.core.ids import FakeClock
from omniroute.upstream.call import Call, Timers
from omniroute.upstream.egress import blocked
from omniroute.upstream.http2_transport import Http2Reply, Http2Transport
from unit.upstream.test_transport_contract import self_signed
from upstream.cursor_dialect import said, trailer
from upstream.h2_server import Http2Service
from upstream.raw import RawServer, relay_to, say_and_hang
from upstream.script import Fault, Script

PATIENT = Timers(connect=5, first_byte=5, between=5, total=20)


@pytest_asyncio.fixture
async def service() -> AsyncIterator[Http2Service]:
    async with Http2Service().run() as running:
        yield running


@pytest_asyncio.fixture
async def transport() -> AsyncIterator[Http2Transport]:
    made = Http2Transport()
    yield made
    await made.close()


def call(url: str, *, body: bytes = b"asked", timers: Timers = PATIENT, **options: Any) -> Call:
    options.setdefault("private", True)
    headers = [("Content-Type", "application/connect+proto"), ("X-Sign", "s"), ("connection", "close"), ("te", "x")]
    return Call(method="POST", url=f"{url}/a.B/C?x=1", headers=headers, body=body, timers=timers, **options)


async def ask(transport: Http2Transport, request: Call, limit: int = 10_000_000) -> tuple[Http2Reply, bytes]:
    reply = await transport.send(request)
    return reply, await reply.read(limit)


async def test_the_request_arrives_as_called(service: Http2Service, transport: Http2Transport) -> None:
    service.queue(Script(body=b"answered", headers={"x-told": "Yes"}))
    reply, body = await ask(transport, call(service.url))
    assert (reply.status, body, reply.header("X-Told")) == (200, b"answered", "Yes")
    sent = service.last
    assert (sent.header(":method"), sent.path, sent.header(":scheme")) == ("POST", "/a.B/C?x=1", "http")
    assert (sent.header(":authority"), sent.header("content-length")) == (service.url.removeprefix("http://"), "5")
    assert (sent.header("x-sign"), sent.header("connection"), sent.header("te"), sent.body) == ("s", None, None, b"asked")


@pytest.mark.parametrize("window", [None, 1000])
async def test_big_bodies_both_ways(transport: Http2Transport, window: int | None) -> None:
    """Windows are respected in both directions, however small the other side's is."""
    sent, answered = b"q" * 300_000, bytes(range(256)) * 20_000
    async with Http2Service(window=window).run() as service:
        service.queue(Script(body=answered))
        _, body = await ask(transport, call(service.url, body=sent))
    assert body == answered
    assert service.last.body == sent


async def test_an_answer_is_not_taken_faster_than_it_is_read(service: Http2Service, transport: Http2Transport) -> None:
    """What nobody reads stays with the upstream, but for a window of it."""
    service.queue(Script(body=bytes(8_000_000)))
    reply = await transport.send(call(service.url))
    for _ in range(200):
        await asyncio.sleep(0)
    assert sum(map(len, reply._connection._parts)) <= 1 << 20
    assert len(await reply.read(10_000_000)) == 8_000_000


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
async def test_every_status_is_a_reply(service: Http2Service, transport: Http2Transport, status: int) -> None:
    service.queue(Script(status=status, message="no"))
    reply, body = await ask(transport, call(service.url))
    assert reply.status == status
    assert b'"no"' in body


async def test_chunks_arrive_while_the_answer_is_under_way(service: Http2Service, transport: Http2Transport) -> None:
    service.queue(Script(answer="One two", fault=Fault.STALL_MID_STREAM, fault_after=2))
    reply = await transport.send(call(service.url))
    got = b""
    async for chunk in reply.chunks():
        got += chunk
        if said("One ") in got:
            break
    await reply.close()
    await service.last.cancelled.wait()


async def test_compression_is_undone_and_bounded(service: Http2Service, transport: Http2Transport) -> None:
    packed = gzip.compress(bytes(1_000_000))
    for body in (packed, packed, packed[:-9], b"no gzip"):
        service.queue(Script(body=body, headers={"content-encoding": "gzip"}))
    assert (await ask(transport, call(service.url)))[1] == bytes(1_000_000)
    with pytest.raises(BadAnswer, match="larger"):
        await ask(transport, call(service.url), limit=1000)
    with pytest.raises(TruncatedStream):
        await ask(transport, call(service.url))
    with pytest.raises(BadAnswer, match="decompressed"):
        await ask(transport, call(service.url))
    service.queue(Script(body=b"x", headers={"content-encoding": "br"}))
    with pytest.raises(BadAnswer, match="not asked for"):
        await ask(transport, call(service.url))


@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE_HEADERS, Fault.CLOSE_BEFORE_HEADERS])
async def test_no_head_on_a_fresh_connection_is_not_tried_again(
    service: Http2Service, transport: Http2Transport, fault: Fault
) -> None:
    service.queue(Script(fault=fault))
    with pytest.raises(NetworkFault) as none:
        await ask(transport, call(service.url))
    assert none.value.kind == "network"
    assert len(service.requests) == 1


@pytest.mark.parametrize("fault", [Fault.RESET_MID_STREAM, Fault.CUT_BETWEEN_EVENTS])
async def test_an_answer_that_breaks_off_is_truncated(service: Http2Service, transport: Http2Transport, fault: Fault) -> None:
    service.queue(Script(answer="One two three", fault=fault, fault_after=2))
    with pytest.raises(TruncatedStream):
        await ask(transport, call(service.url))


async def test_timers(service: Http2Service, transport: Http2Transport) -> None:
    quick = Timers(connect=5, first_byte=0.05, between=5, total=5)
    service.queue(Script(fault=Fault.STALL_BEFORE_HEADERS))
    with pytest.raises(TimeoutFault) as silent:
        await transport.send(call(service.url, timers=quick))
    assert silent.value.error_code == "upstream_first_byte_timeout"
    service.queue(Script(fault=Fault.STALL_AFTER_HEADERS, fault_after=0))
    with pytest.raises(TimeoutFault) as silent:
        await ask(transport, call(service.url, timers=quick))
    assert silent.value.error_code == "upstream_first_byte_timeout"
    service.queue(Script(fault=Fault.STALL_MID_STREAM))
    with pytest.raises(TimeoutFault) as silent:
        await ask(transport, call(service.url, timers=Timers(first_byte=5, between=0.05)))
    assert silent.value.error_code == "upstream_between_timeout"
    service.queue(Script(fault=Fault.STALL_MID_STREAM))
    with pytest.raises(TimeoutFault) as silent:
        await ask(transport, call(service.url, timers=Timers(first_byte=5, between=5, total=0.05)))
    assert silent.value.error_code == "upstream_total_timeout"
    async with RawServer(say_and_hang()).run() as mute:
        with pytest.raises(TimeoutFault):
            await transport.send(call(mute.url, timers=quick))
    assert transport.describe() == {"origins": {}}


async def test_connections_are_kept_and_each_carries_one_call(service: Http2Service, transport: Http2Transport) -> None:
    for _ in range(3):
        await ask(transport, call(service.url))
    assert {heard.connection for heard in service.requests} == {1}
    service.queue(*[Script(fault=Fault.STALL_MID_STREAM)] * 3)
    replies = [await transport.send(call(service.url)) for _ in range(3)]
    assert len({heard.connection for heard in service.requests[3:]}) == 3
    where = service.url.removeprefix("http://")
    assert transport.describe() == {"origins": {where: {"open": 3, "idle": 0, "busy": 3}}}
    for reply in replies:
        await reply.close()
        await reply.close()
    for heard in service.requests[3:]:
        await heard.cancelled.wait()
    assert transport.describe() == {"origins": {}}


async def test_a_connection_closed_while_idle_costs_no_call(service: Http2Service, transport: Http2Transport) -> None:
    await ask(transport, call(service.url))
    for served in tuple(service.open):
        served.transport.close()
    for _ in range(5):
        await asyncio.sleep(0)
    assert (await ask(transport, call(service.url)))[0].status == 200
    service.queue(Script(fault=Fault.CLOSE_BEFORE_HEADERS))
    assert (await ask(transport, call(service.url)))[0].status == 200, "it was closed as the call went out"
    assert service.connections == 3


async def test_a_server_that_says_good_bye_is_believed(service: Http2Service, transport: Http2Transport) -> None:
    await ask(transport, call(service.url))
    for served in tuple(service.open):
        served.h2.close_connection()
        served.flush()
    for _ in range(5):
        await asyncio.sleep(0)
    await ask(transport, call(service.url))
    assert service.connections == 2


async def test_old_connections_are_not_used(service: Http2Service) -> None:
    clock = FakeClock()
    transport = Http2Transport(clock=clock, idle_seconds=30)
    await ask(transport, call(service.url))
    clock.advance(31)
    await ask(transport, call(service.url))
    assert service.connections == 2
    await transport.close()
    assert transport.describe() == {"origins": {}}


async def test_cancelling_a_waiting_call_reaches_the_server(service: Http2Service, transport: Http2Transport) -> None:
    service.queue(Script(fault=Fault.STALL_BEFORE_HEADERS))
    task = asyncio.create_task(transport.send(call(service.url)))
    heard = await service.heard(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await heard.cancelled.wait()


async def test_what_is_not_http2_is_a_network_fault(transport: Http2Transport) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        with pytest.raises(NetworkFault, match="not HTTP/2"):
            await transport.send(call(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))


async def test_headers_that_could_break_out_are_refused(service: Http2Service, transport: Http2Transport) -> None:
    request = Call(method="POST", url=service.url, headers=[("x", "a\r\nb: c")], body=b"", private=True)
    with pytest.raises(NetworkFault) as refused:
        await transport.send(request)
    assert refused.value.kind == "misconfiguration"
    assert not service.requests


async def test_private_addresses_are_refused_unless_allowed(service: Http2Service, transport: Http2Transport) -> None:
    with pytest.raises(NetworkFault) as refused:
        await transport.send(call(service.url, private=False))
    assert refused.value.kind == "blocked_address"
    await ask(transport, call(service.url))
    with pytest.raises(NetworkFault):  # the idle connection of the allowed call is no way round the guard
        await transport.send(call(service.url, private=False))


async def test_a_guard_that_objects_is_obeyed(service: Http2Service) -> None:
    def object_to(ip: str) -> None:
        raise blocked(ip, "is not liked")

    transport = Http2Transport(check_address=object_to)
    with pytest.raises(NetworkFault, match="is not liked"):
        await transport.send(call(service.url, private=False))
    assert not service.requests


def tls_of(folder: Path, *protocols: str) -> ssl.SSLContext:
    context = self_signed(folder)
    context.set_alpn_protocols(list(protocols))
    return context


async def test_tls(transport: Http2Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "self-signed.pem"))
    async with Http2Service(tls=tls_of(tmp_path, "h2")).run() as service:
        url = service.url.replace("127.0.0.1", "localhost")
        for _ in range(2):
            _, body = await ask(transport, call(url, body=b"x" * 200_000))
            assert body.endswith(trailer())
        assert service.connections == 1
        with pytest.raises(NetworkFault, match=r"(?i)certificate|tls"):
            await transport.send(call(service.url))


async def test_a_server_that_only_speaks_http1_is_told_apart(
    transport: Http2Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "self-signed.pem"))
    async with Http2Service(tls=self_signed(tmp_path)).run() as service:
        with pytest.raises(NetworkFault, match="does not speak HTTP/2"):
            await transport.send(call(service.url.replace("127.0.0.1", "localhost")))


async def test_through_a_tunnel(transport: Http2Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "self-signed.pem"))
    async with (
        Http2Service(tls=tls_of(tmp_path, "h2")).run() as service,
        RawServer(relay_to(service.port)).run() as proxy,
    ):
        _, body = await ask(transport, call(f"https://localhost:{service.port}", proxy=proxy.url))
        assert body.endswith(trailer())
        assert proxy.requests[0].line == f"CONNECT localhost:{service.port} HTTP/1.1"
        assert proxy.requests[0].header("x-sign") is None, "the proxy sees nothing of the call"
        with pytest.raises(NetworkFault, match="without TLS"):
            await transport.send(call("http://192.0.2.1:80", proxy=proxy.url))
        with pytest.raises(NetworkFault) as refused:
            await transport.send(call("https://10.0.0.1", proxy=proxy.url, private=False))
        assert refused.value.kind == "blocked_address"
