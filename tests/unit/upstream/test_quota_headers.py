"""What headers say is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.upstream.quota_headers import QuotaReading, RateReading, windows_from_headers

NOW = 1_771_588_800.0  # 2026-02-20 12:00 UTC
HOUR, DAY = 3600.0, 86400.0


def test_nothing_said() -> None:
    assert windows_from_headers([("content-type", "x"), ("retry-after", "5")], NOW) == ((), ())


def test_unified_windows_are_shares_used() -> None:
    found = windows_from_headers(
        [
            ("Anthropic-Ratelimit-Unified-Status", "allowed"),
            ("anthropic-ratelimit-unified-reset", str(NOW + 100)),
            ("anthropic-ratelimit-unified-5h-status", "allowed"),
            ("anthropic-ratelimit-unified-5h-utilization", "0.42"),
            ("anthropic-ratelimit-unified-5h-reset", str(int(NOW) + 100)),
            ("anthropic-ratelimit-unified-7d-status", "rejected"),
            ("anthropic-ratelimit-unified-7d-utilization", "0.97"),
            ("anthropic-ratelimit-unified-7d-reset", str(int(NOW) + 900)),
        ],
        NOW,
    )
    assert found.windows == (
        QuotaReading("5h", 0.42, resets_at=NOW + 100, length=5 * HOUR),
        QuotaReading("weekly", 1.0, resets_at=NOW + 900, length=7 * DAY),
    )
    assert found.rates == ()


def test_a_family_pool_belongs_to_the_model_asked_for() -> None:
    headers = [
        ("anthropic-ratelimit-unified-7d_oi-status", "rejected"),
        ("anthropic-ratelimit-unified-7d_oi-reset", str(NOW + 9)),
    ]
    assert windows_from_headers(headers, NOW, "big").windows == (
        QuotaReading("weekly_oi", 1.0, model="big", resets_at=NOW + 9, length=7 * DAY),
    )
    assert windows_from_headers(headers, NOW).windows == ()


def test_codex_windows_are_named_by_their_length() -> None:
    found = windows_from_headers(
        [
            ("x-codex-primary-used-percent", "12.5"),
            ("x-codex-primary-window-minutes", "10080"),
            ("x-codex-primary-reset-at", str(int(NOW) + 500)),
            ("x-codex-secondary-used-percent", "100"),
            ("x-codex-secondary-window-minutes", "300"),
            ("x-codex-secondary-reset-after-seconds", "77"),
            ("x-codex-spark-primary-used-percent", "50"),
            ("x-codex-spark-primary-window-minutes", "300"),
        ],
        NOW,
        "m",
    )
    assert found.windows == (
        QuotaReading("weekly", 0.125, resets_at=NOW + 500, length=7 * DAY),
        QuotaReading("5h", 1.0, resets_at=NOW + 77, length=5 * HOUR),
        QuotaReading("5h_spark", 0.5, model="m", length=5 * HOUR),
    )


def test_snapshots_say_what_is_left() -> None:
    value = "ent=300&ov=0.0&ovPerm=false&rem=25.0&rst=2026-03-01T00%3A00%3A00Z"
    (window,) = windows_from_headers([("x-quota-snapshot-premium_models", value)], NOW).windows
    assert (window.name, window.used, window.limit, window.used_units) == ("monthly_premium_models", 0.75, 300.0, 225.0)
    assert window.resets_at == pytest.approx(NOW + 8.5 * DAY)
    assert window.model == "premium_models"  # no block on models that the pool does not count
    assert windows_from_headers([("x-quota-snapshot-chat", "ent=-1&rem=100")], NOW).windows == ()
    (paid,) = windows_from_headers([("x-quota-snapshot-chat", "ent=5&rem=0&ovPerm=true")], NOW).windows
    assert paid.used < 0.9999
    (session,) = windows_from_headers([("x-usage-ratelimit-session", "rem=10")], NOW).windows
    assert (session.name, session.used, session.model) == ("5h", pytest.approx(0.9), None)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            {"x-ratelimit-limit-requests": "500", "x-ratelimit-remaining-requests": "499", "x-ratelimit-reset-requests": "120ms"},
            RateReading("requests", 500, 499, NOW + 0.12, 60),
        ),
        (
            {"x-ratelimit-limit-tokens": "30000", "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m0s"},
            RateReading("tokens", 30000, 0, NOW + 60, 60),
        ),
        (
            {
                "anthropic-ratelimit-input-tokens-limit": "10",
                "anthropic-ratelimit-input-tokens-remaining": "5",
                "anthropic-ratelimit-input-tokens-reset": "2026-02-20T12:00:30Z",
            },
            RateReading("input-tokens", 10, 5, NOW + 30, 60),
        ),
        (
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW + 9) * 1000)},
            RateReading("requests", None, 0, NOW + 9, None),
        ),
        ({"x-ratelimit-remaining-req-minute": "3"}, RateReading("requests", None, 3, None, 60)),
        (
            {"x-ratelimitbysize-remaining-minute": "7", "x-ratelimitbysize-limit-minute": "70"},
            RateReading("tokens", 70, 7, None, 60),
        ),
    ],
)
def test_rates(headers: dict[str, str], expected: RateReading) -> None:
    found = windows_from_headers(list(headers.items()), NOW)
    assert found.windows == ()
    (rate,) = found.rates
    assert rate == pytest.approx(expected) if expected.resets_at is None else rate[:3] == expected[:3]
    assert rate.resets_at == (None if expected.resets_at is None else pytest.approx(expected.resets_at))
    assert rate.period == expected.period


def test_a_pair_that_takes_a_day_to_come_back_is_a_quota() -> None:
    slow = {"x-ratelimit-limit-requests": "14400", "x-ratelimit-remaining-requests": "14370",
            "x-ratelimit-reset-requests": "2m59.56s"}  # fmt: skip
    found = windows_from_headers(list(slow.items()), NOW, "m")
    assert found.rates == ()
    (window,) = found.windows
    assert (window.name, window.model, window.limit, window.length) == ("daily_requests", "m", 14400, DAY)
    day = {"x-ratelimit-limit-tokens-day": "100", "x-ratelimit-remaining-tokens-day": "0", "x-ratelimit-reset-tokens-day": "3.5"}
    (window,) = windows_from_headers(list(day.items()), NOW).windows
    assert window.used == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("value", ["", "soon", "nan", "inf", "-inf", "1e999"])
def test_nonsense_is_left_out(value: str) -> None:
    names = ["anthropic-ratelimit-unified-5h-utilization", "x-codex-primary-used-percent", "x-ratelimit-remaining-requests"]
    found = windows_from_headers([(name, value) for name in names] + [("anthropic-ratelimit-unified-5h-reset", value)], NOW)
    assert found == ((), ())


NAMES = st.sampled_from([
    "anthropic-ratelimit-unified-5h-reset", "anthropic-ratelimit-unified-5h-utilization", "anthropic-ratelimit-unified-7d_x-reset",
    "x-codex-primary-used-percent", "x-codex-primary-window-minutes", "x-codex-a-secondary-used-percent", "x-codex--used-percent",
    "x-ratelimit-remaining-requests", "x-ratelimit-limit-requests", "x-ratelimit-reset-requests", "x-ratelimit-remaining-tokens-day",
    "x-quota-snapshot-chat", "x-usage-ratelimit-weekly", "x-ratelimit-limit-tokens-day",
])  # fmt: skip
VALUES = st.one_of(
    st.text(max_size=12), st.floats().map(str), st.integers().map(str), st.sampled_from(["rejected", "6m0s", "rem=5"])
)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=12))
def test_no_headers_break_the_reader(headers: list[tuple[str, str]]) -> None:
    found = windows_from_headers(headers, NOW, "m")
    for window in found.windows:
        assert 0 <= window.used <= 1
    for rate in found.rates:
        assert rate.period is None or rate.period > 0
