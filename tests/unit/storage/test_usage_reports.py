"""Sums of the ledger against the plain addition of its rows."""

from __future__ import annotations

import itertools
import random
import time
from collections import defaultdict
from typing import Any

import pytest

from omniroute.core.errors import BadRequest
from omniroute.core.ledger import LedgerRow
from omniroute.core.zone import Zone
from omniroute.storage import Database, UsageRepository
from omniroute.storage.usage_reports import DAYS, GROUPS, TIMES, Step

BERLIN = Zone("Europe/Berlin")
BEGIN = 1_774_500_000.0  # three days before the clocks change in Berlin
SPAN = 6 * 86_400.0
SUMS = ("requests", "attempts", "errors", "input_tokens", "cached_tokens", "output_tokens", "cost_usd", "unpriced", "fallbacks")


def made(count: int, seed: int = 1) -> list[LedgerRow]:
    rng = random.Random(seed)
    return [
        LedgerRow(
            id=number, request_id=f"r{number}", attempt=rng.choice((1, 1, 1, 2)), started_at=BEGIN + rng.random() * SPAN,
            key_id=rng.choice((None, "k1", "k2")), account_id=rng.choice(("a1", "a2")), provider=rng.choice(("p", "q")),
            model=rng.choice(("m", "n", "o")), combo=rng.choice((None, "c")), client_format=rng.choice(("x", "y")), upstream_format="z",
            stream=True, status=200, outcome=rng.choice(("ok", "ok", "ok", "error", "aborted", "open")), input_tokens=rng.randrange(1000),
            cached_tokens=rng.randrange(100), output_tokens=rng.randrange(500), cost_usd=rng.choice((None, 0.0, 0.25, 1.5)),
            session_id=rng.choice((None, "s1", "s2", "s3")), agent_id=rng.choice((None, "agent")), fallback=rng.random() < 0.1,
        )
        for number in range(1, count + 1)
    ]  # fmt: skip


def added(rows: list[LedgerRow]) -> dict[str, Any]:
    settled = [row for row in rows if row.outcome != "open"]
    return {
        "requests": sum(row.attempt == 1 for row in settled),
        "attempts": len(settled),
        "errors": sum(row.outcome != "ok" for row in settled),
        "input_tokens": sum(row.input_tokens for row in settled),
        "cached_tokens": sum(row.cached_tokens for row in settled),
        "output_tokens": sum(row.output_tokens for row in settled),
        "cost_usd": sum(row.cost_usd or 0.0 for row in settled),
        "unpriced": sum(row.cost_usd is None for row in settled),
        "fallbacks": sum(row.fallback for row in settled),
    }


def grouped(rows: list[LedgerRow], by: str | None, zone: Zone = BERLIN) -> dict[str | None, dict[str, Any]]:
    groups: dict[str | None, list[LedgerRow]] = defaultdict(list)
    for row in rows:
        if row.outcome == "open":
            continue
        local = time.gmtime(row.started_at + zone.offset(row.started_at))
        name = {None: None, "day": time.strftime("%Y-%m-%d", local), "hour": time.strftime("%Y-%m-%dT%H", local)}.get(
            by, None if by is None or by in TIMES else getattr(row, by)
        )
        groups[None if name is None else str(name)].append(row)
    return {name: added(found) for name, found in groups.items()}


@pytest.fixture
async def ledger(db: Database) -> tuple[UsageRepository, list[LedgerRow]]:
    usage, rows = UsageRepository(db), made(1500)
    for batch in itertools.batched(rows, 400) if hasattr(itertools, "batched") else [rows[:400], rows[400:800], rows[800:]]:
        await usage.insert_batch(list(batch))
    return usage, rows


SPANS: list[tuple[float | None, float | None]] = [
    (None, None),
    (BEGIN + 1000.5, None),
    (None, BEGIN + 5 * 86_400 + 17.25),
    (BEGIN + 3601, BEGIN + 3650),
    (BEGIN + 5000, BEGIN + 9000),
    (BEGIN + 40_000, BEGIN + 4 * 86_400 + 12_345),
    (BEGIN + 9 * 86_400, None),
]


async def test_totals_of_any_span_and_group_are_those_of_the_rows(ledger: tuple[UsageRepository, list[LedgerRow]]) -> None:
    usage, rows = ledger
    for (since, until), group_by in itertools.product(SPANS, [None, *GROUPS]):
        within = [r for r in rows if (since is None or r.started_at >= since) and (until is None or r.started_at < until)]
        found = await usage.totals(since=since, until=until, group_by=group_by, zone=BERLIN)
        told = {one.group: {name: getattr(one, name) for name in SUMS} for one in found}
        wanted = grouped(within, group_by) or ({None: added([])} if group_by is None else {})
        assert told == {name: pytest.approx(sums) for name, sums in wanted.items()}, (since, until, group_by)


FILTERS: list[dict[str, Any]] = [
        {"provider": "p"}, {"key_id": None}, {"provider": "q", "model": "m", "key_id": "k1"}, {"account_id": "a1"}, {"combo": None},
        {"combo": "c", "model": "n"}, {"client_format": "x", "provider": "p"}, {"outcome": "error"}, {"session_id": "s1"},
        {"agent_id": None, "session_id": "s2"}, {"model": "nobody's"},
    ]  # fmt: skip


async def test_totals_of_any_filter_are_those_of_the_rows(ledger: tuple[UsageRepository, list[LedgerRow]]) -> None:
    usage, rows = ledger
    since, until = BEGIN + 20_000, BEGIN + 5 * 86_400
    for filters, group_by in itertools.product(FILTERS, [None, "model", "account_id", "day"]):
        within = [r for r in rows if since <= r.started_at < until and all(getattr(r, n) == v for n, v in filters.items())]
        found = await usage.totals(since=since, until=until, group_by=group_by, filters=filters, zone=BERLIN)
        told = {one.group: {name: getattr(one, name) for name in SUMS} for one in found}
        wanted = grouped(within, group_by) or ({None: added([])} if group_by is None else {})
        assert told == {name: pytest.approx(sums) for name, sums in wanted.items()}, (filters, group_by)


async def test_series_put_every_row_into_its_bucket(ledger: tuple[UsageRepository, list[LedgerRow]]) -> None:
    usage, rows = ledger
    since, until = BERLIN.window("daily", BEGIN)[0], BEGIN + SPAN
    steps: tuple[Step, ...] = ("hour", "day")
    for step, group_by in itertools.product(steps, [None, *DAYS.dimensions]):
        buckets, series = await usage.reports.series(since=since, until=until, step=step, zone=BERLIN, group_by=group_by)
        assert buckets[0] == since
        groups = {one.group: one for one in series}
        wanted = grouped([r for r in rows if r.outcome != "open"], group_by)
        assert groups.keys() == wanted.keys()
        for name, sums in wanted.items():
            assert sum(groups[name].requests) == sums["requests"]
            assert sum(groups[name].cost_usd) == pytest.approx(sums["cost_usd"])
        for place, (start, end) in enumerate(itertools.pairwise([*buckets, until])):
            inside = added([r for r in rows if start <= r.started_at < end])
            assert sum(one.requests[place] for one in series) == inside["requests"]
            assert sum(one.output_tokens[place] for one in series) == inside["output_tokens"]


async def test_small_groups_of_a_series_are_put_together(ledger: tuple[UsageRepository, list[LedgerRow]]) -> None:
    usage, rows = ledger
    _, series = await usage.reports.series(since=BEGIN, until=BEGIN + SPAN, step="day", zone=BERLIN, group_by="model", top=1)
    assert len(series) == 2
    assert series[1].group == "other"
    assert sum(sum(one.requests) for one in series) == added(rows)["requests"]
    with pytest.raises(BadRequest, match="cannot group"):
        await usage.reports.series(since=0, until=1, step="day", zone=BERLIN, group_by="session_id")
    with pytest.raises(BadRequest, match="ask for days"):
        await usage.reports.series(since=0, until=1e9, step="hour", zone=BERLIN)


async def test_heat_is_by_local_weekday_and_hour(ledger: tuple[UsageRepository, list[LedgerRow]]) -> None:
    usage, rows = ledger
    heat = await usage.reports.heat(since=BEGIN, until=BEGIN + SPAN, zone=BERLIN)
    wanted = [[0] * 24 for _ in range(7)]
    for row in rows:
        if row.outcome != "open" and row.attempt == 1:
            local = time.gmtime(row.started_at + BERLIN.offset(row.started_at))
            wanted[local.tm_wday][local.tm_hour] += 1
    assert heat["requests"] == wanted


async def test_sessions_are_summed_and_paged(ledger: tuple[UsageRepository, list[LedgerRow]]) -> None:
    usage, rows = ledger
    seen, cursor = [], None
    for _ in range(4):
        page, cursor = await usage.reports.sessions(limit=1, cursor=cursor)
        seen += page
        if cursor is None:
            break
    own = {name: [r for r in rows if r.session_id == name and r.outcome != "open"] for name in ("s1", "s2", "s3")}
    assert [one.session_id for one in seen] == sorted(own, key=lambda name: -max(r.started_at for r in own[name]))
    for one in seen:
        assert (one.tries, one.input_tokens) == (len(own[one.session_id]), sum(r.input_tokens for r in own[one.session_id]))
        assert one.cost_usd == pytest.approx(sum(r.cost_usd or 0.0 for r in own[one.session_id]))
        assert (one.first_at, one.last_at) == (
            min(r.started_at for r in own[one.session_id]),
            max(r.started_at for r in own[one.session_id]),
        )
    assert await usage.reports.session("nobody's") is None
    with pytest.raises(BadRequest):
        await usage.reports.sessions(cursor="x:s1")


PAGED: list[dict[str, Any]] = [
        {"provider": "p"}, {"provider": "p", "model": "o", "key_id": "k2"}, {"account_id": "a2"}, {"combo": "c"}, {"key_id": None},
        {"provider": "q", "outcome": "open"}, {"model": "m", "outcome": "ok"}, {"account_id": "a1", "model": "n", "client_format": "y"},
        {"key_id": "k1", "agent_id": "agent"}, {"provider": "nobody"},
    ]  # fmt: skip


async def test_pages_of_filtered_history_hold_every_row_once(ledger: tuple[UsageRepository, list[LedgerRow]]) -> None:
    usage, rows = ledger
    since, until = BEGIN + 7000, BEGIN + 5 * 86_400 + 100
    for filters in PAGED:
        wanted = [r for r in rows if since <= r.started_at < until and all(getattr(r, n) == v for n, v in filters.items())]
        wanted.sort(key=lambda r: (r.started_at, r.id), reverse=True)
        seen: list[LedgerRow] = []
        cursor = None
        while True:
            page = await usage.history(since=since, until=until, limit=37, cursor=cursor, filters=filters)
            seen += page.rows
            cursor = page.cursor
            if cursor is None:
                break
        assert [r.id for r in seen] == [r.id for r in wanted], filters


async def test_a_row_that_settles_is_counted_then_and_once(db: Database) -> None:
    usage = UsageRepository(db)
    (row, *_) = [r for r in made(50) if r.outcome == "ok"]
    opened = LedgerRow(**{**{n: getattr(row, n) for n in row.__struct_fields__}, "outcome": "open"})
    await usage.insert_batch([opened])
    assert (await usage.totals())[0].attempts == 0
    await usage.insert_batch([opened, row, row])
    again = UsageRepository(db)
    await again.insert_batch([row])
    assert (await again.totals())[0].attempts == 1
    assert await again.reports.quarters(0.0) == [
        (int(row.started_at // 900), row.key_id or "", row.cost_usd or 0.0, row.input_tokens + row.output_tokens)
    ]


async def test_absurd_figures_do_not_stop_the_sums(db: Database) -> None:
    usage = UsageRepository(db)
    rows = made(4)
    for row in rows:
        row.started_at = BEGIN
        row.outcome, row.input_tokens, row.output_tokens = "ok", 2**62, 10**40
    assert await usage.insert_batch(rows) == 4
    (absurd,) = await usage.totals(group_by="day")
    (added_up,) = await usage.totals(filters={"outcome": "ok"})
    assert absurd.attempts == added_up.attempts == 4
    assert absurd.input_tokens == added_up.input_tokens == 4 * 10**12


async def test_sums_outlive_their_rows(ledger: tuple[UsageRepository, list[LedgerRow]]) -> None:
    usage, rows = ledger
    before = await usage.totals()
    assert await usage.prune(BEGIN + SPAN) == len(rows)
    assert await usage.totals() == before
    assert await usage.oldest(0.5) is None
