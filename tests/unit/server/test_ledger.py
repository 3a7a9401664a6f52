"""Between gateway and recorder: what runs is reserved, what ends is priced and counted once."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.catalog.catalog import Catalogue
from omniroute.core.ids import FakeClock
from omniroute.core.ledger import LedgerRow
from omniroute.server.ledger import Ledger
from omniroute.telemetry.recorder import Recorder
from omniroute.telemetry.traffic import Traffic


def row(row_id: int, **more: Any) -> LedgerRow:
    fields: dict[str, Any] = {
        "id": row_id, "request_id": "r", "attempt": 1, "started_at": 0.0, "provider": "lab", "model": "m", "client_format": "a",
        "upstream_format": "b", "stream": True, "status": 200, "outcome": "ok", **more,
    }  # fmt: skip
    return LedgerRow(**fields)


class Try:
    def __init__(self, clock: FakeClock) -> None:
        self.row_id = 0
        self.began = clock.monotonic()

    def so_far(self) -> LedgerRow:
        return row(self.row_id, outcome="open", status=0)


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.stored: list[LedgerRow] = []
        self.traffic = Traffic()
        self.recorder = Recorder(self._store, clock=self.clock, first_id=10)
        self.ledger = Ledger(self.recorder, lambda: Catalogue((), {}), self.traffic, self.clock)

    async def _store(self, batch: list[LedgerRow]) -> None:
        self.stored += batch

    def begin(self) -> Try:
        running = Try(self.clock)
        self.ledger.begin(running)
        return running

    async def written(self) -> list[tuple[int, str]]:
        await self.recorder.flush()
        found = [(r.id, r.outcome) for r in self.stored]
        self.stored.clear()
        return found


@pytest.fixture
async def world() -> World:
    return World()


async def test_a_short_try_is_one_row(world: World) -> None:
    running = world.begin()
    world.ledger.reserve()
    world.ledger.record(row(running.row_id))
    world.clock.advance(60)
    world.ledger.reserve()
    assert await world.written() == [(10, "ok")]
    assert world.ledger.running() == 0


async def test_a_long_try_is_reserved_and_refreshed_until_it_ends(world: World) -> None:
    running = world.begin()
    world.clock.advance(0.11)
    world.ledger.reserve()
    world.ledger.reserve()
    world.clock.advance(9)
    world.ledger.reserve()
    assert await world.written() == [(10, "open")]
    world.clock.advance(1.1)
    world.ledger.reserve()
    assert await world.written() == [(10, "open")]
    world.ledger.record(row(running.row_id))
    world.clock.advance(60)
    world.ledger.reserve()
    assert await world.written() == [(10, "ok")]
    assert [entry["outcomes"] for entry in world.traffic.describe()] == [{"ok": 1}]


async def test_many_are_reserved_in_turns(world: World) -> None:
    tries = [world.begin() for _ in range(120)]
    world.clock.advance(1)
    sizes = []
    for _ in range(4):
        world.ledger.reserve()
        sizes.append(len(await world.written()))
    assert sizes == [50, 50, 20, 0]
    assert world.ledger.running() == len(tries)
