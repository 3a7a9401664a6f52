"""What CodeWhisperer is sent: its service's rules hold for anything a client may say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omniroute._fast.envelope import scan
from omniroute.core.errors import BadAnswer
from omniroute.ir.caps import Profile, Quirks
from omniroute.translation.egress import ProviderOnly
from omniroute.translation.format import registry
from omniroute.translation.ops import Op
from omniroute.translation.request import translate_request
from upstream.kiro_dialect import complaints

PROFILE = Profile(model="claude-sonnet-4.5")
USER = {"role": "user", "content": "Hi"}


def sent(body: dict[str, Any], client: str = "openai_chat", *, ops: list[Op] | None = None, profile: Profile = PROFILE) -> Any:
    raw = json.dumps({"model": "m", **body}).encode()
    formats = registry()
    found = json.loads(translate_request(scan(raw), formats[client], formats["kiro"], profile, ops=ops).body)
    assert complaints(found) == []
    return found


def state(body: dict[str, Any], client: str = "openai_chat") -> Any:
    return sent(body, client)["conversationState"]


def current(body: dict[str, Any], client: str = "openai_chat") -> Any:
    return state(body, client)["currentMessage"]["userInputMessage"]


def tool(name: str = "f", **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **fields}}


CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}],
}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "42"}


def test_the_least() -> None:
    found = sent({"messages": [USER]})
    assert found.keys() == {"conversationState"}
    message = found["conversationState"]["currentMessage"]["userInputMessage"]
    assert message == {"content": "Hi", "modelId": "claude-sonnet-4.5", "origin": "AI_EDITOR"}
    assert "history" not in found["conversationState"]


def test_system_text_stands_before_the_first_words() -> None:
    body = {"messages": [{"role": "system", "content": "Be kind."}, USER, {"role": "assistant", "content": "Yes?"}, USER]}
    found = state(body)
    assert found["history"][0]["userInputMessage"]["content"] == "Be kind.\n\nHi"
    assert found["currentMessage"]["userInputMessage"]["content"] == "Hi"


def test_a_conversation_keeps_its_id_as_it_grows_and_no_other_has_it() -> None:
    turns = [USER, {"role": "assistant", "content": "Yes?"}, {"role": "user", "content": "Go on"}]
    ids = [state({"messages": messages})["conversationId"] for messages in (turns, [*turns, turns[1], turns[2]])]
    assert ids[0] == ids[1]
    assert ids[0] != state({"messages": [{"role": "user", "content": "Another"}, *turns[1:]]})["conversationId"]


@pytest.mark.parametrize(
    "messages",
    [
        [USER, USER, {"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}, USER],
        [{"role": "assistant", "content": "I begin."}, USER],
        [USER, {"role": "assistant", "content": "I was say"}],
        [{"role": "system", "content": "Only this."}],
        [USER, CALL, RESULT],
        [USER, CALL, RESULT, {"role": "assistant", "content": "42."}, USER],
        [USER, CALL, USER],
        [USER, RESULT],
        [USER, CALL, {**RESULT, "content": ""}],
        [{"role": "user", "content": " "}, {"role": "assistant", "content": "\n"}, {"role": "user", "content": ""}],
    ],
    ids=["runs", "assistant first", "prefill", "system", "results", "later", "unanswered", "orphan", "silent", "blank"],
)
def test_roles_alternate_and_nothing_is_empty(messages: list[Any]) -> None:
    state({"messages": messages, "tools": [tool()]})


def test_calls_and_results() -> None:
    found = state({"messages": [USER, CALL, RESULT], "tools": [tool()]})
    assert found["history"][1]["assistantResponseMessage"]["toolUses"] == [{"toolUseId": "c1", "name": "f", "input": {"a": 1}}]
    context = found["currentMessage"]["userInputMessage"]["userInputMessageContext"]
    assert context["toolResults"] == [{"toolUseId": "c1", "status": "success", "content": [{"text": "42"}]}]


def test_edge_037_a_failed_call_has_its_status() -> None:
    failed = {"type": "tool_result", "tool_use_id": "c1", "content": "no", "is_error": True}
    use = {"type": "tool_use", "id": "c1", "name": "f", "input": {}}
    messages = [USER, {"role": "assistant", "content": [use]}, {"role": "user", "content": [failed]}]
    body = {"max_tokens": 9, "messages": messages, "tools": [{"name": "f", "input_schema": {"type": "object"}}]}
    (result,) = current(body, "anthropic")["userInputMessageContext"]["toolResults"]
    assert result["status"] == "error"


def test_edge_047_tools_are_described_whatever_the_client_says() -> None:
    schema = {
        "type": "object",
        "properties": {
            "additionalProperties": {"type": "object", "additionalProperties": False},
            "list": {"items": [{"additionalProperties": True}]},
        },
        "additionalProperties": False,
    }
    context = current({"messages": [USER], "tools": [tool("f" * 80, parameters=schema), tool("g", description=" ")]})
    first, second = (entry["toolSpecification"] for entry in context["userInputMessageContext"]["tools"])
    assert len(first["name"]) == 64
    assert first["description"] == first["name"]
    assert first["inputSchema"]["json"]["properties"].keys() == {"additionalProperties", "list"}, "a property is no keyword"
    assert second == {
        "name": "g",
        "description": "g",
        "inputSchema": {"json": {"type": "object", "properties": {}, "required": []}},
    }


def test_a_tool_of_the_history_that_is_no_longer_given_is_still_described() -> None:
    context = current({"messages": [USER, CALL, RESULT]})["userInputMessageContext"]
    assert [entry["toolSpecification"]["name"] for entry in context["tools"]] == ["f"]


def test_limits_and_sampling_have_a_place_of_their_own() -> None:
    ops: list[Op] = []
    found = sent({"messages": [USER], "max_tokens": 50, "temperature": 1.7, "top_p": 0.5, "stop": ["x"], "seed": 3}, ops=ops)
    assert found["inferenceConfig"] == {"maxTokens": 50, "temperature": 1.0, "topP": 0.5}
    assert {op.pointer for op in ops} >= {"/stop", "/seed", "/temperature"}


def test_structured_output_becomes_an_instruction() -> None:
    schema = {"type": "object", "properties": {"answer": {"type": "integer"}}, "required": ["answer"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    assert json.dumps(schema, separators=(",", ":")) in current({"messages": [USER], "response_format": wanted})["content"]


def test_quirks_apply() -> None:
    profile = Profile(model="m", quirks=Quirks(force={"profileArn": "arn:x"}, drop=("inferenceConfig",)))
    assert sent({"messages": [USER], "max_tokens": 5}, profile=profile).keys() == {"conversationState", "profileArn"}


def test_no_client_speaks_it() -> None:
    format = registry()["kiro"]
    assert (format.egress_only, format.streams_only, format.binary) == (True, True, False)
    with pytest.raises(ProviderOnly):
        format.decode_request(b"{}")
    for body in (b"{}", b"[]", b"no json"):
        with pytest.raises(BadAnswer):
            format.decode_response(body)
