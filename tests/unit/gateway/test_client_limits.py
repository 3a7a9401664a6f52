"""What a key may use: requests within any minute, streams at once, honest waits, counters that go again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.core.errors import TooManyRequests
from omniroute.core.ids import FakeClock
from omniroute.gateway.client_limits import ClientLimits
from omniroute.routing.snapshot import KeyGrant


def grant(name: str = "k", **limits: int) -> KeyGrant:
    return KeyGrant(id=name, name=name, digest=b"", **limits)  # type: ignore[arg-type]


def test_a_key_without_limits_leaves_no_trace() -> None:
    limits = ClientLimits(FakeClock())
    limits.count(grant())
    assert limits.stream(grant()) is None
    limits.close(None)
    assert limits.describe() == {"keys": {}}


def test_refused_over_the_rate_with_the_very_wait() -> None:
    clock = FakeClock()
    limits = ClientLimits(clock)
    key = grant(rpm=2)
    limits.count(key)
    clock.advance(20)
    limits.count(key)
    with pytest.raises(TooManyRequests) as refused:
        limits.count(key)
    assert refused.value.error_code == "key_rate_limit"
    assert 40 <= (refused.value.retry_after or 0) <= 40.2
    limits.count(grant("other", rpm=1))
    clock.advance(refused.value.retry_after or 0)
    limits.count(key)
    with pytest.raises(TooManyRequests):
        limits.count(key)


@given(st.lists(st.floats(0, 30), min_size=1, max_size=60), st.integers(1, 5))
def test_never_more_within_any_minute_and_waiting_always_helps(gaps: list[float], rpm: int) -> None:
    clock = FakeClock()
    limits, key = ClientLimits(clock), grant(rpm=rpm)
    admitted: list[float] = []
    for gap in gaps:
        clock.advance(gap)
        try:
            limits.count(key)
        except TooManyRequests as refused:
            clock.advance(refused.retry_after or 0)
            limits.count(key)
        admitted.append(clock.monotonic())
    for moment in admitted:
        assert sum(moment - 60 < other <= moment for other in admitted) <= rpm


def test_many_requests_cost_few_numbers() -> None:
    clock = FakeClock()
    limits, key = ClientLimits(clock), grant(rpm=100_000)
    for _ in range(50_000):
        limits.count(key)
        clock.advance(0.001)
    assert limits.describe()["keys"]["k"]["requests_in_minute"] == 50_000  # type: ignore[index]
    assert len(limits._uses["k"].slots) <= 601


def test_streams_at_once_are_bounded_and_given_back() -> None:
    clock = FakeClock()
    limits, key = ClientLimits(clock), grant(streams=2)
    first, second = limits.stream(key), limits.stream(key)
    with pytest.raises(TooManyRequests) as refused:
        limits.stream(key)
    assert refused.value.error_code == "key_stream_limit"
    limits.close(first)
    limits.close(first)
    third = limits.stream(key)
    assert limits.describe() == {"keys": {"k": {"requests_in_minute": 0, "streams": 2}}}
    for stream in (second, third):
        limits.close(stream)
    assert limits.describe() == {"keys": {}}


def test_the_wait_for_a_stream_is_what_streams_took_lately() -> None:
    clock = FakeClock()
    limits, key = ClientLimits(clock), grant(streams=1)
    stream = limits.stream(key)
    clock.advance(30)
    limits.close(stream)
    limits.stream(key)
    clock.advance(10)
    with pytest.raises(TooManyRequests) as refused:
        limits.stream(key)
    assert refused.value.retry_after == 20


def test_counters_go_when_their_minute_is_over() -> None:
    clock = FakeClock()
    limits = ClientLimits(clock)
    for number in range(100):
        limits.count(grant(f"k{number}", rpm=1))
    clock.advance(61)
    assert limits.describe() == {"keys": {}}
