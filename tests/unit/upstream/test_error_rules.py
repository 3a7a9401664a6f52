"""The providers' own error rules: the shipped data, and how a rule is matched."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from omniroute.catalog.load import load_catalogue
from omniroute.catalog.schema import Auth, FaultRule, Provider
from omniroute.core.errors import Scope, UpstreamStatus, Verdict
from omniroute.core.ids import FakeClock
from omniroute.upstream.faults import CONSEQUENCES, classify_reply, classify_stream_error

NOW = datetime(2026, 2, 20, 12, 0, tzinfo=UTC).timestamp()
CLOCK = FakeClock(NOW)
HOUR, DAY = 3600.0, 86400.0
REJECTED = {"anthropic-ratelimit-unified-status": "rejected"}
MODEL, ACCOUNT, REQUEST = Scope.MODEL, Scope.ACCOUNT, Scope.REQUEST


def of(provider_id: str) -> Provider:
    found = load_catalogue().by_id(provider_id)
    assert found is not None
    return found


def reply(provider: Provider, status: int, body: Any = b"", headers: dict[str, str] | None = None) -> UpstreamStatus:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return classify_reply(status, list((headers or {}).items()), raw, provider, clock=CLOCK)


def error(message: str = "no", code: Any = None, kind: str = "x") -> dict[str, Any]:
    return {"error": {"message": message, "code": code, "type": kind}}


@pytest.mark.parametrize(
    ("provider", "status", "body", "headers", "kind", "scope", "wait"),
    [
        ("claude", 429, error(kind="rate_limit_error"), REJECTED | {"retry-after": "900"}, "quota_exhausted", ACCOUNT, 900),
        ("claude", 429, error(kind="rate_limit_error"),
         REJECTED | {"anthropic-ratelimit-unified-representative-claim": "seven_day_opus"}, "quota_exhausted", MODEL, None),
        ("claude", 429, error(kind="rate_limit_error"), {"retry-after": "5"}, "rate_limit", MODEL, 5),
        ("claude", 403, error("OAuth token does not meet scope requirement"), {}, "account_action_needed", ACCOUNT, None),
        ("claude", 403, error("Request not allowed"), {}, "transient", MODEL, None),
        ("codex", 429, {"error": {"type": "usage_limit_reached", "message": "x", "resets_at": NOW + 500}}, {}, "quota_exhausted",
         ACCOUNT, 500),
        ("codex", 429, error(kind="usage_not_included"), {}, "account_action_needed", ACCOUNT, None),
        ("qwen", 429, error("free allocated quota exceeded", "insufficient_quota"), {}, "quota_exhausted", ACCOUNT, 4 * HOUR),
        ("openai", 429, error("quota", "insufficient_quota"), {}, "quota_exhausted", ACCOUNT, None),
        ("openai", 429, error("slow", "rate_limit_exceeded"), {}, "rate_limit", MODEL, None),
        ("iflow", 406, b"", {}, "permission", ACCOUNT, None),
        ("github", 402, error("You have no quota", "quota_exceeded"), {}, "quota_exhausted", MODEL, 8 * DAY),
        ("github", 429, error("try again in 15 hours 23 minutes", "user_weekly_rate_limited"), {}, "rate_limit", ACCOUNT, 55380),
        ("kiro", 400, {"message": "You are done", "reason": "MONTHLY_REQUEST_COUNT"}, {}, "quota_exhausted", ACCOUNT, 8 * DAY),
        ("kiro", 403, {"__type": "com.amazon#AccessDeniedException", "message": "x"}, {}, "auth", ACCOUNT, None),
        ("openrouter", 429, error("Rate limit exceeded: free-models-per-day"), {}, "quota_exhausted", MODEL, 12 * HOUR),
        ("openrouter", 403, error("Your input was flagged"), {}, "content_filter", REQUEST, None),
        ("glm", 429, error("Usage limit reached for 5 hour. Your limit will reset at 2026-02-20 20:30:00", "1308"), {},
         "quota_exhausted", ACCOUNT, 1800),
        ("minimax", 429, error("usage limit exceeded, resets at 2026-02-20T13:00:00Z (2056)"), {}, "quota_exhausted", ACCOUNT, HOUR),
        ("groq", 429, error("Limit reached on tokens per day (TPD). Please try again in 7m12s"), {}, "quota_exhausted", MODEL, 432),
        ("groq", 498, error("flex tier capacity exceeded"), {}, "overloaded", MODEL, None),
        ("cohere", 498, {"message": "invalid token"}, {}, "auth", ACCOUNT, None),
        ("cohere", 429, {"message": "You are limited to 1000 API calls / month"}, {}, "quota_exhausted", ACCOUNT, 8 * DAY),
        ("fireworks", 412, error("account suspended"), {}, "billing", ACCOUNT, None),
        ("cerebras", 429, error("x", "token_quota_exceeded"), {}, "quota_exhausted", MODEL, None),
        ("alibaba", 429, error("x", "Throttling.AllocationQuota"), {}, "rate_limit", MODEL, None),
        ("bedrock", 424, {"message": "model error"}, {}, "server_error", MODEL, None),
        ("vertex", 429, error("Resource exhausted"), {}, "overloaded", MODEL, None),
        ("cloudflare-ai", 429, {"errors": [{"code": 4006, "message": "you have used up your daily free allocation"}]}, {},
         "quota_exhausted", ACCOUNT, 12 * HOUR),
        ("chutes", 402, {"detail": "Quota exceeded and account balance is $0.0"}, {}, "quota_exhausted", ACCOUNT, 12 * HOUR),
        ("opencode-zen", 401, error("Insufficient balance", kind="CreditsError"), {}, "billing", ACCOUNT, None),
        ("opencode-zen", 429, error("x", kind="FreeUsageLimitError"), {"retry-after": "60"}, "quota_exhausted", MODEL, 60),
        ("elevenlabs", 401, {"detail": {"status": "quota_exceeded", "message": "x"}}, {}, "quota_exhausted", ACCOUNT, None),
        ("poe", 402, error("insufficient points"), {}, "quota_exhausted", ACCOUNT, None),
        ("claude", 403, b"<!DOCTYPE html><title>Just a moment...</title>", {}, "edge_block", MODEL, None),
        ("qwen", 403, b"<html>blocked</html>", {}, "edge_block", MODEL, None),
    ],
)  # fmt: skip
def test_what_providers_mean(
    provider: str, status: int, body: Any, headers: dict[str, str], kind: str, scope: Scope, wait: float | None
) -> None:
    fault = reply(of(provider), status, body, headers)
    assert (fault.kind, fault.scope, fault.upstream_status) == (kind, scope, status)
    assert fault.retry_after == (None if wait is None else pytest.approx(wait))


@pytest.mark.parametrize(
    ("provider", "status", "code", "message", "kind", "scope"),
    [
        ("minimax", 502, "2056", "usage limit exceeded", "quota_exhausted", ACCOUNT),
        ("minimax", 502, "1002", "rate limit", "rate_limit", MODEL),
        ("minimax", 502, "2049", "invalid key", "auth", ACCOUNT),
        ("iflow", 434, "", "key blocked", "account_suspended", ACCOUNT),
        ("iflow", 0, "", "platform rate limit, try later", "rate_limit", MODEL),
        ("cursor", 0, "resource_exhausted", "usage limit", "quota_exhausted", ACCOUNT),
        ("openrouter", 502, "", "Provider disconnected", "server_error", MODEL),
    ],
)
def test_errors_inside_an_answer(provider: str, status: int, code: str, message: str, kind: str, scope: Scope) -> None:
    fault = classify_stream_error(status, code, message, of(provider), clock=CLOCK)
    assert (fault.kind, fault.scope) == (kind, scope)


def test_who_is_asked_next_and_how_long_it_is_left_alone() -> None:
    metadata = {"error": {"message": "Provider returned error", "code": 429, "metadata": {"provider_name": "X"}}}
    fault = reply(of("openrouter"), 429, metadata)
    assert (fault.kind, fault.verdict, fault.cooldown) == ("rate_limit", Verdict.NEXT_TARGET, 10)
    fault = reply(of("elevenlabs"), 429, {"detail": {"status": "too_many_concurrent_requests", "message": "x"}})
    assert (fault.verdict, fault.cooldown) == (Verdict.RETRY, 2)
    fault = reply(of("mistral"), 429, error("Service tier capacity exceeded for this model", "3505"))
    assert (fault.kind, fault.verdict) == ("overloaded", Verdict.NEXT_TARGET)
    assert reply(of("nvidia"), 429, b"").cooldown == 60
    assert reply(of("openai"), 429, b"").cooldown is None


def test_every_rule_leads_to_a_class_that_has_consequences() -> None:
    kinds = {rule.kind for provider in load_catalogue().providers for rule in provider.error_rules if rule.kind is not None}
    assert kinds
    assert kinds <= CONSEQUENCES.keys()


def test_a_client_fault_keeps_its_scope_in_every_rule() -> None:
    for provider in load_catalogue().providers:
        for rule in provider.error_rules:
            if rule.kind in ("bad_request", "content_filter", "context_overflow"):
                assert rule.scope in (None, "request"), provider.id


def custom(*rules: dict[str, Any]) -> Provider:
    made = tuple(msgspec.convert(rule, FaultRule) for rule in rules)
    return Provider(id="p", prefix="p", name="P", format="openai_chat", base_url="https://a.test", auth=Auth(scheme="bearer"),
                    error_rules=made)  # fmt: skip


def test_the_first_rule_whose_conditions_all_hold() -> None:
    provider = custom(
        {"status": 418, "code": ["other"], "kind": "auth"},
        {"status": [418, 419], "text": ["Tea"], "headers": {"X-Pot": "s*"}, "kind": "billing"},
        {"status": 418, "kind": "overloaded", "verdict": "next_target", "cooldown": 7},
    )
    assert reply(provider, 418, error("no TEA here"), {"x-pot": "small"}).kind == "billing"
    assert reply(provider, 419, error("no TEA here"), {"x-pot": "big"}).kind == "bad_request"
    fault = reply(provider, 418, error("no tea"))
    assert (fault.kind, fault.verdict, fault.cooldown) == ("overloaded", Verdict.NEXT_TARGET, 7)
    assert reply(provider, 418, error("x", "OTHER")).kind == "auth"


def test_what_the_answer_states_beats_the_calendar() -> None:
    provider = custom({"status": 429, "kind": "quota_exhausted", "reset": "midnight_utc"})
    assert reply(provider, 429).retry_after == 12 * HOUR
    assert reply(provider, 429, headers={"retry-after": "20"}).retry_after == 20
    pacific = custom({"status": 429, "kind": "quota_exhausted", "reset": "midnight_pacific"})
    assert reply(pacific, 429).retry_after == 20 * HOUR


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"kind": "auth"}, "needs a status, code, header or given"),
        ({"code": ["x"], "text": ["y"], "kind": "auth"}, "beside a status"),
        ({"status": 400}, "needs a given class"),
        ({"status": 400, "kind": "auth", "cooldown": 0}, "must be positive"),
        ({"status": 400, "kind": "nonsense"}, "Invalid enum value"),
        ({"status": 400, "kind": "auth", "wait": 3}, "unknown field"),
    ],
)
def test_a_rule_must_make_sense(rule: dict[str, Any], message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert(rule, FaultRule)
