"""Hedging: a second try beside one that is slower to its first token than usual. Whoever has an answer first delivers it.

The first try runs alone until its target's 95th percentile has passed. Then the next of the plan begins beside it: another
account, or another step. Who reaches the commit point first wins and cancels the other on the spot, so that its upstream stops;
nothing is held against an account for having been slower. One that fails leaves the other as the ordinary next try.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from omniroute.core.errors import Fault, RequestError
from omniroute.gateway.context import Context
from omniroute.gateway.dispatch import Course, Dispatch
from omniroute.routing.health import Lease
from omniroute.routing.plan import Attempt

WINDOW = 1000
"""Requests over which the share of hedged ones is counted."""


class Budget:
    """At most a share of the last thousand requests may have a second try; the first ones earn it."""

    __slots__ = ("_begun", "_requests")

    def __init__(self) -> None:
        self._requests = 0
        self._begun: deque[int] = deque()  # the requests that had one, by number

    def count(self) -> None:
        """A request that could have had one."""
        self._requests += 1

    def allows(self, share: float) -> bool:
        begun, oldest = self._begun, self._requests - WINDOW
        while begun and begun[0] <= oldest:
            begun.popleft()
        return len(begun) + 1 <= share * min(self._requests, WINDOW)

    def take(self) -> None:
        self._begun.append(self._requests)


class Runner:
    """One try of a race. ``beside``: it is the second."""

    __slots__ = ("_race", "attempt", "beside", "task")

    def __init__(self, race: Race, attempt: Attempt, *, beside: bool) -> None:
        self._race = race
        self.attempt = attempt
        self.beside = beside
        self.task: asyncio.Task[None] | None = None

    def claim(self) -> None:
        """Call it at the commit point, before anything is sent. The other try is cancelled; CancelledError when it was first."""
        self._race.claim(self)

    @property
    def lost(self) -> bool:
        """The other one had an answer first."""
        return self._race.winner is not None and self._race.winner is not self


Go = Callable[[Attempt, Lease, Runner], Awaitable[None]]
"""Makes a try: delivers, or raises as ``Pipeline.attempt`` does."""


class Race:
    """At most two runners, and who won."""

    __slots__ = ("runners", "winner")

    def __init__(self) -> None:
        self.runners: list[Runner] = []
        self.winner: Runner | None = None

    def claim(self, runner: Runner) -> None:
        if self.winner is not None:
            raise asyncio.CancelledError
        self.winner = runner
        for other in self.runners:
            if other is not runner and other.task is not None:
                other.task.cancel()

    def running(self) -> list[asyncio.Task[None]]:
        return [runner.task for runner in self.runners if runner.task is not None and not runner.task.done()]


class Hedging:
    """Decides on second tries and runs them. One for all requests: the budget is theirs together."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch
        self.budget = Budget()

    def admits(self, context: Context) -> bool:
        """The request may have a second try: that is switched on, and the answer is a stream, so that there is a first token."""
        if not context.snapshot.settings.hedge or not context.stream:
            return False
        self.budget.count()
        return True

    def patience(self, context: Context, attempt: Attempt) -> float | None:
        """Seconds to wait for ``attempt`` before another begins beside it; None = never: its usual time is not known, its
        operator wants it left alone, or the conversation's prompt cache is with it."""
        target, health = attempt.target, self._dispatch.health
        times = health.ttft(target.name)
        if times is None or not target.provider.resilience:
            return None
        if context.session is not None and self._dispatch.warm(context.session, attempt):
            return None
        return times[1]

    async def run(self, context: Context, course: Course, attempt: Attempt, patience: float, go: Go) -> bool:
        """Make ``attempt`` (its place is ``course.lease``), and another beside it when it takes longer than ``patience``.

        True: one of them delivered. False: both came to nothing and the plan knows. Raises what cannot be made good elsewhere.
        """
        race = Race()
        lease, course.lease = course.lease, None
        try:
            if lease is not None:
                self._enter(race, Runner(race, attempt, beside=False), lease, go)
            await asyncio.wait(race.running(), timeout=patience)
            if race.running() and race.winner is None:
                self._second(context, course, race, go)
            return await self._finish(course, race)
        finally:
            await _stop(race.runners)

    def _enter(self, race: Race, runner: Runner, lease: Lease, go: Go) -> None:
        runner.task = asyncio.ensure_future(go(runner.attempt, lease, runner))
        # Not within the task: one that is cancelled before its first step runs nothing of its own.
        runner.task.add_done_callback(lambda _: self._dispatch.free(lease))
        race.runners.append(runner)

    def _second(self, context: Context, course: Course, race: Race, go: Go) -> None:
        if not self.budget.allows(context.snapshot.settings.hedge_share):
            return
        found = self._dispatch.beside(course)
        if found is not None:
            self.budget.take()
            attempt, lease = found
            self._enter(race, Runner(race, attempt, beside=True), lease, go)

    async def _finish(self, course: Course, race: Race) -> bool:
        """Wait for whoever delivers, or for the last to fail."""
        waiting = list(race.runners)
        held: RequestError | None = None
        while waiting:
            await asyncio.wait([r.task for r in waiting if r.task is not None], return_when=asyncio.FIRST_COMPLETED)
            for runner in [r for r in waiting if r.task is not None and r.task.done()]:
                waiting.remove(runner)
                if runner.lost:
                    continue
                error = _error(runner)
                if error is None:
                    return True
                if isinstance(error, Fault) and race.winner is None:
                    self._dispatch.failed(course, runner.attempt, error)
                    if course.plan.over:
                        return False
                elif isinstance(error, RequestError) and runner.beside and waiting:
                    held = error  # the request does not fit the second target; that is nothing to the first
                else:
                    raise error
        if held is not None:
            raise held
        return False


def _error(runner: Runner) -> BaseException | None:
    task = runner.task
    if task is None or task.cancelled():
        return asyncio.CancelledError()
    return task.exception()


async def _stop(runners: Sequence[Runner]) -> None:
    """Nobody is left behind, whatever ended the race."""
    tasks = [runner.task for runner in runners if runner.task is not None]
    for task in tasks:
        if not task.done():
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
