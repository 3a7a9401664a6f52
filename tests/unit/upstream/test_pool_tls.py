"""The pooled transport over TLS and through proxies: certificates, resumed sessions, CONNECT, SOCKS5."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from omniroute.core.errors import NetworkFault, TimeoutFault, TruncatedStream
from omniroute.upstream.call import Call, Timers
from omniroute.upstream.connect import ProxyAddress, session_context
from omniroute.upstream.pool import PooledTransport
from upstream.raw import LAST_CHUNK, chunk, head, whole

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Authority:
    """A certificate authority of this test run, and what it has signed."""

    certificate: Path
    server: Path

    def serving(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server)
        return context

    def trusting(self) -> ssl.SSLContext:
        context = session_context()
        context.load_verify_locations(self.certificate)
        return context


def _certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    names: list[x509.GeneralName],
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder = tmp_path_factory.mktemp("tls")
    root_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate("test root", root_key, "test root", root_key, [])
    server = _certificate("test server", server_key, "test root", root_key, [x509.DNSName("localhost")])
    pem = serialization.Encoding.PEM
    (folder / "root.pem").write_bytes(root.public_bytes(pem))
    key = server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(key + server.public_bytes(pem))
    return Authority(folder / "root.pem", folder / "server.pem")


@pytest.fixture
async def pool(authority: Authority) -> AsyncIterator[PooledTransport]:
    made = PooledTransport(ssl_context=authority.trusting())
    yield made
    await made.close()


@asynccontextmanager
async def listening(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on a loopback port; its connections end with it."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the other side left: some tests are about that
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)


async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers every request with its target and the length of its body."""
    while True:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            (int(line.split(":")[1]) for line in request.split("\r\n") if line.lower().startswith("content-length:")), 0
        )
        body = await reader.readexactly(length)
        writer.write(whole(f"{request.split()[1]} {len(body)}".encode()))
        await writer.drain()


def call(url: str, **options: Any) -> Call:
    given: dict[str, Any] = {"method": "POST", "headers": [], "body": b"{}", "private": True} | options
    return Call(url=url, **given)


async def ask(pool: PooledTransport, request: Call) -> bytes:
    reply = await pool.send(request)
    return await reply.read(100_000_000)


# -- TLS ---------------------------------------------------------------------------------------------------------------


async def test_a_trusted_certificate(pool: PooledTransport, authority: Authority) -> None:
    async with listening(answering, authority.serving()) as port:
        for _ in range(2):
            assert await ask(pool, call(f"https://localhost:{port}/v1")) == b"/v1 2"
        assert pool.describe() == {"origins": {f"localhost:{port}": {"open": 1, "idle": 1, "busy": 0}}}


async def test_a_certificate_for_another_name(pool: PooledTransport, authority: Authority) -> None:
    async with listening(answering, authority.serving()) as port:
        with pytest.raises(NetworkFault, match=r"certificate .* not trusted"):
            await pool.send(call(f"https://127.0.0.1:{port}"))


async def test_a_certificate_of_an_unknown_authority(authority: Authority) -> None:
    pool = PooledTransport()
    async with listening(answering, authority.serving()) as port:
        with pytest.raises(NetworkFault, match=r"certificate .* not trusted"):
            await pool.send(call(f"https://localhost:{port}"))
    await pool.close()


async def test_a_server_without_tls(pool: PooledTransport) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with listening(plain) as port:
        with pytest.raises(NetworkFault, match="TLS"):
            await pool.send(call(f"https://localhost:{port}"))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_sessions_are_resumed(pool: PooledTransport, authority: Authority, version: ssl.TLSVersion) -> None:
    resumed: list[bool] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        resumed.append(writer.get_extra_info("ssl_object").session_reused)
        await answering(reader, writer)

    context = authority.serving()
    context.minimum_version = context.maximum_version = version
    async with listening(serve, context) as port:
        replies = [await pool.send(call(f"https://localhost:{port}"))]
        await replies[0].read(10)  # the ticket has come with the answer
        replies = [await pool.send(call(f"https://localhost:{port}")) for _ in range(3)]
        for reply in replies:
            await reply.read(10)
    assert resumed == [False, True, True]


async def test_large_bodies_over_tls(pool: PooledTransport, authority: Authority) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(3_000_000)
            writer.write(head(transfer_encoding="chunked"))
            for start in range(0, len(body), 50_000):
                writer.write(chunk(body[start : start + 50_000]))
                await writer.drain()
            writer.write(LAST_CHUNK)

    async with listening(serve, authority.serving()) as port:
        body = bytes(range(250)) * 12_000
        for _ in range(2):
            assert await ask(pool, call(f"https://localhost:{port}", body=body)) == body


async def test_a_body_cut_over_tls(pool: PooledTransport, authority: Authority) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head(content_length="10") + b"hel")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with listening(serve, authority.serving()) as port:
        with pytest.raises(TruncatedStream):
            await ask(pool, call(f"https://localhost:{port}"))


async def test_silence_over_tls(pool: PooledTransport, authority: Authority) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.read()

    async with listening(serve, authority.serving()) as port:
        with pytest.raises(TimeoutFault) as silent:
            await pool.send(call(f"https://localhost:{port}", timers=Timers(first_byte=0.05)))
        assert silent.value.error_code == "upstream_first_byte_timeout"
    for _ in range(100):  # a dropped connection is written off when the loop comes round
        if pool.describe() != {"origins": {}}:
            await asyncio.sleep(0.01)
    assert pool.describe() == {"origins": {}}


def test_tls_on_the_standard_loop(authority: Authority) -> None:
    async def main() -> None:
        pool = PooledTransport(ssl_context=authority.trusting())
        async with listening(answering, authority.serving()) as port:
            for _ in range(2):
                assert await ask(pool, call(f"https://localhost:{port}/v1", body=b"x" * 200_000)) == b"/v1 200000"
            assert pool.describe() == {"origins": {f"localhost:{port}": {"open": 1, "idle": 1, "busy": 0}}}
            await pool.close()

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(main())


# -- proxies -----------------------------------------------------------------------------------------------------------


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
    """Bytes both ways until one side ends."""
    far_reader, far_writer = await asyncio.open_connection(host, port)

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()

    tasks = [asyncio.ensure_future(copy(reader, far_writer)), asyncio.ensure_future(copy(far_reader, writer))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        far_writer.transport.abort()


class HttpProxy:
    """Tunnels by CONNECT; ``heads`` are the requests it saw."""

    def __init__(self, refusal: bytes = b"") -> None:
        self.heads: list[str] = []
        self.refusal = refusal

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        if self.refusal:
            writer.write(self.refusal)
            await writer.drain()
            return
        host, _, port = self.heads[-1].split()[1].rpartition(":")
        writer.write(b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n")
        await _relay(reader, writer, host, int(port))


class SocksProxy:
    """A SOCKS5 server; ``targets`` are what it was asked for."""

    def __init__(self, user: bytes | None = None, password: bytes = b"", reply: int = 0) -> None:
        self.user = user
        self.password = password
        self.reply = reply
        self.targets: list[tuple[str, int]] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(1) == b"\x05"
        methods = await reader.readexactly((await reader.readexactly(1))[0])
        wanted = 0 if self.user is None else 2
        writer.write(bytes([5, wanted if wanted in methods else 0xFF]))
        if wanted not in methods:
            await writer.drain()
            return
        if wanted == 2:
            assert await reader.readexactly(1) == b"\x01"
            user = await reader.readexactly((await reader.readexactly(1))[0])
            password = await reader.readexactly((await reader.readexactly(1))[0])
            right = (user, password) == (self.user, self.password)
            writer.write(b"\x01" + (b"\x00" if right else b"\x01"))
        assert await reader.readexactly(3) == b"\x05\x01\x00"
        kind = (await reader.readexactly(1))[0]
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            host = str(ip_address(await reader.readexactly(4 if kind == 1 else 16)))
        port = int.from_bytes(await reader.readexactly(2), "big")
        self.targets.append((host, port))
        writer.write(bytes([5, self.reply, 0]) + b"\x03\x04host\x00\x01")
        if self.reply == 0:
            await _relay(reader, writer, host, port)
        else:
            await writer.drain()


@pytest.mark.parametrize("encrypted", [False, True], ids=["http-proxy", "https-proxy"])
async def test_tls_through_a_connect_tunnel(pool: PooledTransport, authority: Authority, encrypted: bool) -> None:
    proxy = HttpProxy()
    async with (
        listening(answering, authority.serving()) as port,
        listening(proxy, authority.serving() if encrypted else None) as at,
    ):
        url = f"http{'s' if encrypted else ''}://me:pass%40word@localhost:{at}"
        for _ in range(2):
            assert await ask(pool, call(f"https://localhost:{port}/v1", proxy=url, body=b"x" * 100_000)) == b"/v1 100000"
    assert len(proxy.heads) == 1, "the tunnel is kept alive"
    assert proxy.heads[0].startswith(f"CONNECT localhost:{port} HTTP/1.1\r\n")
    assert "proxy-authorization: Basic bWU6cGFzc0B3b3Jk\r\n" in proxy.heads[0]


async def test_certificates_are_checked_behind_a_proxy(pool: PooledTransport, authority: Authority) -> None:
    async with listening(answering, authority.serving()) as port, listening(HttpProxy()) as at:
        with pytest.raises(NetworkFault, match="certificate"):
            await pool.send(call(f"https://127.0.0.1:{port}", proxy=f"http://127.0.0.1:{at}"))


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "status 407; check its user and password"),
        (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 3\r\n\r\nbad", "status 502"),
        (b"HTTP/1.1 200 OK\r\n\r\nsurprise", "more than its answer"),
        (b"SSH-2.0-x\r\n\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\n", "closed the connection"),
        (b"x" * 40_000, "too many headers"),
    ],
)
async def test_tunnels_that_do_not_come_about(pool: PooledTransport, refusal: bytes, words: str) -> None:
    async with listening(HttpProxy(refusal)) as at:
        with pytest.raises(NetworkFault) as refused:
            await pool.send(call("https://api.test", proxy=f"http://me:hushhush@127.0.0.1:{at}"))
    assert words in refused.value.message
    assert "hushhush" not in refused.value.message


async def test_a_proxy_that_says_nothing_is_a_connect_timeout(pool: PooledTransport) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            continue

    async with listening(silent) as at:
        with pytest.raises(TimeoutFault) as late:
            await pool.send(call("https://api.test", proxy=f"http://127.0.0.1:{at}", timers=Timers(connect=0.05)))
    assert late.value.error_code == "upstream_connect_timeout"


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("credentials", ["", "me:pass%40word@"])
async def test_through_socks5(pool: PooledTransport, authority: Authority, scheme: str, credentials: str) -> None:
    proxy = SocksProxy(b"me", b"pass@word") if credentials else SocksProxy()
    context = authority.serving() if scheme == "https" else None
    async with listening(answering, context) as port, listening(proxy) as at:
        for _ in range(2):
            sent = call(f"{scheme}://localhost:{port}/v1", proxy=f"socks5://{credentials}127.0.0.1:{at}", body=b"x" * 100_000)
            assert await ask(pool, sent) == b"/v1 100000"
    assert proxy.targets == [("localhost", port)], "the proxy resolves, and the connection is kept alive"


@pytest.mark.parametrize("host", ["192.0.2.7", "[2001:db8::7]"])
async def test_addresses_are_handed_to_socks5_as_addresses(pool: PooledTransport, host: str) -> None:
    proxy = SocksProxy(reply=4)
    async with listening(proxy) as at:
        with pytest.raises(NetworkFault, match="the target is unreachable"):
            await pool.send(call(f"http://{host}:81", proxy=f"socks5://127.0.0.1:{at}"))
    assert proxy.targets == [(host.strip("[]"), 81)]


@pytest.mark.parametrize(
    ("proxy", "credentials", "words"),
    [
        (SocksProxy(b"me", b"right"), "me:wrong@", "refused its user and password"),
        (SocksProxy(b"me", b"right"), "", "asks for a user and password"),
        (SocksProxy(reply=5), "", "the target refused the connection"),
        (SocksProxy(reply=99), "", "code 99"),
        (SocksProxy(b"m" * 300), "m" * 300 + ":wrong@", "longer than 255"),
    ],
)
async def test_socks5_that_does_not_come_about(pool: PooledTransport, proxy: SocksProxy, credentials: str, words: str) -> None:
    async with listening(proxy) as at:
        with pytest.raises(NetworkFault) as refused:
            await pool.send(call("http://api.test", proxy=f"socks5://{credentials}127.0.0.1:{at}"))
    assert words in refused.value.message
    assert "wrong" not in refused.value.message


@pytest.mark.parametrize(
    ("answer", "words"), [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak SOCKS5"), (b"\x05\x01", "not supported")]
)
async def test_what_is_no_socks5_that_we_know(pool: PooledTransport, answer: bytes, words: str) -> None:
    async def stranger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        await writer.drain()

    async with listening(stranger) as at:
        with pytest.raises(NetworkFault) as refused:
            await pool.send(call("http://api.test", proxy=f"socks5://127.0.0.1:{at}"))
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://p", ("p", 80, False, False)),
        ("https://p", ("p", 443, False, True)),
        ("socks5://p", ("p", 1080, True, False)),
        ("socks5h://[::1]:9", ("::1", 9, True, False)),
    ],
)
def test_proxy_addresses(url: str, expected: tuple[str, int, bool, bool]) -> None:
    address = ProxyAddress.parse(url)
    assert (address.host, address.port, address.socks, address.tls) == expected
    assert address.authorization == b""


@pytest.mark.parametrize("url", ["", "p:80", "ftp://p", "http://", "socks4://p"])
def test_what_is_no_proxy_address(url: str) -> None:
    with pytest.raises(ValueError, match="outbound proxy"):
        ProxyAddress.parse(url)
