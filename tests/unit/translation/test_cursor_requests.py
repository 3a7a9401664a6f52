"""What Cursor is sent: turns, results beside their calls, tools, images, and how its bytes are made."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute._fast.envelope import scan
from omniroute.ir.caps import Profile
from omniroute.translation.format import registry
from omniroute.translation.formats.cursor import protobuf
from omniroute.translation.ops import Op
from omniroute.translation.request import translate_request
from upstream.cursor_dialect import MCP, Asked, asked, complaints, fields_of, message, text

PROFILE = Profile(model="claude-4.5-sonnet")
USER = {"role": "user", "content": "Hi"}
CALL = {
    "role": "assistant",
    "content": "Looking.",
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}],
}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "42"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


def sent(body: dict[str, Any], client: str = "openai_chat", *, ops: list[Op] | None = None) -> Asked:
    raw = json.dumps({"model": "m", **body}).encode()
    formats = registry()
    found = translate_request(scan(raw), formats[client], formats["cursor"], PROFILE, ops=ops).body
    assert complaints(found) == []
    return asked(found)


def test_the_least() -> None:
    found = sent({"messages": [USER]})
    assert (found.model, found.system, found.mode, found.thinking, found.tools) == ("claude-4.5-sonnet", "", 1, 0, [])
    assert [(turn.side, turn.text) for turn in found.turns] == [(1, "Hi")]
    assert text(found.fields, 54) == "Ask"


def test_system_text_is_context_of_its_own() -> None:
    found = sent({"messages": [{"role": "system", "content": "Be kind."}, USER, {"role": "assistant", "content": "Yes?"}, USER]})
    assert found.system == "Be kind."
    assert [(turn.side, turn.text) for turn in found.turns] == [(1, "Hi"), (2, "Yes?"), (1, "Hi")]


def test_a_conversation_keeps_its_ids_as_it_grows() -> None:
    turns = [USER, {"role": "assistant", "content": "Yes?"}, {"role": "user", "content": "Go on"}]
    short, long = sent({"messages": turns}), sent({"messages": [*turns, turns[1], turns[2]]})
    assert short.conversation == long.conversation
    assert [turn.bubble for turn in short.turns] == [turn.bubble for turn in long.turns[:3]]
    assert sent({"messages": [{"role": "user", "content": "Else"}]}).conversation != short.conversation


@pytest.mark.parametrize(
    "messages",
    [
        [USER, USER, {"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}, USER],
        [{"role": "assistant", "content": "I begin."}, USER],
        [USER, {"role": "assistant", "content": "I was say"}],
        [{"role": "system", "content": "Only this."}],
        [USER, CALL, RESULT, {"role": "assistant", "content": "42."}, USER],
        [USER, CALL, RESULT, USER],
        [USER, CALL, USER],
        [USER, CALL],
        [USER, RESULT],
        [USER, CALL, {**RESULT, "content": ""}],
    ],
)
def test_whatever_was_said_is_a_conversation(messages: list[Any]) -> None:
    sent({"messages": messages, "tools": [TOOL]})


def test_a_result_stands_beside_its_call() -> None:
    found = sent({"messages": [USER, CALL, RESULT], "tools": [TOOL]})
    assert [turn.side for turn in found.turns] == [1, 2]
    assert found.turns[1].text == "Looking."
    assert found.turns[1].results == [("c1", "f", '{"a":1}', "42", False)]
    assert found.tools == [("f", "f", {"type": "object", "properties": {}})]
    assert (found.mode, text(found.fields, 54), found.fields[29]) == (2, "Agent", [bytes([MCP])])


def test_a_failed_call_is_an_error_as_well() -> None:
    failed = {"type": "tool_result", "tool_use_id": "c1", "content": "no", "is_error": True}
    use = {"type": "tool_use", "id": "c1", "name": "f", "input": {}}
    body = {"max_tokens": 9, "messages": [USER, {"role": "assistant", "content": [use]}, {"role": "user", "content": [failed]}]}
    assert sent(body, "anthropic").turns[1].results == [("c1", "f", "{}", "no", True)]


def test_arguments_that_are_no_object_travel_as_one() -> None:
    broken = {**CALL, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":'}}]}
    ((_, _, arguments, _, _),) = sent({"messages": [USER, broken, RESULT]}).turns[1].results
    assert json.loads(arguments) == {"_raw": '{"a":'}


def test_images_are_bytes() -> None:
    pixel = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    url = f"data:image/png;base64,{base64.b64encode(pixel).decode()}"
    content = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": url}}]
    (turn,) = sent({"messages": [{"role": "user", "content": content}]}).turns
    assert (turn.text, turn.images) == ("What?", [pixel])


@pytest.mark.parametrize(("effort", "level"), [("low", 0), ("medium", 1), ("high", 2), ("none", 0)])
def test_how_hard_to_think(effort: str, level: int) -> None:
    assert sent({"messages": [USER], "reasoning_effort": effort}).thinking == level


def test_what_has_no_place_is_said_to_be_dropped() -> None:
    ops: list[Op] = []
    sent({"messages": [USER], "max_tokens": 50, "temperature": 0.5, "top_p": 0.5, "stop": ["x"], "seed": 3}, ops=ops)
    assert {op.pointer for op in ops if op.action == "dropped"} >= {"/max_tokens", "/temperature", "/top_p", "/stop", "/seed"}


def test_structured_output_becomes_an_instruction() -> None:
    schema = {"type": "object", "properties": {"answer": {"type": "integer"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    assert json.dumps(schema, separators=(",", ":")) in sent({"messages": [USER], "response_format": wanted}).system


# -- the bytes ----------------------------------------------------------------------------------------------------------------


@given(st.integers(1, 2**29 - 1), st.integers(0, 2**64 - 1))
def test_numbers(field: int, value: int) -> None:
    assert list(fields_of(protobuf.number(field, value))) == [(field, value)]


@given(st.integers(1, 2**29 - 1), st.text() | st.binary())
def test_texts(field: int, value: str | bytes) -> None:
    raw = value if isinstance(value, bytes) else value.encode()
    assert list(fields_of(protobuf.text(field, value))) == [(field, raw)]


def test_messages_and_packed_numbers() -> None:
    built = protobuf.message(3, protobuf.number(1, 300), protobuf.packed(2, 1, 300), protobuf.text(4, "\ud800"))
    (inner,) = message(built)[3]
    assert message(inner) == {1: [300], 2: [b"\x01\xac\x02"], 4: [b"?"]}


@pytest.mark.parametrize("value", [-1, 2**64])
def test_numbers_that_have_no_bytes(value: int) -> None:
    with pytest.raises(ValueError, match="64 bits"):
        protobuf.varint(value)


def test_the_envelope() -> None:
    assert protobuf.envelope(b"abc") == struct.pack(">BI", 0, 3) + b"abc"


def test_no_client_speaks_it() -> None:
    format = registry()["cursor"]
    assert (format.egress_only, format.streams_only, format.binary) == (True, True, True)
