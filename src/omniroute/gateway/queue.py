"""Waiting for an account: bounded in length and in time, fair between clients.

A request whose accounts are all at a limit of ours waits here until one of those under way ends or until the moment that Health
names. Clients (their API keys) take turns, so that a busy one does not starve the others; who cannot be served in time hears at
once when to come back.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right, insort
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Protocol

from omniroute.core.errors import TooManyRequests

MOST_WAITING = 256
LONGEST_WAIT = 30.0
_AT_LEAST = 1.0


class Timer(Protocol):
    def cancel(self) -> None: ...


class Timers(Protocol):
    """What is used of an event loop: its time in seconds, and calls at a moment."""

    def time(self) -> float: ...
    def call_at(self, when: float, callback: Callable[[], None]) -> Timer: ...


class _Waiter:
    """``end``: when its patience ends. ``turn``: True when it has its turn, False when its time is over."""

    __slots__ = ("client", "end", "turn")

    def __init__(self, client: str, end: float) -> None:
        self.client = client
        self.end = end
        self.turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()


class Line:
    """The requests that wait for one account (or one provider's accounts). Used from one event loop.

    ``most``: how many may wait; ``longest``: seconds one may wait; ``timers``: the running loop unless given. A waiter that is
    woken has its turn, not the place itself: it asks Health again, and calls :meth:`wait` once more where somebody was quicker.
    """

    def __init__(self, most: int = MOST_WAITING, longest: float = LONGEST_WAIT, timers: Timers | None = None) -> None:
        self._most = most
        self._longest = longest
        self._timers = timers
        self._clients: OrderedDict[str, deque[_Waiter]] = OrderedDict()
        self._waiting = 0
        self._moments: list[float] = []  # when limits let one go, ascending; whose turn it then is, the line decides
        self._timer: Timer | None = None
        self._timer_at = 0.0

    def __len__(self) -> int:
        return self._waiting

    async def wait(self, client: str, seconds: float | None, *, deadline: float | None = None, again: bool = False) -> None:
        """Wait for a turn. ``seconds``: when a limit lets the next one begin, None = when a request under way ends.

        ``deadline`` (the loop's time) is when the caller's patience ends, ``longest`` from now unless given. ``again``: the
        caller had its turn and lost the place; it goes to the head of its client's line.
        TooManyRequests, with an honest time, when too many wait, when the turn cannot come in time, or when it did not.
        """
        now = self._clock().time()
        end = now + self._longest if deadline is None else deadline
        if seconds is not None and now + seconds > end:
            raise _refusal("The limit of the account does not let a request begin soon enough.", seconds)
        if self._waiting >= self._most and not again:
            raise _refusal("Too many requests are waiting for this account.", max(seconds or 0.0, self._longest))
        if now >= end:
            raise _refusal("No account became free in time.", seconds)
        waiter = _Waiter(client, end)
        self._join(waiter, again)
        if seconds is not None:
            insort(self._moments, now + seconds)
        self._arm()
        try:
            served = await waiter.turn
        except asyncio.CancelledError:
            if not self._leave(waiter) and not waiter.turn.cancelled() and waiter.turn.result():
                self.wake()  # its turn came when it had gone: the next one's
            raise
        if not served:
            raise _refusal("No account became free in time.", seconds)

    def wake(self, count: int = 1) -> int:
        """A request under way ended, or a limit let go: so many waiters have their turn, one client after the other. Returns how
        many there were."""
        woken = 0
        while woken < count and self._clients:
            client, waiters = next(iter(self._clients.items()))
            waiter = waiters.popleft()
            self._waiting -= 1
            if waiters:
                self._clients.move_to_end(client)
            else:
                del self._clients[client]
            if not waiter.turn.done():
                waiter.turn.set_result(True)
                woken += 1
        self._arm()
        return woken

    def describe(self) -> dict[str, object]:
        """Figures for the dashboard."""
        return {"waiting": self._waiting, "clients": len(self._clients), "most": self._most}

    def _join(self, waiter: _Waiter, first: bool) -> None:
        waiters = self._clients.get(waiter.client)
        if waiters is None:
            waiters = self._clients[waiter.client] = deque()
            if first:
                self._clients.move_to_end(waiter.client, last=False)
        if first:
            waiters.appendleft(waiter)
        else:
            waiters.append(waiter)
        self._waiting += 1

    def _leave(self, waiter: _Waiter) -> bool:
        """Out of the line, if it still stands there."""
        waiters = self._clients.get(waiter.client)
        if waiters is None or waiter not in waiters:
            return False
        waiters.remove(waiter)
        self._waiting -= 1
        if not waiters:
            del self._clients[waiter.client]
        self._arm()
        return True

    def _clock(self) -> Timers:
        return self._timers if self._timers is not None else asyncio.get_running_loop()

    def _all(self) -> Iterator[_Waiter]:
        return (waiter for waiters in self._clients.values() for waiter in waiters)

    def _arm(self) -> None:
        """One timer for all: the earliest moment that matters to somebody."""
        del self._moments[self._waiting :]
        earliest = min((waiter.end for waiter in self._all()), default=None)
        if earliest is not None and self._moments:
            earliest = min(earliest, self._moments[0])
        if self._timer is not None:
            if earliest == self._timer_at:
                return
            self._timer.cancel()
            self._timer = None
        if earliest is not None:
            self._timer_at = earliest
            self._timer = self._clock().call_at(earliest, self._ring)

    def _ring(self) -> None:
        """As many turns as moments have come, in the order of the line; and the end for those whose time is over."""
        self._timer = None
        now = self._clock().time()
        due = bisect_right(self._moments, now)
        del self._moments[:due]
        self.wake(due)
        for waiter in [waiter for waiter in self._all() if waiter.end <= now]:
            if not waiter.turn.done():
                waiter.turn.set_result(False)
            self._leave(waiter)
        self._arm()


class Lines:
    """A line for each account, made when somebody waits and gone when nobody does."""

    def __init__(self, most: int = MOST_WAITING, longest: float = LONGEST_WAIT, timers: Timers | None = None) -> None:
        self._most = most
        self._longest = longest
        self._timers = timers
        self._lines: dict[str, Line] = {}

    async def wait(
        self, account_id: str, client: str, seconds: float | None, *, deadline: float | None = None, again: bool = False
    ) -> None:
        """See :meth:`Line.wait`."""
        line = self._lines.get(account_id)
        if line is None:
            line = self._lines[account_id] = Line(self._most, self._longest, self._timers)
        try:
            await line.wait(client, seconds, deadline=deadline, again=again)
        finally:
            if not len(line) and self._lines.get(account_id) is line:
                del self._lines[account_id]

    def released(self, account_id: str) -> None:
        """A lease of the account was released: the next one has its turn."""
        line = self._lines.get(account_id)
        if line is not None:
            line.wake()

    def describe(self) -> dict[str, object]:
        """Figures for the dashboard, by account."""
        return {account_id: line.describe() for account_id, line in self._lines.items()}

    def __len__(self) -> int:
        return len(self._lines)


def _refusal(sentence: str, seconds: float | None) -> TooManyRequests:
    return TooManyRequests(sentence, retry_after=max(seconds or 0.0, _AT_LEAST))
