"""The ledger."""

from __future__ import annotations

import itertools
import math
from typing import Any

import msgspec
import pytest

from omniroute.core.errors import BadRequest
from omniroute.core.ledger import LedgerRow
from omniroute.storage import Database, UsageRepository


@pytest.fixture
def usage(db: Database) -> UsageRepository:
    return UsageRepository(db)


_numbers = itertools.count(1)


def row(request_id: str = "req", attempt: int = 1, **more: Any) -> LedgerRow:
    fields: dict[str, Any] = {
        "started_at": 1000.0, "provider": "lab", "model": "m", "client_format": "openai_chat", "upstream_format": "anthropic",
        "stream": True, "status": 200, "outcome": "ok", "id": next(_numbers), **more,
    }  # fmt: skip
    return LedgerRow(request_id=request_id, attempt=attempt, **fields)


FULL = row(
    "req_full", 2, started_at=1234.567891, key_id="key_1", account_id="acc_1", stream=False, status=502, outcome="truncated",
    error_kind="network", input_tokens=100, cached_tokens=60, written_tokens=10, output_tokens=50, reasoning_tokens=20, estimated=True,
    cost_usd=0.001234, shadow_cost_usd=0.5, price_basis="list", ttft_ms=12.5, total_ms=345.6, bytes_in=1000, bytes_out=2000,
    session_id="s", agent_id="a", combo="daily", decision="combo", queue_ms=1.5, connect_ms=20.25, fallback=True, hedge=True,
    price_version="0123456789ab",
)  # fmt: skip


async def test_every_field_comes_back(usage: UsageRepository) -> None:
    plain = row()
    assert await usage.insert_batch([FULL, plain]) == 2
    page = await usage.history()
    assert page.rows == [FULL, plain]
    assert page.cursor is None


async def test_a_batch_seen_before_changes_nothing(usage: UsageRepository) -> None:
    assert await usage.insert_batch([row("a", id=1001), row("b", id=1002)]) == 2
    changed = [row("a", id=1001, output_tokens=99), row("a", 2, id=1003), row("b", id=1002), row("b", 2, id=1004)]
    assert await usage.insert_batch(changed) == 2
    assert await usage.insert_batch([]) == 0
    (totals,) = await usage.totals()
    assert (totals.requests, totals.attempts, totals.output_tokens) == (2, 4, 0)
    assert await usage.next_id() == 1005


async def test_two_requests_of_one_request_id_both_count(usage: UsageRepository) -> None:
    """Clients choose request ids; some choose the same one for ever."""
    await usage.insert_batch([row("mine", output_tokens=5), row("mine", output_tokens=7)])
    (totals,) = await usage.totals()
    assert (totals.attempts, totals.output_tokens) == (2, 12)


async def test_an_open_row_gives_way_to_the_final_one_which_stands(usage: UsageRepository) -> None:
    opened = row("a", id=7, outcome="open", status=0, input_tokens=100, estimated=True)
    longer = row("a", id=7, outcome="open", status=0, input_tokens=100, output_tokens=20, estimated=True)
    final = row("a", id=7, input_tokens=90, output_tokens=50)
    assert await usage.insert_batch([opened]) == 1
    assert (await usage.totals())[0].errors == 0
    assert await usage.insert_batch([longer, final]) == 2
    assert await usage.insert_batch([longer, opened]) == 0
    assert (await usage.history()).rows == [final]


async def test_what_a_killed_process_left_open_is_settled_once(usage: UsageRepository) -> None:
    assert await usage.next_id() == 1
    await usage.insert_batch([row("a", id=1), row("b", id=2, outcome="open", status=0, input_tokens=100, cost_usd=0.5)])
    assert await usage.close_left_open() == 1
    assert await usage.close_left_open() == 0
    left = (await usage.history(filters={"request_id": "b"})).rows[0]
    assert (left.outcome, left.error_kind, left.estimated, left.input_tokens, left.cost_usd) == (
        "aborted",
        "killed",
        True,
        100,
        0.5,
    )
    assert (await usage.history(filters={"request_id": "a"})).rows[0].outcome == "ok"


async def test_absurd_values_do_not_stop_a_batch(usage: UsageRepository) -> None:
    strange = row(
        "strange", input_tokens=10**40, output_tokens=-(10**40), cost_usd=math.nan, total_ms=math.inf,
        model="\udcff" + "x" * 100_000, session_id="s" * 5000,
    )  # fmt: skip
    assert await usage.insert_batch([strange, row("plain")]) == 2
    stored = next(r for r in (await usage.history()).rows if r.request_id == "strange")
    assert (stored.input_tokens, stored.cost_usd, stored.total_ms) == (2**63 - 1, 0.0, 0.0)
    assert (len(stored.model), len(stored.session_id or "")) == (512, 512)


async def test_pages_join_without_gap_or_repetition(usage: UsageRepository) -> None:
    # Many of one moment, so that the page boundary falls between equal times.
    rows = [row(f"r{number:03d}", started_at=1000.0 + number // 10 / 3) for number in range(95)]
    await usage.insert_batch(rows)
    seen: list[str] = []
    cursor = None
    while True:
        page = await usage.history(limit=7, cursor=cursor)
        seen += [r.request_id for r in page.rows]
        cursor = page.cursor
        if cursor is None:
            break
        await usage.insert_batch([row(f"new{len(seen)}", started_at=2000.0)])  # what comes in meanwhile does not shift a page
    assert seen == [r.request_id for r in reversed(rows)]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["d", "c", "b", "a"]),
        ({"since": 20.0}, ["d", "c", "b"]),
        ({"until": 30.0}, ["b", "a"]),
        ({"since": 20.0, "until": 30.0}, ["b"]),
        ({"filters": {"provider": "x"}}, ["c", "a"]),
        ({"filters": {"provider": "x", "outcome": "error"}}, ["c"]),
        ({"filters": {"key_id": None}}, ["d", "c", "b"]),
        ({"filters": {"status": 429}}, ["c"]),
        ({"filters": {"model": "' OR 1=1 --"}}, []),
    ],
)
async def test_history_by_time_and_filter(usage: UsageRepository, wanted: dict[str, Any], found: list[str]) -> None:
    await usage.insert_batch(
        [
            row("a", started_at=10.0, provider="x", key_id="k"),
            row("b", started_at=20.0, provider="y"),
            row("c", started_at=30.0, provider="x", outcome="error", status=429),
            row("d", started_at=40.0, provider="z"),
        ]
    )
    assert [r.request_id for r in (await usage.history(**wanted)).rows] == found


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "nan:1"}, "cursor"),
        ({"cursor": "1.0:" + "9" * 30}, "cursor"),
        ({"cursor": "1.0:1; DROP TABLE usage"}, "cursor"),
        ({"filters": {"1=1; --": "x"}}, "1=1; --"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(usage: UsageRepository, wanted: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        await usage.history(**wanted)
    assert caught.value.param == param


async def test_totals_add_up_in_every_grouping(usage: UsageRepository) -> None:
    await usage.insert_batch(
        [
            row("a", 1, provider="x", outcome="error", status=429, started_at=0.0),
            row("a", 2, provider="y", started_at=1.0, input_tokens=10, cached_tokens=4, output_tokens=5, cost_usd=0.25),
            row("b", 1, provider="y", started_at=86400.0, input_tokens=1, reasoning_tokens=2, written_tokens=3, cost_usd=0.5),
            row("c", 1, provider="y", started_at=90000.0, cost_usd=0.0, shadow_cost_usd=2.0, key_id="k"),
        ]
    )
    (everything,) = await usage.totals()
    assert msgspec.structs.asdict(everything) == {
        "group": None, "requests": 3, "attempts": 4, "errors": 1, "input_tokens": 11, "cached_tokens": 4, "written_tokens": 3,
        "output_tokens": 5, "reasoning_tokens": 2, "cost_usd": 0.75, "shadow_cost_usd": 2.0, "unpriced": 1,
        "tries_ok": 3, "fallbacks": 0, "hedges": 0,
    }  # fmt: skip
    by_provider = await usage.totals(group_by="provider")
    assert [(t.group, t.requests, t.attempts, t.cost_usd) for t in by_provider] == [("x", 1, 1, 0.0), ("y", 2, 3, 0.75)]
    assert [(t.group, t.attempts) for t in await usage.totals(group_by="day")] == [("1970-01-01", 2), ("1970-01-02", 2)]
    assert [t.group for t in await usage.totals(group_by="hour", since=86400.0)] == ["1970-01-02T00", "1970-01-02T01"]
    assert [(t.group, t.attempts) for t in await usage.totals(group_by="key_id")] == [(None, 3), ("k", 1)]
    assert [(t.group, t.attempts) for t in await usage.totals(group_by="status", filters={"provider": "x"})] == [("429", 1)]
    with pytest.raises(BadRequest, match="cannot group"):
        await usage.totals(group_by="1; DROP TABLE usage")


async def test_totals_over_nothing_are_zero(usage: UsageRepository) -> None:
    (nothing,) = await usage.totals()
    assert (nothing.requests, nothing.input_tokens, nothing.cost_usd, nothing.unpriced) == (0, 0, 0.0, 0)
    assert await usage.totals(group_by="model") == []


async def test_pruning_deletes_the_old_in_small_steps_and_gives_the_space_back(db: Database, usage: UsageRepository) -> None:
    await usage.insert_batch([row(f"r{number}", started_at=float(number), model="m" * 500) for number in range(2500)])
    before = (await db.sizes())["file"] + (await db.sizes())["log"]
    writes = db.describe()["writes_done"]
    assert await usage.prune(2400.0, batch=1000) == 2400
    assert db.describe()["writes_done"] - writes == 6  # three deletions, three times pages given back
    assert await usage.prune(2400.0) == 0
    assert [r.started_at for r in (await usage.history(limit=1000)).rows] == [float(n) for n in range(2499, 2399, -1)]
    assert (await db.sizes())["free"] == 0
    await db.close()
    assert db.path.stat().st_size < before / 4
