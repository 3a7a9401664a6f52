"""Each strategy puts candidates in the order it promises, steps of combos and accounts of a provider alike."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from omniroute.core.errors import BadAnswer, ConfigError, Verdict
from omniroute.core.settings import STRATEGIES
from omniroute.routing.facts import Facts
from omniroute.routing.plan import Attempt, Plan
from omniroute.routing.quota import Window
from omniroute.routing.resolve import resolve
from omniroute.routing.snapshot import Snapshot
from omniroute.routing.strategies import checked_options, registry
from unit.routing.worlds import FakeView, priced, provider, world

NOW = 1_000_000.0
POOL = (
    provider("dear", priced("m", 10, 30)),
    provider("cheap", priced("m", 1, 3)),
    provider("plan", priced("m", 5, 15), tier="subscription"),
    provider("blank", "m"),
)


def pool(strategy: str, **options: Any) -> Snapshot:
    steps = [{"model": f"{p.id}/m", "weight": weight} for p, weight in zip(POOL, (1, 7, 1, 1), strict=True)]
    return world(*POOL, combos={"c": {"steps": steps, "strategy": strategy, "options": options}})


def first(snapshot: Snapshot, view: FakeView, rng: random.Random | None = None, **facts: Any) -> Attempt:
    plan = Plan(resolve(snapshot, "c"), snapshot, view, Facts(model="c", **facts), NOW, rng or random.Random(1))
    attempt = plan.next(NOW)
    assert attempt is not None
    return attempt


def order(snapshot: Snapshot, view: FakeView, name: str = "c", **facts: Any) -> list[str]:
    plan = Plan(resolve(snapshot, name), snapshot, view, Facts(model=name, **facts), NOW, random.Random(1))
    found = []
    while (attempt := plan.next(NOW)) is not None:
        found.append(attempt.target.provider.id)
        plan.failed(attempt, BadAnswer("no", kind="test", verdict=Verdict.NEXT_ACCOUNT), NOW)
    return found


def test_the_settings_name_every_strategy() -> None:
    assert set(STRATEGIES) == set(registry().names())


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_strategy_keeps_every_candidate(name: str) -> None:
    assert sorted(order(pool(name), FakeView())) == ["blank", "cheap", "dear", "plan"]


def test_fill_first_goes_as_written() -> None:
    assert order(pool("fill-first"), FakeView()) == ["dear", "cheap", "plan", "blank"]


def test_cost_optimized_takes_what_a_plan_pays_first_and_the_unknown_last() -> None:
    assert order(pool("cost-optimized"), FakeView()) == ["plan", "cheap", "dear", "blank"]


def test_least_used_and_fewest_under_way() -> None:
    view = FakeView()
    view.used = {"dear-1": 5, "cheap-1": 2, "plan-1": 2, "blank-1": 9}
    view.flying = {"cheap-1": 3}
    assert order(pool("least-used"), view) == ["plan", "cheap", "dear", "blank"]


def test_p2c_takes_the_one_with_less_to_do() -> None:
    view = FakeView()
    view.flying = {"dear-1": 9, "cheap-1": 9, "plan-1": 9}
    won = Counter(first(pool("p2c"), view, random.Random(seed)).target.provider.id for seed in range(400))
    assert won["blank"] > max(count for name, count in won.items() if name != "blank")


@pytest.mark.parametrize("sticky", [1, 3])
def test_round_robin_is_fair_and_sticky(sticky: int) -> None:
    snapshot, view = pool("round-robin", sticky=sticky), FakeView()
    served = []
    for _ in range(sticky * 8):
        attempt = first(snapshot, view)
        served.append(attempt.account.id)
        view.used[attempt.account.id] = view.used.get(attempt.account.id, 0) + 1
    assert set(Counter(served).values()) == {2 * sticky}
    runs = [served[start : start + sticky] for start in range(0, len(served), sticky)]
    assert all(len(set(run)) == 1 for run in runs)


def test_weights_are_shares() -> None:
    snapshot, rng = pool("weighted"), random.Random(4)
    won = Counter(first(snapshot, FakeView(), rng).target.provider.id for _ in range(2000))
    assert won["cheap"] / 2000 == pytest.approx(0.7, abs=0.05)


def test_random_gives_everybody_the_same_chance() -> None:
    snapshot, rng = pool("random"), random.Random(4)
    won = Counter(first(snapshot, FakeView(), rng).target.provider.id for _ in range(2000))
    assert all(count / 2000 == pytest.approx(0.25, abs=0.05) for count in won.values())


@pytest.mark.parametrize("name", ["round-robin", "random", "p2c", "least-used", "weighted", "auto"])
def test_a_conversation_stays_where_its_prompt_cache_is(name: str) -> None:
    view = FakeView()
    view.warm[("s", "blank")] = "blank-1"
    assert first(pool(name), view, session="s").target.provider.id == "blank"
    view.block("blank-1")
    assert first(pool(name), view, session="s").target.provider.id != "blank"


def test_auto_goes_by_tier_then_health_then_cost() -> None:
    assert order(pool("auto"), FakeView()) == ["plan", "cheap", "dear", "blank"]
    view = FakeView()
    view.block("plan-1")
    assert order(pool("auto"), view) == ["cheap", "dear", "blank"]


def test_auto_fast_goes_by_measured_time() -> None:
    view = FakeView()
    view.times = {"dear/m": (0.2, 1.0), "plan/m": (2.0, 3.0), "cheap/m": (0.9, 2.0)}
    assert order(pool("auto", prefer="fast"), view)[:3] == ["dear", "cheap", "plan"]


def test_auto_spends_what_would_expire() -> None:
    plans = (provider("a", "m", tier="subscription"), provider("b", "m", tier="subscription"))
    snapshot, view = world(*plans, combos={"c": {"steps": ["a/m", "b/m"], "strategy": "auto"}}), FakeView()

    def week(used: float) -> tuple[Window, ...]:
        return (Window(name="weekly", used=used, source="header", seen_at=NOW, resets_at=NOW + 100, length=1000.0),)

    view.quota = {"a-1": week(0.99), "b-1": week(0.2)}
    assert order(snapshot, view) == ["b", "a"]


def test_pace_goes_by_what_would_be_left() -> None:
    names = ("short", "new", "even", "rich", "blocked")
    snapshot, view = (
        world(*(provider(n, "m") for n in names), combos={"c": {"steps": [f"{n}/m" for n in names], "strategy": "pace"}}),
        FakeView(),
    )

    def half_gone(used: float) -> tuple[Window, ...]:
        return (Window(name="weekly", used=used, source="header", seen_at=NOW, resets_at=NOW + 500, length=1000.0),)

    view.quota = {
        "short-1": half_gone(0.9),
        "even-1": half_gone(0.45),
        "rich-1": half_gone(0.1),
        "blocked-1": half_gone(0.0),
    }
    view.block("blocked-1")
    assert order(snapshot, view) == ["rich", "even", "new", "short"]


def test_new_conversations_are_spread_over_equal_accounts_and_come_back() -> None:
    snapshot, view = world(provider("p", "m"), accounts={"p": 5}), FakeView()

    def served(session: str | None) -> str:
        plan = Plan(resolve(snapshot, "p/m"), snapshot, view, Facts(model="p/m", session=session), NOW, random.Random(0))
        attempt = plan.next(NOW)
        assert attempt is not None
        return attempt.account.id

    spread = Counter(served(f"session {n}") for n in range(500))
    assert len(spread) == 5
    assert min(spread.values()) > 50
    assert all(served(f"session {n}") == served(f"session {n}") for n in range(20))
    assert served(None) == "p-1"
    view.warm[("s", "p")] = "p-4"
    assert served("s") == "p-4"
    view.block("p-4")
    assert served("s") != "p-4"


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("nope", {}, "is not one of"),
        ("round-robin", {"sticky": "3"}, "must be integer"),
        ("round-robin", {"sticky": True}, "must be integer"),
        ("auto", {"prefer": "best"}, "is not one of balanced, fast, cheap"),
        ("fill-first", {"x": 1}, "has no option 'x'"),
    ],
)
def test_options_are_checked(name: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        checked_options(name, options)
