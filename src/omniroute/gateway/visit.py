"""What a request takes up while it is here: a place in its key's minute, the bytes of its body, one of the key's streams."""

from __future__ import annotations

import asyncio

from omniroute.core.errors import TooManyRequests
from omniroute.core.ids import Clock
from omniroute.core.settings import Settings
from omniroute.gateway.admission import Admission, Hold
from omniroute.gateway.client_limits import ClientLimits, Stream
from omniroute.gateway.ports import Exchange
from omniroute.routing.snapshot import KeyGrant

_LONGEST_NUMBER = 18


class Gate:
    """The counters behind all visits."""

    def __init__(self, clock: Clock) -> None:
        self.limits = ClientLimits(clock)
        self.admission = Admission(clock)

    def describe(self) -> dict[str, object]:
        """Figures for the dashboard."""
        return {**self.limits.describe(), "bodies": self.admission.describe()}


class Presence:
    """Chat requests that are being served. ``draining``: no more are taken."""

    def __init__(self) -> None:
        self.draining = False
        self.count = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def enter(self) -> None:
        if not self.count:
            self._idle.clear()
        self.count += 1

    def leave(self) -> None:
        self.count -= 1
        if not self.count:
            self._idle.set()

    async def settled(self) -> None:
        """Returns when there is none."""
        await self._idle.wait()


class Visit:
    """One request. :meth:`close` gives back what it holds, however it went."""

    __slots__ = ("_gate", "_hold", "_stream")

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._hold: Hold | None = None
        self._stream: Stream | None = None

    async def body(self, exchange: Exchange, grant: KeyGrant | None, settings: Settings) -> bytes:
        """Read the body when there is room for it. A body that does not say its length counts as the largest until it is read.

        TooManyRequests when the key's minute is full, Unavailable when there is no room for too long, BodyTooLarge.
        """
        self.count(grant)
        most, limit = settings.max_body_size, settings.bodies_in_flight
        declared = exchange.header("content-length") or ""
        size = int(declared) if declared.isdigit() and len(declared) <= _LONGEST_NUMBER else most
        if not limit or size > most:  # what is too large is refused before it is read
            return await exchange.body(most)
        if not self.room(size, settings):
            client = grant.id if grant is not None else ""
            self._hold = await self._gate.admission.enter(size, client, limit, settings.body_wait)
        body = await exchange.body(most)
        if self._hold is not None:
            self._hold.shrink(len(body))
        return body

    def count(self, grant: KeyGrant | None) -> None:
        """One more request. TooManyRequests when the key's minute is full; such a refusal leaves no trace."""
        if grant is not None and grant.rpm is not None:
            self._gate.limits.count(grant)

    def room(self, size: int, settings: Settings) -> bool:
        """Take room for a body of ``size`` bytes at once; False when it would have to wait."""
        limit = settings.bodies_in_flight
        if limit:
            self._hold = self._gate.admission.take(size, limit)
        return not limit or self._hold is not None

    def stream(self, grant: KeyGrant | None) -> None:
        """What is asked for is a stream. TooManyRequests when the key has as many as it may."""
        if grant is not None and grant.streams is not None:
            self._stream = self._gate.limits.stream(grant)

    def at_once(self, grant: KeyGrant | None, settings: Settings, size: int, *, stream: bool) -> bool:
        """All of that for a body that is here; False when it is not to be had at once, and nothing is taken then."""
        try:
            if size <= settings.max_body_size and self.room(size, settings):
                if stream:
                    self.stream(grant)
                self.count(grant)
                return True
        except TooManyRequests:
            self.close()
        return False

    def close(self) -> None:
        if self._hold is not None:
            self._gate.admission.leave(self._hold)
        if self._stream is not None:
            self._gate.limits.close(self._stream)
