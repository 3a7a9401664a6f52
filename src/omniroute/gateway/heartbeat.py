"""Keep-alives for clients of silent streams: one timer for all of them, nothing per chunk but a time stamp."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from omniroute._fast.codec import Bridge
from omniroute.core.ids import Clock
from omniroute.gateway.ports import Exchange

_PERIOD = 1.0


class Beat:
    """One attended stream. ``touch`` says that bytes have just been written."""

    __slots__ = ("_clock", "bridge", "exchange", "interval", "last")

    def __init__(self, clock: Clock, exchange: Exchange, bridge: Bridge, interval: float) -> None:
        self._clock = clock
        self.exchange = exchange
        self.bridge = bridge
        self.interval = interval
        self.last = clock.monotonic()

    def touch(self) -> None:
        self.last = self._clock.monotonic()


class Heartbeat:
    """Looks at every attended stream once a second while there are any."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beats: set[Beat] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._writes: set[asyncio.Task[None]] = set()

    @contextmanager
    def attend(self, exchange: Exchange, bridge: Bridge, interval: float) -> Iterator[Beat]:
        beat = Beat(self._clock, exchange, bridge, interval)
        if interval > 0:
            self._beats.add(beat)
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(_PERIOD, self._tick)
        try:
            yield beat
        finally:
            self._beats.discard(beat)

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
            ping = beat.bridge.ping()
            if ping:
                task = asyncio.ensure_future(beat.exchange.write(ping))
                self._writes.add(task)
                task.add_done_callback(self._writes.discard)

    @property
    def attended(self) -> int:
        return len(self._beats)
