"""Admission by bytes: request bodies held at one time are bounded, so that a few huge ones cannot exhaust the memory.

Small bodies have a part of the room to themselves: nobody's little request waits behind somebody's big ones. Who has to wait does
so in a queue that serves the clients in turn, for a bounded time.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque

from omniroute.core.errors import Unavailable
from omniroute.core.ids import Clock

SMALL = 256 * 1024
_SMALL_SHARE = 4
_MOST_WAITING = 1000
_LONGEST_GUESS = 60.0


class Hold:
    """Room taken by one body; :meth:`shrink` gives a part back, :meth:`close` the rest."""

    __slots__ = ("_began", "_room", "size")

    def __init__(self, room: _Room, size: int, began: float) -> None:
        self._room: _Room | None = room
        self.size = size
        self._began = began

    def shrink(self, size: int) -> None:
        """The body turned out to have ``size`` bytes only."""
        if self._room is not None and size < self.size:
            freed, self.size = self.size - size, size
            self._room.give(freed)

    def close(self, now: float) -> None:
        """The request is done; a second call does nothing."""
        room, self._room = self._room, None
        if room is not None:
            room.took(now - self._began)
            room.give(self.size)


class _Waiter:
    __slots__ = ("admitted", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class _Room:
    """Bytes in use and who waits for some, client by client. ``limit`` may change while they are in use."""

    def __init__(self) -> None:
        self.limit = 0
        self.used = 0
        self.waiting = 0
        self.refused = 0
        self.mean = 0.0
        self._queues: OrderedDict[str, deque[_Waiter]] = OrderedDict()

    def take(self, size: int) -> bool:
        """Take ``size`` bytes now; False when they are not there or others wait."""
        if self._queues or self.used + size > self.limit:
            return False
        self.used += size
        return True

    async def wait(self, size: int, client: str, seconds: float) -> bool:
        """Take ``size`` bytes when it is this client's turn; False after ``seconds``, or when too many wait."""
        if self.waiting >= _MOST_WAITING:
            return False
        waiter = _Waiter(size)
        self._queues.setdefault(client, deque()).append(waiter)
        self.waiting += 1
        try:
            async with asyncio.timeout(seconds):
                await waiter.admitted
        except TimeoutError:
            # both at once: then the bytes are ours
            return waiter.admitted.done() and not waiter.admitted.cancelled()
        except asyncio.CancelledError:
            if waiter.admitted.done() and not waiter.admitted.cancelled():
                self.give(size)
            raise
        finally:
            self.waiting -= 1
            self._leave(client, waiter)
        return True

    def give(self, size: int) -> None:
        """``size`` bytes are free again: let in who is next, as long as there is room."""
        self.used -= size
        self._admit()

    def took(self, seconds: float) -> None:
        self.mean = seconds if not self.mean else 0.8 * self.mean + 0.2 * seconds

    def _leave(self, client: str, waiter: _Waiter) -> None:
        queue = self._queues.get(client)
        if queue is not None and waiter in queue:
            queue.remove(waiter)
            if not queue:
                del self._queues[client]
            self._admit()  # it may have stood before others that fit

    def _admit(self) -> None:
        while self._queues:
            client, queue = next(iter(self._queues.items()))
            waiter = queue[0]
            if self.used + waiter.size > self.limit:
                return  # whoever is next waits for his room; nobody overtakes him for ever
            queue.popleft()
            if queue:
                self._queues.move_to_end(client)
            else:
                del self._queues[client]
            if not waiter.admitted.done():
                self.used += waiter.size
                waiter.admitted.set_result(None)


class Admission:
    """``clock`` times how long bodies are held, for honest refusals."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._small = _Room()
        self._large = _Room()

    def take(self, size: int, limit: int) -> Hold | None:
        """Room for the body at once, as of :meth:`enter`; None when it would have to wait. ``limit`` is not 0."""
        room = self._room(size, limit)
        size = min(size, room.limit)
        return Hold(room, size, self._clock.monotonic()) if room.take(size) else None

    async def enter(self, size: int, client: str, limit: int, seconds: float) -> Hold | None:
        """Room for a body of ``size`` bytes of ``client`` (a key's id), of ``limit`` bytes for all; None without a limit (0).

        A body that is larger than all the room counts as that much: it waits until it is alone. Unavailable with a guess at when
        there is room again, after ``seconds``.
        """
        if not limit:
            return None
        room = self._room(size, limit)
        size = min(size, room.limit)
        if not room.take(size) and not await room.wait(size, client, seconds):
            room.refused += 1
            raise Unavailable(
                "This OmniRoute holds as many bytes of requests as it may; try again in a moment.",
                code="too_many_bytes",
                retry_after=min(max(room.mean, 1.0), _LONGEST_GUESS),
            )
        return Hold(room, size, self._clock.monotonic())

    def _room(self, size: int, limit: int) -> _Room:
        if size <= SMALL:
            room, share = self._small, limit // _SMALL_SHARE
        else:
            room, share = self._large, limit - limit // _SMALL_SHARE
        room.limit = share or 1
        return room

    def leave(self, hold: Hold | None) -> None:
        """The request is done, however."""
        if hold is not None:
            hold.close(self._clock.monotonic())

    def describe(self) -> dict[str, object]:
        """Bytes in use, requests waiting and refused, of small and of large bodies."""
        rooms = (("small", self._small), ("large", self._large))
        return {
            name: {"bytes": room.used, "limit": room.limit, "waiting": room.waiting, "refused": room.refused}
            for name, room in rooms
        }
