"""One call over one connection of the pool: the connection with its owner, the reply that reads from it, the watch over its
timers, and what each failure means as a fault."""

from __future__ import annotations

import asyncio
import time
from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import AsyncIterator, Awaitable, Callable
from math import inf
from typing import Protocol, cast

from omniroute._fast.http1 import Expired, Http1
from omniroute.core.errors import Fault
from omniroute.upstream.call import Call, Headers
from omniroute.upstream.connect import ProxyAddress
from omniroute.upstream.transport import Timer, gathered, inflated, timed_out, too_large, truncated, unreachable
from omniroute.upstream.tunnel import Wired


class Pool(Protocol):
    """Who a connection belongs to."""

    def keep(self, connection: Connection) -> None:
        """An answer is over and its connection can serve another call."""

    def forget(self, connection: Connection) -> None:
        """A connection is gone, idle or busy."""


class Origin:
    """One place connections lead to. ``idle`` is a stack: the warmest connection is used first, the coldest expire."""

    __slots__ = ("busy", "host", "idle", "opening", "port", "private", "proxy", "tls")

    def __init__(self, scheme: str, host: str, port: int, private: bool, proxy: ProxyAddress | None) -> None:
        self.host = host
        self.port = port
        self.tls = scheme == "https"
        self.private = private
        self.proxy = proxy
        self.idle: list[Connection] = []
        self.busy = 0
        self.opening = 0


class Connection(Http1, Wired, asyncio.BufferedProtocol):
    """A connection with its place in the pool."""

    def __init__(self, pool: Pool, origin: Origin, loop: AbstractEventLoop, buffer: memoryview) -> None:
        super().__init__(loop, buffer)
        self.pool = pool
        self.origin = origin
        self.call: Call
        self.busy = False
        self.resumable = False
        self.idle_since = 0.0

    def fault(self, error: BaseException) -> Fault:
        """To the reader of a body."""
        if isinstance(error, Expired):
            return _expired(error, self.call)
        fault = truncated(self.call, error)
        fault.__cause__ = error
        return fault

    def on_idle(self) -> None:
        self.pool.keep(self)

    def on_lost(self) -> None:
        self.pool.forget(self)


class PooledReply:
    """See ``call.Reply``. Header names are in small letters."""

    __slots__ = ("_call", "_connection", "_encoding", "_length", "_serial", "connected", "headers", "status")

    def __init__(self, connection: Connection, call: Call, connected: float | None = 0.0) -> None:
        self.connected = connected
        self.status: int = connection.status
        self.headers: Headers = connection.headers
        self._call = call
        self._connection = connection
        self._serial = connection.serial
        self._encoding = connection.encoding
        self._length = connection.length

    def header(self, name: str) -> str | None:
        name = name.lower()
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def chunks(self) -> AsyncIterator[bytes]:
        """Each item is everything that arrived since the last one."""
        raw = self._connection.chunks(self._serial)
        return raw if self._encoding is None else inflated(raw, self._encoding, self._call)

    def relay(self, sink: Callable[[bytes], object]) -> Awaitable[None] | None:
        """See ``call.Reply``; a compressed body is not relayed."""
        return self._connection.relay(self._serial, sink) if self._encoding is None else None

    def pause(self) -> None:
        self._connection.pause()

    def resume(self) -> None:
        self._connection.resume()

    async def read(self, limit: int) -> bytes:
        try:
            if self._length > limit and self._call.method != "HEAD":
                raise too_large(self._call, limit)
            return await gathered(self.chunks(), self._call, limit)
        finally:
            self._connection.finish(self._serial)

    async def close(self) -> None:
        self._connection.finish(self._serial)


class Watch:
    """One timer for the timers of all calls: it looks at every busy connection when the first of them could be late."""

    def __init__(self) -> None:
        self.busy: set[Connection] = set()
        self._handle: TimerHandle | None = None
        self._at = inf

    def add(self, connection: Connection, loop: AbstractEventLoop, now: float) -> None:
        self.busy.add(connection)
        at = connection.look_again(now)
        if at < self._at:
            self._arm(loop, at, now)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle, self._at = None, inf

    def _arm(self, loop: AbstractEventLoop, at: float, now: float) -> None:
        self.stop()
        self._at = at
        # a timer that rings a little early is set again: never in less than a millisecond
        self._handle = loop.call_later(max(at - now, 0.001), self._look, loop)

    def _look(self, loop: AbstractEventLoop) -> None:
        now = time.monotonic()
        self._handle, self._at = None, inf
        at = inf
        for connection in tuple(self.busy):
            due = connection.due(now)
            if due <= now:
                connection.expire(now)
            else:
                at = min(at, due, connection.look_again(now))
        if at < inf:
            self._arm(loop, at, now)


def _expired(error: Expired, call: Call) -> Fault:
    timer = cast(Timer, error.timer)
    fault = timed_out(timer, getattr(call.timers, timer), call)
    fault.__cause__ = error
    return fault


def no_answer(failure: BaseException, call: Call) -> Fault:
    """To the sender of a call that has no head."""
    return _expired(failure, call) if isinstance(failure, Expired) else unreachable(call, failure)
