"""A call that is made again and again: all of it that stays the same is worked out once."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING

from omniroute.upstream.call import Call, Reply
from omniroute.upstream.exchange import Connection, Origin, PooledReply

if TYPE_CHECKING:
    from omniroute.upstream.pool import PooledTransport

_LENGTH = b"content-length: 0\r\n\r\n"


class Track:
    """Sends calls that differ from ``call`` in their request id and body only, over connections that are open already.

    ``head`` is that call's with ``mark`` in the request id's place, of an empty body. ValueError when it does not look like one.
    """

    __slots__ = ("_after", "_before", "_between", "_call", "_first_byte", "_origin", "_pool", "_total")

    def __init__(self, pool: PooledTransport, call: Call, origin: Origin, head: bytes, mark: bytes) -> None:
        if not head.endswith(_LENGTH) or head.count(mark) > 1:
            raise ValueError("a request head of another shape")
        before, found, after = head.removesuffix(_LENGTH).partition(mark)
        timers = call.timers
        self._before = before
        self._after = after if found else None
        self._pool = pool
        self._call = call
        self._origin = origin
        self._first_byte = inf if timers.first_byte is None else timers.first_byte
        self._between = inf if timers.between is None else timers.between
        self._total = timers.total

    def claim(self) -> Connection | None:
        """A connection for one call, to be used at once; None when none is open."""
        return self._pool.claim(self._origin)

    async def open(self, began: float) -> Connection:
        """A new connection for one call that began then (monotonic seconds). Raises Fault."""
        return await self._pool.open(self._origin, self._call, inf if self._total is None else began + self._total)

    def begin(
        self, connection: Connection, request_id: bytes, body: bytes, listener: Callable[[], object], began: float | None = None
    ) -> None:
        """Send a call, which began then, or now; see ``Http1.ask`` for the listener."""
        if self._after is None:
            head = b"%bcontent-length: %d\r\n\r\n" % (self._before, len(body))
        else:
            head = b"%b%b%bcontent-length: %d\r\n\r\n" % (self._before, request_id, self._after, len(body))
        now = time.monotonic()
        connection.call = self._call
        total_at = inf if self._total is None else (now if began is None else began) + self._total
        self._pool.occupy(connection)
        connection.ask(head, body, listener, first_byte=self._first_byte, between=self._between, total_at=total_at)
        self._pool.attend(connection, now)

    def reply(self, connection: Connection) -> PooledReply:
        """The answer whose head is here."""
        return PooledReply(connection, self._call)

    async def take_up(self, connection: Connection, call: Call, connected: float) -> Reply:
        """What ``Transport.send`` would have given for ``call``, which was begun here, on a connection that took so long to open
        (0: it was open)."""
        return await self._pool.take_up(connection, call, connected)
