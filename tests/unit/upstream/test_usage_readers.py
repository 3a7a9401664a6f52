"""What usage endpoints answer, as windows; and that no answer whatever makes a reader stumble."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.catalog.account import Account, Login, Secret
from omniroute.catalog.load import load_catalogue
from omniroute.routing.quota import window_from
from omniroute.upstream.quota_headers import windows_from_headers
from omniroute.upstream.usage import registry
from omniroute.upstream.usage_question import question

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC).timestamp()
HOUR, DAY = 3600.0, 86400.0
READERS = registry()


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def read(name: str, value: Any) -> dict[tuple[str, str | None], Any]:
    usage = READERS[name].read(value, NOW)
    found = {(window.name, window.model): window for window in usage.windows}
    assert len(found) == len(usage.windows)
    assert all(window.source == "endpoint" for window in usage.windows)
    return found


def test_a_claude_plan() -> None:
    found = read(
        "anthropic_windows",
        {
            "five_hour": {"utilization": 37.5, "resets_at": "2026-11-25T15:00:00.123456+00:00"},
            "seven_day": {"utilization": 26, "resets_at": "2026-11-28T00:00:00Z"},
            "seven_day_opus": {"utilization": 100.0, "resets_at": None},
            "seven_day_sonnet": None,
            "seven_day_oauth_apps": {"utilization": 99, "resets_at": None},
            "extra_usage": {"is_enabled": False, "utilization": None},
        },
    )
    assert found.keys() == {("5h", None), ("weekly", None), ("weekly_opus", "claude-opus*")}
    session = found["5h", None]
    assert (session.used, session.length) == (0.375, 5 * HOUR)
    assert session.resets_at == pytest.approx(at("2026-11-25T15:00:00Z"), abs=1)
    assert found["weekly", None].used == 0.26
    assert found["weekly_opus", "claude-opus*"].used == 1.0


def test_paid_overage_closes_no_window() -> None:
    value = {"five_hour": {"utilization": 100}, "extra_usage": {"is_enabled": True, "utilization": 40}}
    assert not window_from(read("anthropic_windows", value)["5h", None], NOW).exhausted(NOW)
    value["extra_usage"]["utilization"] = 100
    assert window_from(read("anthropic_windows", value)["5h", None], NOW).exhausted(NOW)


CODEX = {
    "plan_type": "plus",
    "rate_limit": {
        "allowed": True,
        "limit_reached": False,
        "primary_window": {"used_percent": 42, "limit_window_seconds": 18000, "reset_after_seconds": 600, "reset_at": NOW + 600},
        "secondary_window": {"used_percent": 7, "limit_window_seconds": 604800, "reset_after_seconds": 3600},
    },
    "code_review_rate_limit": {"primary_window": {"used_percent": 100, "limit_window_seconds": 604800}},
    "additional_rate_limits": [
        {
            "limit_name": "GPT-5.3-Codex-Spark",
            "rate_limit": {"primary_window": {"used_percent": 100, "limit_window_seconds": 18000}, "secondary_window": None},
        }
    ],
    "credits": {"has_credits": False, "unlimited": False, "balance": "0"},
}


def test_a_chatgpt_plan_names_windows_by_their_length() -> None:
    found = read("chatgpt_windows", CODEX)
    assert found.keys() == {("5h", None), ("weekly", None), ("5h_gpt-5.3-codex-spark", "gpt-5.3-codex-spark*")}
    assert (found["5h", None].used, found["5h", None].resets_at) == (0.42, NOW + 600)
    assert (found["weekly", None].used, found["weekly", None].resets_at) == (0.07, NOW + 3600)
    assert READERS["chatgpt_windows"].read(CODEX, NOW).plan == "plus"
    limit = {"primary_window": {"used_percent": 3, "limit_window_seconds": 604800}, "secondary_window": None}
    assert read("chatgpt_windows", {"rate_limit": limit}).keys() == {("weekly", None)}, "free plans have one long window"


def test_header_and_endpoint_of_codex_mean_the_same_windows() -> None:
    headers = [
        ("x-codex-primary-used-percent", "42"),
        ("x-codex-primary-window-minutes", "300"),
        ("x-codex-secondary-used-percent", "7"),
        ("x-codex-secondary-window-minutes", "10080"),
    ]
    said = {(window.name, window.model): window.used for window in windows_from_headers(headers, NOW).windows}
    told = read("chatgpt_windows", CODEX)
    assert said == {key: told[key].used for key in said}


def test_header_and_endpoint_of_claude_mean_the_same_windows() -> None:
    headers = [
        ("anthropic-ratelimit-unified-5h-utilization", "0.375"),
        ("anthropic-ratelimit-unified-5h-reset", str(int(NOW + 600))),
        ("anthropic-ratelimit-unified-7d-utilization", "0.26"),
        ("anthropic-ratelimit-unified-7d-reset", str(int(NOW + 600))),
    ]
    said = {(window.name, window.model): window.used for window in windows_from_headers(headers, NOW).windows}
    told = read("anthropic_windows", {"five_hour": {"utilization": 37.5}, "seven_day": {"utilization": 26}})
    assert said == {key: window.used for key, window in told.items()}


def test_a_copilot_seat() -> None:
    value = {
        "copilot_plan": "individual",
        "quota_reset_date": "2026-12-01",
        "quota_snapshots": {
            "chat": {"unlimited": True, "percent_remaining": 100, "entitlement": -1, "remaining": 0},
            "completions": {"unlimited": False, "percent_remaining": 10, "entitlement": 2000, "remaining": 200},
            "premium_interactions": {
                "entitlement": 300,
                "remaining": 225,
                "percent_remaining": 75.0,
                "unlimited": False,
                "overage_permitted": False,
            },
        },
    }
    found = read("copilot_snapshots", value)
    (window,) = found.values()
    assert (window.name, window.used, window.limit, window.used_units) == ("monthly_premium_interactions", 0.25, 300, 75)
    assert window.resets_at == at("2026-12-01T00:00:00Z")
    assert READERS["copilot_snapshots"].read(value, NOW).plan == "individual"
    header = ("x-quota-snapshot-premium_interactions", "ent=300&rem=75.0&ovPerm=false&rst=2026-12-01T00%3A00%3A00Z")
    (said,) = windows_from_headers([header], NOW).windows
    assert (said.name, said.model, said.used, said.limit) == (window.name, window.model, window.used, window.limit)


def test_a_free_copilot_seat() -> None:
    value = {
        "monthly_quotas": {"chat": 50, "completions": 2000},
        "limited_user_quotas": {"chat": 10, "completions": 1999},
        "limited_user_reset_date": "2026-12-08",
    }
    (window,) = read("copilot_snapshots", value).values()
    assert (window.name, window.used, window.used_units, window.resets_at) == (
        "monthly_chat",
        0.8,
        40,
        at("2026-12-08T00:00:00Z"),
    )


def test_kiro_credits_with_a_trial() -> None:
    value = {
        "nextDateReset": 1_796_083_200.0,
        "overageConfiguration": {"overageStatus": "DISABLED"},
        "subscriptionInfo": {"subscriptionTitle": "KIRO FREE", "type": "Q_DEVELOPER_STANDALONE_FREE"},
        "usageBreakdownList": [
            {
                "resourceType": "CREDIT",
                "currentUsage": 12,
                "currentUsageWithPrecision": 12.5,
                "usageLimit": 50,
                "usageLimitWithPrecision": 50.0,
                "freeTrialInfo": {
                    "freeTrialStatus": "ACTIVE",
                    "currentUsageWithPrecision": 500.0,
                    "usageLimitWithPrecision": 500.0,
                },
            },
            {"resourceType": "SPEC", "currentUsage": 1, "usageLimit": 2},
        ],
    }
    found = read("kiro_limits", value)
    assert found.keys() == {("monthly", None), ("monthly_spec", "spec")}
    monthly = found["monthly", None]
    assert (monthly.used, monthly.limit, monthly.used_units, monthly.resets_at) == (
        pytest.approx(512.5 / 550),
        550,
        512.5,
        1_796_083_200.0,
    )
    assert READERS["kiro_limits"].read(value, NOW).plan == "KIRO FREE"
    value["usageBreakdownList"] = [{"resourceType": "AGENTIC_REQUEST", "currentUsage": 60, "usageLimit": 50}]
    assert window_from(read("kiro_limits", value)["monthly", None], NOW).exhausted(NOW)
    value["overageConfiguration"] = {"overageStatus": "ENABLED"}
    assert not window_from(read("kiro_limits", value)["monthly", None], NOW).exhausted(NOW)


def test_code_assist_buckets_are_what_is_left() -> None:
    found = read(
        "code_assist_buckets",
        {
            "buckets": [
                {
                    "modelId": "gemini-2.5-pro",
                    "tokenType": "REQUESTS",
                    "remainingFraction": 0.25,
                    "remainingAmount": "25",
                    "resetTime": "2026-11-26T08:00:00Z",
                },
                {"modelId": "gemini-2.5-flash", "resetTime": "2026-11-26T08:00:00Z"},
                {"modelId": "gemini-2.5-flash", "tokenType": "INPUT", "remainingFraction": 1},
                {"tokenType": "REQUESTS", "remainingFraction": 0.5},
            ]
        },
    )
    assert found.keys() == {("daily", "gemini-2.5-pro"), ("daily", "gemini-2.5-flash"), ("daily_input", "gemini-2.5-flash")}
    pro = found["daily", "gemini-2.5-pro"]
    assert (pro.used, pro.limit, pro.used_units, pro.resets_at) == (0.75, 100, 75, at("2026-11-26T08:00:00Z"))
    assert found["daily", "gemini-2.5-flash"].used == 1.0, "nought is left out of this JSON"


def test_antigravity_pools() -> None:
    found = read(
        "code_assist_models",
        {
            "models": {
                "claude-opus-4-5-thinking": {"quotaInfo": {"remainingFraction": 0.4, "resetTime": "2026-11-25T15:00:00Z"}},
                "gemini-3-flash": {"quotaInfo": {"resetTime": "2026-11-25T15:00:00Z"}},
                "gemini-2.5-flash": {"quotaInfo": {"remainingFraction": 0.9, "isExhausted": True}},
                "chat_20706": {"displayName": "no quota"},
            }
        },
    )
    used = {model: window.used for (_, model), window in found.items()}
    assert used == {"claude-opus-4-5-thinking": pytest.approx(0.6), "gemini-3-flash": 1.0, "gemini-2.5-flash": 1.0}


def test_a_kimi_plan_speaks_in_texts() -> None:
    value = {
        "user": {"membership": {"level": "LEVEL_INTERMEDIATE"}},
        "usage": {"limit": "2048", "used": "512", "remaining": "1536", "resetTime": "2026-11-28T00:00:00.5Z"},
        "limits": [
            {
                "window": {"duration": 300, "timeUnit": "TIME_UNIT_MINUTE"},
                "detail": {"limit": "200", "remaining": "50", "resetTime": "2026-11-25T14:00:00Z"},
            },
            {"window": {"duration": 1, "timeUnit": "TIME_UNIT_FORTNIGHT"}, "detail": {"limit": "1", "used": "1"}},
        ],
    }
    found = read("kimi_usages", value)
    assert {key: window.used for key, window in found.items()} == {("weekly", None): 0.25, ("5h", None): 0.75}
    assert READERS["kimi_usages"].read(value, NOW).plan == "intermediate"


def test_balances() -> None:
    (left,) = read("balance", {"balance": 12.5}).values()
    assert (left.name, left.used, left.limit, left.used_units) == ("credits", 0.0, 12.5, 0.0)
    (wrapped,) = read("balance", {"success": True, "data": {"balance": "3"}}).values()
    assert wrapped.limit == 3
    (empty,) = read("balance", {"balance": 0}).values()
    assert not window_from(empty, NOW).exhausted(NOW), "models that cost nothing still answer"
    assert read("balance", {"other": 1}) == {}


@pytest.mark.parametrize(
    "value",
    [
        {"is_available": True, "balance_infos": [{"currency": "CNY", "total_balance": "7.5", "granted_balance": "0.00"}]},
        {"data": {"available_balance": 7.5, "voucher_balance": 0, "cash_balance": 7.5}},
        {"data": {"balance": "0", "chargeBalance": "7.5", "totalBalance": "7.5"}},
        {"current_point_balance": 7.5},
        {"balance": "7.5", "total_used": "2.5"},
    ],
)
def test_a_balance_is_found_where_vendors_keep_it(value: Any) -> None:
    (left,) = read("balance", value).values()
    assert left.limit == 7.5


def test_a_glm_plan() -> None:
    reset = int((NOW + 3600) * 1000)
    limits = [
        {"type": "TOKENS_LIMIT", "unit": 3, "number": 5, "percentage": 25, "currentValue": 1, "nextResetTime": reset},
        {"type": "TOKENS_LIMIT", "unit": 6, "number": 1, "percentage": 100, "nextResetTime": reset},
        {"type": "TIME_LIMIT", "unit": 5, "number": 1, "percentage": 100, "nextResetTime": reset},
        {"type": "TOKENS_LIMIT", "unit": 99, "number": 1, "percentage": 50},
    ]
    value = {"data": {"level": "pro", "limits": limits}}
    found = read("zhipu_limits", value)
    assert {key: window.used for key, window in found.items()} == {
        ("5h", None): 0.25,
        ("weekly", None): 1.0,
        ("monthly_tools", "tools"): 1.0,
    }
    assert found["5h", None].resets_at == pytest.approx(NOW + 3600)
    assert READERS["zhipu_limits"].read(value, NOW).plan == "pro"


def test_a_minimax_plan_says_usage_and_means_what_is_left() -> None:
    start, end = int((NOW - 3600) * 1000), int((NOW + 4 * 3600) * 1000)
    item = {"model_name": "MiniMax-M2", "current_interval_total_count": 100, "current_interval_usage_count": 30}
    found = read("minimax_remains", {"model_remains": [{**item, "start_time": start, "end_time": end}]})
    (window,) = found.values()
    assert (window.name, window.model, window.used, window.limit) == ("5h", "MiniMax-M2", 0.7, 100)
    assert window.resets_at == pytest.approx(NOW + 4 * 3600)


def test_the_limit_of_a_key() -> None:
    (window,) = read("key_limit", {"data": {"limit": 10, "limit_remaining": 2.5, "limit_reset": "monthly"}}).values()
    assert (window.name, window.used, window.used_units) == ("monthly", 0.75, 7.5)
    (spent,) = read("key_limit", {"data": {"limit": 10, "limit_remaining": 0}}).values()
    assert not window_from(spent, NOW).exhausted(NOW), "models that cost nothing still answer"
    assert read("key_limit", {"data": {"limit": None, "is_free_tier": True}}) == {}
    assert READERS["key_limit"].read({"data": {"is_free_tier": True}}, NOW).plan == "free"


def test_cursor_requests() -> None:
    value = {
        "gpt-4": {"numRequests": 120, "maxRequestUsage": 500, "numTokens": 1},
        "gpt-4-32k": {"numRequests": 5, "maxRequestUsage": None},
        "startOfMonth": "2026-10-31T10:00:00.000Z",
    }
    (window,) = read("cursor_requests", value).values()
    assert (window.name, window.model, window.used, window.limit) == ("monthly", "gpt-4", 0.24, 500)
    assert window.resets_at == at("2026-11-30T10:00:00Z"), "the last day of a shorter month"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["2026-11-25", "2026-02-31", "1e999", "-1", "12h", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)
WORDS = st.sampled_from(
    "five_hour seven_day seven_day_opus utilization resets_at extra_usage is_enabled rate_limit primary_window secondary_window "
    "used_percent limit_window_seconds reset_after_seconds reset_at additional_rate_limits limit_name credits plan_type "
    "quota_snapshots chat entitlement remaining percent_remaining quota_reset_date monthly_quotas limited_user_quotas "
    "usageBreakdownList currentUsage usageLimit nextDateReset freeTrialInfo freeTrialStatus buckets modelId remainingFraction "
    "remainingAmount resetTime models quotaInfo isExhausted usage limits limit used window duration timeUnit detail user membership "
    "level balance data percentage unit number limits nextResetTime model_remains current_interval_total_count "
    "current_interval_usage_count start_time end_time limit_remaining limit_reset balance_infos total_balance numRequests maxRequestUsage startOfMonth".split()
)
ANSWERS = st.recursive(JSON, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5), max_leaves=12)


@pytest.mark.parametrize("name", READERS.names())
@given(value=ANSWERS, now=st.floats(0, 4e9))
def test_no_answer_makes_a_reader_stumble(name: str, value: Any, now: float) -> None:
    usage = READERS[name].read(value, now)
    assert usage.plan is None or (usage.plan and len(usage.plan) <= 100)
    for window in usage.windows:
        assert 0.0 <= window.used <= 1.0
        numbers = (window.limit, window.used_units, window.resets_at, window.length)
        assert all(number is None or math.isfinite(number) for number in numbers)
        assert window.name
        json.dumps(window_from(window, now).name)
        window_from(window, now).pace(now)


# -- how providers are asked ------------------------------------------------------------------------------------------


def asked(provider_id: str, facts: dict[str, str], token: str = "the-token") -> Any:
    provider = load_catalogue().by_id(provider_id)
    assert provider is not None
    assert provider.quota is not None
    assert provider.quota.usage_endpoint is not None
    login = Login(facts=facts)
    account = Account(id="a", provider=provider_id, name="a", secret=Secret(token), login=login)
    return question(provider.quota.usage_endpoint, provider, account, token)


def test_a_question_is_filled_in_with_facts() -> None:
    codex = asked("codex", {"account_id": "acc-1"})
    assert codex.headers == {"authorization": "Bearer the-token", "chatgpt-account-id": "acc-1"}
    assert "chatgpt-account-id" not in asked("codex", {}).headers, "a header whose fact is not known is left out"
    kiro = asked("kiro", {"profile_arn": "arn:aws:x"})
    assert kiro.body == {"origin": "AI_EDITOR", "profileArn": "arn:aws:x", "resourceType": "AGENTIC_REQUEST"}
    assert "profileArn" not in asked("kiro", {}).body
    assert asked("cline", {}) is None, "its address needs the user's id"
    assert asked("cline", {"user_id": "u/1"}).url.endswith("/users/u%2F1/balance")
    assert asked("gemini-cli", {"project": "p-1"}).body == {"project": "p-1"}
    assert "the-token" not in repr(codex)


@pytest.mark.parametrize("provider", load_catalogue().providers, ids=lambda p: p.id)
def test_every_reader_named_in_the_catalogue_exists(provider: Any) -> None:
    endpoint = provider.quota.usage_endpoint if provider.quota is not None else None
    if endpoint is not None and endpoint.reader is not None:
        assert endpoint.reader in READERS
        assert "<" not in endpoint.url + "".join(endpoint.headers.values()) + json.dumps(endpoint.body), "a placeholder of ours"
