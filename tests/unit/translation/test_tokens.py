"""Token counts of requests: what counts as text, what is wrapped around it, and whose tokenizer it is measured for."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from omniroute._fast.bpe import Vocabulary
from omniroute.gateway.vocabularies import read
from omniroute.translation.format import registry
from omniroute.translation.tokens import FAMILIES, Family, count_request, family_of, scaled

TEXT = "Please summarise the minutes of the harbour council; the breakwater was item 4."
SCHEMA = {"type": "object", "properties": {"path": {"type": "string", "description": "The file to read."}}, "required": ["path"]}
PLAIN = Family(name="plain", per_request=0, per_message=0, per_tool=0)


@pytest.fixture(scope="module")
def o200k() -> Vocabulary:
    return Vocabulary(read("o200k"), "o200k")


def family(name: str) -> Family:
    return next(family for family in FAMILIES if family.name == name)


def decoded(format_name: str, body: dict[str, Any]) -> Any:
    return registry()[format_name].decode_request(json.dumps({"model": "m", **body}).encode())


def chat(*messages: dict[str, Any], **members: Any) -> Any:
    return decoded("openai_chat", {"messages": list(messages), **members})


def messages(*turns: dict[str, Any], **members: Any) -> Any:
    return decoded("anthropic", {"max_tokens": 9, "messages": list(turns), **members})


@pytest.mark.parametrize(
    ("model", "format_name", "expected"),
    [
        ("gpt-4o-mini", "openai_chat", "o200k"),
        ("openai/gpt-4.1", "openai_chat", "o200k"),
        ("gpt-5.2-codex", "openai_responses", "o200k"),
        ("openai/gpt-oss-120b", "openai_chat", "o200k"),
        ("o3", "openai_responses", "o200k"),
        ("o4-mini", "openai_chat", "o200k"),
        ("openai/o1-mini", "openai_chat", "o200k"),
        ("gpt-4-turbo", "openai_chat", "cl100k"),
        ("gpt-35-turbo", "openai_chat", "cl100k"),
        ("claude-3-5-sonnet-20241022", "anthropic", "claude_3"),
        ("claude-sonnet-4-20250514", "anthropic", "claude_3"),
        ("anthropic/claude-sonnet-4", "openai_chat", "claude_3"),
        ("claude-sonnet-4@20250514", "anthropic", "claude_3"),
        ("anthropic.claude-haiku-4-5-20251001-v1:0", "anthropic", "claude_3"),
        ("anthropic/claude-opus-4.6", "openai_chat", "claude_3"),
        ("claude-4-sonnet", "openai_chat", "claude_3"),
        ("claude-4.5-opus-high", "openai_chat", "claude_3"),
        ("claude-opus-4-7", "anthropic", "claude_4_7"),
        ("claude-4.8-opus", "anthropic", "claude_4_7"),
        ("anthropic/claude-opus-4.8", "openai_chat", "claude_4_7"),
        ("claude-sonnet-5", "anthropic", "claude_4_7"),
        ("gemini-2.5-pro", "gemini", "gemma_3"),
        ("google/gemini-3-flash-preview", "openai_chat", "gemma_3"),
        ("Meta-Llama-3.3-70B-Instruct", "openai_chat", "llama_3"),
        ("deepseek-r1-distill-llama-70b", "openai_chat", "llama_3"),
        ("deepseek-r1-distill-qwen-32b", "openai_chat", "qwen_3"),
        ("Qwen/Qwen3-Coder", "openai_chat", "qwen_3"),
        ("deepseek-chat", "openai_chat", "deepseek_v3"),
        ("mistral-large-latest", "openai_chat", "tekken"),
        ("somebody/else", "openai_chat", "other"),
        ("somebody/else", "ollama", "other"),
        ("somebody/else", "openai_responses", "o200k"),
        ("somebody/else", "anthropic", "claude_4_7"),
        ("somebody/else", "gemini", "gemma_3"),
    ],
)
def test_the_model_tells_its_family(model: str, format_name: str, expected: str) -> None:
    assert family_of(model, format_name).name == expected


def test_every_family_has_a_name_of_its_own_and_bounds() -> None:
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    for each in FAMILIES:
        exact = each.name in ("o200k", "cl100k")
        assert (each.error == 0.0 and each.factor == 1.0) if exact else 0 < each.error <= each.foreign_error < 0.35


def test_text_is_exact_for_openai(o200k: Vocabulary) -> None:
    openai = family("o200k")
    n = o200k.count(TEXT.encode())
    assert count_request(chat({"role": "user", "content": TEXT}), openai, o200k) == n + 4 + 3
    two = chat({"role": "system", "content": TEXT}, {"role": "user", "content": [{"type": "text", "text": TEXT}] * 2})
    assert count_request(two, openai, o200k) >= 3 * n + 3 + 4


@pytest.mark.parametrize(
    ("format_name", "body"),
    [
        ("openai_chat", {"messages": [{"role": "user", "content": TEXT}]}),
        ("anthropic", {"max_tokens": 1, "messages": [{"role": "user", "content": TEXT}]}),
        ("openai_responses", {"input": TEXT}),
        ("gemini", {"contents": [{"role": "user", "parts": [{"text": TEXT}]}]}),
        ("ollama", {"messages": [{"role": "user", "content": TEXT}]}),
    ],
)
def test_every_dialect_counts_the_same(o200k: Vocabulary, format_name: str, body: dict[str, Any]) -> None:
    assert count_request(decoded(format_name, body), PLAIN, o200k) == o200k.count(TEXT.encode())


def test_calls_and_results_count(o200k: Vocabulary) -> None:
    arguments = {"path": "src/harbour/council.py", "limit": 40}
    turns = [
        {"role": "user", "content": "Read it."},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "read", "input": arguments}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": TEXT}]},
    ]
    expected = o200k.count(b"Read it.", b"read", json.dumps(arguments, separators=(",", ":")).encode(), TEXT.encode())
    assert count_request(messages(*turns), PLAIN, o200k) == expected


def test_definitions_count_as_compact_json(o200k: Vocabulary) -> None:
    wrapped = Family(name="wrapped", per_request=0, per_message=0, per_tool=8, tools=100)
    tool = {"name": "read", "description": "Reads a file.", "input_schema": SCHEMA}
    json_text = json.dumps({"name": "read", "description": "Reads a file.", "parameters": SCHEMA}, separators=(",", ":"))
    request = messages({"role": "user", "content": "x"}, tools=[tool, {**tool, "name": "look"}])
    expected = 1 + o200k.count(json_text.encode(), json_text.replace('"read"', '"look"').encode()) + 100 + 2 * 8
    assert count_request(request, wrapped, o200k) == expected


def test_a_response_schema_counts(o200k: Vocabulary) -> None:
    asked = {"type": "json_schema", "json_schema": {"name": "minutes", "schema": SCHEMA}}
    request = chat({"role": "user", "content": "x"}, response_format=asked)
    assert count_request(request, PLAIN, o200k) == 1 + o200k.count(json.dumps(SCHEMA, separators=(",", ":")).encode())


def test_reasoning_counts_only_after_the_last_question(o200k: Vocabulary) -> None:
    thought = {"type": "thinking", "thinking": TEXT, "signature": "c2lnbmF0dXJl"}
    call = {"type": "tool_use", "id": "toolu_1", "name": "x", "input": {}}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "x"}]}
    loop = [{"role": "user", "content": "x"}, {"role": "assistant", "content": [thought, call]}, result]
    during = count_request(messages(*loop), PLAIN, o200k)
    after = count_request(messages(*loop, {"role": "user", "content": "x"}), PLAIN, o200k)
    assert during - after == o200k.count(TEXT.encode()) - 1


def test_pictures_count_flat(o200k: Vocabulary) -> None:
    picture = base64.b64encode(bytes(range(256)) * 100).decode()
    block = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": picture}}
    alone = messages({"role": "user", "content": [block, {"type": "text", "text": "x"}]})
    assert count_request(alone, PLAIN, o200k) == 1 + PLAIN.image
    assert count_request(alone, family("gemma_3"), o200k) == 1 + 258
    call = {"type": "tool_use", "id": "toolu_1", "name": "x", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [block]}
    inside = messages(
        {"role": "user", "content": "x"}, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}
    )
    assert count_request(inside, PLAIN, o200k) == 1 + o200k.count(b"x", b"{}") + PLAIN.image


def test_a_document_of_text_is_text(o200k: Vocabulary) -> None:
    block = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": TEXT}}
    assert count_request(messages({"role": "user", "content": [block]}), PLAIN, o200k) == o200k.count(TEXT.encode())


def test_factors_go_by_script(o200k: Vocabulary) -> None:
    wide = Family(name="wide", factor=2.0, foreign=4.0)
    assert scaled([TEXT], 100, wide) == 200
    assert scaled(["清晨的港口十分安静"], 100, wide) == 400
    assert scaled(["清晨的港口十分安静", TEXT], 100, wide) == pytest.approx(200 + 200 * 2 * 18 / (27 + len(TEXT)))
    assert scaled([], 0, wide) == 0


def test_a_claude_request_within_its_bound(o200k: Vocabulary) -> None:
    """Its vendor's manual states 14 tokens for a two-word greeting under a four-word system prompt of a 3.5 or 4 model."""
    request = messages({"role": "user", "content": "Hello, Claude"}, system="You are a scientist")
    assert count_request(request, family("claude_3"), o200k) == pytest.approx(14, abs=2)


def test_nothing_is_one_token(o200k: Vocabulary) -> None:
    assert count_request(messages({"role": "user", "content": ""}), PLAIN, o200k) == 1
