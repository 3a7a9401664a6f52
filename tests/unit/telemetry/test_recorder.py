"""The recorder: never in the way, nothing lost while there is room, in order whatever the sink does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from structlog.testing import capture_logs

from omniroute.core.ids import FakeClock
from omniroute.core.ledger import LedgerRow
from omniroute.telemetry import Recorder

INTERVAL = 0.001


def record(number: int) -> LedgerRow:
    return LedgerRow(
        request_id=f"r{number}", attempt=1, started_at=1.0, provider="lab", model="m", client_format="a", upstream_format="b",
        stream=True, status=200, outcome="ok",
    )  # fmt: skip


class Sink:
    """Keeps what it is given; ``failures`` says how often it fails first; ``gate`` holds it up."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.attempts: list[list[str]] = []
        self.failures = 0
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, batch: list[LedgerRow]) -> None:
        ids = [r.request_id for r in batch]
        self.attempts.append(ids)
        self.asked.set()
        await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise OSError("disk full")
        self.batches.append(ids)

    @property
    def stored(self) -> list[str]:
        return [request_id for batch in self.batches for request_id in batch]


def ids(*numbers: int) -> list[str]:
    return [f"r{number}" for number in numbers]


@pytest.fixture
async def sink() -> Sink:
    return Sink()


@pytest.fixture
async def made(sink: Sink) -> AsyncIterator[Callable[..., Recorder]]:
    recorders: list[Recorder] = []

    def make(*, start: bool = True, capacity: int = 10_000, interval: float = INTERVAL) -> Recorder:
        recorder = Recorder(sink, capacity=capacity, interval=interval, clock=FakeClock())
        recorders.append(recorder)
        if start:
            recorder.start()
        return recorder

    yield make
    sink.gate.set()
    sink.failures = 0
    for recorder in recorders:
        await recorder.close()


async def test_records_arrive_by_themselves_in_order(made: Callable[..., Recorder], sink: Sink) -> None:
    recorder = made()
    for number in range(10):
        recorder.record(record(number))
    await asyncio.wait_for(sink.asked.wait(), 5)
    assert sink.stored == ids(*range(10))
    sink.asked.clear()
    recorder.record(record(10))
    await asyncio.wait_for(sink.asked.wait(), 5)
    assert sink.stored == ids(*range(11))


async def test_an_idle_recorder_asks_nothing_of_the_sink(made: Callable[..., Recorder], sink: Sink) -> None:
    recorder = made()
    await recorder.flush()
    assert await recorder.close() == 0
    assert sink.attempts == []


async def test_flush_returns_when_what_was_recorded_is_stored(made: Callable[..., Recorder], sink: Sink) -> None:
    recorder = made(interval=1000.0)
    for number in range(1234):
        recorder.record(record(number))
    await recorder.flush()
    assert sink.stored == ids(*range(1234))
    assert max(map(len, sink.batches)) <= 500
    assert recorder.describe()["written"] == 1234


async def test_flush_waits_for_the_batch_that_is_under_way(made: Callable[..., Recorder], sink: Sink) -> None:
    recorder = made()
    sink.gate.clear()
    recorder.record(record(1))
    await sink.asked.wait()
    flushing = asyncio.create_task(recorder.flush())
    await asyncio.sleep(0)
    assert not flushing.done()
    sink.gate.set()
    await flushing
    assert sink.stored == ids(1)


async def test_close_drains_through_a_sink_that_fails_at_first(made: Callable[..., Recorder], sink: Sink) -> None:
    recorder = made(interval=INTERVAL)
    sink.failures = 4
    for number in range(700):
        recorder.record(record(number))
    with capture_logs() as logs:
        assert await recorder.close() == 0
    assert sink.stored == ids(*range(700))
    assert len(sink.attempts) == 4 + 2
    assert all(attempt == ids(*range(500)) for attempt in sink.attempts[:5])  # the same, in the same order
    assert [(line["log_level"], line["event"]) for line in logs] == [
        ("error", "usage records cannot be stored, trying again"),
        ("info", "usage records are stored again"),
    ]
    described = recorder.describe()
    assert (described["failures"], described["failing_since"], described["waiting"]) == (4, None, 0)


async def test_a_failing_sink_is_asked_again_without_anybody_waiting(made: Callable[..., Recorder], sink: Sink) -> None:
    recorder = made()
    sink.failures = 3
    recorder.record(record(1))
    while not sink.batches:
        sink.asked.clear()
        await asyncio.wait_for(sink.asked.wait(), 5)
    assert sink.attempts == [ids(1)] * 4
    assert recorder.describe()["last_error"] == "OSError: disk full"


async def test_close_gives_up_in_the_end_and_says_how_much_is_lost(made: Callable[..., Recorder], sink: Sink) -> None:
    recorder = made()
    sink.failures = 1_000_000
    for number in range(600):
        recorder.record(record(number))
    with capture_logs() as logs:
        assert await recorder.close(within=0.02) == 600
    assert logs[-1] == {
        "event": "usage records lost at shutdown", "log_level": "error", "lost": 600, "error": "OSError: disk full",
    }  # fmt: skip
    assert recorder.describe()["dropped"] == 600
    assert await recorder.close() == 0


async def test_close_does_not_wait_for_ever_for_a_sink_that_hangs(made: Callable[..., Recorder], sink: Sink) -> None:
    recorder = made()
    sink.gate.clear()
    recorder.record(record(1))
    await sink.asked.wait()
    assert await recorder.close(within=0.01) == 1


async def test_beyond_capacity_the_oldest_waiting_go_and_are_counted(made: Callable[..., Recorder], sink: Sink) -> None:
    recorder = made(start=False, capacity=3)
    with capture_logs() as logs:
        for number in range(10):
            recorder.record(record(number))
    assert [line["log_level"] for line in logs] == ["error"]  # once, not seven times
    assert recorder.describe()["waiting"] == 3
    await recorder.flush()
    assert sink.stored == ids(7, 8, 9)
    assert (recorder.describe()["dropped"], recorder.describe()["written"]) == (7, 3)


async def test_what_is_being_written_is_not_dropped(made: Callable[..., Recorder], sink: Sink) -> None:
    recorder = made(capacity=3)
    sink.gate.clear()
    recorder.record(record(0))
    recorder.record(record(1))
    await sink.asked.wait()
    flushing = asyncio.create_task(recorder.flush())  # for 0 and 1
    await asyncio.sleep(0)
    for number in range(2, 8):
        recorder.record(record(number))
    await asyncio.sleep(0)
    assert not flushing.done()  # five were pushed out behind them, which does not store them
    sink.gate.set()
    await flushing
    assert sink.stored[:2] == ids(0, 1)
    await recorder.flush()
    assert sink.stored == ids(0, 1, 7)
    assert recorder.describe()["dropped"] == 5


async def test_when_all_room_is_being_written_the_newcomer_is_dropped(made: Callable[..., Recorder], sink: Sink) -> None:
    recorder = made(capacity=2)
    sink.gate.clear()
    recorder.record(record(0))
    recorder.record(record(1))
    await sink.asked.wait()
    recorder.record(record(2))
    sink.gate.set()
    await recorder.flush()
    assert sink.stored == ids(0, 1)
    assert recorder.describe()["dropped"] == 1


async def test_after_close_nothing_is_taken(made: Callable[..., Recorder], sink: Sink) -> None:
    recorder = made()
    recorder.record(record(0))
    await recorder.close()
    recorder.record(record(1))
    await recorder.close()
    assert sink.stored == ids(0)
    assert recorder.describe()["dropped"] == 1


async def test_a_recorder_that_was_never_started_still_drains(made: Callable[..., Recorder], sink: Sink) -> None:
    recorder = made(start=False)
    recorder.record(record(0))
    assert await recorder.close() == 0
    assert sink.stored == ids(0)


async def test_no_task_is_left(made: Callable[..., Recorder]) -> None:
    before = asyncio.all_tasks()
    recorder = made()
    recorder.start()
    recorder.record(record(0))
    await asyncio.gather(recorder.close(), recorder.close())
    assert asyncio.all_tasks() == before
