"""A second try beside a slow one: who delivers, what becomes of the other, and when there is none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from omniroute.core.errors import Fault
from omniroute.gateway.hedge import WINDOW, Budget
from running.wired import Answer, Client, Sent, Wired, installed, refused, told

AT_ONCE = 0.0
HEDGED = {"hedge": True, "hedge_share": 1.0}


def hedging(accounts: dict[str, int] | None = None, **settings: Any) -> Wired:
    """Two accounts whose usual time to the first token is over as soon as it begins."""
    wired = Wired(
        installed(accounts or {"p": 2}, {**HEDGED, **settings}, combos={"c": {"steps": ["p/m", "q/m"]}} if accounts else {})
    )
    wired.usual("p/m", AT_ONCE)
    return wired


def by_account(**answers: Answer) -> Any:
    return lambda sent: answers[sent.account.replace("-", "")]


async def turns() -> None:
    """Let everything happen that can happen by itself."""
    for _ in range(20):
        await asyncio.sleep(0)


def outcomes(wired: Wired) -> dict[str, tuple[str, bool]]:
    return {row.account_id or "": (row.outcome, row.hedge) for row in wired.ledger.rows}


def settled(wired: Wired) -> None:
    """Every place was given back, every call is closed, every try has one row."""
    assert wired.under_way == 0
    assert all(sent.closed.is_set() for sent in wired.transport.sent)
    assert len(wired.ledger.rows) == len(wired.ledger.begun) == len(wired.transport.sent)
    assert wired.pipeline.heartbeat.attended == 0


@pytest.mark.parametrize("stalls", ["before the head", "after the head", "after the preamble"])
async def test_the_second_serves_where_the_first_is_slow(stalls: str) -> None:
    wired, client, never = hedging(), Client(), asyncio.Event()
    slow = {
        "before the head": Answer(told("slow"), head=never),
        "after the head": Answer([never, *told("slow")]),
        "after the preamble": Answer([told("slow")[0], never, *told("slow")[1:]]),
    }[stalls]
    wired.transport.answers = by_account(p1=slow, p2=Answer(told("quick")))
    await wired.ask("p/m", client)
    assert client.said == "quick"
    assert (len(client.heads), client.finished) == (1, 1)
    assert outcomes(wired) == {"p-1": ("aborted", False), "p-2": ("ok", True)}
    assert wired.transport.sent[0].cancelled == (stalls == "before the head")
    assert wired.clock.now() == 1_800_000_000.0  # nobody slept
    settled(wired)


async def test_the_upstream_that_lost_is_left_before_the_other_has_delivered() -> None:
    wired, client, never, more = hedging(), Client(), asyncio.Event(), asyncio.Event()
    words = told("quick and long")
    wired.transport.answers = by_account(p1=Answer([never]), p2=Answer([*words[:2], more, *words[2:]]))
    asked = asyncio.ensure_future(wired.ask("p/m", client))
    await wired.transport.arrived(2)
    await wired.transport.sent[0].closed.wait()
    await turns()
    assert wired.health.in_flight("p-1") == 0
    assert not asked.done()
    assert wired.health.in_flight("p-2") == 1
    more.set()
    await asked
    settled(wired)


async def test_the_first_wins_and_the_second_is_cancelled() -> None:
    wired, client, gate, never = hedging(), Client(), asyncio.Event(), asyncio.Event()
    wired.transport.answers = by_account(p1=Answer(told("first"), head=gate), p2=Answer(told("second"), head=never))
    asked = asyncio.ensure_future(wired.ask("p/m", client))
    await wired.transport.arrived(2)
    gate.set()
    await asked
    assert client.said == "first"
    assert outcomes(wired) == {"p-1": ("ok", False), "p-2": ("aborted", True)}
    settled(wired)


async def test_the_cost_of_the_one_that_lost_is_recorded_and_nothing_held_against_it() -> None:
    wired, client, never = hedging(), Client(), asyncio.Event()
    wired.transport.answers = by_account(p1=Answer([never]), p2=Answer(told("quick")))
    await wired.ask("p/m", client)
    lost = next(row for row in wired.ledger.rows if row.account_id == "p-1")
    assert lost.input_tokens > 0
    assert lost.estimated
    assert (lost.output_tokens, lost.status, lost.error_kind) == (0, 499, None)
    first = wired.snapshot.accounts["p"][0]
    described = wired.health.describe(wired.clock.now())
    assert described["accounts"] == {}
    assert described["providers"] == {}
    assert first.id == "p-1"


async def test_another_step_serves_where_the_first_has_one_account() -> None:
    wired, client, never = hedging({"p": 1, "q": 1}), Client(), asyncio.Event()
    wired.transport.answers = by_account(p1=Answer([never]), q1=Answer(told("other step")))
    await wired.ask("c", client)
    assert client.said == "other step"
    assert client.heads[0][1]["x-omniroute-provider"] == "q"
    settled(wired)


async def test_a_first_that_fails_leaves_the_second_as_the_next_try() -> None:
    wired, client, broken, good = hedging({"p": 3, "q": 1}), Client(), asyncio.Event(), asyncio.Event()
    wired.transport.answers = lambda sent: (
        refused(429) if sent.account == "p-1" and broken.is_set() else _slow_first(sent, broken, good)
    )
    asked = asyncio.ensure_future(wired.ask("c", client))
    await wired.transport.arrived(2)
    broken.set()
    await turns()
    assert wired.health.in_flight("p-1") == 0
    assert not asked.done()
    assert len(wired.transport.sent) == 2
    good.set()
    await asked
    assert client.said == "from p-2"
    assert outcomes(wired) == {"p-1": ("error", False), "p-2": ("ok", True)}
    settled(wired)


def _slow_first(sent: Sent, broken: asyncio.Event, good: asyncio.Event) -> Answer:
    if sent.account == "p-1":
        return Answer([broken, *refused(429).parts], headers=[("content-type", "application/json")])
    return Answer([good, *told(f"from {sent.account}")])


async def test_both_fail_and_the_plan_goes_on() -> None:
    wired, client, gate = hedging({"p": 2, "q": 1}), Client(), asyncio.Event()
    slow = Answer(refused(429).parts, status=429, headers=[("content-type", "application/json")], head=gate)
    wired.transport.answers = by_account(p1=slow, p2=slow, q1=Answer(told("at last")))
    asked = asyncio.ensure_future(wired.ask("c", client))
    await wired.transport.arrived(2)
    gate.set()
    await asked
    assert client.said == "at last"
    assert [sent.account for sent in wired.transport.sent] == ["p-1", "p-2", "q-1"]
    settled(wired)


async def test_all_fail_and_the_right_error_comes() -> None:
    wired, client, gate = hedging(), Client(), asyncio.Event()
    head = [("content-type", "application/json")]
    wired.transport.answers = by_account(
        p1=Answer(refused(429).parts, status=429, headers=[*head, ("retry-after", "7")], head=gate),
        p2=Answer(refused(500).parts, status=500, headers=head, head=gate),
    )
    asked = asyncio.ensure_future(wired.ask("p/m", client))
    await wired.transport.arrived(2)
    gate.set()
    with pytest.raises(Exception, match="Nothing can serve") as raised:
        await asked
    assert (type(raised.value).__name__, raised.value.retry_after) == ("TooManyRequests", 7.0)  # type: ignore[attr-defined]
    assert not client.started
    settled(wired)


async def test_what_the_client_did_wrong_ends_the_race() -> None:
    wired, client, gate, never = hedging(), Client(), asyncio.Event(), asyncio.Event()
    bad = Answer(refused(400, "no such knob").parts, status=400, headers=[("content-type", "application/json")], head=gate)
    wired.transport.answers = by_account(p1=bad, p2=Answer([never]))
    asked = asyncio.ensure_future(wired.ask("p/m", client))
    await wired.transport.arrived(2)
    gate.set()
    with pytest.raises(Fault, match="no such knob"):
        await asked
    assert not client.started
    settled(wired)


async def test_a_second_whose_window_is_too_small_does_not_end_the_first() -> None:
    wired, client, gate = hedging({"p": 1, "q": 1}), Client(), asyncio.Event()
    wired.transport.answers = by_account(p1=Answer(told("first"), head=gate), q1=refused(413, "prompt is too long"))
    asked = asyncio.ensure_future(wired.ask("c", client))
    await wired.transport.arrived(2)
    await turns()
    assert wired.health.in_flight("q-1") == 0
    gate.set()
    await asked
    assert client.said == "first"
    settled(wired)


async def test_a_client_that_leaves_takes_both_along() -> None:
    wired, client, never = hedging(), Client(), asyncio.Event()
    wired.transport.answers = by_account(p1=Answer([never]), p2=Answer([never]))
    asked = asyncio.ensure_future(wired.ask("p/m", client))
    await wired.transport.arrived(2)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert outcomes(wired) == {"p-1": ("aborted", False), "p-2": ("aborted", True)}
    settled(wired)


async def test_a_fault_after_the_commit_point_is_told_in_band_and_nothing_follows() -> None:
    wired, client, never = hedging(), Client(), asyncio.Event()
    wired.transport.answers = by_account(p1=Answer([never]), p2=Answer(told("one two three")[:3]))
    await wired.ask("p/m", client)
    assert len(wired.transport.sent) == 2
    assert "upstream_truncated" in client.text
    settled(wired)


@pytest.mark.parametrize(
    ("settings", "why"),
    [({"hedge": False}, "switched off"), ({"hedge_share": 0.0}, "no share"), ({"hedge_share": 0.05}, "not yet earned")],
)
async def test_no_second_try(settings: dict[str, Any], why: str) -> None:
    wired, client, gate = hedging(**settings), Client(), asyncio.Event()
    wired.transport.answers = by_account(p1=Answer(told("alone"), head=gate), p2=Answer(told(why)))
    await _alone(wired, client, gate)


async def test_no_second_try_where_the_usual_time_is_not_known() -> None:
    wired, client, gate = Wired(installed({"p": 2}, HEDGED)), Client(), asyncio.Event()
    wired.transport.answers = by_account(p1=Answer(told("alone"), head=gate), p2=Answer(told("never")))
    await _alone(wired, client, gate)


async def test_no_second_try_for_a_whole_answer() -> None:
    wired, client, gate = hedging(), Client(), asyncio.Event()
    wired.transport.answers = by_account(p1=Answer(told("alone"), head=gate), p2=Answer(told("never")))
    await _alone(wired, client, gate, stream=False)


async def _alone(wired: Wired, client: Client, gate: asyncio.Event, **more: Any) -> None:
    asked = asyncio.ensure_future(wired.ask("p/m", client, **more))
    await wired.transport.arrived(1)
    await turns()
    gate.set()
    await asked
    assert [sent.account for sent in wired.transport.sent] == ["p-1"]
    assert outcomes(wired) == {"p-1": ("ok", False)}
    settled(wired)


async def test_a_warm_prompt_cache_is_waited_for() -> None:
    wired, gate = hedging({"p": 2, "q": 1}), asyncio.Event()
    for expected, warm in ((2, False), (1, True)):
        client = Client({"session-id": "s"})
        wired.transport.sent.clear()
        wired.transport.answers = by_account(
            p1=Answer(told("p1"), head=gate), p2=Answer(told("p2"), head=gate), q1=Answer(told("q"))
        )
        asked = asyncio.ensure_future(wired.ask("p/m", client))
        await wired.transport.arrived(1)
        await turns()
        assert len(wired.transport.sent) == expected, warm
        gate.set()
        await asked
        gate.clear()
    assert wired.under_way == 0


def test_the_budget_is_a_share_of_the_last_requests() -> None:
    budget, taken = Budget(), []
    for number in range(5000):
        budget.count()
        if budget.allows(0.05):
            budget.take()
            taken.append(number)
    assert taken[0] == 19
    for end in range(1, 5001):
        begin = max(0, end - WINDOW)
        assert sum(begin <= number < end for number in taken) <= 0.05 * (end - begin)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (1.0, 50), (0.5, 25)])
def test_the_extremes_of_the_budget(share: float, expected: int) -> None:
    budget, taken = Budget(), 0
    for _ in range(50):
        budget.count()
        if budget.allows(share):
            budget.take()
            taken += 1
    assert taken == expected
