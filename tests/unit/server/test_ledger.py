"""Between gateway and recorder: what runs is reserved, what ends is priced and counted once."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.catalog.catalog import Catalogue
from omniroute.catalog.prices import PriceBook
from omniroute.catalog.reference import Clause, ListedModel, ListedProvider, Reference
from omniroute.catalog.schema import Auth, LongContext, Model, Provider
from omniroute.core.ids import FakeClock
from omniroute.core.ledger import LedgerRow
from omniroute.ir.caps import Price
from omniroute.server.ledger import Ledger
from omniroute.telemetry.recorder import Recorder
from omniroute.telemetry.traffic import Traffic

CATALOGUE = Catalogue(
    [
        Provider(
            id="lab", prefix="lab", name="Lab", format="openai_chat", base_url="https://api.lab.example/v1", auth=Auth(scheme="bearer"),
            models=(
                Model(id="m"),
                Model(id="priced", price=Price(input=1.0, output=2.0, basis="list"), long_context=LongContext(above=1000, input=3.0, output=4.0)),
            ),
        )
    ]
)  # fmt: skip
LISTED = Reference(
    [
        ListedProvider(
            "lab", r"https://api\.lab\.example", (ListedModel(Clause("starts_with", "m"), Price(input=5.0, output=6.0, basis="list"), ()),), ()
        )
    ]
)  # fmt: skip


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
        self.reference: Reference | None = Reference(())
        book = PriceBook(CATALOGUE, {}, {}, frozenset(), lambda: self.reference)
        self.ledger = Ledger(self.recorder, lambda: book, self.traffic, self.clock)
        self.spent: list[tuple[int, float | None]] = []
        self.ledger.spent = lambda row: self.spent.append((row.id, row.cost_usd))

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


async def test_a_row_is_charged_by_its_length_and_names_its_rates(world: World) -> None:
    for tokens in (1000, 1001):
        running = world.begin()
        world.ledger.record(row(running.row_id, model="priced", input_tokens=tokens, output_tokens=100))
    await world.recorder.flush()
    short, long = world.stored
    assert short.cost_usd == pytest.approx((1000 * 1.0 + 100 * 2.0) / 1e6)
    assert long.cost_usd == pytest.approx((1001 * 3.0 + 100 * 4.0) / 1e6)
    assert short.price_version == long.price_version
    assert [(fresh.model, fresh.rates.version) for fresh in world.ledger.fresh] == [("priced", short.price_version)]
    assert world.spent == [(10, short.cost_usd), (11, long.cost_usd)]


async def test_a_row_waits_open_for_a_price_that_is_being_looked_up(world: World) -> None:
    world.reference = None
    running = world.begin()
    world.ledger.record(row(running.row_id, input_tokens=1000, output_tokens=10))
    assert await world.written() == [(10, "open")]
    assert (world.spent, world.traffic.describe()) == ([], [])
    world.reference = LISTED
    world.ledger.reserve()
    await world.recorder.flush()
    (settled,) = world.stored
    assert (settled.outcome, settled.cost_usd) == ("ok", pytest.approx((1000 * 5.0 + 10 * 6.0) / 1e6))
    assert world.spent == [(10, settled.cost_usd)]


async def test_what_still_waits_at_the_end_is_settled_without_a_price(world: World) -> None:
    world.reference = None
    world.ledger.record(row(world.begin().row_id))
    world.ledger.close()
    await world.recorder.flush()
    assert [(r.outcome, r.cost_usd) for r in world.stored[-1:]] == [("ok", None)]
