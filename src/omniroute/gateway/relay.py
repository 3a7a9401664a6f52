"""The rest of a committed stream, from the upstream's reads to the client's writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from omniroute._fast.codec import Bridge
from omniroute.gateway.heartbeat import Beat
from omniroute.gateway.ports import Exchange
from omniroute.upstream.call import Reply


async def relay(exchange: Exchange, reply: Reply, chunks: AsyncIterator[bytes], bridge: Bridge, beat: Beat) -> None:
    """Carry the stream to its end: pushed from the read callback where both sides can, pulled otherwise.

    All events of one read become one write. A slow client holds the upstream's reading back, so that at most one buffer of each
    side is in memory. Raises what the reply raises.
    """
    if exchange.pushes:
        pushing = Pushing(exchange, reply, bridge, beat)
        relayed = reply.relay(pushing.take)
        if relayed is not None:
            try:
                await relayed
            finally:
                pushing.stop()
            return
    async for chunk in chunks:
        out = bridge.feed(chunk)
        if out:
            await exchange.write(out)
            beat.touch()


class Pushing:
    """The sink of a relayed reply."""

    __slots__ = ("_beat", "_bridge", "_catching_up", "_exchange", "_reply")

    def __init__(self, exchange: Exchange, reply: Reply, bridge: Bridge, beat: Beat) -> None:
        self._exchange = exchange
        self._reply = reply
        self._bridge = bridge
        self._beat = beat
        self._catching_up: asyncio.Task[None] | None = None

    def take(self, data: bytes) -> None:
        out = self._bridge.feed(data)
        if out:
            self._beat.touch()
            if not self._exchange.push(out) and self._catching_up is None:
                self._reply.pause()
                self._catching_up = asyncio.ensure_future(self._catch_up())

    async def _catch_up(self) -> None:
        await self._exchange.drained()
        self._catching_up = None
        self._reply.resume()

    def stop(self) -> None:
        if self._catching_up is not None:
            self._catching_up.cancel()
