"""Plans keep their promises whatever the installation, the blocks and the faults: hypothesis makes them up."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from omniroute.core.errors import Fault, Verdict
from omniroute.core.settings import STRATEGIES
from omniroute.routing.facts import Facts
from omniroute.routing.plan import MAX_ACCOUNTS, Attempt, Plan
from omniroute.routing.resolve import resolve
from unit.routing.worlds import FakeView, provider, world

NOW = 1_000.0
NAMES = ("p", "q", "r")
STEPS = tuple(f"{name}/{model}" for name in NAMES for model in ("m", "n"))


@st.composite
def situations(draw: st.DrawFn) -> dict[str, Any]:
    counts = {name: draw(st.integers(1, 5)) for name in NAMES}
    inner = draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=4))
    outer = draw(st.lists(st.sampled_from((*STEPS, "inner")), min_size=1, max_size=5))
    chosen = st.sampled_from(STRATEGIES)
    accounts = [f"{name}-{n}" for name, count in counts.items() for n in range(1, count + 1)]
    return {
        "counts": counts,
        "combos": {"inner": {"steps": inner, "strategy": draw(chosen)}, "outer": {"steps": outer, "strategy": draw(chosen)}},
        "settings": {"account_strategy": draw(chosen)},
        "blocked": draw(st.sets(st.sampled_from(accounts))),
        "used": draw(st.dictionaries(st.sampled_from(accounts), st.integers(0, 9))),
        "warm": draw(st.sampled_from([None, *accounts])),
        "session": draw(st.sampled_from([None, "s"])),
        "seed": draw(st.integers(0, 99)),
    }


def made(situation: dict[str, Any]) -> tuple[Plan, FakeView, Any]:
    snapshot = world(
        *(provider(name, "m", "n") for name in NAMES),
        accounts=situation["counts"],
        settings=situation["settings"],
        combos=situation["combos"],
    )
    view = FakeView()
    for account in situation["blocked"]:
        view.block(account)
    view.used = situation["used"]
    warm = situation["warm"]
    if warm is not None:
        view.warm[("s", warm.partition("-")[0])] = warm
    resolution = resolve(snapshot, "outer")
    facts = Facts(model="outer", session=situation["session"])
    return Plan(resolution, snapshot, view, facts, NOW, random.Random(situation["seed"])), view, resolution


def exhaust(plan: Plan, verdicts: list[Verdict]) -> list[Attempt]:
    attempts: list[Attempt] = []
    while (attempt := plan.next(NOW)) is not None:
        attempts.append(attempt)
        assert len(attempts) < 1000, "a plan without end"
        verdict = verdicts[len(attempts) % len(verdicts)]
        plan.failed(attempt, Fault("no", kind="test", verdict=verdict), NOW)
    return attempts


MOVING = st.lists(st.sampled_from([Verdict.NEXT_ACCOUNT, Verdict.NEXT_TARGET, Verdict.RETRY]), min_size=1, max_size=6)


@given(situations(), MOVING)
def test_nothing_blocked_is_tried_and_nothing_twice(situation: dict[str, Any], verdicts: list[Verdict]) -> None:
    plan, _, resolution = made(situation)
    attempts = exhaust(plan, verdicts)
    assert all(attempt.account.id not in situation["blocked"] for attempt in attempts)
    pairs = [(attempt.target.name, attempt.account.id, attempt.retry) for attempt in attempts]
    assert len(pairs) == len(set(pairs))
    for name in {target.name for target in resolution.targets}:
        assert len({account for target, account, _ in pairs if target == name}) <= MAX_ACCOUNTS
    assert max((attempt.retry for attempt in attempts), default=0) <= 1


@given(situations(), MOVING)
def test_every_target_that_can_serve_is_tried(situation: dict[str, Any], verdicts: list[Verdict]) -> None:
    plan, _, resolution = made(situation)
    tried = {attempt.target.name for attempt in exhaust(plan, verdicts)}
    for target in resolution.targets:
        count = situation["counts"][target.provider.id]
        free = [n for n in range(1, count + 1) if f"{target.provider.id}-{n}" not in situation["blocked"]]
        assert (target.name in tried) == bool(free)


@given(situations())
def test_a_warm_account_that_can_serve_comes_first_in_its_target(situation: dict[str, Any]) -> None:
    plan, _, _ = made(situation | {"session": "s"})
    warm = situation["warm"]
    if warm is None or warm in situation["blocked"]:
        return
    seen: set[str] = set()
    for attempt in exhaust(plan, [Verdict.NEXT_ACCOUNT]):
        if attempt.target.provider.id == warm.partition("-")[0] and attempt.target.name not in seen:
            assert attempt.account.id == warm
        seen.add(attempt.target.name)


@given(situations())
def test_a_verdict_to_return_ends_it(situation: dict[str, Any]) -> None:
    plan, _, _ = made(situation)
    assert len(exhaust(plan, [Verdict.RETURN])) <= 1


@given(situations())
def test_the_same_dice_give_the_same_plan(situation: dict[str, Any]) -> None:
    first, second = (exhaust(made(situation)[0], [Verdict.NEXT_ACCOUNT]) for _ in range(2))
    assert [(a.target.name, a.account.id) for a in first] == [(a.target.name, a.account.id) for a in second]
