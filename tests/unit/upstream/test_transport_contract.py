"""What every transport must do, whichever library carries it."""

from __future__ import annotations

import asyncio
import gzip
import importlib
import importlib.util
import json
import socket
import ssl
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from omniroute.core.errors import BadAnswer, Fault, NetworkFault, TimeoutFault, TruncatedStream
from omniroute.upstream.call import Call, Headers, Reply, Timers, Transport
from omniroute.upstream.egress import blocked
from upstream.raw import (
    LAST_CHUNK,
    Connection,
    RawServer,
    chunk,
    head,
    relay_to,
    say,
    say_and_close,
    say_and_hang,
    say_and_reset,
    whole,
)

TRANSPORTS = [
    pytest.param((f"omniroute.upstream.{module}", name), id=name)
    for module, name, library in (
        ("httpx_transport", "HttpxTransport", "httpx"),
        ("pool", "PooledTransport", "httptools"),
        ("curl_transport", "CurlTransport", "curl_cffi"),  # an extra
    )
    if importlib.util.find_spec(library) is not None
]
BODY = b'{"model":"m"}'
Make = Callable[..., Transport]


@pytest.fixture(params=TRANSPORTS)
def make(request: pytest.FixtureRequest) -> Make:
    """The class under test."""
    module, name = request.param
    made: Make = getattr(importlib.import_module(module), name)
    return made


@pytest_asyncio.fixture
async def transport(make: Make) -> AsyncIterator[Transport]:
    made = make()
    yield made
    await made.close()


def call(url: str, *, body: bytes = BODY, headers: Headers | None = None, method: str = "POST", **options: Any) -> Call:
    options.setdefault("timers", Timers(connect=5, first_byte=5, between=5, total=20))
    options.setdefault("private", True)
    given = [("content-type", "application/json")] if headers is None else headers
    return Call(method=method, url=f"{url}/v1/chat?x=1" if url.count("/") == 2 else url, headers=given, body=body, **options)


async def ask(transport: Transport, request: Call, limit: int = 10_000_000) -> tuple[Reply, bytes]:
    reply = await transport.send(request)
    try:
        return reply, await reply.read(limit)
    finally:
        await reply.close()


async def seen(event: asyncio.Event) -> None:
    async with asyncio.timeout(5):
        await event.wait()


# -- the request -------------------------------------------------------------------------------------------------------


async def test_the_request_arrives_as_called(transport: Transport) -> None:
    async with RawServer(say(whole(b"ok"))).run() as server:
        headers = [("Authorization", "Bearer s"), ("x-a", "1"), ("x-a", "2"), ("x-latin", "é")]
        await ask(transport, call(server.url, headers=headers))
    request = server.requests[0]
    assert request.line == "POST /v1/chat?x=1 HTTP/1.1"
    assert request.body == BODY
    assert request.header("host") == f"127.0.0.1:{server.port}"
    assert request.header("content-length") == str(len(BODY))
    assert [(k.lower(), v) for k, v in request.headers if k.lower() in ("authorization", "x-a", "x-latin")] == [
        (k.lower(), v) for k, v in headers
    ]
    allowed = {"authorization", "x-a", "x-latin", "host", "content-length", "connection"}
    assert {k.lower() for k, _ in request.headers} <= allowed, "a transport adds nothing of its own"


async def test_a_get_has_no_body(transport: Transport) -> None:
    async with RawServer(say(whole(b"[]"))).run() as server:
        await ask(transport, call(server.url, method="GET", body=b""))
    assert server.requests[0].line.startswith("GET ")
    assert server.requests[0].header("transfer-encoding") is None
    assert server.requests[0].header("content-length") in (None, "0")


async def test_an_empty_post_states_its_length(transport: Transport) -> None:
    async with RawServer(say(whole(b"ok"))).run() as server:
        await ask(transport, call(server.url, body=b""))
    assert server.requests[0].header("content-length") == "0"


@pytest.mark.parametrize(
    "header", [("x-a", "1\r\nx-evil: 2"), ("x-a\r\nx-evil", "1"), ("x-a", "1\n"), ("x-a", "\0"), ("", "1"), ("x a", "1")]
)
async def test_header_injection_is_refused_before_anything_is_sent(transport: Transport, header: tuple[str, str]) -> None:
    async with RawServer(say(whole(b"ok"))).run() as server:
        with pytest.raises(NetworkFault) as refused:
            await transport.send(call(server.url, headers=[header]))
    assert refused.value.kind == "misconfiguration"
    assert not server.requests


async def test_big_bodies_both_ways(transport: Transport) -> None:
    big = b"0123456789abcdef" * 400_000
    async with RawServer(say(whole(big))).run() as server:
        _, body = await ask(transport, call(server.url, body=big))
    assert server.requests[0].body == big
    assert body == big


# -- the answer --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status", ["200 OK", "201 Created", "302 Found", "400 Bad Request", "401", "429 Too Many Requests", "500 x", "529 Busy"]
)
async def test_every_status_is_a_reply(transport: Transport, status: str) -> None:
    async with RawServer(say(whole(b"{}", status, location="http://elsewhere.invalid/", retry_after="7"))).run() as server:
        reply, body = await ask(transport, call(server.url))
    assert reply.status == int(status[:3])
    assert body == b"{}"
    assert len(server.requests) == 1, "redirects are not followed"


async def test_response_headers(transport: Transport) -> None:
    answer = whole(b"", x_one="1", X_Two="zwei", set_cookie="a=1")
    answer = answer.replace(b"x-one: 1", b"x-one: 1\r\nx-one: 2\r\nx-latin: \xe9")
    async with RawServer(say(answer)).run() as server:
        reply, _ = await ask(transport, call(server.url))
        await ask(transport, call(server.url))
    assert reply.header("X-One") == "1"
    assert reply.header("x-two") == "zwei"
    assert reply.header("x-latin") == "é"
    assert reply.header("missing") is None
    assert [v for k, v in reply.headers if k.lower() == "x-one"] == ["1", "2"]
    assert server.requests[1].header("cookie") is None, "cookies of one account must not reach another"


@pytest.mark.parametrize(
    "answer",
    [
        say(whole(b"hello world")),
        say(head(transfer_encoding="chunked"), chunk(b"hello "), chunk(b"world"), LAST_CHUNK),
        say(head(transfer_encoding="chunked") + chunk(b"hello ") + chunk(b"world") + LAST_CHUNK),
        say(*[bytes([b]) for b in head(transfer_encoding="chunked") + chunk(b"hello world") + LAST_CHUNK]),
        say_and_close(head(connection="close"), b"hello ", b"world"),
        say_and_close(b"HTTP/1.0 200 OK\r\n\r\n", b"hello world"),
        say(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n", whole(b"hello world")),
        say(b"HTTP/1.1 100 Continue\r\n\r\n", whole(b"hello world")),
    ],
    ids=["length", "chunked", "one-write", "byte-by-byte", "close-delimited", "http10", "early-hints", "continue"],
)
async def test_bodies_of_every_framing(transport: Transport, answer: Any) -> None:
    async with RawServer(answer).run() as server:
        reply, body = await ask(transport, call(server.url))
    assert (reply.status, body) == (200, b"hello world")


async def test_no_content(transport: Transport) -> None:
    async with RawServer(say(head("204 No Content"))).run() as server:
        first = await ask(transport, call(server.url))
        second = await ask(transport, call(server.url))
    assert (first[0].status, first[1], second[1]) == (204, b"", b"")


async def test_chunks_arrive_while_the_answer_is_under_way(transport: Transport) -> None:
    more = asyncio.Event()

    async def answer(connection: Connection) -> None:
        await connection.say(head(transfer_encoding="chunked"), chunk(b"one"))
        await more.wait()
        await connection.say(chunk(b"two"), LAST_CHUNK)

    async with RawServer(answer).run() as server:
        reply = await transport.send(call(server.url))
        parts = reply.chunks()
        assert await anext(parts) == b"one"
        more.set()
        assert [part async for part in parts] == [b"two"]
        await reply.close()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "GZIP"])
@pytest.mark.parametrize("pieces", [1, 7])
async def test_compression_is_undone(transport: Transport, encoding: str, pieces: int) -> None:
    text = b"data: hello\n\n" * 1000
    packed = zlib.compress(text) if encoding == "deflate" else gzip.compress(text)
    size = len(packed) // pieces + 1
    parts = [chunk(packed[i : i + size]) for i in range(0, len(packed), size)]
    async with RawServer(say(head(transfer_encoding="chunked", content_encoding=encoding), *parts, LAST_CHUNK)).run() as server:
        _, body = await ask(transport, call(server.url))
    assert body == text


async def test_broken_compression_is_a_bad_answer(transport: Transport) -> None:
    async with RawServer(say(whole(b"this is not gzip", content_encoding="gzip"))).run() as server:
        with pytest.raises(BadAnswer):
            await ask(transport, call(server.url))


async def test_compression_that_was_not_asked_for_is_a_bad_answer(transport: Transport) -> None:
    async with RawServer(say(whole(b"\x0b\x02\x80", content_encoding="br"))).run() as server:
        with pytest.raises(BadAnswer):
            await ask(transport, call(server.url))


async def test_an_answer_over_the_limit_is_a_bad_answer(transport: Transport) -> None:
    async with RawServer(say(whole(b"x" * 1001))).run() as server:
        with pytest.raises(BadAnswer):
            await ask(transport, call(server.url), limit=1000)
        _, body = await ask(transport, call(server.url), limit=1001)
    assert len(body) == 1001


# -- broken answers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        say_and_close(head(content_length="100"), b"short"),
        say_and_close(head(transfer_encoding="chunked"), chunk(b"data: x\n\n")),
        say_and_close(head(transfer_encoding="chunked"), b"64\r\nhalf a chunk"),
        say_and_reset(head(transfer_encoding="chunked"), chunk(b"data: x\n\n")),
        say(head(transfer_encoding="chunked"), b"not a chunk size\r\n"),
    ],
    ids=["content-length", "chunked", "mid-chunk", "reset", "garbage"],
)
async def test_an_answer_that_breaks_off_is_truncated(transport: Transport, answer: Any) -> None:
    async with RawServer(answer).run() as server:
        with pytest.raises(TruncatedStream) as broken:
            await ask(transport, call(server.url))
    assert broken.value.http_status == 502
    assert broken.value.__cause__ is not None


@pytest.mark.parametrize(
    "answer",
    [say_and_close(), say_and_reset(), say_and_close(b"HTTP/1.1 200 O"), say_and_close(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")],
    ids=["closed", "reset", "half-a-head", "not-http"],
)
async def test_no_head_on_a_fresh_connection_is_not_tried_again(transport: Transport, answer: Any) -> None:
    async with RawServer(answer).run() as server:
        with pytest.raises(NetworkFault) as broken:
            await transport.send(call(server.url))
    assert (broken.value.http_status, broken.value.kind) == (502, "network")
    assert broken.value.__cause__ is not None
    assert len(server.requests) == 1


# -- timers ------------------------------------------------------------------------------------------------------------


async def test_silence_before_the_head(transport: Transport) -> None:
    async with RawServer(say_and_hang()).run() as server:
        with pytest.raises(TimeoutFault) as silent:
            await transport.send(call(server.url, timers=Timers(first_byte=0.05)))
        await seen(server.connections[0].gone)
    assert (silent.value.http_status, silent.value.kind, silent.value.error_code) == (
        504,
        "timeout",
        "upstream_first_byte_timeout",
    )


async def test_silence_between_head_and_body(transport: Transport) -> None:
    async with RawServer(say_and_hang(head(transfer_encoding="chunked"))).run() as server:
        with pytest.raises(TimeoutFault) as silent:
            await ask(transport, call(server.url, timers=Timers(first_byte=0.05)))
        await seen(server.connections[0].gone)
    assert silent.value.error_code == "upstream_first_byte_timeout"


async def test_silence_in_the_middle(transport: Transport) -> None:
    async with RawServer(say_and_hang(head(transfer_encoding="chunked"), chunk(b"one"))).run() as server:
        with pytest.raises(TimeoutFault) as silent:
            await ask(transport, call(server.url, timers=Timers(between=0.05)))
        await seen(server.connections[0].gone)
    assert silent.value.error_code == "upstream_between_timeout"


async def test_an_endless_answer_ends_with_the_total(transport: Transport) -> None:
    async def drip(connection: Connection) -> None:
        await connection.say(head(transfer_encoding="chunked"))
        while not connection.reader.at_eof() and not connection.writer.is_closing():
            await connection.say(chunk(b"."))
            await asyncio.sleep(0.005)

    async with RawServer(drip).run() as server:
        with pytest.raises(TimeoutFault) as endless:
            await ask(transport, call(server.url, timers=Timers(total=0.1)))
    assert endless.value.error_code == "upstream_total_timeout"


async def test_the_total_also_runs_before_the_head(transport: Transport) -> None:
    async with RawServer(say_and_hang()).run() as server:
        with pytest.raises(TimeoutFault) as endless:
            await transport.send(call(server.url, timers=Timers(total=0.05)))
    assert endless.value.error_code == "upstream_total_timeout"


async def test_a_tls_handshake_that_hangs_is_a_connect_timeout(transport: Transport) -> None:
    async with RawServer(say_and_hang()).run() as server:
        with pytest.raises(TimeoutFault) as hung:
            await transport.send(call(server.url.replace("http:", "https:"), timers=Timers(connect=0.1)))
    assert hung.value.error_code == "upstream_connect_timeout"


async def test_time_the_reader_takes_is_not_the_upstreams_silence(transport: Transport) -> None:
    async with RawServer(say(head(transfer_encoding="chunked"), chunk(b"one"), chunk(b"two"), LAST_CHUNK)).run() as server:
        reply = await transport.send(call(server.url, timers=Timers(first_byte=0.2, between=0.2)))
        data = b""
        async for part in reply.chunks():
            data += part
            await asyncio.sleep(0.3)
        await reply.close()
    assert data == b"onetwo"


async def test_no_timers_is_no_limit(transport: Transport) -> None:
    async with RawServer(say(whole(b"ok"))).run() as server:
        _, body = await ask(transport, call(server.url, timers=Timers(connect=None, first_byte=None, between=None, total=None)))
    assert body == b"ok"


# -- connections -------------------------------------------------------------------------------------------------------


async def test_a_connection_is_used_again(transport: Transport) -> None:
    async with RawServer(say(whole(b"ok"))).run() as server:
        for _ in range(3):
            await ask(transport, call(server.url))
    assert (len(server.requests), len(server.connections)) == (3, 1)


async def test_a_chunked_answer_gives_its_connection_back(transport: Transport) -> None:
    async with RawServer(say(head(transfer_encoding="chunked"), chunk(b"x"), LAST_CHUNK)).run() as server:
        for _ in range(3):
            await ask(transport, call(server.url))
    assert len(server.connections) == 1


async def test_an_error_answer_gives_its_connection_back(transport: Transport) -> None:
    async with RawServer(say(whole(b"{}", "429 Too Many Requests"))).run() as server:
        await ask(transport, call(server.url))
        await ask(transport, call(server.url))
    assert len(server.connections) == 1


async def test_connection_close_is_honoured(transport: Transport) -> None:
    async with RawServer(say_and_close(whole(b"ok", connection="close"))).run() as server:
        for _ in range(2):
            await ask(transport, call(server.url))
    assert len(server.connections) == 2


async def test_a_connection_closed_while_idle_costs_no_call(transport: Transport) -> None:
    async with RawServer(say_and_close(whole(b"one")), say(whole(b"two"))).run() as server:
        await ask(transport, call(server.url))
        await seen(server.connections[0].gone)
        _, body = await ask(transport, call(server.url))
    assert body == b"two"
    assert len(server.requests) == 2


@pytest.mark.parametrize("dead", [say_and_close(), say_and_reset()], ids=["closed", "reset"])
async def test_a_stale_connection_is_replaced_once(transport: Transport, dead: Any) -> None:
    async with RawServer(say(whole(b"one")), dead, say(whole(b"three"))).run() as server:
        await ask(transport, call(server.url))
        _, body = await ask(transport, call(server.url))
    assert body == b"three"
    assert [request.connection.number for request in server.requests] == [1, 1, 2]
    assert server.requests[2].body == BODY


async def test_a_server_that_keeps_hanging_up_is_left_alone(transport: Transport) -> None:
    async with RawServer(say(whole(b"one")), say_and_close()).run() as server:
        await ask(transport, call(server.url))
        with pytest.raises(NetworkFault):
            await transport.send(call(server.url))
    assert len(server.requests) == 3


async def test_closing_early_reaches_the_server(transport: Transport) -> None:
    async with RawServer(say_and_hang(head(transfer_encoding="chunked"), chunk(b"one"))).run() as server:
        reply = await transport.send(call(server.url))
        assert await anext(reply.chunks()) == b"one"
        await reply.close()
        await reply.close()
        await seen(server.connections[0].gone)


async def test_a_half_read_connection_is_not_used_again(transport: Transport) -> None:
    async with RawServer(say_and_hang(head(transfer_encoding="chunked"), chunk(b"one")), say(whole(b"ok"))).run() as server:
        reply = await transport.send(call(server.url))
        await anext(reply.chunks())
        await reply.close()
        _, body = await ask(transport, call(server.url))
    assert body == b"ok"
    assert len(server.connections) == 2


async def test_cancelling_a_waiting_call_reaches_the_server(transport: Transport) -> None:
    arrived = asyncio.Event()

    async def answer(connection: Connection) -> None:
        arrived.set()
        await connection.hang()

    async with RawServer(answer).run() as server:
        task = asyncio.create_task(transport.send(call(server.url)))
        await seen(arrived)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await seen(server.connections[0].gone)


async def test_cancelling_a_reader_reaches_the_server(transport: Transport) -> None:
    async with RawServer(say_and_hang(head(transfer_encoding="chunked"), chunk(b"one"))).run() as server:
        started = asyncio.Event()

        async def read() -> None:
            reply = await transport.send(call(server.url))
            try:
                async for _ in reply.chunks():
                    started.set()
            finally:
                await reply.close()

        task = asyncio.create_task(read())
        await seen(started)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await seen(server.connections[0].gone)


async def test_calls_run_side_by_side(transport: Transport) -> None:
    everyone = asyncio.Event()

    async def answer(connection: Connection) -> None:
        if len(server.requests) >= 30:
            everyone.set()
        await everyone.wait()
        await connection.say(whole(str(connection.number).encode()))

    async with RawServer(answer).run() as server:
        answers = await asyncio.gather(*(ask(transport, call(server.url, body=str(i).encode())) for i in range(30)))
    assert {body for _, body in answers} == {str(i + 1).encode() for i in range(30)}
    assert {request.body for request in server.requests} == {str(i).encode() for i in range(30)}


async def test_closing_the_transport_closes_idle_connections(make: Make) -> None:
    transport = make()
    async with RawServer(say(whole(b"ok"))).run() as server:
        await ask(transport, call(server.url))
        await transport.close()
        await seen(server.connections[0].gone)


async def test_it_describes_its_connections(transport: Transport) -> None:
    async with RawServer(say(whole(b"ok"))).run() as server:
        await ask(transport, call(server.url))
        told = json.dumps(transport.describe())
    assert f"127.0.0.1:{server.port}" in told


# -- where it may go ---------------------------------------------------------------------------------------------------


async def test_private_addresses_are_refused_unless_allowed(transport: Transport) -> None:
    async with RawServer(say(whole(b"ok"))).run() as server:
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(NetworkFault) as refused:
                await transport.send(call(f"http://{host}:{server.port}", private=False))
            assert refused.value.kind == "blocked_address"
        assert not server.connections
        await ask(transport, call(server.url, private=True))
        with pytest.raises(NetworkFault):  # the idle connection of the allowed call is no way round the guard
            await transport.send(call(server.url, private=False))


async def test_the_guard_sees_the_resolved_address(make: Make) -> None:
    asked: list[str] = []
    transport = make(check_address=asked.append)
    async with RawServer(say(whole(b"ok"))).run() as server:
        await ask(transport, call(server.url.replace("127.0.0.1", "localhost"), private=False))
    await transport.close()
    assert "127.0.0.1" in asked
    assert server.requests[0].header("host") == f"localhost:{server.port}"


async def test_a_guard_that_objects_is_obeyed(make: Make) -> None:
    def object_to(ip: str) -> None:
        raise blocked(ip, "is not liked")

    transport = make(check_address=object_to)
    async with RawServer(say(whole(b"ok"))).run() as server:
        with pytest.raises(NetworkFault, match="is not liked"):
            await transport.send(call(server.url, private=False))
    await transport.close()
    assert not server.connections


async def test_a_refused_connection(transport: Transport) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: nobody else can take the port meanwhile
        with pytest.raises(NetworkFault) as refused:
            await transport.send(call(f"http://127.0.0.1:{taken.getsockname()[1]}"))
    assert refused.value.kind == "provider_down"
    assert "refused" in refused.value.message
    assert refused.value.__cause__ is not None


@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 64 + ".example"])
async def test_a_name_that_does_not_resolve(transport: Transport, host: str, private: bool) -> None:
    with pytest.raises(NetworkFault) as unknown:
        await transport.send(call(f"http://{host}", private=private))
    assert unknown.value.kind == "network"


def self_signed(directory: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = directory / "self-signed.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    return context


async def test_a_certificate_that_nobody_vouches_for(transport: Transport, tmp_path: Path) -> None:
    async with RawServer(say(whole(b"ok"))).run(self_signed(tmp_path)) as server:
        with pytest.raises(NetworkFault, match=r"(?i)certificate|tls"):
            await transport.send(call(server.tls_url))
    assert not server.requests


async def test_a_certificate_for_another_name(transport: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "self-signed.pem"))
    async with RawServer(say(whole(b"ok"))).run(self_signed(tmp_path)) as server:
        with pytest.raises(NetworkFault, match=r"(?i)certificate|tls"):
            await transport.send(call(server.tls_url.replace("localhost", "127.0.0.1")))
    assert not server.requests


async def test_tls_with_the_machines_own_trust(transport: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "self-signed.pem"))
    async with RawServer(say(head(transfer_encoding="chunked"), chunk(b"hello"), LAST_CHUNK)).run(
        self_signed(tmp_path)
    ) as server:
        for _ in range(2):
            _, body = await ask(transport, call(server.tls_url, body=BODY * 100_000))
            assert body == b"hello"
    assert len(server.connections) == 1
    assert server.requests[1].body == BODY * 100_000


# -- through a proxy ---------------------------------------------------------------------------------------------------


async def test_through_an_http_proxy(transport: Transport) -> None:
    async def answer(connection: Connection) -> None:
        if server.requests[-1].line.startswith("CONNECT "):
            await connection.say(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            await connection.say(whole(b"by proxy"))

    async with RawServer(answer).run() as server:
        proxy = f"http://me:pass%20word@127.0.0.1:{server.port}"
        _, body = await ask(transport, call("http://192.0.2.7:8000", headers=[("authorization", "Bearer s")], proxy=proxy))
    assert body == b"by proxy"
    assert "192.0.2.7:8000" in server.requests[0].line
    assert server.requests[0].header("proxy-authorization") == f"Basic {b64encode(b'me:pass word').decode()}"
    assert server.requests[-1].header("authorization") == "Bearer s"


async def test_https_through_an_http_proxy_is_a_tunnel(transport: Transport) -> None:
    async with RawServer(say_and_close(whole(b"no", "403 Forbidden"))).run() as server:
        with pytest.raises(NetworkFault):
            await transport.send(call("https://192.0.2.7", headers=[("authorization", "Bearer s")], proxy=server.url))
    assert server.requests[0].line == "CONNECT 192.0.2.7:443 HTTP/1.1"
    assert server.requests[0].header("authorization") is None, "the proxy must not see the credential"


async def test_tls_through_a_tunnel(transport: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "self-signed.pem"))
    async with (
        RawServer(say(whole(b"secret"))).run(self_signed(tmp_path)) as server,
        RawServer(relay_to(server.port)).run() as proxy,
    ):
        for _ in range(2):
            _, body = await ask(transport, call(server.tls_url, proxy=proxy.url))
            assert body == b"secret"
    assert [request.line for request in proxy.requests] == [f"CONNECT localhost:{server.port} HTTP/1.1"]
    assert server.requests[0].line == "POST /v1/chat?x=1 HTTP/1.1"


async def test_a_proxy_is_no_way_round_the_guard(transport: Transport) -> None:
    async with RawServer(say(whole(b"ok"))).run() as server:
        for target in ("http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "http://169.254.169.254"):
            with pytest.raises(NetworkFault) as refused:
                await transport.send(call(target, private=False, proxy=server.url))
            assert refused.value.kind == "blocked_address"
    assert not server.requests


async def test_a_proxy_that_is_not_there(transport: Transport) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(NetworkFault) as refused:
            await transport.send(call("http://192.0.2.7", proxy=f"http://127.0.0.1:{taken.getsockname()[1]}"))
    assert "proxy" in refused.value.message


async def test_a_proxy_of_an_unknown_kind(transport: Transport) -> None:
    with pytest.raises(Fault) as refused:
        await transport.send(call("http://192.0.2.7", proxy="ftp://127.0.0.1:1"))
    assert refused.value.kind == "misconfiguration"
