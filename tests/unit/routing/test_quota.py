"""Quota windows: exhaustion, trust, roll-forward, pace, own counting."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.catalog.account import AccountLimits, Allowance
from omniroute.routing.counting import counted, next_reset
from omniroute.routing.quota import Window, merged

NOW = datetime(2026, 2, 20, 12, 0, tzinfo=UTC).timestamp()  # a Friday
HOUR, DAY = 3600.0, 86400.0


def window(used: float = 0.5, name: str = "5h", **more: Any) -> Window:
    fields: dict[str, Any] = {"source": "header", "seen_at": NOW, "resets_at": NOW + HOUR, "length": 5 * HOUR, **more}
    return Window(name=name, used=used, **fields)


def test_exhaustion_ends_with_the_reset() -> None:
    full = window(1.0)
    assert [full.exhausted(NOW), full.exhausted(NOW + HOUR - 1), full.exhausted(NOW + HOUR)] == [True, True, False]
    assert window(1.0, resets_at=None).exhausted(NOW + 1000 * DAY)
    assert [window(0.9).exhausted(NOW), window(0.9).exhausted(NOW, 0.1), window(0.89).exhausted(NOW, 0.1)] == [False, True, False]


def test_a_window_rolls_forward() -> None:
    rolled = window(1.0, used_units=50.0).at(NOW + 12 * HOUR)
    assert (rolled.used, rolled.used_units, rolled.resets_at) == (0.0, 0.0, NOW + 16 * HOUR)
    assert window(1.0, length=None).at(NOW + DAY).resets_at is None
    assert window().at(NOW) is not None
    assert window().at(NOW + HOUR - 1).used == 0.5


def test_a_header_beats_an_endpoint_and_that_our_count() -> None:
    header, endpoint, count = window(0.1), window(0.2, source="endpoint"), window(0.3, source="counted")
    assert merged([count], [endpoint], NOW)[0].used == 0.2
    assert merged([endpoint], [header], NOW)[0].used == 0.1
    assert merged([header], [endpoint, count], NOW)[0].used == 0.1
    later = window(0.7, source="endpoint", seen_at=NOW + 1801, resets_at=NOW + 3 * HOUR)
    assert merged([header], [later], NOW + 1801)[0].used == 0.7, "an old reading yields"
    started_over = window(0.6, source="counted", seen_at=NOW + HOUR + 1, resets_at=NOW + 6 * HOUR)
    assert merged([header], [started_over], NOW + HOUR + 1)[0].used == 0.6
    assert merged([window(0.4, seen_at=NOW + 5)], [window(0.3)], NOW + 5)[0].used == 0.4, "the newer of one source"


def test_windows_are_known_by_name_and_model() -> None:
    found = merged([window(), window(name="weekly")], [window(0.9, model="m"), window(0.8)], NOW)
    assert [(w.name, w.model, w.used) for w in found] == [("5h", None, 0.8), ("5h", "m", 0.9), ("weekly", None, 0.5)]
    assert len(merged([], [window(name=f"w{index}") for index in range(100)], NOW)) == 32
    assert merged([window()], [window(length=None)], NOW)[0].length == 5 * HOUR


def test_pace() -> None:
    pace = window(0.4).pace(NOW)  # four of five hours have gone
    assert pace is not None
    assert (pace.expected, pace.exhausts_at, pace.surplus) == (pytest.approx(0.8), None, pytest.approx(0.5))
    fast = window(0.8, resets_at=NOW + 3 * HOUR).pace(NOW)  # 40 % an hour: the rest lasts half an hour
    assert fast is not None
    assert (fast.exhausts_at, fast.surplus) == (pytest.approx(NOW + HOUR / 2), 0.0)
    full = window(1.0).pace(NOW)
    assert full is not None
    assert full.exhausts_at == NOW
    assert window(length=None).pace(NOW) is None
    assert window(resets_at=None).pace(NOW) is None


@given(st.floats(0, 1), st.floats(-2e6, 2e6), st.floats(1, 1e6))
def test_a_pace_is_always_within_bounds(used: float, ahead: float, length: float) -> None:
    pace = window(used, resets_at=NOW + ahead, length=length).pace(NOW)
    assert pace is not None
    assert -1e-6 <= pace.expected <= 1
    assert 0 <= pace.surplus <= 1
    assert pace.exhausts_at is None or pace.exhausts_at >= NOW


@pytest.mark.parametrize(
    ("allowance", "moment"),
    [
        ({"per": "daily"}, "2026-02-21T00:00+00:00"),
        ({"per": "daily", "reset_hour": 15}, "2026-02-20T15:00+00:00"),
        ({"per": "daily", "reset_hour": 12}, "2026-02-21T12:00+00:00"),
        ({"per": "daily", "zone": "Asia/Shanghai"}, "2026-02-21T00:00+08:00"),
        ({"per": "daily", "zone": "America/Los_Angeles"}, "2026-02-21T00:00-08:00"),
        ({"per": "weekly"}, "2026-02-23T00:00+00:00"),
        ({"per": "weekly", "weekday": 4}, "2026-02-27T00:00+00:00"),
        ({"per": "weekly", "weekday": 4, "reset_hour": 18}, "2026-02-20T18:00+00:00"),
        ({"per": "monthly"}, "2026-03-01T00:00+00:00"),
        ({"per": "monthly", "day": 28}, "2026-02-28T00:00+00:00"),
        ({"per": "5h"}, "2026-02-20T17:00+00:00"),
        ({"per": "rolling", "hours": 2}, "2026-02-20T14:00+00:00"),
    ],
)
def test_when_a_counted_window_starts_over(allowance: dict[str, Any], moment: str) -> None:
    assert next_reset(Allowance(limit=1, **allowance), NOW) == datetime.fromisoformat(moment).timestamp()


def test_own_counting() -> None:
    allowances = (Allowance(limit=10, per="5h"), Allowance(limit=100, unit="tokens", model="m-*"))
    windows = counted((), allowances, "m-1", NOW, requests=1)
    windows = counted(windows, allowances, "m-1", NOW + 60, tokens=30)
    windows = counted(windows, allowances, "other", NOW + 90, requests=1, tokens=50)
    assert [(w.name, w.model, w.used_units, w.used, w.source) for w in windows] == [
        ("5h", None, 2.0, 0.2, "counted"),
        ("daily", "m-*", 30.0, 0.3, "counted"),
    ]
    assert windows[0].resets_at == NOW + 5 * HOUR, "from the first request on"
    again = counted(windows, allowances, "other", NOW + 6 * HOUR, requests=1)
    assert (again[0].used_units, again[0].resets_at) == (1.0, NOW + 11 * HOUR)


def test_counting_goes_on_from_what_the_provider_said() -> None:
    allowances = (Allowance(limit=10, per="5h"),)
    said = (window(0.5),)
    assert counted(said, allowances, "m", NOW + 60, requests=1) == said
    (later,) = counted(said, allowances, "m", NOW + 1900, requests=1)
    assert (later.source, later.used_units, later.resets_at) == ("counted", 6.0, NOW + HOUR)


@pytest.mark.parametrize(
    "wrong", [{"limit": 0}, {"limit": 1, "zone": "Nowhere/Else"}, {"limit": 1, "reset_hour": 24}, {"limit": 1, "day": 31}]
)
def test_an_allowance_must_make_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be positive|is not known|reset_hour is"):
        Allowance(**wrong)


@pytest.mark.parametrize("wrong", [{"rpm": 0}, {"concurrency": -1}, {"min_gap": 0}, {"reserve": 1}])
def test_limits_must_make_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be positive|reserve must be"):
        AccountLimits(**wrong)


def test_what_a_provider_is_said_to_give_orders_but_never_refuses() -> None:
    soft = Allowance(limit=2, soft=True)
    windows: tuple[Window, ...] = ()
    for _ in range(5):
        windows = counted(windows, (soft,), "m", NOW, requests=1)
    (window,) = windows
    assert (window.used_units, window.limit) == (5, 2)
    assert not window.exhausted(NOW), "only the provider refuses"
    assert window.used > 0.99


def test_what_a_provider_is_said_to_give_is_not_counted_where_it_reports() -> None:
    soft, own = Allowance(limit=2, soft=True), Allowance(limit=2)
    told = Window(name="daily", model="m", used=0.1, source="endpoint", seen_at=NOW)
    assert counted((told,), (soft,), "m", NOW, requests=1) == (told,)
    assert len(counted((told,), (own,), "m", NOW, requests=1)) == 2, "the operator's own limit is another matter"
    assert len(counted((told,), (soft,), "m", NOW + 3600, requests=1)) == 2, "an old report is a guess too"
