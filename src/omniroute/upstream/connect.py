"""How a connection comes to stand: names, addresses, proxies, TLS. The pool decides when; the protocol on top is its own."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import certifi
import msgspec

from omniroute.core.ids import Clock
from omniroute.upstream.tunnel import Talk, Wired, http_connect, socks5

CheckAddress = Callable[[str], None]

W = TypeVar("W", bound=Wired)

_DNS_SECONDS = 30.0
_DNS_ENTRIES = 512
_SESSIONS = 256
_STAGGER = 0.25  # RFC 8305: how long an address has the field to itself
_DEFAULT_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


class ProxyAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where an outbound proxy listens. ``tls``: the way to the proxy itself is encrypted."""

    host: str
    port: int
    socks: bool
    tls: bool
    user: str | None = None
    password: str = ""

    @classmethod
    def parse(cls, url: str) -> ProxyAddress:
        """From ``http|https|socks5|socks5h://[user:password@]host[:port]``; ValueError otherwise, without the password."""
        parts = urlsplit(url)
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise ValueError(
                f"the outbound proxy must be an http, https or socks5 URL, not {parts.scheme or 'one without a scheme'}"
            )
        return cls(
            host=parts.hostname,
            port=parts.port or _DEFAULT_PORTS[parts.scheme],
            socks=parts.scheme.startswith("socks5"),
            tls=parts.scheme == "https",
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password or ""),
        )

    @property
    def authorization(self) -> bytes:
        """The header line for an HTTP proxy, b"" without a user."""
        if self.user is None:
            return b""
        return b"proxy-authorization: Basic %b\r\n" % base64.b64encode(f"{self.user}:{self.password}".encode())


class SessionContext(ssl.SSLContext):
    """A client context that resumes the last session with a host: one round trip and most of the handshake's work less."""

    _sessions: dict[str, ssl.SSLSession]

    def wrap_bio(  # the only place where asyncio's transports let a session in
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        if session is None and isinstance(server_hostname, str):
            session = self._sessions.get(server_hostname)
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)

    def remember(self, transport: asyncio.BaseTransport, host: str) -> None:
        """Keep the session of an open connection. TLS 1.3 sends its tickets after the handshake: call it after an answer."""
        wire = transport.get_extra_info("ssl_object")
        session = getattr(wire, "session", None)
        if session is None:
            return
        self._sessions.pop(host, None)
        if len(self._sessions) >= _SESSIONS:
            self._sessions.pop(next(iter(self._sessions)))
        self._sessions[host] = session


def session_context() -> SessionContext:
    """Certificates and host names are checked against the machine's trust and the bundle that came with us. Reads files."""
    context = SessionContext(ssl.PROTOCOL_TLS_CLIENT)
    context._sessions = {}
    context.load_default_certs()
    context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


class Dialer:
    """Opens connections. Keeps resolved names for 30 s and TLS sessions; everything else belongs to the caller."""

    def __init__(self, *, check_address: CheckAddress, clock: Clock, ssl_context: ssl.SSLContext | None) -> None:
        self._check_address = check_address
        self._clock = clock
        self._tls = ssl_context
        self._loading: asyncio.Task[SessionContext] | None = None
        self._names: dict[tuple[str, int], tuple[float, list[str]]] = {}
        self._asking: dict[tuple[str, int], asyncio.Task[list[str]]] = {}

    async def _context(self) -> ssl.SSLContext:
        """Read by a thread at the first https call: neither the start nor the loop should wait a tenth of a second for it."""
        if self._tls is None:
            if self._loading is None or self._loading.done():
                self._loading = asyncio.ensure_future(asyncio.to_thread(session_context))
            self._tls = await asyncio.shield(self._loading)
        return self._tls

    def remember_session(self, transport: asyncio.BaseTransport, host: str) -> None:
        if isinstance(self._tls, SessionContext):
            self._tls.remember(transport, host)

    async def open(
        self, factory: Callable[[], W], host: str, port: int, *, tls: bool, private: bool, proxy: ProxyAddress | None
    ) -> W:
        """A connected protocol made by ``factory``. Raises OSError (ssl.SSLError and socket.gaierror among them), or the fault of
        the address check. Bounded in time by the caller."""
        if proxy is None:
            return await self._direct(factory, host, port, tls=tls, private=private)
        return await self._through(factory, host, port, tls=tls, proxy=proxy)

    async def _direct(self, factory: Callable[[], W], host: str, port: int, *, tls: bool, private: bool) -> W:
        addresses = await self._resolve(host, port)
        if not private:
            for address in addresses:
                self._check_address(address)
        context = await self._context() if tls else None
        name = host if tls else None
        loop = asyncio.get_running_loop()

        async def attempt(address: str) -> W:
            _, protocol = await loop.create_connection(factory, address, port, ssl=context, server_hostname=name)
            return protocol

        try:
            return await race(addresses, attempt)
        except OSError:
            self._names.pop((host, port), None)
            raise

    async def _through(self, factory: Callable[[], W], host: str, port: int, *, tls: bool, proxy: ProxyAddress) -> W:
        loop = asyncio.get_running_loop()
        if not tls and not proxy.socks:  # an HTTP proxy takes plain requests as they are
            return await self._direct(factory, proxy.host, proxy.port, tls=proxy.tls, private=True)
        talk = await self._direct(Talk, proxy.host, proxy.port, tls=proxy.tls, private=True)
        try:
            if proxy.socks:
                await socks5(talk, host, port, proxy.user, proxy.password)
            else:
                await http_connect(talk, host, port, proxy.authorization)
            protocol = factory()
            transport: asyncio.Transport | None = talk.transport
            if tls:
                transport = await loop.start_tls(talk.transport, protocol, await self._context(), server_hostname=host)
            else:
                talk.transport.set_protocol(protocol)
            if transport is None:
                raise ConnectionError("the outbound proxy closed the tunnel")
            protocol.connection_made(transport)
        except BaseException:
            talk.transport.abort()
            raise
        return protocol

    async def _resolve(self, host: str, port: int) -> list[str]:
        """The addresses of a name, IPv6 and IPv4 in turn. Callers that ask for one name at a time share the answer."""
        with suppress(ValueError):
            ip_address(host.partition("%")[0])
            return [host]
        key = (host, port)
        known = self._names.get(key)
        if known is not None and known[0] > self._clock.monotonic():
            return known[1]
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.ensure_future(self._look_up(key))
            task.add_done_callback(lambda done: self._asked(key, done))
        return await asyncio.shield(task)

    async def _look_up(self, key: tuple[str, int]) -> list[str]:
        found = await asyncio.get_running_loop().getaddrinfo(*key, type=socket.SOCK_STREAM)
        six = list(dict.fromkeys(str(entry[4][0]) for entry in found if entry[0] == socket.AF_INET6))
        four = list(dict.fromkeys(str(entry[4][0]) for entry in found if entry[0] == socket.AF_INET))
        if not six and not four:
            raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
        # the resolver's own preference decides which family goes first, then they alternate
        first, second = (six, four) if found[0][0] == socket.AF_INET6 else (four, six)
        pairs = [address for pair in zip(first, second, strict=False) for address in pair]
        return pairs + first[len(second) :] + second[len(first) :]

    def _asked(self, key: tuple[str, int], task: asyncio.Task[list[str]]) -> None:
        self._asking.pop(key, None)
        if task.cancelled() or task.exception() is not None:
            return
        if len(self._names) >= _DNS_ENTRIES:
            self._names.clear()
        self._names[key] = (self._clock.monotonic() + _DNS_SECONDS, task.result())


async def race(addresses: list[str], attempt: Callable[[str], Coroutine[Any, Any, W]], stagger: float = _STAGGER) -> W:
    """The first connection that stands. The next address starts when one has failed or had ``stagger`` seconds to itself.

    Raises the first failure when all fail; a connection that comes too late is dropped.
    """
    if len(addresses) == 1:
        return await attempt(addresses[0])
    waiting = addresses[::-1]
    running: set[asyncio.Task[W]] = set()
    failure: BaseException | None = None
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.ensure_future(attempt(waiting.pop())))
            done, running = await asyncio.wait(running, timeout=stagger if waiting else None, return_when=asyncio.FIRST_COMPLETED)
            stand = [task for task in done if task.exception() is None]
            if stand:
                running.update(stand[1:])
                return stand[0].result()
            for task in done:
                failure = failure or task.exception()
    finally:
        for task in running:
            task.add_done_callback(_discard)
            task.cancel()
    raise failure or ConnectionError("no address to connect to")


def _discard(task: asyncio.Task[W]) -> None:
    """A connection that came too late."""
    if not task.cancelled() and task.exception() is None:
        task.result().transport.abort()
