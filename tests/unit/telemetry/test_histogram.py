"""Quantiles in bounded memory."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.telemetry.histogram import Histogram, Recent

durations = st.floats(min_value=0.001, max_value=3_600_000.0)


@given(st.lists(durations, min_size=1, max_size=200), st.floats(min_value=0.0, max_value=1.0))
def test_a_quantile_is_right_within_an_eighth(values: list[float], share: float) -> None:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    (found,) = histogram.quantiles((share,))
    exact = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    assert found is not None
    assert abs(found - exact) <= exact / 8 + 0.001
    assert (histogram.count, histogram.largest) == (len(values), max(values))
    assert histogram.total == pytest.approx(sum(values))


@given(st.lists(st.integers(min_value=0, max_value=2**30), max_size=100))
def test_what_lies_below_a_power_of_two_is_exact(values: list[int]) -> None:
    histogram = Histogram()
    for us in values:
        histogram.add((us + 0.5) / 1000)
    powers = range(4, 32)
    assert histogram.below(powers) == [sum(us < 2**power for us in values) for power in powers]


def test_the_absurd_is_taken_too() -> None:
    histogram = Histogram()
    for ms in (0.0, -5.0, 1e15):
        histogram.add(ms)
    assert histogram.count == 3
    assert Histogram().quantiles((0.5,)) == [None]


def test_recent_values_are_those_of_the_last_span_or_two() -> None:
    recent = Recent(0.0, span=60.0)
    recent.add(1000.0, 10.0)
    recent.add(1.0, 70.0)
    assert (recent.describe()["count"], recent.describe()["max_ms"]) == (2, 1000.0)
    recent.add(2.0, 140.0)
    assert (recent.describe()["count"], recent.describe()["max_ms"]) == (2, 2.0)
    recent.add(3.0, 1000.0)
    assert (recent.describe()["count"], recent.describe()["max_ms"]) == (1, 3.0)
