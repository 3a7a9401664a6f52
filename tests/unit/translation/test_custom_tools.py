"""Free-form tools towards dialects without them, and back again: the same in streams and finished answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute._fast.envelope import scan
from omniroute.ir.caps import Profile
from omniroute.translation.calls import unwrap_input
from omniroute.translation.format import StreamMeta, registry
from omniroute.translation.request import translate_request
from omniroute.translation.response import answer_as_stream, translate_answer
from omniroute.translation.stream import bridge_for

CHAT, ANTHROPIC = registry()["openai_chat"], registry()["anthropic"]
PATCH = '*** Begin\n+ "x" \\ é 𝄞\n*** End'
REQUEST = {
    "model": "an/x",
    "messages": [{"role": "user", "content": "patch it"}],
    "tools": [
        {"type": "custom", "custom": {"name": "apply.patch", "description": "Patch."}},
        {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}},
    ],
}


def meta_for(request: dict[str, Any]) -> tuple[StreamMeta, dict[str, Any]]:
    made = translate_request(scan(json.dumps(request).encode()), CHAT, ANTHROPIC, Profile(model="x"))
    meta = StreamMeta(id="req_1", model="an/x", created=1, tool_names=made.tool_names, request=made.request)
    return meta, json.loads(made.body)


def answer(*calls: tuple[str, Any]) -> bytes:
    content = [{"type": "tool_use", "id": f"t{i}", "name": name, "input": given} for i, (name, given) in enumerate(calls)]
    return json.dumps({"id": "m", "type": "message", "model": "x", "content": content, "stop_reason": "tool_use"}).encode()


def streamed(*calls: tuple[str, str]) -> bytes:
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {"id": "m", "model": "x", "content": [], "usage": {}}}]
    for i, (name, text) in enumerate(calls):
        events.append(
            {"type": "content_block_start", "index": i, "content_block": {"type": "tool_use", "id": f"t{i}", "name": name}}
        )
        for at in range(0, len(text), 3):
            delta = {"type": "input_json_delta", "partial_json": text[at : at + 3]}
            events.append({"type": "content_block_delta", "index": i, "delta": delta})
        events.append({"type": "content_block_stop", "index": i})
    events += [{"type": "message_delta", "delta": {"stop_reason": "tool_use"}}, {"type": "message_stop"}]
    return b"".join(b"event: %s\ndata: %s\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in events)


def calls_of(stream: bytes) -> list[dict[str, Any]]:
    """The calls of a Chat stream, added up as clients do."""
    calls: list[dict[str, Any]] = []
    for line in stream.decode().split("\n\n"):
        if not line.startswith("data: {"):
            continue
        for choice in json.loads(line[6:])["choices"]:
            for delta in choice["delta"].get("tool_calls", ()):
                assert delta["index"] <= len(calls)
                if delta["index"] == len(calls):
                    calls.append({"id": delta["id"], "type": delta["type"], delta["type"]: dict(delta[delta["type"]])})
                    continue
                call = calls[delta["index"]]
                key = "input" if call["type"] == "custom" else "arguments"
                call[call["type"]][key] += delta[call["type"]][key]
    return calls


def test_the_definition_becomes_a_function_of_one_text() -> None:
    meta, body = meta_for(REQUEST)
    tool = body["tools"][0]
    assert tool["input_schema"]["required"] == ["input"]
    assert meta.tool_names[tool["name"]] == "apply.patch"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (json.dumps({"input": PATCH}), PATCH),
        ('{ "input" :\n"a\\u00e9\\ud834\\udd1e" }', "aé𝄞"),
        (json.dumps({"input": ""}), ""),
        ("{}", ""),
        (json.dumps({"input": PATCH, "more": 1}), json.dumps({"input": PATCH, "more": 1})),
        (json.dumps({"patch": "x"}), json.dumps({"patch": "x"})),
        (json.dumps({"input": {"deep": 1}}), json.dumps({"input": {"deep": 1}})),
    ],
)
def test_edge_59_calls_are_unwrapped_in_streams_and_finished_answers(given: str, expected: str) -> None:
    meta, body = meta_for(REQUEST)
    name = body["tools"][0]["name"]
    stream = bridge_for(CHAT, ANTHROPIC, meta, hide_usage=False)
    out = stream.feed(streamed((name, given), ("look", '{"a":1}'))) + stream.finish()
    assert calls_of(out) == [
        {"id": "t0", "type": "custom", "custom": {"name": "apply.patch", "input": expected}},
        {"id": "t1", "type": "function", "function": {"name": "look", "arguments": '{"a":1}'}},
    ]
    upstream = answer((name, json.loads(given)), ("look", {"a": 1}))
    whole = json.loads(translate_answer(upstream, CHAT, ANTHROPIC, meta).body)
    message = whole["choices"][0]["message"]
    compact = json.loads(given)
    plain = expected if "input" in compact and len(compact) == 1 and isinstance(compact["input"], str) else None
    assert message["tool_calls"][0]["type"] == "custom"
    found = message["tool_calls"][0]["custom"]["input"]
    assert found == plain if plain is not None else (json.loads(found or "{}") == compact)
    assert message["tool_calls"][1]["type"] == "function"
    replayed = calls_of(answer_as_stream(upstream, CHAT, ANTHROPIC, meta).body)
    assert replayed == message["tool_calls"]


@pytest.mark.parametrize(
    ("text", "input"), [("not json", "not json"), ("", ""), ("null", "null"), ("[1]", "[1]"), ('{"input": 1', '{"input": 1')]
)
def test_what_is_no_wrapping_stays_text(text: str, input: str) -> None:
    assert unwrap_input(text) == input
    meta, body = meta_for(REQUEST)
    stream = bridge_for(CHAT, ANTHROPIC, meta, hide_usage=False)
    out = stream.feed(streamed((body["tools"][0]["name"], text))) + stream.finish()
    assert calls_of(out)[0]["custom"]["input"] == input


@given(
    st.text(max_size=40)
    | st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=6), lambda inner: st.dictionaries(
        st.sampled_from(["input", "x", "i\\nput"]), inner, max_size=2) | st.lists(inner, max_size=2)).map(json.dumps)
)  # fmt: skip
def test_stream_and_finished_answer_unwrap_alike(text: str) -> None:
    meta, body = meta_for(REQUEST)
    stream = bridge_for(CHAT, ANTHROPIC, meta, hide_usage=False)
    out = stream.feed(streamed((body["tools"][0]["name"], text))) + stream.finish()
    assert calls_of(out)[0]["custom"]["input"] == unwrap_input(text)


def test_the_next_turn_wraps_it_again() -> None:
    history = [
        *REQUEST["messages"],  # type: ignore[misc]
        {"role": "assistant", "tool_calls": [{"id": "t0", "type": "custom", "custom": {"name": "apply.patch", "input": PATCH}}]},
        {"role": "tool", "tool_call_id": "t0", "content": "done"},
    ]
    _, body = meta_for({**REQUEST, "messages": history})
    call = body["messages"][1]["content"][0]
    assert call["input"] == {"input": PATCH}
    assert call["name"] == body["tools"][0]["name"]
