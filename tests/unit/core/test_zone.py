"""Time zones."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from omniroute.core.zone import PERIODS, Zone


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("zone", "moment", "period", "start", "end"),
    [
        ("Europe/Berlin", "2026-11-25T12:00+01:00", "daily", "2026-11-25T00:00+01:00", "2026-11-26T00:00+01:00"),
        ("Europe/Berlin", "2026-11-25T23:30+00:00", "daily", "2026-11-26T00:00+01:00", "2026-11-27T00:00+01:00"),
        ("Europe/Berlin", "2026-10-25T12:00+01:00", "daily", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00"),  # 25 hours
        ("Europe/Berlin", "2026-03-29T12:00+02:00", "daily", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00"),  # 23 hours
        ("Europe/Berlin", "2026-03-31T12:00+02:00", "weekly", "2026-03-30T00:00+02:00", "2026-04-06T00:00+02:00"),
        ("Asia/Kolkata", "2026-11-01T00:00+05:30", "monthly", "2026-11-01T00:00+05:30", "2026-12-01T00:00+05:30"),
        ("America/New_York", "2026-12-31T23:59-05:00", "monthly", "2026-12-01T00:00-05:00", "2027-01-01T00:00-05:00"),
        ("UTC", "2024-02-29T12:00+00:00", "monthly", "2024-02-01T00:00+00:00", "2024-03-01T00:00+00:00"),
    ],
)  # fmt: skip
def test_windows(zone: str, moment: str, period: str, start: str, end: str) -> None:
    assert Zone(zone).window(period, at(moment)) == (at(start), at(end))  # type: ignore[arg-type]


def test_offsets_tell_each_change_of_the_clocks() -> None:
    zone = Zone("Europe/Berlin")
    since, until = at("2026-01-01T00:00+01:00"), at("2027-01-01T00:00+01:00")
    assert zone.offsets(since, until) == [
        (since, 3600),
        (at("2026-03-29T01:00+00:00"), 7200),
        (at("2026-10-25T01:00+00:00"), 3600),
    ]
    assert Zone("UTC").offsets(since, until) == [(since, 0)]


def test_moments_are_written_with_their_offset() -> None:
    assert Zone("Asia/Kolkata").text(0.0) == "1970-01-01T05:30:00+05:30"
    assert Zone("America/St_Johns").text(at("2026-01-01T00:00+00:00")).endswith("-03:30")


def test_the_machines_own_zone_needs_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        own, named = Zone(), Zone("America/New_York")
        for moment in (at("2026-07-01T03:00+00:00"), at("2026-11-01T05:30+00:00"), at("2026-12-31T23:59-05:00")):
            assert own.offset(moment) == named.offset(moment)
            for period in PERIODS:
                assert own.window(period, moment) == named.window(period, moment)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", "", "Europe"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a time zone"):
        Zone(name)


def test_utc_is_utc() -> None:
    assert Zone("UTC").window("daily", datetime(2026, 1, 2, tzinfo=UTC).timestamp())[0] == at("2026-01-02T00:00+00:00")
