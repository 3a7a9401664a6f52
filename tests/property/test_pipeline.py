"""The loop over attempts keeps its promises whatever goes wrong where: hypothesis makes up installations and faults.

What is promised of every request: one answer begins at most, and is put together from one upstream only; nothing is sent after its
end; every place is given back and every call closed; every call is one row of the ledger; the tries are few; it ends.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from omniroute.core.errors import NetworkFault, OmniRouteError, Scope, TimeoutFault, TruncatedStream, Verdict
from omniroute.core.settings import STRATEGIES
from omniroute.gateway.ports import ClientGone
from omniroute.routing.plan import MAX_ACCOUNTS
from running.wired import Answer, Client, Sent, Wired, installed, refused, told, whole

NAMES = ("p", "q", "r")
WORDS = 4
FAULTS = ("good", "refused", "reset", "silent", "stalls", "cut", "truncated", "empty", "error in 200", "never")
STATUSES = (400, 401, 403, 404, 408, 413, 429, 500, 503, 529)
RETRIES = 1


@st.composite
def situations(draw: st.DrawFn) -> dict[str, Any]:
    counts = {name: draw(st.integers(1, 4)) for name in NAMES}
    accounts = [f"{name}-{n}" for name, count in counts.items() for n in range(1, count + 1)]
    steps = draw(st.lists(st.sampled_from([f"{name}/m" for name in NAMES]), min_size=1, max_size=4))
    return {
        "counts": counts,
        "steps": steps,
        "strategy": draw(st.sampled_from(STRATEGIES)),
        "faults": {account: draw(st.tuples(st.sampled_from(FAULTS), st.sampled_from(STATUSES), st.integers(0, 5))) for account in accounts},
        "turns": {account: draw(st.sampled_from([0, 0, 3, 10, 11, 12, 20])) for account in accounts},
        "stream": draw(st.sampled_from([True, True, False])),
        "hedge": draw(st.sampled_from([True, True, False])),
        "known": draw(st.sampled_from([set(NAMES), set(NAMES), {"p"}, set()])),
        "leaves_after": draw(st.sampled_from([None, None, None, 0, 1, 2])),
        "requests": draw(st.integers(1, 3)),
        "seed": draw(st.integers(0, 99)),
    }  # fmt: skip


def answer(sent: Sent, situation: dict[str, Any]) -> Answer:
    """With some delay, counted in turns of the loop: enough to be overtaken."""
    return replace(_answer(sent, situation), turns=situation["turns"][sent.account])


def _answer(sent: Sent, situation: dict[str, Any]) -> Answer:
    """What becomes of a call, by its account. Every word names who said it."""
    kind, status, after = situation["faults"][sent.account]
    words = " ".join([sent.account.replace("-", "")] * WORDS)
    if kind == "refused":
        return refused(status)
    if kind == "silent":
        return Answer(head=TimeoutFault("no token", kind="timeout", scope=Scope.PROVIDER, verdict=Verdict.NEXT_ACCOUNT))
    if kind == "reset":
        return Answer(head=NetworkFault("reset", kind="network", scope=Scope.PROVIDER, verdict=Verdict.RETRY))
    if kind == "error in 200":
        return Answer(refused(status).parts, headers=[("content-type", "application/json")])
    good = Answer(told(words)) if situation["stream"] else whole(words)
    if kind == "good":
        return good
    parts = list(good.parts)[:after]
    if kind == "stalls":
        return Answer([*parts, TimeoutFault("silence", kind="timeout")], headers=good.headers)
    if kind == "cut":
        return Answer([*parts, TruncatedStream("cut", kind="truncated", verdict=Verdict.NEXT_ACCOUNT)], headers=good.headers)
    if kind == "never":
        return Answer(good.parts, headers=good.headers, head=situation["never"])
    return Answer(parts if kind == "truncated" else [], headers=good.headers)


async def served(wired: Wired, situation: dict[str, Any]) -> Client:
    """One request, to its end. A wait for an upstream that never says anything ends when everybody is waiting."""
    client = Client(leaves_after=situation["leaves_after"])
    never = situation["never"] = asyncio.Event()
    wired.transport.answers = lambda sent: answer(sent, situation)
    asking = asyncio.ensure_future(wired.ask("c", client, stream=situation["stream"]))
    for turn in range(3000):
        await asyncio.sleep(0)
        if asking.done():
            break
        if turn % 50 == 49 and all(sent.closed.is_set() or _hangs(sent, situation) for sent in wired.transport.sent):
            never.set()
    assert asking.done(), "it hangs"
    error = asking.exception()
    assert error is None or isinstance(error, (OmniRouteError, ClientGone)), error
    if isinstance(error, OmniRouteError):
        assert not client.started
    elif error is None:
        assert client.finished == 1
    return client


def _hangs(sent: Sent, situation: dict[str, Any]) -> bool:
    kind: str = situation["faults"][sent.account][0]
    return kind == "never"


@settings(max_examples=250, deadline=None)
@given(situations())
def test_the_loop_over_attempts_keeps_its_promises(situation: dict[str, Any]) -> None:
    combos = {"c": {"steps": situation["steps"], "strategy": situation["strategy"]}}
    chosen = {"hedge": situation["hedge"], "hedge_share": 1.0, "combo_retries": RETRIES}

    async def all_of_them() -> None:
        wired = Wired(installed(situation["counts"], chosen, combos=combos), situation["seed"])
        for name in situation["known"]:
            wired.usual(f"{name}/m", 0.0)
        for _ in range(situation["requests"]):
            wired.transport.sent.clear()
            wired.ledger.begun.clear()
            wired.ledger.rows.clear()
            client = await served(wired, situation)
            judge(wired, client, situation)

    asyncio.run(all_of_them())


def judge(wired: Wired, client: Client, situation: dict[str, Any]) -> None:
    calls, rows = wired.transport.sent, wired.ledger.rows
    # one answer, from one upstream
    assert len(client.heads) <= 1
    speakers = {account for account in situation["faults"] if account.replace("-", "") in client.text}
    assert len(speakers) <= 1, client.text
    # every try is recorded once, and one at most served
    assert len(rows) == len(wired.ledger.begun) == len(calls)
    assert len({row.id for row in rows}) == len(rows)
    assert sorted(row.account_id or "" for row in rows) == sorted(sent.account for sent in calls)
    assert sum(row.outcome == "ok" for row in rows) <= 1
    assert sum(row.hedge for row in rows) <= int(situation["hedge"])
    # nothing is left behind
    assert wired.under_way == 0
    assert all(sent.closed.is_set() for sent in calls)
    assert wired.pipeline.heartbeat.attended == 0
    # the tries are few, and no account is asked more often than once and once more in place
    targets = set(situation["steps"])
    assert len(calls) <= len(targets) * MAX_ACCOUNTS * (1 + RETRIES)
    for account in {sent.account for sent in calls}:
        assert sum(sent.account == account for sent in calls) <= 1 + RETRIES
