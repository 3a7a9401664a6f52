"""The seam between what we want and how it is carried: a Call goes out, a Reply comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, runtime_checkable
from urllib.parse import urlsplit

import msgspec

if TYPE_CHECKING:
    from omniroute.upstream.track import Track

Headers = list[tuple[str, str]]


class Timers(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds; None = no limit.

    connect          until the connection (TLS included) stands
    first_byte       from the sent request to the status line; also the longest silence before the first body byte
    between          longest silence between two reads of the body
    total            whole call
    """

    connect: float | None = 10.0
    first_byte: float | None = 120.0
    between: float | None = 120.0
    total: float | None = None


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request, ready to send. ``headers`` are complete but for Host, Content-Length and Connection.

    ``private`` allows loopback and private addresses; ``proxy`` is the outbound proxy URL, or None for a direct connection.
    """

    method: str
    url: str
    headers: Headers
    body: bytes = b""
    timers: Timers = Timers()
    private: bool = False
    proxy: str | None = None

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""


class Reply(Protocol):
    """An answer whose head has arrived. Close it on every path; closing early cancels the upstream's work.

    ``connected``: seconds spent on a new connection, 0 when one was open, None where the transport does not tell.
    """

    status: int
    headers: Headers

    @property
    def connected(self) -> float | None: ...

    def header(self, name: str) -> str | None:
        """The first value of that header (case-insensitive), or None."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives, content-encoding undone. Raises a Fault (network, timeout, truncated)."""
        ...

    def relay(self, sink: Callable[[bytes], object]) -> Awaitable[None] | None:
        """Push instead of pull: ``sink`` gets what each network read brings, in the read callback, until the awaited end. The
        same Faults. None when this transport cannot: read :meth:`chunks` then. Meanwhile :meth:`pause` and :meth:`resume` hold
        the upstream back for a slow client."""
        ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    async def read(self, limit: int) -> bytes:
        """The whole body; BadAnswer when it is larger than ``limit`` bytes."""
        ...

    async def close(self) -> None:
        """Give the connection back when the body was read to its end, drop it otherwise. Idempotent."""
        ...


class Pulled:
    """The part of a Reply that only pushing transports have, for those that are read by ``chunks`` alone."""

    __slots__ = ()
    connected: float | None = None

    def relay(self, sink: Callable[[bytes], object]) -> Awaitable[None] | None:
        return None

    def pause(self) -> None:
        """Whoever pulls holds the upstream back by not pulling."""

    def resume(self) -> None:
        """See pause."""


class Transport(Protocol):
    """Sends calls. Raises NetworkFault or TimeoutFault; an HTTP error status is a Reply, not an exception."""

    async def send(self, call: Call) -> Reply: ...

    async def close(self) -> None: ...

    def describe(self) -> dict[str, object]:
        """Figures for the dashboard and the metrics: open, idle and busy connections per origin."""
        ...


@runtime_checkable
class Tracking(Protocol):
    """A transport that can work out once what many calls have in common."""

    def track(self, call: Call, mark: str) -> Track | None:
        """Calls like this one, without a body and with ``mark`` for a request id; None where they cannot be worked out."""
        ...
