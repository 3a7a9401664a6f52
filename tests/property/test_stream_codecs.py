"""What must hold for every stream, however it is cut and whatever it holds."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from unit.fast.streams import (
    DECODERS,
    anthropic,
    as_anthropic,
    as_chat,
    bridge,
    chat,
    collect,
    read_anthropic,
    read_chat,
    run,
    tapped,
    translate,
    vector,
    vectors,
)

STREAMS = [(dialect, vector(dialect, name)) for dialect in DECODERS for name in vectors(dialect)]
TARGETS = st.sampled_from([*DECODERS, None])
texts = st.text(max_size=30)
names = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FFF), min_size=1, max_size=12)
objects = st.dictionaries(
    st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.integers()), max_size=4
)


@given(st.sampled_from(STREAMS), TARGETS, st.data())
def test_cuts_make_no_difference(source: tuple[str, bytes], target: str | None, data: st.DataObject) -> None:
    dialect, stream = source
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=12))
    whole, pieces = bridge(dialect, target), bridge(dialect, target)
    assert run(pieces, stream, cuts) == run(whole, stream)
    assert tapped(pieces) == tapped(whole)
    assert pieces.skipped == whole.skipped


@given(st.sampled_from(list(DECODERS)), TARGETS, st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=5))
@example("openai_chat", "anthropic", b'data: {"choices":[{"delta":{"content":"\\', [])
@example("anthropic", "openai_chat", b"data: {\n\ndata: [DONE]\n\n", [3])
def test_arbitrary_bytes_are_an_error_at_most(dialect: str, target: str | None, noise: bytes, cuts: list[int]) -> None:
    joined = bridge(dialect, target)
    out = run(joined, noise, [cut for cut in cuts if cut <= len(noise)])
    assert joined.ended
    assert isinstance(joined.error_message, str)
    if target == "openai_chat":
        read_chat(out)
    elif target == "anthropic":
        read_anthropic(out)


@given(st.sampled_from(STREAMS), TARGETS, st.data())
def test_damaged_streams_are_an_error_at_most(source: tuple[str, bytes], target: str | None, data: st.DataObject) -> None:
    """Vectors with bytes changed, removed and doubled reach the places random bytes never reach."""
    dialect, stream = source
    damaged = bytearray(stream)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(len(damaged) - 1, 0)))
        length = data.draw(st.integers(0, 30))
        damaged[at : at + length] = data.draw(
            st.binary(max_size=4) | st.sampled_from([b"{", b"}", b'"', b"\\", b"[", b"null", b"\n\n", b"\xe2\x80"])
        )
    joined = bridge(dialect, target)
    out = run(joined, bytes(damaged))
    assert joined.ended
    out.decode("utf-8") if target else None
    if target == "openai_chat":
        read_chat(out)
    elif target == "anthropic":
        read_anthropic(out)


def _pieces(text: str, sizes: list[int]) -> list[str]:
    out, begin = [], 0
    for size in sizes:
        out.append(text[begin : begin + size])
        begin += size
    return [*out, text[begin:]]


@st.composite
def answers(draw: st.DrawFn) -> list[tuple[str, Any]]:
    part = (
        st.tuples(st.just("text"), texts)
        | st.tuples(st.just("reasoning"), texts)
        | st.tuples(st.just("call"), st.tuples(names, objects))
    )
    return draw(st.lists(part, max_size=6))


def _chat_stream(answer: list[tuple[str, Any]], sizes: list[int], *, escaped: bool) -> bytes:
    deltas: list[Any] = []
    number = 0
    for kind, value in answer:
        if kind == "call":
            name, arguments = value
            encoded = json.dumps(arguments, ensure_ascii=escaped)
            deltas.append(
                {"tool_calls": [{"index": number, "id": f"call_{number}", "function": {"name": name, "arguments": ""}}]}
            )
            deltas += [{"tool_calls": [{"index": number, "function": {"arguments": piece}}]} for piece in _pieces(encoded, sizes)]
            number += 1
        else:
            key = "content" if kind == "text" else "reasoning_content"
            deltas += [{key: piece} for piece in _pieces(value, sizes)]
    return chat(*deltas, "tool_calls" if number else "stop")


@given(answers(), st.lists(st.integers(0, 4), max_size=4), st.booleans())
def test_every_chat_answer_arrives(answer: list[tuple[str, Any]], sizes: list[int], escaped: bool) -> None:
    stream = _chat_stream(answer, sizes, escaped=escaped)
    collected = collect("openai_chat", stream)
    joined_text = "".join(value for kind, value in answer if kind == "text")
    expected_calls = [(value[0], value[1]) for kind, value in answer if kind == "call"]
    assert as_chat(collected)["content"] == joined_text
    assert as_chat(collected)["reasoning"] == "".join(value for kind, value in answer if kind == "reasoning")
    assert [(b["name"], json.loads(b["arguments"])) for b in collected["blocks"] if b["type"] == "tool"] == expected_calls
    got = read_anthropic(translate("openai_chat", "anthropic", stream))
    assert got["blocks"] == as_anthropic(collected, signed=False)
    assert got["stop"] == ("tool_use" if expected_calls else "end_turn")
    back = read_chat(translate("anthropic", "openai_chat", translate("openai_chat", "anthropic", stream)))
    assert {key: back[key] for key in as_chat(collected)} == as_chat(collected)


@given(answers(), st.lists(st.integers(0, 4), max_size=4))
def test_every_anthropic_answer_arrives(answer: list[tuple[str, Any]], sizes: list[int]) -> None:
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {"usage": {"input_tokens": 1}}}]
    kinds = {
        "text": ("text", "text_delta", "text"),
        "reasoning": ("thinking", "thinking_delta", "thinking"),
        "call": ("tool_use", "input_json_delta", "partial_json"),
    }
    for index, (kind, value) in enumerate(answer):
        block, delta, key = kinds[kind]
        start = (
            {"type": block, "id": f"toolu_{index}", "name": value[0], "input": {}} if kind == "call" else {"type": block, key: ""}
        )
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        whole = json.dumps(value[1]) if kind == "call" else value
        for piece in _pieces(whole, sizes):
            events.append({"type": "content_block_delta", "index": index, "delta": {"type": delta, key: piece}})
        events.append({"type": "content_block_stop", "index": index})
    events += [
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ]
    stream = anthropic(*events)
    got = read_chat(translate("anthropic", "openai_chat", stream))
    assert got["content"] == "".join(value for kind, value in answer if kind == "text")
    assert got["reasoning"] == "".join(value for kind, value in answer if kind == "reasoning")
    assert [(c["name"], json.loads(c["arguments"])) for c in got["calls"]] == [value for kind, value in answer if kind == "call"]
    assert got["finish"] == ("tool_calls" if got["calls"] else "stop")
    assert read_anthropic(translate("anthropic", "anthropic", stream))["stop"] == ("tool_use" if got["calls"] else "end_turn")


@given(st.lists(st.tuples(st.integers(0, 3), st.text(max_size=6)), max_size=30), st.permutations(range(4)))
def test_interleaved_calls_are_put_in_sequence(fragments: list[tuple[int, str]], order: list[int]) -> None:
    """Fragments of four calls in any order; each call's text is a JSON object that grows."""
    texts_of = dict.fromkeys(range(4), "")
    deltas: list[Any] = [
        {"tool_calls": [{"index": n, "id": f"id{n}", "function": {"name": f"f{n}", "arguments": '{"v":"'}}]} for n in order
    ]
    for number, text in fragments:
        texts_of[number] += text
        inner = json.dumps(text)[1:-1]
        deltas.append({"tool_calls": [{"index": number, "function": {"arguments": inner}}]})
    deltas += [{"tool_calls": [{"index": n, "function": {"arguments": '"}'}}]} for n in reversed(order)]
    blocks = read_anthropic(translate("openai_chat", "anthropic", chat(*deltas, "tool_calls")))["blocks"]
    assert [b["name"] for b in blocks] == [f"f{n}" for n in order]
    assert [json.loads(b["input"])["v"] for b in blocks] == [texts_of[n] for n in order]
