"""A provider refuses a proof of thinking: what says so, and the request to ask again with (edge-066)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.translation.format import registry
from omniroute.translation.refused_thinking import refuses_thinking, without_thinking
from unit.translation.test_gemini_requests import gemini_complaints
from unit.translation.validators import anthropic_complaints


@pytest.mark.parametrize(
    ("status", "message", "code", "expected"),
    [
        (400, "messages.1.content.0: Invalid `signature` in `thinking` block", "invalid_request_error", True),
        (400, "messages.3.content.0.thinking.signature: could not be verified", "", True),
        (400, "`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified.", "", True),
        (400, "Corrupted thought signature.", "INVALID_ARGUMENT", True),
        (400, "Thought signature is not valid", "", True),
        (400, "The encrypted content gAAA... could not be verified.", "", True),
        (400, "whatever", "invalid_encrypted_content", True),
        (400, "Item 'fc_1' of type 'function_call' was provided without its required 'reasoning' item: 'rs_1'.", "", True),
        (400, "Function call is missing a thought_signature in functionCall parts.", "", True),
        (400, "Expected `thinking` or `redacted_thinking`, but found `tool_use`.", "", False),
        (400, "messages.0.content: Invalid image", "", False),
        (400, "max_tokens must be greater than thinking.budget_tokens", "", False),
        (400, "", "", False),
        (403, "Invalid `signature` in `thinking` block", "", False),
        (500, "Corrupted thought signature.", "", False),
    ],
)
def test_edge_066_the_refusal_is_known_by_its_words(status: int, message: str, code: str, expected: bool) -> None:
    assert refuses_thinking(status, message, code) is expected


def body_without(name: str, body: dict[str, Any]) -> dict[str, Any] | None:
    found = without_thinking(json.dumps(body).encode(), registry()[name])
    return None if found is None else dict(json.loads(found))


THOUGHT = {"type": "thinking", "thinking": "t", "signature": "s"}
USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "r"}


def test_edge_066_anthropic() -> None:
    body = {
        "model": "m",
        "max_tokens": 4000,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "messages": [
            {"role": "user", "content": "a"},
            {
                "role": "assistant",
                "content": [THOUGHT, {"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "b"}],
            },
            {"role": "user", "content": "c"},
            {"role": "assistant", "content": [THOUGHT]},
            {"role": "user", "content": [{"type": "text", "text": "d", "cache_control": {"type": "ephemeral"}}]},
        ],
        "context_management": {"edits": []},
    }
    expected = json.loads(json.dumps(body))
    expected["messages"][1]["content"] = [{"type": "text", "text": "b"}]
    del expected["messages"][3]
    assert body_without("anthropic", body) == expected


def test_edge_066_a_running_tool_loop_goes_on_without_thinking() -> None:
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [THOUGHT, USE]},
        {"role": "user", "content": [RESULT]},
    ]
    body = {"model": "m", "max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 1024}, "messages": messages}
    left = body_without("anthropic", {**body, "context_management": {"edits": [{"type": "clear_thinking_20251015"}]}})
    assert left is not None
    assert left == {"model": "m", "max_tokens": 4000, "messages": [messages[0], {**messages[1], "content": [USE]}, messages[2]]}
    assert anthropic_complaints(left) == []
    adaptive = body_without("anthropic", {**body, "thinking": {"type": "adaptive"}})
    assert adaptive is not None
    assert adaptive["thinking"] == {"type": "adaptive"}


def test_edge_066_gemini() -> None:
    asked = {"role": "user", "parts": [{"text": "a"}]}
    call = {"functionCall": {"name": "f", "args": {}}}
    answered = {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "r"}}}] * 2}
    body = {
        "contents": [
            asked,
            {"role": "model", "parts": [{"text": "hm", "thought": True}, {**call, "thoughtSignature": "x"}, call]},
            answered,
            {"role": "model", "parts": [{"text": "b", "thought_signature": "x"}]},
            asked,
        ]
    }
    left = body_without("gemini", body)
    assert left == {
        "contents": [
            asked,
            {"role": "model", "parts": [{**call, "thoughtSignature": "skip_thought_signature_validator"}, call]},
            answered,
            {"role": "model", "parts": [{"text": "b"}]},
            asked,
        ]
    }
    assert gemini_complaints(left) == []
    assert body_without("gemini", left) is None, "what is asked a second time changes nothing more"


def test_a_call_of_another_vendors_model_is_marked_as_one_without_signature() -> None:
    """A Gemini client's conversation that another vendor answered before: its calls pass as they are until Google objects."""
    message = "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly."
    assert refuses_thinking(400, message)
    call = {"functionCall": {"name": "f", "args": {}}}
    asked = {"role": "user", "parts": [{"text": "a"}]}
    left = body_without("gemini", {"contents": [asked, {"role": "model", "parts": [{"text": "b"}, call, call]}]})
    marked = {"thoughtSignature": "skip_thought_signature_validator", **call}
    assert left == {"contents": [asked, {"role": "model", "parts": [{"text": "b"}, marked, call]}]}
    assert body_without("gemini", left) is None


def test_edge_066_responses() -> None:
    said = {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "b"}]}
    call = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"}
    user = {"type": "message", "id": "msg_0", "role": "user", "content": "a"}
    output = {"type": "function_call_output", "id": "o", "call_id": "c1", "output": "r"}
    body = {"model": "m", "input": [user, {"type": "reasoning", "id": "rs_1", "encrypted_content": "g"}, said, call, output]}
    bare = [{key: value for key, value in item.items() if key != "id"} for item in (said, call)]
    assert body_without("openai_responses", body) == {"model": "m", "input": [user, *bare, output]}


@pytest.mark.parametrize("name", registry().names())
def test_nothing_to_take_out(name: str) -> None:
    bodies: list[dict[str, Any]] = [
        {},
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": [USE]}]},
        {"contents": [{"role": "model", "parts": [{"text": "x"}]}]},
        {"input": [{"type": "message", "id": "m", "role": "assistant", "content": []}]},
    ]
    for body in bodies:
        assert body_without(name, body) is None


@given(
    st.recursive(
        st.none() | st.text(max_size=5) | st.sampled_from(["thinking", "reasoning"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from("messages contents input content parts type thought".split()), inner, max_size=3)
        ),
    )
)
def test_any_json_is_taken_as_it_is(value: Any) -> None:
    for one in registry():
        found = without_thinking(json.dumps(value).encode(), one)
        assert found is None or without_thinking(found, one) is None
    assert without_thinking(b"no json", registry()["anthropic"]) is None
