"""What upstream errors mean. The bodies are in the vendors' shapes; the expectations are the product's own rules."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.catalog.schema import Auth, Provider
from omniroute.core.errors import Scope, UpstreamStatus, Verdict
from omniroute.core.ids import FakeClock
from omniroute.upstream.call import Headers
from omniroute.upstream.faults import CONSEQUENCES, classify_reply, classify_stream_error, error_text

NOW = datetime(2026, 2, 20, 12, 0, tzinfo=UTC).timestamp()
PROVIDER = Provider(
    id="p1", prefix="p1", name="Provider One", format="openai_chat", base_url="https://api.test", auth=Auth(scheme="bearer")
)


def reply(status: int, body: Any = b"", *headers: tuple[str, str]) -> UpstreamStatus:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return classify_reply(status, list(headers), raw, PROVIDER, clock=FakeClock(NOW))


def openai(message: str = "no", code: str | None = None, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def anthropic(message: str = "no", kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def google(status: int, word: str, message: str = "no", *details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "status": word, "details": list(details)}}


@pytest.mark.parametrize(
    ("status", "body", "kind", "http_status"),
    [
        # by status alone
        (400, b"", "bad_request", 400),
        (401, b"", "auth", 401),
        (402, b"", "billing", 402),
        (403, b"", "permission", 403),
        (404, b"", "model_not_found", 404),
        (405, b"", "bad_request", 400),
        (406, b"", "bad_request", 400),
        (408, b"", "transient", 504),
        (409, b"", "transient", 409),
        (410, b"", "model_not_found", 404),
        (413, b"", "context_overflow", 413),
        (415, b"", "bad_request", 400),
        (418, b"", "bad_request", 400),
        (422, b"", "bad_request", 422),
        (425, b"", "transient", 503),
        (429, b"", "rate_limit", 429),
        (451, b"", "permission", 403),
        (499, b"", "transient", 502),
        (500, b"", "server_error", 500),
        (501, b"", "server_error", 502),
        (502, b"", "server_error", 502),
        (503, b"", "overloaded", 503),
        (504, b"", "server_error", 504),
        (520, b"", "server_error", 502),
        (524, b"", "server_error", 504),
        (529, b"", "overloaded", 529),
        (302, b"", "misconfiguration", 502),
        (307, b"", "misconfiguration", 502),
        # by code
        (429, openai("You exceeded your current quota", "insufficient_quota", "insufficient_quota"), "quota_exhausted", 429),
        (429, openai("Rate limit reached for requests", "rate_limit_exceeded", "requests"), "rate_limit", 429),
        (400, openai("This model's maximum context length is 8192 tokens.", "context_length_exceeded"), "context_overflow", 400),
        (400, openai("filtered", "content_filter"), "content_filter", 400),
        (404, openai("The model `x` does not exist", "model_not_found"), "model_not_found", 404),
        (400, openai("no such", "model_not_supported"), "model_not_found", 404),
        (400, openai("Failed to call a function", "tool_use_failed"), "transient", 400),
        (429, openai("queue", "queue_exceeded", "too_many_requests_error"), "overloaded", 503),
        (429, openai("usage", None, "usage_limit_reached"), "quota_exhausted", 429),
        (401, {"error": {"type": "CreditsError", "message": "Insufficient balance"}}, "billing", 402),
        (401, {"error": {"type": "ModelError", "message": "Model x not supported"}}, "model_not_found", 404),
        (401, {"detail": {"status": "quota_exceeded", "message": "You have 0 credits"}}, "quota_exhausted", 429),
        (400, {"message": "no", "reason": "CONTENT_LENGTH_EXCEEDS_THRESHOLD"}, "context_overflow", 400),
        (400, {"message": "You are done", "reason": "MONTHLY_REQUEST_COUNT"}, "quota_exhausted", 429),
        (400, {"__type": "com.amazon#ThrottlingException", "message": "slow"}, "rate_limit", 429),
        (403, {"error": {"code": "AccountOverdueError", "message": "x"}}, "billing", 402),
        (403, google(403, "PERMISSION_DENIED", "verify", {"reason": "VALIDATION_REQUIRED"}), "account_action_needed", 403),
        (400, google(400, "INVALID_ARGUMENT", "API key not valid.", {"reason": "API_KEY_INVALID"}), "auth", 401),
        (429, google(429, "RESOURCE_EXHAUSTED", "x", {"reason": "MODEL_CAPACITY_EXHAUSTED"}), "overloaded", 503),
        (429, google(429, "RESOURCE_EXHAUSTED", "x", {"reason": "QUOTA_EXHAUSTED"}), "quota_exhausted", 429),
        (429, google(429, "RESOURCE_EXHAUSTED", "x", {"reason": "RATE_LIMIT_EXCEEDED"}), "rate_limit", 429),
        (429, {"error": {"code": "1305", "message": "busy"}}, "overloaded", 503),
        (429, {"error": {"code": 1113, "message": "x"}}, "billing", 402),
        (400, {"error": {"code": "1211", "message": "x"}}, "model_not_found", 404),
        # by message, beside a status that agrees
        (400, anthropic("prompt is too long: 210000 tokens > 200000 maximum"), "context_overflow", 400),
        (413, anthropic("Request exceeds the maximum size", "request_too_large"), "context_overflow", 413),
        (400, anthropic("Your credit balance is too low to access the API"), "billing", 402),
        (429, anthropic("This request would exceed your rate limit", "rate_limit_error"), "rate_limit", 429),
        (529, anthropic("Overloaded", "overloaded_error"), "overloaded", 529),
        (500, anthropic("Internal server error", "api_error"), "server_error", 500),
        (401, anthropic("invalid x-api-key", "authentication_error"), "auth", 401),
        (400, google(400, "INVALID_ARGUMENT", "The input token count (1) exceeds the maximum"), "context_overflow", 400),
        (429, google(429, "RESOURCE_EXHAUSTED", "Quota exceeded, limit: 0"), "quota_exhausted", 429),
        (400, {"message": "Input is too long."}, "context_overflow", 400),
        (400, {"error": "Current length is 9000 while limit is 8192"}, "context_overflow", 400),
        (429, {"message": "Service tier capacity exceeded for this model.", "code": "3505"}, "overloaded", 503),
        (402, {"error": "You have exceeded your monthly included credits"}, "quota_exhausted", 429),
        (403, openai("You have hit a secondary rate limit"), "rate_limit", 429),
        (403, openai("Content violates usage guidelines"), "content_filter", 400),
        (400, openai("Incorrect API key provided: x"), "auth", 401),
        (400, openai("The 'x' model is not supported when using this plan"), "model_not_found", 404),
        (404, {"error": "model 'llama9' not found, try pulling it first"}, "model_not_found", 404),
        (503, {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}, "overloaded", 503),
        (400, "DEGRADED function cannot be invoked", "overloaded", 503),
        # words that must decide nothing
        (400, openai("Unknown parameter: 'quota'."), "bad_request", 400),
        (400, openai("Invalid value for 'capacity': 429 too many requests"), "bad_request", 400),
        (400, openai("billing_address is not a valid field"), "bad_request", 400),
        (422, {"detail": [{"msg": "bad", "type": "missing", "input": {"code": "insufficient_quota"}}]}, "bad_request", 422),
        (500, openai("insufficient_quota is a word in a stack trace"), "server_error", 500),
    ],
)  # fmt: skip
def test_the_class_of_an_error(status: int, body: Any, kind: str, http_status: int) -> None:
    fault = reply(status, body)
    assert (fault.kind, fault.http_status) == (kind, http_status)


@pytest.mark.parametrize(
    ("status", "page", "kind", "http_status"),
    [
        (403, "<!DOCTYPE html><title>Just a moment...</title>", "edge_block", 502),
        (401, "<html><body>login</body></html>", "edge_block", 502),
        (503, "<html><title>Attention Required! | Cloudflare</title></html>", "edge_block", 502),
        (503, "<html><title>503 Service Temporarily Unavailable</title></html>", "overloaded", 503),
        (502, "\ufeff <html><head><title>502 Bad Gateway</title></head></html>", "server_error", 502),
        (429, "<html>slow</html>", "rate_limit", 429),
        (404, "<html><title>Not Found</title></html>", "misconfiguration", 502),
        (400, "<!-- x --><html></html>", "misconfiguration", 502),
    ],
)
def test_a_web_page_is_not_the_providers_word(status: int, page: str, kind: str, http_status: int) -> None:
    fault = reply(status, page.encode())
    assert (fault.kind, fault.http_status) == (kind, http_status)
    assert "<" not in fault.message


@pytest.mark.parametrize(
    ("status", "body", "scope", "verdict"),
    [
        (400, b"", Scope.REQUEST, Verdict.RETURN),
        (400, openai("x", "context_length_exceeded"), Scope.REQUEST, Verdict.NEXT_TARGET),
        (400, openai("x", "content_filter"), Scope.REQUEST, Verdict.RETURN),
        (401, b"", Scope.ACCOUNT, Verdict.NEXT_ACCOUNT),
        (402, b"", Scope.ACCOUNT, Verdict.NEXT_ACCOUNT),
        (403, b"", Scope.MODEL, Verdict.NEXT_ACCOUNT),
        (404, b"", Scope.MODEL, Verdict.NEXT_ACCOUNT),
        (408, b"", Scope.MODEL, Verdict.RETRY),
        (429, b"", Scope.MODEL, Verdict.NEXT_ACCOUNT),
        (429, openai("x", "insufficient_quota"), Scope.ACCOUNT, Verdict.NEXT_ACCOUNT),
        (429, openai("Limit reached: tokens per day (TPD)"), Scope.MODEL, Verdict.NEXT_ACCOUNT),
        (500, b"", Scope.MODEL, Verdict.RETRY),
        (502, b"", Scope.PROVIDER, Verdict.RETRY),
        (503, b"", Scope.MODEL, Verdict.RETRY),
        (504, b"", Scope.PROVIDER, Verdict.RETRY),
        (522, b"", Scope.PROVIDER, Verdict.RETRY),
        (529, b"", Scope.MODEL, Verdict.RETRY),
        (307, b"", Scope.PROVIDER, Verdict.NEXT_TARGET),
    ],
)
def test_what_to_avoid_and_where_to_go(status: int, body: Any, scope: Scope, verdict: Verdict) -> None:
    fault = reply(status, body)
    assert (fault.scope, fault.verdict) == (scope, verdict)


def test_a_client_fault_never_punishes_an_account() -> None:
    for kind in ("bad_request", "context_overflow", "content_filter"):
        assert CONSEQUENCES[kind].scope is Scope.REQUEST


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (openai("m", "c", "t"), ("m", "c", "t")),
        ([openai("m", "c", "t")], ("m", "c", "t")),
        (google(400, "INVALID_ARGUMENT", "m"), ("m", "INVALID_ARGUMENT", None)),
        (anthropic("m", "t"), ("m", None, "t")),
        ({"error": "m"}, ("m", None, None)),
        ({"error": "invalid_grant", "error_description": "m"}, ("m", "invalid_grant", None)),
        ({"detail": "m"}, ("m", None, None)),
        ({"detail": {"message": "m", "code": "c"}}, ("m", "c", None)),
        ({"detail": {"status": "s", "message": "m"}}, ("m", "s", None)),
        ({"detail": [{"loc": ["body", "n"], "msg": "m", "type": "t"}]}, ("body.n: m", None, "t")),
        ({"message": "m"}, ("m", None, None)),
        ({"message": "m", "code": 1305}, ("m", "1305", None)),
        ({"Message": "m"}, ("m", None, None)),
        ({"msg": "m", "status": "434"}, ("m", None, None)),
        ({"errors": [{"message": "a", "code": 7000}, {"message": "b"}]}, ("a; b", "7000", None)),
        ({"errors": ["a", "b"]}, ("a; b", None, None)),
        ({"base_resp": {"status_code": 1004, "status_msg": "m"}}, ("m", "1004", None)),
        ({"__type": "com.x#ValidationException", "message": "m"}, ("m", None, "ValidationException")),
        ({"error": {"message": json.dumps(openai("inner", "c"))}}, ("inner", "c", "invalid_request_error")),
        ({"error": {"message": "{not json"}}, ("{not json", None, None)),
        (b'data: {"error":{"message":"m"}}\n\n', ("m", None, None)),
        ({}, ("", None, None)),
        ([], ("", None, None)),
        (b"null", ("", None, None)),
        (b"7", ("", None, None)),
        (b'"m"', ("m", None, None)),
        (b"", ("", None, None)),
        (b"  \n", ("", None, None)),
        (b"plain words", ("plain words", None, None)),
        (b"bad utf-8 \xff", ("bad utf-8 \ufffd", None, None)),
        (b"<html><title> A\n title </title><body>x</body></html>", ("A title", None, None)),
        (b"<html><body>x</body></html>", ("", None, None)),
        (b"<Error><Code>x</Code></Error>", ("x", None, None)),
    ],
)
def test_every_shape_of_an_error_body(body: Any, expected: tuple[str, str | None, str | None]) -> None:
    assert error_text(body if isinstance(body, bytes) else json.dumps(body).encode()) == expected


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("key sk-proj-abcdefghijklmnop is wrong", "sk-proj-abcdefghijklmnop"),
        ("Incorrect API key provided: sk-ab****wxyz.", "wxyz"),
        ("see https://x.test/v1?key=abcdef123&b=1", "abcdef123"),
        ("Authorization: Bearer abcdefgh12345678", "abcdefgh12345678"),
        ("account jane.doe+x@example.com is over", "jane.doe"),
        ("Limit reached in organization org-Ab1cdefghijklmn on tokens", "org-Ab1cdefghijklmn"),
    ],
)
def test_secrets_never_get_through(text: str, gone: str) -> None:
    assert gone not in error_text(json.dumps(openai(text)).encode()).message
    assert gone not in reply(429, openai(text)).message
    assert gone not in classify_stream_error(429, "", text, PROVIDER).message


def test_a_message_is_cut_at_two_kilobytes() -> None:
    message = error_text(json.dumps(openai("ü" * 5000)).encode()).message
    assert len(message.encode()) <= 2048
    assert message.endswith("…")


@pytest.mark.parametrize("status", [401, 403])
def test_our_credentials_refusal_is_told_as_ours(status: int) -> None:
    fault = reply(status, openai("Incorrect API key provided", "invalid_api_key"))
    assert fault.http_status == status
    assert "Provider One" in fault.message
    assert "credential stored" in fault.message


def test_other_messages_reach_the_client() -> None:
    assert (
        reply(400, anthropic("prompt is too long: 2 tokens > 1 maximum")).message
        == "Provider One: prompt is too long: 2 tokens > 1 maximum"
    )
    assert reply(500).message == "Provider One: HTTP 500 without a message"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, openai("x", "unknown_parameter"), "unknown_parameter"),
        (400, openai("x", "not a word"), "bad_request"),
        (400, openai("x", "1234"), "bad_request"),
        (429, openai("x", "tokens"), "rate_limit_exceeded"),
        (429, openai("x", "insufficient_quota"), "insufficient_quota"),
        (401, b"", "invalid_api_key"),
        (400, openai("x", "context_length_exceeded"), "context_length_exceeded"),
    ],
)
def test_the_code_for_the_client(status: int, body: Any, code: str) -> None:
    assert reply(status, body).error_code == code


DAY = 86400.0


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ([], {}, None),
        ([("Retry-After", "20")], {}, 20),
        ([("retry-after", "1.5")], {}, 1.5),
        ([("retry-after", "0")], {}, 1),
        ([("retry-after", "Fri, 20 Feb 2026 12:02:00 GMT")], {}, 120),
        ([("retry-after", "Fri, 20 Feb 2026 11:59:50 GMT")], {}, 1),
        ([("retry-after", "soon")], {}, None),
        ([("retry-after", "nan")], {}, None),
        ([("retry-after", "999999999")], {}, 8 * DAY),
        ([("retry-after-ms", "2500"), ("retry-after", "9")], {}, 2.5),
        ([("retry-after-ms", "x"), ("retry-after", "9")], {}, 9),
        ([], {"error": {"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.07s"}]}}, 34.07),
        ([], {"error": {"details": [{"retryDelay": "1900ms"}]}}, 1.9),
        ([], {"error": {"resets_at": NOW + 300, "type": "usage_limit_reached"}}, 300),
        ([], {"error": {"resets_in_seconds": 77}}, 77),
        ([], {"error": {"metadata": {"headers": {"X-RateLimit-Reset": str(int((NOW + 60) * 1000))}}}}, 60),
        ([], {"error": "loading", "estimated_time": 20.5}, 20.5),
        ([("x-ratelimit-reset-requests", "6m0s"), ("x-ratelimit-remaining-requests", "0")], {}, 360),
        ([("x-ratelimit-reset-tokens", "12ms"), ("x-ratelimit-remaining-tokens", "0")], {}, 1),
        (
            [("x-ratelimit-reset-requests", "2m59.56s"), ("x-ratelimit-remaining-requests", "7"),
             ("x-ratelimit-reset-tokens", "4s"), ("x-ratelimit-remaining-tokens", "0")], {}, 4,
        ),
        ([("x-ratelimit-reset-requests", "6m0s"), ("x-ratelimit-remaining-requests", "3")], {}, None),
        ([("x-ratelimit-reset", str(int(NOW) + 90))], {}, 90),
        ([("x-ratelimit-reset", str(int(NOW + 90) * 1000))], {}, 90),
        (
            [("anthropic-ratelimit-tokens-reset", "2026-02-20T12:00:30Z"), ("anthropic-ratelimit-tokens-remaining", "0"),
             ("anthropic-ratelimit-requests-reset", "2026-02-20T12:09:00Z"), ("anthropic-ratelimit-requests-remaining", "5")],
            {}, 30,
        ),
        (
            [("anthropic-ratelimit-unified-5h-status", "rejected"),
             ("anthropic-ratelimit-unified-5h-reset", str(int(NOW) + 100)),
             ("anthropic-ratelimit-unified-7d-status", "allowed"), ("anthropic-ratelimit-unified-7d-reset", str(int(NOW) + 900))],
            {}, 100,
        ),
        ([("x-codex-primary-used-percent", "100"), ("x-codex-primary-reset-at", str(int(NOW) + 50))], {}, 50),
        ([], openai("Please try again in 7m12s. Visit x"), 432),
        ([], openai("Rate limit. Try again in 15 hours 23 minutes"), 55380),
        ([], openai("retry after 20s"), 20),
        ([], openai("Please retry in 3.2s."), 3.2),
        ([], openai("reset after 2h7m23s"), 7643),
        ([], openai("please try again after 5 seconds"), 5),
        ([], openai("Usage limit reached, resets at 2026-02-20T13:00:00Z"), 3600),
        ([], openai("Usage limit reached. Your limit will reset at 2026-02-20 20:30:00"), 1800),  # no zone: UTC+8
        ([], openai("You used 5 minutes of audio"), None),
    ],
)  # fmt: skip
def test_when_to_come_back(headers: Headers, body: Any, expected: float | None) -> None:
    assert reply(429, body, *headers).retry_after == (None if expected is None else pytest.approx(expected))


def test_a_daily_pool_waits_for_midnight_in_california() -> None:
    quota = {
        "@type": "x/google.rpc.QuotaFailure",
        "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}],
    }
    fault = reply(429, google(429, "RESOURCE_EXHAUSTED", "Please retry in 34s", quota, {"retryDelay": "34s"}))
    assert (fault.kind, fault.scope, fault.retry_after) == ("quota_exhausted", Scope.MODEL, pytest.approx(20 * 3600))
    minute = {"violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}]}
    fault = reply(429, google(429, "RESOURCE_EXHAUSTED", "x", minute, {"retryDelay": "34s"}))
    assert (fault.kind, fault.retry_after) == ("rate_limit", 34)


def test_a_monthly_quota_waits_for_the_first() -> None:
    body = json.dumps({"error": "You have exceeded your monthly included credits"}).encode()
    late = datetime(2026, 2, 26, 12, 0, tzinfo=UTC).timestamp()
    assert classify_reply(402, [], body, PROVIDER, clock=FakeClock(late)).retry_after == pytest.approx(2.5 * DAY)
    assert classify_reply(402, [], body, PROVIDER, clock=FakeClock(NOW)).retry_after == 8 * DAY


def test_a_bad_request_has_no_waiting_time() -> None:
    assert reply(400, openai("x"), ("retry-after", "20")).retry_after is None


def test_an_overload_does_not_read_usage_windows() -> None:
    assert reply(529, b"", ("x-ratelimit-reset", "500")).retry_after is None
    assert reply(503, b"", ("retry-after", "5")).retry_after == 5


@pytest.mark.parametrize(
    ("status", "code", "message", "kind", "http_status"),
    [
        (529, "overloaded_error", "Overloaded", "overloaded", 529),
        (0, "overloaded_error", "Overloaded", "overloaded", 529),
        (0, "rate_limit_error", "slow", "rate_limit", 429),
        (200, "RESOURCE_EXHAUSTED", "slow", "rate_limit", 429),
        (0, "authentication_error", "x", "auth", 401),
        (400, "invalid_request_error", "prompt is too long: 2 > 1", "context_overflow", 400),
        (0, "invalid_request_error", "prompt is too long: 2 > 1", "context_overflow", 400),
        (0, "", "something broke", "server_error", 502),
        (0, "server_error", "something broke", "server_error", 500),
        (429, "insufficient_quota", "x", "quota_exhausted", 429),
        (0, "", "", "server_error", 502),
    ],
)
def test_errors_inside_a_stream(status: int, code: str, message: str, kind: str, http_status: int) -> None:
    fault = classify_stream_error(status, code, message, PROVIDER, clock=FakeClock(NOW))
    assert (fault.kind, fault.http_status) == (kind, http_status)
    assert classify_stream_error(429, "", "try again in 9s", PROVIDER, clock=FakeClock(NOW)).retry_after == 9


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**40), 2**40),
        st.text(max_size=12),
        st.sampled_from(["error", "429", "34s", "rate limit"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["error", "message", "code", "type", "detail", "errors", "status", "retryDelay", "resets_at"]), inner
        ),
    ),
    max_leaves=12,
)


@given(st.integers(300, 599), JSON)
def test_no_body_can_break_the_classifier(status: int, body: Any) -> None:
    fault = reply(status, body)
    assert 400 <= fault.http_status <= 599
    assert fault.kind in CONSEQUENCES
    assert fault.message
    assert fault.retry_after is None or 1 <= fault.retry_after <= 8 * DAY


@given(
    st.integers(300, 599),
    st.binary(max_size=200),
    st.lists(
        st.tuples(st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-reset"]), st.text(max_size=12)), max_size=3
    ),
)
def test_no_bytes_can_break_the_classifier(status: int, body: bytes, headers: Headers) -> None:
    fault = classify_reply(status, headers, body, PROVIDER, clock=FakeClock(NOW))
    assert 400 <= fault.http_status <= 599
