"""The plan: what follows what fault, what is skipped, and the last word when nothing is left."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from omniroute.core.errors import Fault, TooManyRequests, Unavailable, Verdict
from omniroute.routing.facts import Facts
from omniroute.routing.plan import Plan
from omniroute.routing.preview import preview
from omniroute.routing.resolve import resolve
from omniroute.routing.snapshot import Snapshot
from unit.routing.worlds import FakeView, provider, sized, world

NOW = 1_000.0
WORLD = world(
    provider("small", sized("m", 8000)),
    provider("middle", sized("m", 8000)),
    provider("large", sized("m", 200000)),
    accounts={"small": 4},
    combos={
        "c": {"steps": ["small/m", "middle/m", {"model": "large/m", "timeout": 7, "retries": 2}]},
        "one": {"steps": [{"model": "small/m", "account": "3"}]},
    },
)


def fault(kind: str = "server_error", verdict: Verdict = Verdict.NEXT_ACCOUNT, **more: Any) -> Fault:
    return Fault(f"{kind} happened", kind=kind, verdict=verdict, **more)


def planned(name: str = "c", view: FakeView | None = None, world: Snapshot = WORLD, **more: Any) -> Plan:
    facts = more.pop("facts", Facts(model=name))
    return Plan(resolve(world, name), world, view or FakeView(), facts, NOW, random.Random(3), **more)


def run(plan: Plan, *faults: Fault) -> list[str]:
    """Names of the accounts tried, each answered by the next fault (the last one again and again)."""
    tried, left = [], list(faults)
    while (attempt := plan.next(NOW)) is not None:
        tried.append(attempt.account.id + ("!" if attempt.retry else ""))
        plan.failed(attempt, left.pop(0) if len(left) > 1 else left[0], NOW)
    return tried


@pytest.mark.parametrize(
    ("given", "tried"),
    [
        (fault(verdict=Verdict.NEXT_ACCOUNT), ["small-1", "small-2", "small-3", "middle-1", "large-1"]),
        (fault(verdict=Verdict.NEXT_TARGET), ["small-1", "middle-1", "large-1"]),
        (fault(verdict=Verdict.RETURN), ["small-1"]),
        (fault("context_overflow", Verdict.NEXT_TARGET), ["small-1", "large-1"]),
        (fault("context_overflow", Verdict.NEXT_ACCOUNT), ["small-1", "large-1"]),
        (
            fault("network", Verdict.RETRY),
            [f"{name}{mark}" for name in ("small-1", "small-2", "small-3", "middle-1") for mark in ("", "!")]
            + ["large-1", "large-1!", "large-1!"],
        ),
        (fault("rate_limit", Verdict.RETRY, retry_after=60), ["small-1", "small-2", "small-3", "middle-1", "large-1"]),
    ],
)
def test_the_verdict_decides(given: Fault, tried: list[str]) -> None:
    assert run(planned(), given) == tried


def test_attempts_say_where_they_stand() -> None:
    plan = planned()
    attempts = []
    while (attempt := plan.next(NOW)) is not None:
        attempts.append(attempt)
        plan.failed(attempt, fault(verdict=Verdict.NEXT_TARGET), NOW)
    assert [(a.combo, a.step, a.timeout) for a in attempts] == [("c", 0, None), ("c", 1, None), ("c", 2, 7)]
    assert [a.reason for a in attempts] == ["first choice", "after server_error at small/m", "after server_error at middle/m"]


def test_a_retry_in_place_waits_a_little_or_as_told() -> None:
    plan = planned()
    first = plan.next(NOW)
    assert first is not None
    plan.failed(first, fault("transient", Verdict.RETRY), NOW)
    again = plan.next(NOW)
    assert again is not None
    assert (again.account, again.retry) == (first.account, 1)
    assert 0.5 <= again.delay <= 1.5
    plan = planned()
    first = plan.next(NOW)
    assert first is not None
    plan.failed(first, fault("overloaded", Verdict.RETRY, retry_after=8), NOW)
    told = plan.next(NOW)
    assert told is not None
    assert told.delay == 8


def test_a_retry_in_place_is_a_probe_under_its_own_cooldown_and_none_under_a_breaker() -> None:
    view = FakeView()
    plan = planned(view=view)
    first = plan.next(NOW)
    assert first is not None
    view.block(first.account.id, until=NOW + 3)
    plan.failed(first, fault("transient", Verdict.RETRY), NOW)
    again = plan.next(NOW)
    assert again is not None
    assert again.probe
    view = FakeView()
    plan = planned(view=view)
    first = plan.next(NOW)
    assert first is not None
    view.block(first.account.id, reason="breaker", until=NOW + 3)
    plan.failed(first, fault("transient", Verdict.RETRY), NOW)
    following = plan.next(NOW)
    assert following is not None
    assert following.account.id == "small-2"


def test_a_step_may_be_one_account() -> None:
    assert run(planned("one"), fault()) == ["small-3"]


def test_blocked_accounts_are_passed_over_and_told() -> None:
    view = FakeView()
    view.block("small-1")
    view.block("small-3", "m")
    plan = planned(view=view)
    assert run(plan, fault()) == ["small-2", "small-4", "middle-1", "large-1"]
    assert [account.id for _, account, _ in plan.skipped if account is not None] == ["small-1", "small-3"]


def test_needs_put_unfit_models_last() -> None:
    from omniroute.catalog.schema import Model
    from omniroute.ir.caps import Capabilities

    blind = Model(id="m", capabilities=Capabilities(vision=False))
    sighted = world(provider("a", blind), provider("b", "m"), combos={"c": {"steps": ["a/m", "b/m"]}})
    plan = planned(world=sighted, facts=Facts(model="c", needs=frozenset({"vision"})))
    assert run(plan, fault()) == ["b-1", "a-1"]


def test_without_resilience_there_is_one_try() -> None:
    plain = world(provider("p", "m", resilience=False), provider("q", "m"), combos={"c": {"steps": ["p/m", "q/m"]}})
    assert run(planned(world=plain), fault("network", Verdict.RETRY)) == ["p-1"]


def blocked_everywhere(reason: str, *, until: float | None) -> FakeView:
    view = FakeView()
    for account in ("small-1", "small-2", "small-3", "small-4", "middle-1", "large-1"):
        view.block(account, reason=reason, until=until)
    view.block("middle-1", reason=reason, until=None if until is None else until - 10)
    return view


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("exhausted", TooManyRequests), ("rate", TooManyRequests), ("breaker", Unavailable), ("cooldown", Unavailable)],
)
def test_when_everybody_is_blocked_the_wait_is_the_shortest(reason: str, kind: type) -> None:
    plan = planned(view=blocked_everywhere(reason, until=NOW + 100))
    assert plan.next(NOW) is None
    error = plan.exhausted(NOW)
    assert type(error) is kind
    assert error.retry_after == 90  # type: ignore[attr-defined]
    assert "small/m" in error.message
    assert "large/m" in error.message


@pytest.mark.parametrize(
    ("kind", "told"), [("rate_limit", TooManyRequests), ("quota_exhausted", TooManyRequests), ("overloaded", Unavailable)]
)
def test_a_cooldown_after_a_limit_is_told_as_one(kind: str, told: type) -> None:
    view = blocked_everywhere("cooldown", until=NOW + 100)
    view.blocks = {key: msgspec.structs.replace(block, kind=kind) for key, block in view.blocks.items()}
    plan = planned(view=view)
    assert plan.next(NOW) is None
    assert type(plan.exhausted(NOW)) is told


def test_patience_waits_once_for_the_first_to_be_free() -> None:
    plan = planned(view=blocked_everywhere("rate", until=NOW + 12), patience=5)
    waited = plan.next(NOW)
    assert waited is not None
    assert (waited.account.id, waited.delay) == ("middle-1", 2)
    plan.failed(waited, fault(), NOW + 2)
    assert plan.next(NOW + 2) is None
    assert planned(view=blocked_everywhere("rate", until=NOW + 100), patience=5).next(NOW) is None


@pytest.mark.parametrize(
    ("faults", "status"),
    [
        ([fault("bad_request", Verdict.NEXT_TARGET, http_status=400)], 400),
        ([fault("rate_limit", http_status=429, retry_after=30), fault("server_error", http_status=502)], 429),
        ([fault("auth", http_status=401)], 401),
        ([fault("auth", http_status=401), fault("server_error", http_status=502), fault("auth", http_status=401)], 502),
        ([fault("bad_request", Verdict.RETURN, http_status=400)], 400),
    ],
)
def test_the_most_useful_answer_is_told(faults: list[Fault], status: int) -> None:
    plan = planned()
    run(plan, *faults)
    told = plan.exhausted(NOW)
    assert (told.http_status if isinstance(told, Fault) else type(told).status) == status


def test_no_usable_credentials_are_called_that() -> None:
    plan = planned()
    run(plan, fault("auth", http_status=401))
    assert "no usable credentials for small, middle, large" in plan.exhausted(NOW).message


def test_insufficient_quota_only_when_all_is_used_up() -> None:
    plan = planned()
    run(plan, fault("quota_exhausted", http_status=429))
    assert plan.exhausted(NOW).error_code == "insufficient_quota"  # type: ignore[attr-defined]


def test_the_preview_names_every_try_and_every_block() -> None:
    view = FakeView()
    view.block("small-1", until=NOW + 60)
    found = preview(WORLD, view, Facts(model="c"), NOW, random.Random(0))
    assert [(row.state, row.account_id) for row in found.rows] == [
        ("blocked", "small-1"),
        ("next", "small-2"),
        ("then", "small-3"),
        ("then", "small-4"),
        ("then", "middle-1"),
        ("then", "large-1"),
    ]
    assert found.rows[0].until == NOW + 60
    assert found.outcome is None
    all_blocked = preview(WORLD, blocked_everywhere("rate", until=NOW + 90), Facts(model="c"), NOW, random.Random(0))
    assert all_blocked.outcome is not None
