"""Budgets: windows, warnings, refusals, reservations."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from omniroute.core.budget import Budget
from omniroute.core.errors import PaymentRequired, TooManyRequests
from omniroute.core.ids import FakeClock
from omniroute.core.ledger import LedgerRow
from omniroute.core.zone import Zone
from omniroute.gateway.spending import QUARTER, Spending

NOW = datetime.fromisoformat("2026-11-25T12:00+00:00").timestamp()
UTC = Zone("UTC")


def budget(key: str | None = None, **more: Any) -> Budget:
    fields: dict[str, Any] = {
        "id": "b", "period": "daily", "usd": None, "tokens": None, "action": "block", "warn_at": 0.8, "created_at": 0.0, "updated_at": 0.0
    }  # fmt: skip
    return Budget(key_id=key, **{**fields, **more})


def used(usd: float, tokens: int = 0, *, key: str | None = None, at: float = NOW) -> LedgerRow:
    return LedgerRow(
        request_id="r", attempt=1, started_at=at, provider="p", model="m", client_format="f", upstream_format="f", stream=True,
        status=200, outcome="ok", cost_usd=usd, input_tokens=tokens, key_id=key,
    )  # fmt: skip


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


def spending(clock: FakeClock, *budgets: Budget, zone: Zone = UTC, status: int = 402) -> Spending:
    made = Spending(clock)
    made.configure(budgets, zone, status)
    return made


def test_where_there_is_no_budget_nothing_is_a_concern(clock: FakeClock) -> None:
    mine = spending(clock, budget("k1", usd=1.0))
    assert mine.concerns("k1")
    assert not mine.concerns("k2")
    assert not mine.concerns(None)
    assert spending(clock, budget(usd=1.0)).concerns(None)


@pytest.mark.parametrize(("status", "error"), [(402, PaymentRequired), (429, TooManyRequests)])
def test_a_budget_blocks_at_its_limit_until_its_window_ends(clock: FakeClock, status: int, error: type[Exception]) -> None:
    mine = spending(clock, budget(usd=1.0), status=status)
    mine.spent(used(0.5))
    mine.admit("k", 0.0, 0).close()
    mine.spent(used(0.5))
    with pytest.raises(error) as refused:
        mine.admit("k", 0.0, 0)
    assert refused.value.retry_after == 12 * 3600  # type: ignore[attr-defined]
    assert "daily budget of 1.00 USD of this server" in str(refused.value)
    assert "2026-11-26T00:00:00+00:00" in str(refused.value)
    clock.advance(12 * 3600)
    mine.admit("k", 0.0, 0).close()
    (meter,) = mine.meters()
    assert (meter.usd, meter.refused) == (0.0, 0)


def test_a_row_counts_where_it_began(clock: FakeClock) -> None:
    mine = spending(clock, budget(usd=10.0))
    mine.meters()
    mine.spent(used(1.0, at=NOW - 86_400))
    mine.spent(used(2.0, at=NOW - 60))
    assert mine.meters()[0].usd == 2.0
    clock.advance(86_400)
    mine.spent(used(4.0, at=NOW - 60))
    assert mine.meters()[0].usd == 0.0


def test_keys_are_counted_apart_and_together(clock: FakeClock) -> None:
    mine = spending(clock, budget("k1", id="one", usd=1.0), budget(id="all", tokens=1000))
    mine.spent(used(0.9, 100, key="k1"))
    mine.spent(used(5.0, 200, key="k2"))
    mine.spent(used(5.0, 300))
    figures = {meter.budget.id: (meter.usd, meter.tokens) for meter in mine.meters()}
    assert figures == {"one": (0.9, 100), "all": (10.9, 600)}


def test_requests_under_way_are_reserved(clock: FakeClock) -> None:
    mine = spending(clock, budget(usd=1.0))
    first, second = mine.admit(None, 0.6, 10), mine.admit(None, 0.6, 10)
    with pytest.raises(TooManyRequests, match="under way") as refused:
        mine.admit(None, 0.6, 10)
    assert refused.value.retry_after == 2
    first.close()
    first.close()
    mine.admit(None, 0.1, 10).close()
    second.close()
    (meter,) = mine.meters()
    assert (meter.open_usd, meter.open_tokens) == (0.0, 0)


def test_warnings_are_for_the_client(clock: FakeClock) -> None:
    mine = spending(clock, budget(tokens=1000, usd=100.0, action="warn", warn_at=0.5), zone=Zone("Europe/Berlin"))
    assert mine.admit(None, 0.0, 0).warnings == []
    mine.spent(used(1.0, 600))
    assert mine.admit(None, 0.0, 0).warnings == ["daily 60% of 1000 tokens; resets 2026-11-26T00:00:00+01:00"]
    mine.spent(used(300.0, 600))
    assert mine.admit(None, 0.0, 0).warnings == ["daily 301% of 100.00 USD; resets 2026-11-26T00:00:00+01:00"]


@pytest.mark.parametrize(("period", "usd"), [("daily", 1.0), ("weekly", 3.0), ("monthly", 7.0)])
def test_a_new_budget_knows_what_was_used_before_it(clock: FakeClock, period: str, usd: float) -> None:
    mine = Spending(clock)
    days = {0: 1.0, 2: 2.0, 20: 4.0, 30: 8.0}  # a Wednesday, that Monday, early in the month, the month before
    mine.load([(int((NOW - days_ago * 86_400) // QUARTER), "k", amount, 0) for days_ago, amount in days.items()])
    mine.configure([budget("k", period=period, usd=100.0)], UTC, 402)
    assert mine.meters()[0].usd == usd


def test_changes_keep_what_was_used_and_reserved(clock: FakeClock) -> None:
    mine = spending(clock, budget(usd=1.0))
    reservation = mine.admit(None, 0.3, 5)
    mine.spent(used(0.4))
    mine.configure([budget(usd=2.0), budget("k", id="other", usd=1.0)], UTC, 402)
    figures = {meter.budget.id: (meter.usd, meter.open_usd, meter.budget.usd) for meter in mine.meters()}
    assert figures == {"b": (0.4, 0.3, 2.0), "other": (0.0, 0.0, 1.0)}
    mine.configure([budget(usd=2.0, period="monthly")], Zone("Asia/Kolkata"), 402)
    assert mine.meters()[0].usd == 0.4
    reservation.close()
    mine.configure([], UTC, 402)
    assert mine.meters() == []


def test_the_usual_answer_follows_what_is_seen(clock: FakeClock) -> None:
    mine = Spending(clock)
    for _ in range(500):
        row = used(0.0)
        row.output_tokens = 3000
        mine.spent(row)
    assert 2990 < mine.usual_output() <= 3000


def test_old_quarters_are_forgotten(clock: FakeClock) -> None:
    mine = spending(clock, budget("k", usd=1.0, period="monthly"))
    mine.spent(used(1.0, key="k"))
    clock.advance(70 * 86_400)
    mine.meters()
    assert mine._used == {None: {}}
