"""HTTP/1.1 from the client's side: one connection's protocol."""

from asyncio import AbstractEventLoop, BaseTransport, Future, Transport
from collections.abc import AsyncIterator, Callable

class Cut(ConnectionError):
    """The connection ended before the answer did."""

class Malformed(ConnectionError):
    """What came is not HTTP/1.1, or more of it than we take (64 kB of headers)."""

class Expired(TimeoutError):
    """A timer ran out."""

    timer: str
    def __init__(self, timer: str) -> None: ...

class Http1:
    """A buffered asyncio protocol that carries one request after the other.

    Subclasses replace the hooks. ``buffer`` is a memoryview that all connections of one loop may share: it is emptied before
    control goes back to the loop. Between :meth:`begin` and the hook ``on_idle`` or ``on_lost`` the connection is busy.
    """

    transport: Transport
    status: int
    """Of the answer; 0 until its head is here."""
    headers: list[tuple[str, str]]
    """Of the answer, names in small letters."""
    encoding: str | None
    """content-encoding of the answer."""
    length: int
    """content-length of the answer, -1 when it has none."""
    lost: bool
    """The connection is gone."""
    answered: bool
    """At least one byte came since :meth:`begin`."""
    serial: int
    """Number of the exchange: grows with each :meth:`begin`."""

    def __init__(self, loop: AbstractEventLoop, buffer: memoryview) -> None: ...

    # hooks
    def fault(self, error: BaseException) -> BaseException:
        """What to raise to the reader of a body for ``error`` (Cut, Malformed, Expired or an OSError)."""
    def on_idle(self) -> None:
        """The answer is over and the connection may serve another request."""
    def on_lost(self) -> None:
        """The connection is gone, whatever it was doing."""

    def begin(
        self, head: bytes, body: bytes, *, bodiless: bool, first_byte: float, between: float, total_at: float
    ) -> Future[None]:
        """Send a request. The future is done when the answer's head is here (``status``) or never will be (``failure``).

        ``bodiless``: the answer to HEAD. ``first_byte`` and ``between`` are seconds, ``total_at`` a time of CLOCK_MONOTONIC;
        infinity for no limit. RuntimeError when the connection is busy or lost.
        """
    def ask(
        self, head: bytes, body: bytes, listener: Callable[[], object], *, first_byte: float, between: float, total_at: float
    ) -> None:
        """Like :meth:`begin` for a request that is not HEAD, without a future: ``listener`` is called, in the callback itself,
        when the head is here, when more of the body is (unless it flows), at the end and at a failure, until :meth:`finish`."""
    def headed(self) -> Future[None] | None:
        """In place of the listener of :meth:`ask`, what :meth:`begin` would have given; None when that future would be done."""
    @property
    def whole(self) -> bool:
        """The answer has come to its end."""
    @property
    def waiting(self) -> int:
        """Bytes of the body that are here and not taken."""
    def peek(self) -> bytes:
        """Those bytes; they stay."""
    def flow(self, sink: Callable[[bytes], object]) -> None:
        """Beside a listener: what was peeked at is taken, each later read's bytes go to ``sink`` inside the read callback."""
    @property
    def failure(self) -> BaseException | None:
        """What ended the exchange before its time."""
    def chunks(self, serial: int) -> AsyncIterator[bytes]:
        """The body of answer ``serial``: each item is everything that arrived since the last one. Raises what ``fault`` makes.
        Nothing once another exchange has begun."""
    async def relay(self, serial: int, sink: Callable[[bytes], object]) -> None:
        """The body of answer ``serial``, pushed: ``sink`` gets each read's bytes inside the read callback. Returns at the end,
        raises what ``fault`` makes; what ``sink`` raises ends the exchange. Not while :meth:`chunks` waits."""
    def pause(self) -> None:
        """Stop reading a relayed answer until :meth:`resume`; the silence timer stands still meanwhile."""
    def resume(self) -> None: ...
    def finish(self, serial: int) -> None:
        """The answer ``serial`` is no longer wanted: keeps a connection whose answer is whole, drops it otherwise. Idempotent."""
    def fail(self, error: BaseException) -> None:
        """End the exchange with ``error`` and drop the connection."""
    def due(self, now: float) -> float:
        """When the running timer ends, infinity when none runs. Silence counts only while somebody waits for bytes."""
    def expire(self, now: float) -> None:
        """Fail with the timer that has run out."""
    def look_again(self, now: float) -> float:
        """When to ask :meth:`due` again at the latest: no timer that starts after ``now`` ends before that time."""

    # asyncio.BufferedProtocol
    def connection_made(self, transport: BaseTransport) -> None: ...
    def get_buffer(self, hint: int) -> memoryview: ...
    def buffer_updated(self, n: int) -> None: ...
    def eof_received(self) -> bool: ...
    def connection_lost(self, error: Exception | None) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...
