"""Errors: found in a body, and told in each dialect."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx
import ollama
import openai
import pytest
from google import genai

from omniroute.core.errors import (
    BadRequest,
    BodyTooLarge,
    ModelNotFound,
    NetworkFault,
    OmniRouteError,
    Scope,
    StorageError,
    TimeoutFault,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UpstreamStatus,
)
from omniroute.translation.errors import error_in_body
from omniroute.translation.format import registry


def _upstream(status: int, kind: str = "server_error", **more: Any) -> UpstreamStatus:
    return UpstreamStatus("upstream says so", kind=kind, http_status=status, **more)


CASES: list[tuple[OmniRouteError, tuple[int, str, str], tuple[int, str]]] = [
    (BadRequest("x", param="messages[0]"), (400, "invalid_request_error", "bad_request"), (400, "invalid_request_error")),
    (Unauthorized("x"), (401, "authentication_error", "invalid_api_key"), (401, "authentication_error")),
    (ModelNotFound("x"), (404, "not_found_error", "model_not_found"), (404, "not_found_error")),
    (BodyTooLarge("x"), (413, "invalid_request_error", "request_too_large"), (413, "request_too_large")),
    (TooManyRequests("x", retry_after=3), (429, "rate_limit_error", "rate_limit_exceeded"), (429, "rate_limit_error")),
    (Unavailable("x"), (503, "server_error", "service_unavailable"), (529, "overloaded_error")),
    (_upstream(400, "bad_request"), (400, "invalid_request_error", "bad_request"), (400, "invalid_request_error")),
    (
        _upstream(400, "context_overflow"),
        (400, "invalid_request_error", "context_length_exceeded"),
        (400, "invalid_request_error"),
    ),
    (_upstream(402, "billing"), (402, "insufficient_quota", "insufficient_quota"), (402, "billing_error")),
    (_upstream(403, "permission"), (403, "permission_error", "permission_denied"), (403, "permission_error")),
    (_upstream(429, "rate_limit"), (429, "rate_limit_error", "rate_limit_exceeded"), (429, "rate_limit_error")),
    (_upstream(429, "quota_exhausted"), (429, "insufficient_quota", "insufficient_quota"), (429, "rate_limit_error")),
    (_upstream(500), (500, "server_error", "internal_server_error"), (500, "api_error")),
    (_upstream(529, "overloaded"), (503, "server_error", "overloaded"), (529, "overloaded_error")),
    (_upstream(408, "transient"), (408, "server_error", "gateway_timeout"), (408, "timeout_error")),
    (_upstream(429, "rate_limit", error_code="slow_down"), (429, "rate_limit_error", "slow_down"), (429, "rate_limit_error")),
    (_upstream(302, "server_error"), (502, "server_error", "bad_gateway"), (502, "api_error")),
    (NetworkFault("x", kind="network"), (502, "server_error", "upstream_unreachable"), (502, "api_error")),
    (TimeoutFault("x", kind="timeout"), (504, "server_error", "upstream_timeout"), (504, "timeout_error")),
]
IDS = [f"{type(error).__name__}-{chat[0]}-{chat[2]}" for error, chat, _ in CASES]


@pytest.mark.parametrize(("error", "expected"), [(error, chat) for error, chat, _ in CASES], ids=IDS)
def test_chat_dialect(error: OmniRouteError, expected: tuple[int, str, str]) -> None:
    chat = registry()["openai_chat"]
    body = json.loads(chat.encode_error(error, "req_1"))["error"]
    assert (chat.error_status(error), body["type"], body["code"]) == expected
    assert body["message"] == error.message
    assert body["param"] == getattr(error, "param", None)


@pytest.mark.parametrize(("error", "expected"), [(error, anthropic) for error, _, anthropic in CASES], ids=IDS)
def test_anthropic_dialect(error: OmniRouteError, expected: tuple[int, str]) -> None:
    anthropic = registry()["anthropic"]
    body = json.loads(anthropic.encode_error(error, "req_1"))
    assert body["type"] == "error"
    assert body["request_id"] == "req_1"
    assert (anthropic.error_status(error), body["error"]["type"]) == expected
    assert error.message in body["error"]["message"]


ALL = [found.name for found in registry() if not found.streams_only]
# what each dialect's own error has; everything else in it is ours
OFFICIAL = {
    "openai_chat": {"message", "type", "param", "code"},
    "openai_responses": {"message", "type", "param", "code"},
    "anthropic": {"type", "message"},
    "gemini": {"code", "message", "status", "details"},
    "ollama": {"error"},
}
HINTS = {"retryable", "scope", "retry_after"}


def _fields(name: str, error: OmniRouteError) -> dict[str, Any]:
    """The object that holds the hints: the error, or what surrounds it where that is a sentence."""
    body: dict[str, Any] = json.loads(registry()[name].encode_error(error, "r"))
    return body["error"] if isinstance(body["error"], dict) else body


@pytest.mark.parametrize("name", ALL)
def test_hints_for_whoever_retries(name: str) -> None:
    limited = _fields(name, _upstream(429, "rate_limit", scope=Scope.ACCOUNT, retry_after=2.5))
    assert (limited["retryable"], limited["retry_after"], limited["scope"]) == (True, 2.5, "account")
    assert _fields(name, _upstream(429, "quota_exhausted"))["retryable"] is False
    assert _fields(name, StorageError("x"))["scope"] == "nothing"
    wrong = _fields(name, BadRequest("x"))
    assert (wrong["retryable"], wrong["scope"]) == (False, "request")
    assert "retry_after" not in wrong


@pytest.mark.parametrize("name", OFFICIAL)
@pytest.mark.parametrize("error", [case[0] for case in CASES], ids=IDS)
def test_official_keys_and_hints_and_nothing_else(name: str, error: OmniRouteError) -> None:
    keys = _fields(name, error).keys()
    assert keys - HINTS == OFFICIAL[name]
    assert keys >= HINTS - {"retry_after"}


def test_official_clients_read_errors_with_hints() -> None:
    """What each SDK makes of such a body: its own words found, the hints carried along."""
    error = _upstream(429, "rate_limit", scope=Scope.ACCOUNT, retry_after=2.5)
    body = {name: json.loads(registry()[name].encode_error(error, "r")) for name in OFFICIAL}
    request = httpx.Request("POST", "http://x.test")
    answer = httpx.Response(429, request=request)
    said = "upstream says so"
    for name in ("openai_chat", "openai_responses"):
        raised = openai.RateLimitError("m", response=answer, body=body[name]["error"])
        assert (raised.code, raised.param) == ("rate_limit_exceeded", None)
        assert isinstance(raised.body, dict)
        assert raised.body["retry_after"] == 2.5
    shown = anthropic.types.ErrorResponse.model_validate(body["anthropic"])
    assert (shown.type, shown.error.type, shown.error.message) == ("error", "rate_limit_error", said)
    google = genai.errors.ClientError(429, body["gemini"])
    assert (google.code, google.status, google.message) == (429, "RESOURCE_EXHAUSTED", said)
    assert ollama.ResponseError(json.dumps(body["ollama"]), 429).error == said


@pytest.mark.parametrize("name", ["openai_chat", "anthropic"])
def test_inner_trouble_keeps_its_details(name: str) -> None:
    one = registry()[name]
    body = one.encode_error(StorageError("/home/someone/secret.db is broken"), "r")
    assert b"secret" not in body
    assert one.error_status(StorageError("x")) == 500


def test_a_full_context_is_worded_so_that_agents_compact() -> None:
    error = UpstreamStatus("This model's maximum context length is 8 tokens", kind="context_overflow", http_status=400)
    body = json.loads(registry()["anthropic"].encode_error(error, "r"))
    assert body["error"]["message"].startswith("prompt is too long: This model's maximum")
    known = UpstreamStatus("Prompt is too long: 9 > 8", kind="context_overflow", http_status=400)
    assert json.loads(registry()["anthropic"].encode_error(known, "r"))["error"]["message"] == known.message


def test_long_messages_are_cut() -> None:
    body = json.loads(registry()["openai_chat"].encode_error(BadRequest("x" * 10_000), "r"))
    assert len(body["error"]["message"]) == 2048


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            {"error": {"message": "m", "type": "rate_limit_error", "code": "rate_limit_exceeded"}},
            (429, "rate_limit_exceeded", "m"),
        ),
        ({"error": {"message": "m", "code": 503}}, (503, "", "m")),
        ({"error": {"message": "m", "code": "429"}}, (429, "429", "m")),
        ({"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT"}}, (400, "INVALID_ARGUMENT", "m")),
        ([{"error": {"code": 404, "message": "m", "status": "NOT_FOUND"}}], (404, "NOT_FOUND", "m")),
        ({"error": "text"}, (502, "", "text")),
        ({"error": {}, "choices": []}, None),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "m"}}, (529, "overloaded_error", "m")),
        ({"detail": "text"}, (502, "", "text")),
        ({"detail": {"message": "m", "type": "authentication_error"}}, (401, "authentication_error", "m")),
        ({"message": "m", "status": 401}, (401, "", "m")),
        ({"errors": [{"message": "m", "code": "not_found"}]}, (404, "not_found", "m")),
        ({"base_resp": {"status_code": 1002, "status_msg": "limit"}}, (502, "1002", "limit")),
        ({"base_resp": {"status_code": 0}, "choices": [{}]}, None),
        ({"choices": [{"message": {"content": "error"}}], "error": None}, None),
        ({"content": [], "type": "message"}, None),
        ({"error": {"unknown": 1}}, (502, "", "The provider reported an error.")),
        ("error", None),
        ([], None),
        (7, None),
    ],
)
def test_error_in_a_200_body(value: Any, expected: tuple[int, str, str] | None) -> None:
    assert error_in_body(value) == expected
