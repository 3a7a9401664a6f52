"""The bounded memory of reasoning: owners and providers apart, time, entries and characters limited."""

from __future__ import annotations

from omniroute.core.ids import FakeClock
from omniroute.gateway.memory import Memory
from omniroute.ir.request import Thinking
from omniroute.translation.replay_reasoning import Leavings


def thought(text: str) -> Leavings:
    return Leavings(thoughts=(Thinking(text=text, signature="s", vendor="anthropic"),))


def test_found_again_under_each_of_its_names() -> None:
    memory = Memory(FakeClock())
    memory.remember("key", "an", ["call:a", "call:b"], thought("hm"))
    recall = memory.recall("key", "an")
    assert recall("call:a") == recall("call:b") == thought("hm")
    assert recall("call:c") is None


def test_owners_and_providers_are_kept_apart() -> None:
    memory = Memory(FakeClock())
    memory.remember("key", "an", ["call:a"], thought("hm"))
    assert memory.recall("other", "an")("call:a") is None
    assert memory.recall("key", "elsewhere")("call:a") is None
    assert memory.holds("key")
    assert not memory.holds("other")


def test_lasts_an_hour_at_least_and_longer_where_it_is_used() -> None:
    clock = FakeClock()
    memory = Memory(clock, seconds=3600)
    memory.remember("key", "an", ["call:a"], thought("a"))
    memory.remember("key", "an", ["call:b"], thought("b"))
    clock.advance(3599)
    assert memory.recall("key", "an")("call:a") is not None
    clock.advance(2)
    assert memory.recall("key", "an")("call:a") is not None
    assert memory.recall("key", "an")("call:b") is None
    memory.remember("key", "an", ["call:c"], thought("c"))
    assert memory.describe()["entries"] == 2, "what is over was let go"


def test_entries_are_limited_the_oldest_going_first() -> None:
    memory = Memory(FakeClock(), entries=3)
    for name in "abcd":
        memory.remember("key", "an", [name], thought(name))
    recall = memory.recall("key", "an")
    assert [recall(name) is not None for name in "abcd"] == [False, True, True, True]
    assert memory.describe()["entries"] == 3


def test_characters_are_limited_and_counted_exactly() -> None:
    memory = Memory(FakeClock(), characters=1000)
    for number in range(10):
        memory.remember(f"key{number}", "an", ["n"], thought("x" * 198))
    assert memory.describe() == {"entries": 5, "characters": 1000, "owners": 5}
    for number in range(10):
        memory.remember(f"key{number}", "an", ["n"], thought("x"))
    assert memory.describe() == {"entries": 10, "characters": 30, "owners": 10}


def test_a_busy_owner_forgets_his_own_before_that_of_others() -> None:
    memory = Memory(FakeClock(), characters=10_000)
    memory.remember("quiet", "an", ["q"], thought("quiet"))
    for number in range(100):
        memory.remember("busy", "an", [f"n{number}"], thought("x" * 400))
    assert memory.recall("quiet", "an")("q") is not None
    assert memory.recall("busy", "an")("n99") is not None
    assert memory.recall("busy", "an")("n0") is None


def test_one_that_is_too_large_is_not_kept() -> None:
    memory = Memory(FakeClock(), largest=100)
    memory.remember("key", "an", ["a"], thought("x" * 200))
    assert memory.describe() == {"entries": 0, "characters": 0, "owners": 0}
