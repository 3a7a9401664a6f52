"""Filters between decoder and encoder: tagged thinking (edge 79) and the tee."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from omniroute._fast.codec import Bridge, Collector
from omniroute._fast.filters import Tee, ThinkTags
from omniroute._fast.openai_chat import OpenAIChatDecoder
from omniroute.ir.request import Text, Thinking
from omniroute.ir.response import ChatResponse
from omniroute.translation.think_tags import split_thinking
from unit.fast.streams import bridge, chat, encoder, read_anthropic, read_chat, run, vector

CALL = {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "look", "arguments": '{"a":1}'}}]}


def blocks(*deltas: Any, cuts: list[int] | None = None) -> list[tuple[str, str]]:
    """(type, text) of the blocks that come out of a tagged Chat stream."""
    collector = Collector()
    joined = Bridge(OpenAIChatDecoder(), collector, through=(ThinkTags(),))
    run(joined, chat(*deltas, "stop"), cuts or [])
    return [(block["type"], block.get("arguments") or block.get("text", "")) for block in collector.blocks]


def said(text: str) -> list[dict[str, str]]:
    """One delta per character."""
    return [{"content": char} for char in text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>hm</think>yes", [("thinking", "hm"), ("text", "yes")]),
        ("\n <think>\n a b \n</think>\n\nyes\n", [("thinking", "a b"), ("text", "yes\n")]),
        ("<think></think>yes", [("thinking", ""), ("text", "yes")]),
        ("<think>only thought</think>  \n", [("thinking", "only thought")]),
        ("<think>never closed </thin", [("thinking", "never closed </thin")]),
        ("<think>a </ b < c </thinking </think> d", [("thinking", "a </ b < c </thinking"), ("text", "d")]),
        ("<think>a</think>b<think>c</think>d", [("thinking", "a"), ("text", "b<think>c</think>d")]),
        ("So <think>a</think>", [("text", "So <think>a</think>")]),
        ("<thinker>", [("text", "<thinker>")]),
        ("  <thin", [("text", "  <thin")]),
        ('<think>𝄞é\\n</think>"ü', [("thinking", "𝄞é\\n"), ("text", '"ü')]),
    ],
)
def test_edge_79_tags_are_found_however_they_are_cut(text: str, expected: list[tuple[str, str]]) -> None:
    assert blocks({"content": text}) == expected
    assert blocks(*said(text)) == expected
    parts = split_thinking(ChatResponse(origin="openai_chat", id="", model="", parts=(Text(text=text),), stop="stop")).parts
    assert [
        ("thinking" if isinstance(p, Thinking) else "text", p.text) for p in parts if isinstance(p, Text | Thinking)
    ] == expected


@given(st.lists(st.sampled_from(["<think>", "</think>", "<", "</", "think>", " ", "\n", "a", "é"]), max_size=12), st.data())
@example(["<think>", "</", "think>"], None)
def test_stream_and_finished_answer_agree(words: list[str], data: st.DataObject | None) -> None:
    text = "".join(words)
    whole = ChatResponse(origin="openai_chat", id="", model="", parts=(Text(text=text),) if text else (), stop="stop")
    expected = [(type(p).__name__.lower(), p.text) for p in split_thinking(whole).parts if isinstance(p, Text | Thinking)]
    size = data.draw(st.integers(1, 5)) if data is not None else 1
    pieces = [{"content": text[i : i + size]} for i in range(0, len(text), size)]
    assert blocks(*pieces) == expected


def test_what_follows_keeps_its_place() -> None:
    assert blocks(*said("<think>hm</think>I look."), CALL, {"content": "Done."}) == [
        ("thinking", "hm"), ("text", "I look."), ("tool", '{"a":1}'), ("text", "Done.")]  # fmt: skip
    assert blocks(*said("<think>hm</think>"), CALL) == [("thinking", "hm"), ("tool", '{"a":1}')]
    assert blocks(CALL, {"content": "<think>late</think>"}) == [("tool", '{"a":1}'), ("text", "<think>late</think>")]
    assert blocks({"reasoning_content": "r"}, {"content": "<think>x</think>"}) == [
        ("thinking", "r"),
        ("text", "<think>x</think>"),
    ]


@pytest.mark.parametrize("target", ["openai_chat", "anthropic"])
def test_both_dialects_stay_well_formed(target: str) -> None:
    stream = chat(*said("<think>hm</think>I look."), CALL, "tool_calls", {"usage": {"prompt_tokens": 3, "completion_tokens": 4}})
    out = run(Bridge(OpenAIChatDecoder(), encoder(target), through=(ThinkTags(),)), stream)
    if target == "anthropic":
        message = read_anthropic(out)
        assert [block["type"] for block in message["blocks"]] == ["thinking", "text", "tool_use"]
    else:
        deltas = [json.loads(line[6:]) for line in out.decode().split("\n\n") if line.startswith("data: {")]
        shown = [chunk["choices"][0]["delta"] for chunk in deltas if chunk["choices"]]
        assert "".join(d.get("content") or "" for d in shown) == "I look."
        assert "".join(d.get("reasoning_content") or "" for d in shown) == "hm"
        read_chat(out)


def test_a_broken_stream_loses_nothing_that_was_held() -> None:
    out = run(Bridge(OpenAIChatDecoder(), encoder("anthropic"), through=(ThinkTags(),)), chat({"content": "<thi"}, done=False))
    assert b"<thi" in out
    assert b"event: error" in out


@pytest.mark.parametrize("name", ["text", "tools_interleaved", "reasoning", "refusal", "always_index_zero"])
def test_streams_without_tags_are_not_touched(name: str) -> None:
    stream = vector("openai_chat", name)
    filtered = Bridge(OpenAIChatDecoder(), encoder("anthropic"), through=(ThinkTags(),))
    assert run(filtered, stream) == run(bridge("openai_chat", "anthropic"), stream)


def test_a_tee_collects_beside_a_stream_and_beside_a_pass_through() -> None:
    stream = vector("openai_chat", "reasoning")
    plain = Collector()
    run(Bridge(OpenAIChatDecoder(), plain), stream)
    beside, passing = Collector(), Collector()
    assert run(Bridge(OpenAIChatDecoder(), encoder("anthropic"), through=(Tee(beside),)), stream) == run(
        bridge("openai_chat", "anthropic"), stream
    )
    assert run(Bridge(OpenAIChatDecoder(), through=(Tee(passing),)), stream) == stream
    assert beside.blocks == passing.blocks == plain.blocks
    assert plain.blocks


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=4))
def test_arbitrary_bytes_harm_no_filter(noise: bytes, cuts: list[int]) -> None:
    for stream in (noise, b'data: {"choices":[{"delta":{"content":"<think>' + noise.replace(b"\n", b" ") + b'"}}]}\n\n'):
        collector = Collector()
        joined = Bridge(OpenAIChatDecoder(), encoder("anthropic"), through=(ThinkTags(), Tee(collector)))
        read_anthropic(run(joined, stream, [cut for cut in cuts if cut <= len(stream)]))
        assert joined.ended
        assert isinstance(collector.blocks, list)


def test_the_end_of_a_complete_answer_is_told_once() -> None:
    told: list[int] = []
    for stream in (vector("openai_chat", "text"), vector("openai_chat", "no_done"), vector("openai_chat", "error")):
        run(Bridge(OpenAIChatDecoder(), through=(Tee(Collector(), lambda: told.append(1)),)), stream)
    assert len(told) == 2
