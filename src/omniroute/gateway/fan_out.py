"""One answer for several readers: what is written to a FanOut is kept from its first byte and read by each at his own pace.

The work that writes belongs to nobody in particular: it goes on as long as one reader is there, whoever it was that began it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from omniroute.core.errors import OmniRouteError, TruncatedStream
from omniroute.gateway.ports import Exchange

# A stream's readers may be this far behind its end before the upstream is held back for the fastest of them.
_AHEAD = 256 * 1024

Headers = Sequence[tuple[str, str]]


class FanOut:
    """An Exchange that keeps the answer. ``template`` is the exchange of who came first: what the request says is read from it.

    ``most``: bytes kept. Past them the beginning goes: nobody may join any more, and a reader so far behind is cut off.
    ``grown(bytes)`` is told of every change of ``size``, so that the owner can bound all of them together.
    """

    def __init__(self, template: Exchange, most: int, grown: Callable[[int], None]) -> None:
        self._template = template
        self._most = most
        self._ahead = min(_AHEAD, most // 2)
        self._grown = grown
        self._news = asyncio.Event()
        self._read = asyncio.Event()
        self._chunks: list[bytes] = []
        self._dropped = 0  # chunks that are gone from the front
        self._head: tuple[int, Headers] | None = None
        self._whole = False  # answered in one piece
        self._ended = False
        self._error: BaseException | None = None
        self._places: dict[int, int] = {}  # reader -> number of the chunk it reads next
        self._fastest = 0  # bytes that somebody has read
        self._task: asyncio.Task[None] | None = None
        self._abandoned = False
        self._next_reader = 0
        self.sent = 0
        self.size = 0

    # -- the side that writes: gateway.ports.Exchange ----------------------------------------------------------------

    @property
    def request_id(self) -> str:
        return self._template.request_id

    @property
    def method(self) -> str:
        return self._template.method

    @property
    def path(self) -> str:
        return self._template.path

    @property
    def started(self) -> bool:
        return self._head is not None

    def header(self, name: str) -> str | None:
        return self._template.header(name)

    def query(self, name: str) -> str | None:
        return self._template.query(name)

    def forwardable(self, names: frozenset[str]) -> list[tuple[str, str]]:
        return self._template.forwardable(names)

    async def body(self, limit: int) -> bytes:
        return await self._template.body(limit)

    async def respond(self, status: int, headers: Headers, body: bytes) -> None:
        self._whole = self._ended = True
        self._head = (status, tuple(headers))
        self._keep(body)

    async def start(self, status: int, headers: Headers) -> None:
        self._head = (status, tuple(headers))
        self._wake()

    async def write(self, data: bytes) -> None:
        self._keep(data)
        await self.drained()

    @property
    def pushes(self) -> bool:
        return True

    def push(self, data: bytes) -> bool:
        self._keep(data)
        return self._keeping_up

    async def drained(self) -> None:
        while not self._keeping_up and not self._ended:
            self._read.clear()
            await self._read.wait()

    async def finish(self) -> None:
        self._ended = True
        self._wake()

    @property
    def _keeping_up(self) -> bool:
        return self.sent - self._fastest <= self._ahead

    def _keep(self, data: bytes) -> None:
        self._chunks.append(data)
        self.sent += len(data)
        self._resize(len(data))
        if not self._whole and self.size > self._most:
            self.trim()
        self._wake()

    def trim(self) -> None:
        """Drop from the beginning what all have read, and what is over the bound if one has: nobody can join then."""
        if self._whole:
            return
        end = self._dropped + len(self._chunks)
        slowest, fastest = min(self._places.values(), default=end), max(self._places.values(), default=end)
        freed = 0
        while self._dropped < slowest or (self._dropped < fastest and self.size - freed > self._most):
            freed += len(self._chunks.pop(0))
            self._dropped += 1
        self._resize(-freed)

    def release(self) -> None:
        """Forget what is kept."""
        self._dropped += len(self._chunks)
        self._chunks.clear()
        self._resize(-self.size)

    def _resize(self, change: int) -> None:
        self.size += change
        self._grown(change)

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    # -- the work ----------------------------------------------------------------------------------------------------

    def begin(self, work: Awaitable[None], done: Callable[[FanOut], None]) -> None:
        """Run ``work``, which writes here, apart from every reader; ``done`` is called when it has ended, however."""

        async def run() -> None:
            try:
                await work
            except asyncio.CancelledError:
                raise
            except Exception as error:
                self._error = error

        def over(task: asyncio.Task[None]) -> None:
            if task.cancelled() and self._error is None:
                self._error = TruncatedStream("The answer was given up: nobody was waiting for it.", kind="aborted")
            self._ended = True
            self._wake()
            done(self)

        self._task = asyncio.ensure_future(run())
        self._task.add_done_callback(over)

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    @property
    def complete(self) -> bool:
        """It ended without an error and is all here."""
        if self.running or self._error is not None or self._head is None:
            return False
        return self.joinable and self._head[0] < 400 and self.size <= self._most

    @property
    def joinable(self) -> bool:
        """Everything from the first byte on is still here, and the rest will come."""
        return not self._dropped and not self._abandoned

    # -- the side that reads -----------------------------------------------------------------------------------------

    async def read(self, exchange: Exchange, extra: Headers = ()) -> None:
        """Give the answer to ``exchange`` from its first byte, with ``extra`` headers. Raises the error the work ended with.

        When the last reader leaves before the end, the work is cancelled.
        """
        reader = self._next_reader
        self._next_reader += 1
        self._places[reader] = 0
        try:
            await self._read_as(reader, exchange, extra)
        finally:
            del self._places[reader]
            self._read.set()
            if not self._places and self._task is not None and self.running:
                self._abandoned = True
                self._task.cancel()

    async def _read_as(self, reader: int, exchange: Exchange, extra: Headers) -> None:
        seen = 0
        while self._head is None:
            if self._ended:
                await self._settled()
                raise self._error or OmniRouteError("the answer ended before it began")
            await self._news.wait()
        status, headers = self._head
        if self._whole:
            await exchange.respond(status, [*headers, *extra], b"".join(self._chunks))
            return
        await exchange.start(status, [*headers, *extra])
        while True:
            place = self._places[reader]
            if place < self._dropped:
                raise TruncatedStream("The client read too slowly while others shared this answer.", kind="slow_client")
            if place < self._dropped + len(self._chunks):
                data = b"".join(self._chunks[place - self._dropped :])
                self._places[reader] = self._dropped + len(self._chunks)
                await exchange.write(data)
                seen += len(data)
                if seen > self._fastest:
                    self._fastest = seen
                    self._read.set()
            elif self._ended:
                await self._settled()
                if self._error is not None:
                    raise self._error
                await exchange.finish()
                return
            else:
                await self._news.wait()

    async def _settled(self) -> None:
        """The last word is the work's own end: an error may come after the last byte."""
        if self._task is not None and not self._task.done():
            await asyncio.wait([self._task])
