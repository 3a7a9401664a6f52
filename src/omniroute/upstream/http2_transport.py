"""Http2Transport: calls over HTTP/2, for services that speak nothing else. A kept-alive connection per call and origin.

Connections are opened as those of the pooled transport: same names, addresses, egress guard, outbound proxies. Without TLS the
other side is taken to know that HTTP/2 comes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from omniroute.core.errors import NetworkFault, Verdict
from omniroute.core.ids import Clock, SystemClock
from omniroute.upstream import egress
from omniroute.upstream.call import Call, Headers, Pulled
from omniroute.upstream.connect import CheckAddress, Dialer, ProxyAddress, session_context
from omniroute.upstream.transport import (
    Deadline,
    Timer,
    check_encoding,
    check_headers,
    gathered,
    inflated,
    misconfigured,
    origin,
    place,
    truncated,
    unreachable,
)

if TYPE_CHECKING:
    from omniroute.upstream.http2 import Http2Connection

_IDLE_SECONDS = 30.0
_MOST_IDLE = 32
_HOP_BY_HOP = frozenset({"connection", "host", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"})
Key = tuple[str, str, int, bool, str | None]


class Http2Transport:
    """A ``call.Transport`` for one event loop. ``check_address`` and ``ssl_context``: see ``pool.PooledTransport``; the context
    must offer ``h2``."""

    def __init__(
        self,
        *,
        check_address: CheckAddress | None = None,
        idle_seconds: float = _IDLE_SECONDS,
        clock: Clock | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._check_address = check_address or egress.check_address
        self._idle_seconds = idle_seconds
        self._clock = clock or SystemClock()
        self._tls = ssl_context
        self._dialers: dict[bool, Dialer] = {}
        self._protocol: type[Http2Connection] | None = None
        self._idle: dict[Key, list[tuple[float, Http2Connection]]] = {}
        self._busy: Counter[str] = Counter()

    async def send(self, call: Call) -> Http2Reply:
        """Faults: see ``call.Transport``. A kept-alive connection that turns out to be dead is replaced by a fresh one."""
        check_headers(call.headers)
        if call.proxy and not call.private:
            egress.check_host(call.host)
        key = _key(call)
        where = place(call)
        self._busy[where] += 1
        connection: Http2Connection | None = None
        try:
            deadline = Deadline(call)
            connection = await self._exchange(call, key, deadline)
            reply = Http2Reply(connection, call, deadline, lambda: self._done(key, where, connection))
            check_encoding(reply.headers, where)
        except BaseException:
            self._done(key, where, connection)
            raise
        return reply

    async def close(self) -> None:
        idle, self._idle = self._idle, {}
        for kept in idle.values():
            for _, connection in kept:
                connection.abort()
        await asyncio.sleep(0)  # lets the transports close their sockets

    def describe(self) -> dict[str, object]:
        """``{"origins": {"host:port": {"open", "idle", "busy"}}}``, in connections."""
        idle: Counter[str] = Counter()
        for (scheme, host, port, _, _), kept in self._idle.items():
            default = port == (443 if scheme == "https" else 80)
            idle[host if default else f"{host}:{port}"] += len(kept)
        return {
            "origins": {
                where: {"open": idle[where] + self._busy[where], "idle": idle[where], "busy": self._busy[where]}
                for where in sorted({*idle, *self._busy})
                if idle[where] or self._busy[where]
            }
        }

    async def _exchange(self, call: Call, key: Key, deadline: Deadline) -> Http2Connection:
        """A connection on which the answer's head has arrived."""
        while True:
            connection = self._claim(key)
            try:
                async with deadline.watch("connect"):
                    if connection is None:
                        connection = await self._open(call, key)
                    deadline.arm("first_byte")
                    connection.begin(_head(call), call.body, lambda: deadline.arm("first_byte"))
                    await connection.head()
                return connection
            except (OSError, UnicodeError) as error:
                again = connection is not None and connection.calls > 1 and connection.lost and not connection.status
                if connection is not None:
                    connection.abort()
                if not again:
                    raise unreachable(call, error) from error
                # A connection kept alive had been closed by the other side: the request never got through. It is not kept any
                # more, so this ends at the latest with a fresh connection.
            except BaseException:
                if connection is not None:
                    connection.abort()
                raise

    def _claim(self, key: Key) -> Http2Connection | None:
        kept = self._idle.get(key, [])
        oldest = self._clock.monotonic() - self._idle_seconds
        while kept:
            since, connection = kept.pop()
            if since > oldest and not connection.lost and not connection.transport.is_closing():
                return connection
            connection.abort()
        return None

    async def _open(self, call: Call, key: Key) -> Http2Connection:
        scheme, host, port, private, _ = key
        secure = scheme == "https"
        try:
            proxy = ProxyAddress.parse(call.proxy) if call.proxy else None
        except ValueError as error:
            raise misconfigured(str(error)) from error
        if proxy is not None and not secure and not proxy.socks:
            raise misconfigured(f"{place(call)} speaks HTTP/2 without TLS, which an HTTP proxy cannot carry")
        if self._protocol is None:  # h2 takes long enough to import for the loop to notice
            self._protocol = (await asyncio.to_thread(import_module, "omniroute.upstream.http2")).Http2Connection
        if secure not in self._dialers:
            context = (self._tls or await asyncio.to_thread(_context)) if secure else None
            self._dialers[secure] = Dialer(check_address=self._check_address, clock=self._clock, ssl_context=context)
        dialer = self._dialers[secure]
        connection: Http2Connection = await dialer.open(self._protocol, host, port, tls=secure, private=private, proxy=proxy)
        wire = connection.transport.get_extra_info("ssl_object")
        if wire is not None and wire.selected_alpn_protocol() != "h2":
            connection.abort()
            raise NetworkFault(f"{place(call)} does not speak HTTP/2", kind="network", verdict=Verdict.NEXT_TARGET)
        return connection

    def _done(self, key: Key, where: str, connection: Http2Connection | None) -> None:
        self._busy[where] -= 1
        if not self._busy[where]:
            del self._busy[where]
        if connection is None or not connection.finish():
            return
        kept = self._idle.setdefault(key, [])
        kept.append((self._clock.monotonic(), connection))
        while len(kept) > _MOST_IDLE:
            kept.pop(0)[1].abort()


class Http2Reply(Pulled):
    """See ``call.Reply``. Header names are in small letters."""

    def __init__(self, connection: Http2Connection, call: Call, deadline: Deadline, on_close: Callable[[], None]) -> None:
        self.status = connection.status
        self.headers: Headers = connection.headers
        self._connection = connection
        self._call = call
        self._deadline = deadline
        self._on_close: Callable[[], None] | None = on_close

    def header(self, name: str) -> str | None:
        name = name.lower()
        return next((value for key, value in self.headers if key == name), None)

    def chunks(self) -> AsyncIterator[bytes]:
        encoding = self.header("content-encoding")
        return self._raw() if encoding is None else inflated(self._raw(), encoding, self._call)

    async def _raw(self) -> AsyncIterator[bytes]:
        parts = aiter(self._connection.chunks())
        timer: Timer = "first_byte"
        while True:
            try:
                async with self._deadline.watch(timer):
                    part = await anext(parts)
            except StopAsyncIteration:
                return
            except OSError as error:
                raise truncated(self._call, error) from error
            yield part
            timer = "between"

    async def read(self, limit: int) -> bytes:
        try:
            return await gathered(self.chunks(), self._call, limit)
        finally:
            await self.close()

    async def close(self) -> None:
        done, self._on_close = self._on_close, None
        if done is not None:
            done()


def _context() -> ssl.SSLContext:
    context = session_context()
    context.set_alpn_protocols(["h2"])
    return context


def _key(call: Call) -> Key:
    try:
        scheme, host, port = origin(call.url)
    except ValueError as error:
        raise misconfigured(str(error)) from error
    return scheme, host, port, call.private, call.proxy


def _head(call: Call) -> list[tuple[bytes, bytes]]:
    """Pseudo headers, then the call's own, without those that HTTP/2 has no place for."""
    parts = urlsplit(call.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    authority = parts.netloc.rpartition("@")[2]
    head = [(":method", call.method), (":scheme", parts.scheme), (":authority", authority), (":path", target)]
    head += [(name.lower(), value) for name, value in call.headers if name.lower() not in _HOP_BY_HOP]
    if call.body or call.method not in ("GET", "HEAD"):
        head.append(("content-length", str(len(call.body))))
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in head]
