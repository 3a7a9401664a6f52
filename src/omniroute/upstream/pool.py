"""PooledTransport: the fast way out. Kept-alive HTTP/1.1 connections per origin; what to do is decided synchronously, then done.

The protocol is compiled (``_fast.http1``), connections are opened by ``upstream.connect``; here live the pool, the watch over the
timers, and the translation of what went wrong into faults. It speaks HTTP/1.1 only, keeps no cookies, follows no redirects.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import time
from asyncio import TimerHandle
from math import inf
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from omniroute._fast.http1 import Cut, Expired
from omniroute._fast.http_head import request_head
from omniroute.core.errors import BadAnswer, Fault
from omniroute.core.ids import Clock, SystemClock
from omniroute.upstream import egress
from omniroute.upstream.call import Call
from omniroute.upstream.connect import CheckAddress, Dialer, ProxyAddress
from omniroute.upstream.exchange import Connection, Origin, PooledReply, Watch, no_answer
from omniroute.upstream.track import Track
from omniroute.upstream.transport import (
    Timer,
    check_encoding,
    check_headers,
    misconfigured,
    origin,
    place,
    timed_out,
    unreachable,
)

__all__ = ["PooledReply", "PooledTransport"]

_BUFFER = 65536
_ROUTES = 1024


class Route(NamedTuple):
    """What a URL comes to: remembered, because calls repeat."""

    origin: Origin
    host: bytes
    target: bytes
    extra: bytes
    userinfo: bytes


class PooledTransport:
    """A ``call.Transport`` for one event loop. At most ``max_idle`` idle connections per origin, each for ``idle_seconds``.

    ``check_address`` (default: ``egress.check_address``) sees every resolved address before a call that is not ``private``
    connects. ``ssl_context``: default ``connect.session_context()``, made at the first https call; another context works, but
    resumes no sessions unless it is a ``SessionContext``.
    """

    def __init__(
        self,
        *,
        check_address: CheckAddress | None = None,
        max_idle: int = 64,
        idle_seconds: float = 30.0,
        clock: Clock | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._dialer = Dialer(check_address=check_address or egress.check_address, clock=self._clock, ssl_context=ssl_context)
        self._max_idle = max_idle
        self._idle_seconds = idle_seconds
        self._routes: dict[tuple[str, str | None, bool], Route] = {}
        self._origins: dict[tuple[str, str, int, bool, str | None], Origin] = {}
        self._watch = Watch()
        self._sweeper: TimerHandle | None = None
        self._buffer = memoryview(bytearray(_BUFFER))
        self._closed = False

    async def send(self, call: Call) -> PooledReply:
        """The answer once its head is here. Faults: see ``call.Transport``; BadAnswer for an encoding nobody asked for.

        A kept-alive connection that dies before any byte of the answer is replaced once by a fresh one.
        """
        if self._closed:
            raise RuntimeError("the transport is closed")
        route = self._routes.get((call.url, call.proxy, call.private)) or self._route(call)
        head = self._head(call, route)
        now = time.monotonic()
        total_at = inf if call.timers.total is None else now + call.timers.total
        connection = self.claim(route.origin)
        if connection is not None:
            failure = await self._exchange(connection, call, head, total_at, now)
            if failure is None:
                return self._reply(connection, call, 0.0)
            _refuse_second(connection, failure, call)
        return await self._afresh(route.origin, call, head, total_at)

    async def _afresh(self, place_: Origin, call: Call, head: bytes, total_at: float) -> PooledReply:
        began = time.monotonic()
        connection = await self.open(place_, call, total_at)
        now = time.monotonic()
        failure = await self._exchange(connection, call, head, total_at, now)
        if failure is not None:
            raise no_answer(failure, call) from failure
        return self._reply(connection, call, now - began)

    def track(self, call: Call, mark: str) -> Track | None:
        """Calls like this one, without a body and with ``mark`` for a request id, worked out; None where they cannot be."""
        try:
            route = self._routes.get((call.url, call.proxy, call.private)) or self._route(call)
            return Track(self, call, route.origin, self._head(call, route), mark.encode())
        except (Fault, ValueError):
            return None

    async def take_up(self, connection: Connection, call: Call, connected: float) -> PooledReply:
        """The rest of :meth:`send` for a call that was begun on ``connection`` by a track; see ``Track.take_up``."""
        began = time.monotonic()
        waiter = connection.headed()
        if waiter is not None:
            try:
                await waiter
            except BaseException:
                connection.fail(Cut("the call was cancelled"))
                raise
        failure = None if connection.status else connection.failure
        if failure is None:
            return self._reply(connection, call, connected)
        if connected:
            raise no_answer(failure, call) from failure
        _refuse_second(connection, failure, call)
        total_at = inf if call.timers.total is None else began + call.timers.total
        route = self._routes.get((call.url, call.proxy, call.private)) or self._route(call)
        return await self._afresh(route.origin, call, self._head(call, route), total_at)

    async def close(self) -> None:
        """Drop every connection; answers that are still being read end with a fault."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in tuple(self._watch.busy):
            connection.fail(Cut("the transport was closed"))
        for place_ in self._origins.values():
            for connection in tuple(place_.idle):
                connection.transport.abort()
        self._watch.stop()
        await asyncio.sleep(0)  # lets the transports close their sockets

    def describe(self) -> dict[str, object]:
        """``{"origins": {"host:port": {"open", "idle", "busy"}}}``, in connections."""
        origins: dict[str, dict[str, int]] = {}
        for place_ in self._origins.values():
            if place_.idle or place_.busy:
                figures = origins.setdefault(f"{place_.host}:{place_.port}", {"open": 0, "idle": 0, "busy": 0})
                figures["open"] += len(place_.idle) + place_.busy
                figures["idle"] += len(place_.idle)
                figures["busy"] += place_.busy
        return {"origins": dict(sorted(origins.items()))}

    # connections come back -------------------------------------------------------------------------------------------------

    def keep(self, connection: Connection) -> None:
        """An answer is over and its connection can serve another call."""
        place_ = connection.origin
        self._watch.busy.discard(connection)
        connection.busy = False
        place_.busy -= 1
        if self._closed or len(place_.idle) >= self._max_idle:
            connection.transport.abort()
            return
        if place_.tls and not connection.resumable:
            self._dialer.remember_session(connection.transport, place_.host)
            connection.resumable = True
        connection.idle_since = self._clock.monotonic()
        place_.idle.append(connection)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(self._idle_seconds, self._sweep)

    def forget(self, connection: Connection) -> None:
        """A connection is gone."""
        if connection.busy:
            self._watch.busy.discard(connection)
            connection.busy = False
            connection.origin.busy -= 1
        elif connection in connection.origin.idle:
            connection.origin.idle.remove(connection)

    def _sweep(self) -> None:
        """Close what has been idle too long."""
        self._sweeper = None
        oldest = self._clock.monotonic() - self._idle_seconds
        left = False
        for place_ in self._origins.values():
            expired = [connection for connection in place_.idle if connection.idle_since <= oldest]
            place_.idle = [connection for connection in place_.idle if connection.idle_since > oldest]
            for connection in expired:
                connection.transport.close()
            left = left or bool(place_.idle)
        if left:
            self._sweeper = asyncio.get_running_loop().call_later(self._idle_seconds, self._sweep)

    # a call goes out -------------------------------------------------------------------------------------------------------

    def claim(self, place_: Origin) -> Connection | None:
        """The warmest open connection that can serve a call; None when there is none."""
        if self._closed:
            return None
        oldest = self._clock.monotonic() - self._idle_seconds if place_.idle else 0.0
        while place_.idle:
            connection = place_.idle.pop()
            if not connection.lost and not connection.transport.is_closing():
                if connection.idle_since > oldest:
                    return connection
                connection.transport.close()
        return None

    async def open(self, place_: Origin, call: Call, total_at: float) -> Connection:
        """A new connection to be used at once. Faults: see ``call.Transport``."""
        loop = asyncio.get_running_loop()
        limit = call.timers.connect
        left = total_at - time.monotonic()
        total_first = left < (inf if limit is None else limit)
        scope = asyncio.timeout(max(left, 0.0) if total_first else limit)
        place_.opening += 1
        try:
            async with scope:
                if place_.proxy is not None and not call.private:
                    egress.check_host(place_.host)
                return await self._dialer.open(
                    lambda: Connection(self, place_, loop, self._buffer),
                    place_.host,
                    place_.port,
                    tls=place_.tls,
                    private=place_.private,
                    proxy=place_.proxy,
                )
        except TimeoutError as error:
            if not scope.expired():  # the operating system's own ETIMEDOUT
                raise unreachable(call, error) from error
            timer: Timer = "total" if total_first else "connect"
            raise timed_out(timer, getattr(call.timers, timer), call) from error
        except (OSError, UnicodeError) as error:
            raise unreachable(call, error) from error
        finally:
            place_.opening -= 1

    async def _exchange(
        self, connection: Connection, call: Call, head: bytes, total_at: float, now: float
    ) -> BaseException | None:
        """Send the request and wait for the head of the answer; what went wrong instead, if something did."""
        timers = call.timers
        connection.call = call
        self.occupy(connection)
        try:
            waiter = connection.begin(
                head,
                call.body,
                bodiless=call.method == "HEAD",
                first_byte=inf if timers.first_byte is None else timers.first_byte,
                between=inf if timers.between is None else timers.between,
                total_at=total_at,
            )
            self.attend(connection, now)
            await waiter
        except BaseException:
            connection.fail(Cut("the call was cancelled"))
            raise
        return None if connection.status else connection.failure

    def occupy(self, connection: Connection) -> None:
        """A call begins on the connection."""
        connection.busy = True
        connection.origin.busy += 1

    def attend(self, connection: Connection, now: float) -> None:
        """Its timers run from ``now`` on."""
        self._watch.add(connection, asyncio.get_running_loop(), now)

    def _reply(self, connection: Connection, call: Call, connected: float) -> PooledReply:
        if connection.encoding is not None:
            try:
                check_encoding(connection.headers, place(call))
            except BadAnswer:
                connection.finish(connection.serial)
                raise
        return PooledReply(connection, call, connected)

    def _head(self, call: Call, route: Route) -> bytes:
        extra = route.extra
        if route.userinfo and not any(name.lower() == "authorization" for name, _ in call.headers):
            extra += route.userinfo
        size = len(call.body) if call.body or call.method not in ("GET", "HEAD") else -1
        try:
            return request_head(call.method, route.target, route.host, call.headers, size, extra)
        except ValueError as error:
            check_headers(call.headers)
            raise misconfigured(f"the call to {place(call)} cannot be sent: {error}") from error

    def _route(self, call: Call) -> Route:
        if len(self._routes) >= _ROUTES:
            self._routes.clear()
            self._origins = {key: place_ for key, place_ in self._origins.items() if place_.idle or place_.busy or place_.opening}
        try:
            route = self._read_route(call)
        except ValueError as error:
            raise misconfigured(f"the call cannot be sent: {error}") from error
        self._routes[call.url, call.proxy, call.private] = route
        return route

    def _read_route(self, call: Call) -> Route:
        if not call.url.isprintable() or " " in call.url:
            raise ValueError("its URL holds blanks or control characters")
        scheme, host, port = origin(call.url)
        parts = urlsplit(call.url)
        host = host.encode("idna").decode() if not host.isascii() else host
        proxy = None if call.proxy is None else ProxyAddress.parse(call.proxy)
        key = (scheme, host, port, call.private, call.proxy)
        place_ = self._origins.get(key)
        if place_ is None:
            place_ = self._origins[key] = Origin(scheme, host, port, call.private, proxy)
        shown = f"[{host}]" if ":" in host else host
        if parts.port is not None and port != (443 if scheme == "https" else 80):
            shown += f":{port}"
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        extra = b""
        if proxy is not None and not proxy.socks and scheme == "http":
            path = f"http://{shown}{path}"
            extra = proxy.authorization
        return Route(place_, shown.encode(), path.encode("ascii"), extra, _userinfo(parts.username, parts.password))


def _refuse_second(connection: Connection, failure: BaseException, call: Call) -> None:
    """Only a connection that died before any byte of the answer is replaced."""
    if connection.answered or isinstance(failure, Expired):
        raise no_answer(failure, call) from failure


def _userinfo(user: str | None, password: str | None) -> bytes:
    """The header line that credentials in a URL stand for."""
    if user is None:
        return b""
    pair = f"{unquote(user)}:{unquote(password or '')}".encode()
    return b"authorization: Basic %b\r\n" % base64.b64encode(pair)
