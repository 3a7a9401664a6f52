"""What the gateway needs of the rooms around it, as protocols: the composition root hands in the real ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from omniroute.catalog.account import Account
from omniroute.core.ledger import LedgerRow


class ClientGone(Exception):
    """The client closed its connection; nothing can be sent any more."""


class Exchange(Protocol):
    """The client's side of one request. Header names are lower case; ``sent`` counts the body bytes written so far."""

    @property
    def request_id(self) -> str: ...

    @property
    def method(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def started(self) -> bool:
        """The response has begun: nothing else can be answered any more."""
        ...

    @property
    def sent(self) -> int: ...

    def header(self, name: str) -> str | None:
        """The first header of that name, decoded as latin-1."""
        ...

    def query(self, name: str) -> str | None: ...

    def forwardable(self, names: frozenset[str]) -> list[tuple[str, str]]:
        """The client's headers with one of these names."""
        ...

    async def body(self, limit: int) -> bytes:
        """The whole request body. BodyTooLarge past ``limit`` bytes, ClientGone when the client left first."""
        ...

    async def respond(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None: ...

    async def start(self, status: int, headers: Sequence[tuple[str, str]]) -> None: ...

    async def write(self, data: bytes) -> None:
        """Send now; waits while the client is slow, so that a slow reader slows the upstream."""
        ...

    @property
    def pushes(self) -> bool:
        """The server lets bytes be pushed: :meth:`push` may be used once the response has begun."""
        ...

    def push(self, data: bytes) -> bool:
        """Like :meth:`write`, at once, without waiting; False when the client is slow (:meth:`drained` says when it is not)."""
        ...

    async def drained(self) -> None: ...

    async def finish(self) -> None: ...


class Flight(Protocol):
    """A request that is served by callbacks, without a task."""

    def left(self) -> None:
        """The client has gone before the answer was complete."""
        ...


class Direct(Exchange, Protocol):
    """A client's side that can be answered within a callback. ``flight`` is told, in a task's place, that the client left."""

    flight: Flight | None

    def answer(self, lines: bytes, body: bytes) -> None:
        """A finished 200, whose own header lines are written already."""
        ...

    def begin(self, lines: bytes, data: bytes) -> None:
        """The head of a stream, likewise, and the first of it."""
        ...

    def end(self, tail: bytes) -> bool:
        """The last of a stream and its end; False when the client is slow and nothing was sent: use ``write``, ``finish``."""
        ...

    def hand_over(self, work: Callable[[Exchange], Awaitable[None]]) -> None:
        """Go on in a task, as a request that is served in the normal way."""
        ...

    def landed(self) -> None:
        """The flight is over."""
        ...


class Running(Protocol):
    """A try under way. ``row_id`` is the number its row will have."""

    row_id: int

    @property
    def began(self) -> float:
        """Monotonic seconds."""
        ...

    def so_far(self) -> LedgerRow:
        """What is known of it now, as an ``open`` row."""
        ...


class Recorder(Protocol):
    """Takes what is to be remembered of tries; never blocks, never raises."""

    def begin(self, running: Running) -> None:
        """A try begins; it gets its row number."""
        ...

    def record(self, row: LedgerRow) -> None:
        """A try is over: priced, counted and kept. The row is the recorder's from here on."""
        ...


class Renewal(Protocol):
    """Keeps the tokens of logins fresh. Asked only about accounts that have a ``login``."""

    def renewable(self, account: Account) -> bool:
        """Something can be renewed when a call signed by ``account`` was refused."""
        ...

    async def fresh(self, account: Account) -> Account:
        """``account`` with the newest token; waits for a new one where the old has ended. Raises Fault when there is none."""
        ...

    async def renew(self, account_id: str, *, stale_generation: int) -> Account:
        """The account with a token newer than ``stale_generation``, which was refused. Raises Fault when there is none."""
        ...
