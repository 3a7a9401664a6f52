"""Hosted web search (edge 57): carried to a vendor that has one, dropped and declared otherwise, never sent as a function."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omniroute._fast.envelope import scan
from omniroute.ir.caps import Profile, Quirks
from omniroute.translation.explain import is_lossy
from omniroute.translation.format import registry
from omniroute.translation.ops import Op
from omniroute.translation.request import translate_request

PLACE = {"city": "Bonn", "country": "DE"}
FUNCTION = {
    "openai_chat": {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}},
    "openai_responses": {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}},
    "anthropic": {"name": "look", "input_schema": {"type": "object", "properties": {}}},
    "gemini": {"functionDeclarations": [{"name": "look"}]},
}
ASKED: dict[str, dict[str, Any]] = {
    "openai_chat": {
        "messages": [{"role": "user", "content": "news?"}],
        "web_search_options": {"search_context_size": "low", "user_location": {"type": "approximate", "approximate": PLACE}},
    },
    "openai_responses": {
        "input": "news?",
        "tools": [
            {
                "type": "web_search",
                "filters": {"allowed_domains": ["a.com"]},
                "search_context_size": "low",
                "user_location": {"type": "approximate", **PLACE},
            }
        ],
    },
    "anthropic": {
        "max_tokens": 5,
        "messages": [{"role": "user", "content": "news?"}],
        "tools": [
            {
                "type": "web_search_20250305",
                "name": "web_search",
                "max_uses": 3,
                "allowed_domains": ["a.com"],
                "user_location": {"type": "approximate", **PLACE},
            }
        ],
    },
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "news?"}]}], "tools": [{"googleSearch": {}}]},
}
PLAIN = Profile(model="m")
SEARCH_MODEL = Profile(model="m", quirks=Quirks(web_search=True))


def translated(client: str, upstream: str, body: dict[str, Any], profile: Profile = PLAIN) -> tuple[dict[str, Any], list[Op]]:
    ops: list[Op] = []
    formats = registry()
    envelope = scan(json.dumps({"model": "m", **body}).encode())
    made = translate_request(envelope, formats[client], formats[upstream], profile, model="m", stream=False, ops=ops)
    return json.loads(made.body), ops


def test_to_anthropic() -> None:
    location = {"user_location": {"type": "approximate", **PLACE}}
    tool = {"type": "web_search_20250305", "name": "web_search"}
    body, ops = translated("openai_chat", "anthropic", ASKED["openai_chat"])
    assert body["tools"] == [{**tool, **location}]
    assert ("web-search-option", "search_context_size"[7:]) in {(op.rule, op.detail) for op in ops}
    body, ops = translated("openai_responses", "anthropic", ASKED["openai_responses"])
    assert body["tools"] == [{**tool, "allowed_domains": ["a.com"], **location}]
    assert not any(is_lossy(op) for op in ops)
    body, _ = translated("gemini", "anthropic", ASKED["gemini"])
    assert body["tools"] == [tool]


def test_to_responses() -> None:
    location = {"user_location": {"type": "approximate", **PLACE}}
    body, _ = translated("openai_chat", "openai_responses", ASKED["openai_chat"])
    assert body["tools"] == [{"type": "web_search", "search_context_size": "low", **location}]
    body, _ = translated("anthropic", "openai_responses", ASKED["anthropic"])
    assert body["tools"] == [{"type": "web_search", "filters": {"allowed_domains": ["a.com"]}, **location}]


def test_to_gemini_only_where_functions_allow_it() -> None:
    body, ops = translated("anthropic", "gemini", ASKED["anthropic"])
    assert body["tools"] == [{"googleSearch": {}}]
    assert [op.rule for op in ops if is_lossy(op)] == ["web-search-domains"]
    beside = {**ASKED["openai_responses"], "tools": [*ASKED["openai_responses"]["tools"], FUNCTION["openai_responses"]]}
    body, ops = translated("openai_responses", "gemini", beside)
    assert [list(tool) for tool in body["tools"]] == [["functionDeclarations"]]
    assert [op.rule for op in ops if is_lossy(op)] == ["tool-hosted"]


def test_to_chat_only_for_models_that_search() -> None:
    body, ops = translated("anthropic", "openai_chat", ASKED["anthropic"], SEARCH_MODEL)
    assert body["web_search_options"] == {"user_location": {"type": "approximate", "approximate": PLACE}}
    assert "tools" not in body
    assert [op.rule for op in ops if is_lossy(op)] == ["web-search-domains"]
    body, ops = translated("anthropic", "openai_chat", ASKED["anthropic"])
    assert not {"web_search_options", "tools"} & body.keys()
    assert [op.rule for op in ops if is_lossy(op)] == ["tool-hosted"]


@pytest.mark.parametrize("client", list(ASKED))
@pytest.mark.parametrize("upstream", [*ASKED, "ollama"])
def test_functions_are_kept_and_the_search_is_never_one(client: str, upstream: str) -> None:
    if client == upstream:
        return
    asked = {**ASKED[client], "tools": [*ASKED[client].get("tools", ()), FUNCTION[client]]}
    body, ops = translated(client, upstream, asked)
    text = json.dumps(body)
    assert '"look"' in text
    names = [
        function.get("name")
        for tool in body["tools"]
        for function in (tool.get("function", tool), *tool.get("functionDeclarations", ()))
    ]
    assert names.count("look") == 1
    assert "googleSearch" not in names
    lost = [op for op in ops if is_lossy(op)]
    if upstream in ("openai_chat", "ollama", "gemini"):
        assert lost, "what cannot be asked for is declared"


def test_a_provider_may_have_none() -> None:
    body, ops = translated(
        "openai_responses", "anthropic", ASKED["openai_responses"], Profile(model="m", quirks=Quirks(web_search=False))
    )
    assert "tools" not in body
    assert [op.rule for op in ops if is_lossy(op)] == ["tool-hosted"]


# -- running code ------------------------------------------------------------------------------------------------------

RUNS_CODE: dict[str, dict[str, Any]] = {
    "openai_responses": {
        "input": "pi?",
        "tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["f"]}}],
    },
    "anthropic": {
        "max_tokens": 5,
        "messages": [{"role": "user", "content": "pi?"}],
        "tools": [{"type": "code_execution_20250522", "name": "code_execution"}],
    },
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "pi?"}]}], "tools": [{"codeExecution": {}}]},
}
SANDBOX = {
    "openai_responses": [{"type": "code_interpreter", "container": {"type": "auto"}}],
    "anthropic": [{"type": "code_execution_20250825", "name": "code_execution"}],
    "gemini": [{"codeExecution": {}}],
}


@pytest.mark.parametrize("upstream", SANDBOX)
@pytest.mark.parametrize("client", RUNS_CODE)
def test_code_runs_where_the_vendor_has_a_sandbox(client: str, upstream: str) -> None:
    profile = Profile(model="m", quirks=Quirks(code_execution=True))
    body, ops = translated(client, upstream, RUNS_CODE[client], profile)
    if client != upstream:
        assert body["tools"] == SANDBOX[upstream]
        assert [op.rule for op in ops if op.rule == "code-execution"] == ["code-execution"]
    assert not any(is_lossy(op) for op in ops)


@pytest.mark.parametrize(
    ("upstream", "quirks"), [("anthropic", Quirks()), ("gemini", Quirks(code_execution=False)), ("openai_chat", Quirks())]
)
@pytest.mark.parametrize("client", RUNS_CODE)
def test_code_that_nobody_may_run_is_a_loss(client: str, upstream: str, quirks: Quirks) -> None:
    if client == upstream:
        return
    body, ops = translated(client, upstream, RUNS_CODE[client], Profile(model="m", quirks=quirks))
    assert not body.get("tools")
    assert [op.rule for op in ops if is_lossy(op)] == ["tool-hosted"]


def test_both_kinds_at_once() -> None:
    tools = [{"type": "web_search"}, {"type": "code_interpreter", "container": {"type": "auto"}}]
    body, ops = translated("openai_responses", "gemini", {"input": "x", "tools": tools})
    assert body["tools"] == [{"googleSearch": {}}, {"codeExecution": {}}]
    assert not any(is_lossy(op) for op in ops)
