"""The routing simulator: the same week for everyone, and what the automatic strategy is for."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

_FOLDER = str(Path(__file__).resolve().parents[3] / "benchmarks")
_OURS = ("sim_traffic", "sim_world", "simulate_routing")
_STRATEGIES = ("auto", "fill-first", "round-robin")
_DAYS = (1, 5)  # seeds


@pytest.fixture(scope="module")
def simulator() -> Iterator[ModuleType]:
    """The scripts import each other by bare names; nobody else shall see those."""
    sys.path.insert(0, _FOLDER)
    try:
        yield importlib.import_module("simulate_routing")
    finally:
        sys.path.remove(_FOLDER)
        for name in _OURS:
            sys.modules.pop(name, None)


def test_auto_blocks_less_than_fill_first_and_round_robin_at_no_higher_cost(simulator: ModuleType) -> None:
    found = {name: [] for name in _STRATEGIES}
    for seed in _DAYS:
        for result in simulator.simulate(_STRATEGIES, seed, days=1):
            found[result.strategy].append(result)
    auto, fill_first, round_robin = (simulator.averaged(found[name]) for name in _STRATEGIES)
    assert 0 < auto.blocked < min(fill_first.blocked, round_robin.blocked)
    assert auto.cost <= min(fill_first.cost, round_robin.cost)
    assert auto.stranded <= fill_first.stranded
    assert auto.switches < round_robin.switches
    assert {result.given_up for result in (auto, fill_first, round_robin)} == {0}


def test_a_seed_decides_everything(simulator: ModuleType) -> None:
    first, again, other = (simulator.simulate(("auto",), seed, days=1, users=2)[0] for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_traffic_grows_its_prompts_and_comes_in_bursts(simulator: ModuleType) -> None:
    sessions = simulator.week(2, users=3, days=2)
    assert [session.begins for session in sessions] == sorted(session.begins for session in sessions)
    assert any("." in session.name for session in sessions)
    for session in sessions:
        for before, turn in zip(session.turns, session.turns[1:], strict=False):
            assert turn.prompt == before.prompt + turn.fresh or turn.prompt == turn.fresh
            assert turn.after > 0


def test_a_modelled_subscription_counts_refuses_and_starts_over(simulator: ModuleType) -> None:
    world = importlib.import_module("sim_world")
    traffic = importlib.import_module("sim_traffic")
    rng = simulator.random.Random(1)
    account = world.subscription(10_000.0, 1e9, 0.0)
    model = world.ProviderModel("sun", "subscription", simulator.Price(basis="equivalent"), {"a": account}, oauth=True)
    turn = traffic.Turn(0.0, 9_000, 9_000, 400)
    answered = model.call("a", "s", turn, 1_000.0, rng)
    assert answered.fault is None
    assert answered.readings[0].used == 1.0
    refused = model.call("a", "s", turn, 2_000.0, rng)
    assert (refused.fault.kind, refused.fault.retry_after) == ("quota_exhausted", 5 * 3600 - 1000)
    again = model.call("a", "s", turn._replace(prompt=10_000, fresh=1_000), 1_000.0 + 5 * 3600, rng)
    assert (again.fault, again.cached) == (None, 0)  # the window is new, the cache has long gone cold
    warm = model.call("a", "s", turn._replace(prompt=10_500, fresh=500), 1_060.0 + 5 * 3600, rng)
    assert warm.fault is not None or warm.cached == 10_000
