"""The contract of the state port, for every implementation."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from omniroute.routing.affinity import Bond
from omniroute.routing.state import MemoryState, StatePort

PORTS: tuple[Callable[[], StatePort], ...] = (MemoryState,)
ONE, TWO = Bond("a", 1.0), Bond("b", 2.0)


@pytest.fixture(params=PORTS, ids=lambda make: make.__name__)
def port(request: pytest.FixtureRequest) -> StatePort:
    made: StatePort = request.param()
    return made


def test_a_table_keeps_what_was_put(port: StatePort) -> None:
    table = port.table("t", Bond, 10)
    assert table.get("k") is None
    table.put("k", ONE)
    table.put("k", TWO)
    assert (table.get("k"), len(table), list(table.items())) == (TWO, 1, [("k", TWO)])
    assert [table.drop("k"), table.drop("k"), len(table)] == [True, False, 0]


def test_a_name_stands_for_one_table(port: StatePort) -> None:
    port.table("t", Bond, 10).put("k", ONE)
    assert port.table("t", Bond, 10).get("k") == ONE
    assert port.table("u", Bond, 10).get("k") is None


def test_compare_and_set(port: StatePort) -> None:
    table = port.table("t", Bond, 10)
    assert table.swap("k", None, ONE)
    assert not table.swap("k", None, TWO)
    assert not table.swap("k", TWO, None)
    assert table.swap("k", Bond("a", 1.0), TWO), "equal is enough"
    assert table.swap("k", TWO, None)
    assert table.swap("k", None, None)
    assert len(table) == 0


def test_the_least_recently_written_goes_first(port: StatePort) -> None:
    table = port.table("t", Bond, 2)
    for key in ("a", "b", "a", "c"):
        table.put(key, ONE)
    assert sorted(key for key, _ in table.items()) == ["a", "c"]


def test_items_may_be_changed_while_they_are_read(port: StatePort) -> None:
    table = port.table("t", Bond, 5)
    for key in "abc":
        table.put(key, ONE)
    assert all(table.drop(key) for key, _ in table.items())


def test_counters(port: StatePort) -> None:
    counters = port.counters("c")
    assert [counters.add("k", 1), counters.add("k", 2), counters.get("k"), counters.add("k", -2)] == [1, 3, 3, 1]
    assert [counters.add("k", -5), counters.get("k"), list(counters.items())] == [0, 0, []]


def test_moments(port: StatePort) -> None:
    moments = port.moments("m", 2)
    assert moments.back("k", 1) is None
    for moment in (1.0, 2.0, 3.0, 4.0):
        moments.append("k", moment, 3)
    assert [moments.back("k", count) for count in (1, 2, 3, 4)] == [4.0, 3.0, 2.0, None]
    moments.append("k", 5.0, 2)
    assert [moments.back("k", count) for count in (1, 2, 3)] == [5.0, 4.0, None]
    moments.append("l", 1.0, 1)
    moments.append("m", 1.0, 1)
    assert moments.back("k", 1) is None, "the least recently used log is forgotten"
    assert [moments.drop("m"), moments.drop("m")] == [True, False]
