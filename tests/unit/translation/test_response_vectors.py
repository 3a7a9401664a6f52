"""Finished answers from one format to another, judged by the official SDKs' own types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anthropic.types
import openai.types.chat
import pytest

from omniroute.core.errors import BadAnswer
from omniroute.translation.format import StreamMeta, registry
from omniroute.translation.response import translate_answer

VECTORS = Path(__file__).parents[2] / "vectors" / "responses"
META = StreamMeta(id="req_of-ours", model="asked-model", created=1_800_000_000)
ANTHROPIC_STOPS = {
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
}
CHAT_STOPS = {"stop", "length", "tool_calls", "content_filter", "function_call"}


def _cases(upstream: str, client: str) -> list[Any]:
    cases = json.loads((VECTORS / f"{upstream}_to_{client}.json").read_text())
    return [pytest.param(case, id=case["id"]) for case in cases]


def _translate(answer: Any, upstream: str, client: str, meta: StreamMeta = META) -> dict[str, Any]:
    formats = registry()
    body = json.loads(translate_answer(json.dumps(answer).encode(), formats[client], formats[upstream], meta).body)
    assert isinstance(body, dict)
    return body


@pytest.mark.parametrize("case", _cases("openai_chat", "anthropic"))
def test_for_an_anthropic_client(case: dict[str, Any]) -> None:
    body = _translate(case["answer"], "openai_chat", "anthropic")
    message = anthropic.types.Message.model_validate(body, strict=True)
    assert (message.id, message.model, message.role, message.type) == ("msg_of-ours", "asked-model", "assistant", "message")
    assert body["stop_reason"] in ANTHROPIC_STOPS
    for key, value in case["expect"].items():
        assert body[key] == value, key


@pytest.mark.parametrize("case", _cases("anthropic", "openai_chat"))
def test_for_a_chat_client(case: dict[str, Any]) -> None:
    body = _translate(case["answer"], "anthropic", "openai_chat")
    completion = openai.types.chat.ChatCompletion.model_validate(body, strict=True)
    assert (completion.id, completion.model, completion.created) == ("chatcmpl-of-ours", "asked-model", 1_800_000_000)
    choice = body["choices"][0]
    assert choice["finish_reason"] in CHAT_STOPS
    for key, value in case["expect"].items():
        assert (body if key == "usage" else choice)[key] == value, key


@pytest.mark.parametrize("format_name", ["openai_chat", "anthropic"])
def test_equal_formats_keep_the_very_bytes(format_name: str) -> None:
    answers = {
        "openai_chat": {
            "id": "x",
            "choices": [{"message": {"content": "a", "odd": 1}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 3},
        },
        "anthropic": {"id": "x", "content": [{"type": "new_block"}], "stop_reason": "end_turn", "usage": {"input_tokens": 3}},
    }
    body = json.dumps(answers[format_name], indent=1).encode()
    one = registry()[format_name]
    answer = translate_answer(body, one, one, META)
    assert answer.body == body
    assert answer.usage is not None
    assert answer.usage.input == 3
    assert answer.stop == "stop"


@pytest.mark.parametrize(("upstream", "client"), [("openai_chat", "anthropic"), ("anthropic", "openai_chat")])
def test_changed_tool_names_are_restored(upstream: str, client: str) -> None:
    answers = {
        "openai_chat": {
            "choices": [{"message": {"tool_calls": [{"id": "c", "function": {"name": "short_1", "arguments": "{}"}}]}}]
        },
        "anthropic": {"content": [{"type": "tool_use", "id": "c", "name": "short_1", "input": {}}]},
    }
    meta = StreamMeta(id="i", model="m", created=1, tool_names={"short_1": "the.long name"})
    body = _translate(answers[upstream], upstream, client, meta)
    name = (
        body["content"][0]["name"]
        if client == "anthropic"
        else body["choices"][0]["message"]["tool_calls"][0]["function"]["name"]
    )
    assert name == "the.long name"


def test_calls_without_id_get_stable_ids_of_their_own() -> None:
    call = {"function": {"name": "read", "arguments": "{}"}}
    answer = {"choices": [{"message": {"tool_calls": [call, call]}, "finish_reason": "tool_calls"}]}
    ids = [block["id"] for block in _translate(answer, "openai_chat", "anthropic")["content"]]
    assert len(set(ids)) == 2
    assert ids == [block["id"] for block in _translate(answer, "openai_chat", "anthropic")["content"]]


def test_several_choices_survive_between_chat_shapes() -> None:
    chat = registry()["openai_chat"]
    choices = [
        {"index": i, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"} for i, text in enumerate("ab")
    ]
    response = chat.decode_response(json.dumps({"id": "x", "model": "m", "created": 5, "choices": choices}).encode())
    body = json.loads(chat.encode_response(response, META))
    assert [choice["message"]["content"] for choice in body["choices"]] == ["a", "b"]
    assert [choice["index"] for choice in body["choices"]] == [0, 1]


@pytest.mark.parametrize(
    ("upstream", "body"),
    [
        ("openai_chat", b"<html>"),
        ("openai_chat", b""),
        ("openai_chat", b"[]"),
        ("openai_chat", b'{"choices": []}'),
        ("openai_chat", b'{"choices": [{"index": 0}]}'),
        ("openai_chat", b'{"choices": [7]}'),
        ("anthropic", b"{}"),
        ("anthropic", b'{"content": "text"}'),
    ],
)
def test_what_is_no_answer_is_a_bad_answer(upstream: str, body: bytes) -> None:
    with pytest.raises(BadAnswer) as caught:
        registry()[upstream].decode_response(body)
    assert caught.value.http_status == 502
