"""Listening to what happens: what is told, what is missed, who may."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from omniroute.admin.events import MOST_LISTENERS, MOST_ROWS, Events, Listener, Sign
from omniroute.core.errors import Unavailable
from omniroute.core.ledger import LedgerRow


class State:
    """What is looked at; a test changes it."""

    def __init__(self) -> None:
        self.count = 0

    def look(self) -> dict[str, Sign]:
        return {"in_flight": Sign(self.count, {"in_flight": self.count}), "health": Sign("same", {"cooldowns": 0})}


def row(number: int) -> LedgerRow:
    return LedgerRow(
        id=number,
        request_id=f"req_{number}",
        attempt=1,
        started_at=1.0,
        provider="alpha",
        model="small",
        client_format="openai_chat",
        upstream_format="openai_chat",
        stream=False,
        status=200,
        outcome="ok",
    )


@pytest.fixture
def state() -> State:
    return State()


@pytest.fixture
async def events(state: State) -> AsyncIterator[Events]:
    made = Events(state.look, every=0.001, heartbeat=0.001, apart=0.0)
    yield made
    made.close()


def told(part: bytes) -> list[tuple[str, Any]]:
    """The events of one part."""
    found = []
    for frame in part.decode().split("\n\n"):
        if frame.startswith("event: "):
            name, data = frame.split("\n")
            found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


async def until(parts: AsyncIterator[bytes], kind: str) -> Any:
    async for part in parts:
        for name, data in told(part):
            if name == kind:
                return data
    pytest.fail(f"the stream ended without {kind}")


async def test_the_present_state_comes_first_then_what_changes(events: Events, state: State) -> None:
    parts = events.listen().parts()
    assert await anext(parts) == b"retry: 3000\n\n"
    assert told(await anext(parts)) == [("in_flight", {"in_flight": 0}), ("health", {"cooldowns": 0})]
    state.count = 3
    assert await until(parts, "in_flight") == {"in_flight": 3}


async def test_what_stays_the_same_is_not_told_again(events: Events) -> None:
    parts = events.listen().parts()
    for _ in range(2):
        await anext(parts)
    assert [await anext(parts) for _ in range(5)] == [b": still here\n\n"] * 5


async def test_rows_come_as_they_are_stored(events: Events) -> None:
    parts = events.listen().parts()
    events.stored([row(1), row(2)])
    data = await until(parts, "usage")
    assert ([one["request_id"] for one in data["rows"]], data["missed"]) == (["req_1", "req_2"], 0)
    assert data["rows"][0] == {**data["rows"][1], "id": 1, "request_id": "req_1"}


async def test_who_does_not_read_misses_the_oldest_and_learns_how_many(events: Events) -> None:
    parts = events.listen().parts()
    for number in range(MOST_ROWS + 7):
        events.stored([row(number)])
    data = await until(parts, "usage")
    assert (len(data["rows"]), data["missed"]) == (MOST_ROWS, 7)
    assert data["rows"][0]["id"] == 7
    events.stored([row(99)])
    assert (await until(parts, "usage"))["missed"] == 0


async def test_a_batch_larger_than_what_is_kept(events: Events) -> None:
    parts = events.listen().parts()
    events.stored([row(number) for number in range(MOST_ROWS * 3)])
    data = await until(parts, "usage")
    assert (len(data["rows"]), data["missed"]) == (MOST_ROWS, MOST_ROWS * 2)


async def test_every_listener_is_told(events: Events) -> None:
    streams = [events.listen().parts() for _ in range(3)]
    events.stored([row(5)])
    assert [(await until(parts, "usage"))["rows"][0]["id"] for parts in streams] == [5, 5, 5]


async def test_one_who_left_is_told_nothing_and_makes_room(events: Events) -> None:
    listeners = [events.listen() for _ in range(MOST_LISTENERS)]
    with pytest.raises(Unavailable, match="listen already"):
        events.listen()
    events.left(listeners[0])
    events.listen()
    assert len(events) == MOST_LISTENERS


async def test_nobody_is_looked_for_when_nobody_listens(events: Events, state: State) -> None:
    listener = events.listen()
    looking = events._looking
    assert looking is not None
    events.left(listener)
    await looking
    assert events._looking is None
    state.count = 9
    assert (await until(events.listen().parts(), "in_flight")) == {"in_flight": 9}


async def test_a_session_that_ends_ends_its_stream() -> None:
    asked: list[bool] = [True, False]

    async def allowed() -> bool:
        return asked.pop(0)

    listener = Listener(allowed, heartbeat=0.001, apart=0.0)
    beats = [part async for part in listener.parts()]
    assert beats[-1] == b": still here\n\n"
    assert asked == []


async def test_the_end_closes_every_stream(events: Events) -> None:
    listener = events.listen()
    reading = asyncio.ensure_future(_all(listener.parts()))
    events.close()
    assert (await reading)[0] == b"retry: 3000\n\n"
    with pytest.raises(Unavailable, match="shutting down"):
        events.listen()


async def _all(parts: AsyncIterator[bytes]) -> list[bytes]:
    return [part async for part in parts]


async def test_a_look_that_fails_ends_the_streams_instead_of_leaving_them_silent(events: Events, state: State) -> None:
    listener = events.listen()

    def fail() -> dict[str, Sign]:
        raise RuntimeError("no state")

    events._look = fail
    assert await _all(listener.parts())
    assert len(events) == 0
