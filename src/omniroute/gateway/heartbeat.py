"""Keep-alives for clients of silent streams: one timer for all of them, nothing per chunk but a time stamp.

A stream that has been silent from its beginning is begun by its first keep-alive: the client is told 200 and to be patient, and
may still be served by any target, since nothing of an answer has been sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from omniroute._fast.codec import Bridge
from omniroute.core.ids import Clock
from omniroute.gateway.context import Context
from omniroute.gateway.egress import opening_headers, stream_headers
from omniroute.translation.format import StreamMeta
from omniroute.translation.stream import bridge_for

_PERIOD = 1.0


class Beat:
    """One attended stream. ``touch`` says that bytes have just been written. ``source`` writes its keep-alives: the bridge of the
    answer once there is one."""

    __slots__ = ("_clock", "context", "interval", "last", "source")

    def __init__(self, clock: Clock, context: Context) -> None:
        self._clock = clock
        self.context = context
        self.interval = context.snapshot.settings.keepalive_interval
        self.last = clock.monotonic()
        self.source: Bridge | None = None

    def touch(self) -> None:
        self.last = self._clock.monotonic()

    def ping(self) -> bytes:
        if self.source is None:
            self.source = opening_bridge(self.context)
        return self.source.ping()


def opening_bridge(context: Context) -> Bridge:
    """A bridge that writes the client's dialect where no upstream has said anything."""
    meta = StreamMeta(id=context.exchange.request_id, model=context.model, created=int(context.wall), array=context.array)
    return bridge_for(context.format, context.format, meta, hide_usage=False)


class Heartbeat:
    """Looks at every attended stream once a second while there are any."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beats: set[Beat] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._writes: set[asyncio.Task[None]] = set()

    @contextmanager
    def attend(self, context: Context) -> Iterator[Beat]:
        """The request's beat while the block runs; within another block for the same request, that one's."""
        if context.beat is not None:
            yield context.beat
            return
        beat = self.begin(context)
        try:
            yield beat
        finally:
            self.end(beat)

    def begin(self, context: Context) -> Beat:
        """Attend a request that nobody attends, until :meth:`end`."""
        beat = context.beat = Beat(self._clock, context)
        if beat.interval > 0:
            self._beats.add(beat)
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(_PERIOD, self._tick)
        return beat

    def end(self, beat: Beat) -> None:
        self._beats.discard(beat)
        beat.context.beat = None

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_PERIOD, self._tick) if self._beats else None
        self.beat()

    def beat(self) -> None:
        """Ping every stream that has been silent for its interval."""
        now = self._clock.monotonic()
        for beat in tuple(self._beats):
            if now - beat.last < beat.interval:
                continue
            beat.last = now
            ping = beat.ping()
            if ping:
                task = asyncio.ensure_future(_say(beat.context, ping))
                self._writes.add(task)
                task.add_done_callback(self._said)

    def _said(self, task: asyncio.Task[None]) -> None:
        self._writes.discard(task)
        if not task.cancelled():
            task.exception()  # a client that has left is noticed by whoever answers it

    @property
    def attended(self) -> int:
        return len(self._beats)


async def _say(context: Context, ping: bytes) -> None:
    if not context.exchange.started:
        await context.exchange.start(200, stream_headers(context, opening_headers(context)))
    await context.exchange.write(ping)
