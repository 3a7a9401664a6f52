"""Waiting for an account. The loop's time is moved by hand, so nothing sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from omniroute.core.errors import TooManyRequests
from omniroute.gateway.queue import Line, Lines


class Time:
    """Time and timers, moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self._timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        self._timers.append(Timer(when, callback))
        return self._timers[-1]

    async def advance(self, seconds: float) -> None:
        """Let timers ring in their order, and everything run that follows."""
        end = self.now + seconds
        await settle()
        while waiting := [timer for timer in self._timers if not timer.cancelled and timer.when <= end]:
            timer = min(waiting, key=lambda timer: timer.when)
            self._timers.remove(timer)
            self.now = max(self.now, timer.when)
            timer.ring()
            await settle()
        self.now = end

    def pending(self) -> int:
        return sum(not timer.cancelled for timer in self._timers)


class Timer:
    def __init__(self, when: float, ring: Callable[[], None]) -> None:
        self.when, self.ring = when, ring
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def time() -> Time:
    return Time()


class Crowd:
    """Requests that wait in one line, and the order in which they had their turns."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.order: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def add(self, *names: str, seconds: float | None = None, deadline: float | None = None) -> None:
        """``a1``: a request of client ``a``."""
        for name in names:
            self.tasks.append(asyncio.create_task(self._wait(name, seconds, deadline)))
            await settle()

    async def _wait(self, name: str, seconds: float | None, deadline: float | None) -> None:
        await self.line.wait(name[0], seconds, deadline=deadline)
        self.order.append(name)

    def error(self, index: int) -> TooManyRequests:
        error = self.tasks[index].exception()
        assert isinstance(error, TooManyRequests)
        return error


async def test_clients_take_turns(time: Time) -> None:
    crowd = Crowd(Line(timers=time))
    await crowd.add("a1", "a2", "a3", "a4", "b1", "b2", "c1")
    for _ in range(7):
        assert crowd.line.wake() == 1
        await settle()
    assert crowd.order == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]
    assert crowd.line.wake() == 0
    assert len(crowd.line) == 0
    assert time.pending() == 0


async def test_a_limit_lets_go_at_its_moment(time: Time) -> None:
    crowd = Crowd(Line(timers=time))
    await crowd.add("a1", seconds=5)
    await crowd.add("b1", seconds=2)
    await crowd.add("a2", seconds=7)
    await time.advance(1.9)
    assert crowd.order == []
    await time.advance(0.2)
    assert crowd.order == ["a1"]  # the line keeps its order, whoever's moment came
    await time.advance(3)
    assert crowd.order == ["a1", "b1"]
    await time.advance(2)
    assert crowd.order == ["a1", "b1", "a2"]
    assert time.pending() == 0


async def test_too_many_hear_at_once_when_to_come_back(time: Time) -> None:
    crowd = Crowd(Line(most=2, longest=20, timers=time))
    await crowd.add("a1", "a2", "a3")
    assert crowd.error(2).retry_after == 20
    await crowd.add("b1", seconds=8)
    assert crowd.error(3).retry_after == 20
    crowd.line.wake(2)
    await settle()
    assert crowd.order == ["a1", "a2"]


async def test_what_cannot_come_in_time_is_refused_at_once(time: Time) -> None:
    crowd = Crowd(Line(longest=20, timers=time))
    await crowd.add("a1", seconds=21)
    assert crowd.error(0).retry_after == 21
    await crowd.add("a2", seconds=3, deadline=time.now + 2)
    assert crowd.error(1).retry_after == 3
    await crowd.add("a3", deadline=time.now)
    assert crowd.error(2).retry_after == 1
    assert len(crowd.line) == 0


async def test_patience_ends(time: Time) -> None:
    crowd = Crowd(Line(longest=20, timers=time))
    await crowd.add("a1", "a2")
    await time.advance(20.1)
    assert all(crowd.error(i).retry_after == 1 for i in range(2))
    assert len(crowd.line) == 0
    assert time.pending() == 0


async def test_who_leaves_gives_way(time: Time) -> None:
    crowd = Crowd(Line(timers=time))
    await crowd.add("a1", "a2", "a3")
    crowd.tasks[0].cancel()
    await settle()
    assert len(crowd.line) == 2
    crowd.line.wake()
    crowd.tasks[1].cancel()  # in the very moment of its turn
    await settle()
    assert crowd.order == ["a3"]


async def test_who_lost_the_place_stands_first_again(time: Time) -> None:
    line = Line(most=1, timers=time)
    order: list[str] = []

    async def wait(name: str, again: bool) -> None:
        await line.wait(name[0], None, again=again)
        order.append(name)

    tasks = [asyncio.create_task(wait("a1", False))]
    await settle()
    tasks.append(asyncio.create_task(wait("b1", True)))
    await settle()
    line.wake(2)
    await asyncio.gather(*tasks)
    assert order == ["b1", "a1"]


async def test_lines_come_and_go(time: Time) -> None:
    lines = Lines(timers=time)
    first = asyncio.create_task(lines.wait("one", "a", None))
    second = asyncio.create_task(lines.wait("two", "a", None))
    await settle()
    assert lines.describe() == {name: {"waiting": 1, "clients": 1, "most": 256} for name in ("one", "two")}
    lines.released("nobody")
    lines.released("one")
    await first
    assert len(lines) == 1
    second.cancel()
    await settle()
    assert len(lines) == 0
