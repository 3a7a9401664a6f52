"""Events of the shape of their predecessor: they are recognised, and mean what they would mean if they were parsed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.cases import apart
from fuzz.readers import META
from omniroute._fast.codec import Bridge, Collector
from omniroute.translation.format import registry
from unit.fast.streams import tapped

CLIENTS = ["openai_chat", "openai_responses", "anthropic", "gemini", "ollama"]
Say = Callable[[str], bytes]


def sse(name: str, body: Any) -> bytes:
    event = f"event: {name}\n" if name else ""
    return f"{event}data: {json.dumps(body, separators=(',', ':'), ensure_ascii=False)}\n\n".encode()


def chat(delta: dict[str, Any], **more: Any) -> bytes:
    choices = [{"index": 0, "delta": delta, "finish_reason": None}]
    return sse("", {"id": "c", "created": 17, "model": "m", "choices": choices, "obfuscation": "a1", "usage": None} | more)


def chat_call(text: str) -> bytes:
    return chat({"tool_calls": [{"index": 0, "function": {"arguments": text}}]})


def block(kind: str, key: str) -> Say:
    return lambda text: sse(
        "content_block_delta", {"type": "content_block_delta", "index": 0, "delta": {"type": kind, key: text}}
    )


def numbered(kind: str, **fields: Any) -> Say:
    """Each with the number of bytes of its text for a sequence number, and padding that differs."""
    return lambda text: sse(
        kind,
        {"type": kind, "sequence_number": len(text), "output_index": 0, **fields, "delta": text, "obfuscation": text[:3] + "x"},
    )


def gemini(**part: Any) -> Say:
    def said(text: str) -> bytes:
        usage = {"promptTokenCount": 5, "candidatesTokenCount": len(text) + 1, "totalTokenCount": len(text) + 6}
        content = {"parts": [{"text": text, **part}], "role": "model"}
        return sse("", {"candidates": [{"content": content, "index": 0}], "usageMetadata": usage, "responseId": "r"})

    return said


def ollama(key: str) -> Say:
    def said(text: str) -> bytes:
        message = {"role": "assistant", "content": "", key: text}
        body = {"model": "m", "created_at": f"2026-01-01T00:00:00.{len(text):06}Z", "message": message, "done": False}
        return json.dumps(body, ensure_ascii=False).encode() + b"\n"

    return said


OPEN_CHAT_CALL = chat({"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]})
OPEN_TOOL = sse(
    "content_block_start",
    {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}}},
)
ITEM = {"type": "function_call", "id": "fc", "call_id": "c1", "name": "f", "arguments": ""}
OPEN_ITEM = sse("response.output_item.added", {"type": "response.output_item.added", "output_index": 0, "item": ITEM})
STREAMS: dict[str, tuple[str, bytes, Say]] = {
    "chat, text": ("openai_chat", b"", lambda text: chat({"content": text})),
    "chat, reasoning": ("openai_chat", b"", lambda text: chat({"reasoning_content": text, "content": None})),
    "chat, call": ("openai_chat", OPEN_CHAT_CALL, chat_call),
    "anthropic, text": ("anthropic", b"", block("text_delta", "text")),
    "anthropic, thinking": ("anthropic", b"", block("thinking_delta", "thinking")),
    "anthropic, call": ("anthropic", OPEN_TOOL, block("input_json_delta", "partial_json")),
    "responses, text": ("openai_responses", b"", numbered("response.output_text.delta", content_index=0, logprobs=[])),
    "responses, summary": ("openai_responses", b"", numbered("response.reasoning_summary_text.delta", summary_index=0)),
    "responses, call": ("openai_responses", OPEN_ITEM, numbered("response.function_call_arguments.delta", item_id="fc")),
    "gemini, text": ("gemini", b"", gemini()),
    "gemini, thought": ("gemini", b"", gemini(thought=True)),
    "ollama, text": ("ollama", b"", ollama("content")),
    "ollama, thinking": ("ollama", b"", ollama("thinking")),
}


def answer(upstream: str, client: str, stream: bytes) -> tuple[Any, ...]:
    """What a client gets of it, what the accounting sees, and how many events were recognised. No client: the collected blocks."""
    formats = registry()
    collector = Collector()
    encoder = formats[client].encoder(META.named(formats[client].id_prefix)) if client else collector
    bridge = Bridge(formats[upstream].decoder(), encoder)
    out = bridge.feed(stream) + bridge.finish()
    return (out, collector.blocks, tapped(bridge)), bridge.recognised


@pytest.mark.parametrize("client", [*CLIENTS, ""])
@pytest.mark.parametrize("name", STREAMS)
def test_a_run_of_deltas_is_recognised(name: str, client: str) -> None:
    upstream, first, say = STREAMS[name]
    stream = first + b"".join(
        map(say, ['{"a": "', "plain", 'said \\"no\\",\n', "日本 é", "\u2028", "\\", "x" * 3000, "🎉", '"}'])
    )
    seen, recognised = answer(upstream, client, stream)
    assert recognised >= 7, "the first one opens the block, the second one is learned"
    parsed, none = answer(upstream, client, apart(upstream, stream))
    assert none == 0
    assert seen == parsed


@pytest.mark.parametrize("name", STREAMS)
def test_passed_through_the_same_is_counted(name: str) -> None:
    upstream, first, say = STREAMS[name]
    stream = first + b"".join(map(say, ["one", "two", "tabs\tand\n", "漢字", "five"]))
    taps = []
    for data in (stream, apart(upstream, stream)):
        bridge = Bridge(registry()[upstream].decoder())
        assert bridge.feed(data) == data
        taps.append((tapped(bridge), bridge.output_chars))
    assert taps[0] == taps[1]


@pytest.mark.parametrize(
    "escape", ["\\u0041", "\\u65e5", "\\ud83c\\udf89", "\\ud83c", "\\udf89", "\\u12", "\\x", "\\/", "\x01", "\x85"]
)
@pytest.mark.parametrize("name", ["chat, text", "anthropic, call", "gemini, text", "ollama, thinking"])
def test_escapes_are_read_alike(name: str, escape: str) -> None:
    """As they stand, right or wrong, in the JSON of the third and the fourth event, and halves at the end of one."""
    upstream, first, say = STREAMS[name]
    marked = [say("one"), say("two"), say(f"a@@b{escape}"), say("@@ and @@"), say("rest @@"), say("@@ end"), say("last")]
    stream = first + b"".join(marked).replace(b"@@", escape.encode())
    for client in (*CLIENTS, ""):
        assert answer(upstream, client, stream)[0] == answer(upstream, client, apart(upstream, stream))[0]


@pytest.mark.parametrize(
    "between",
    [
        chat({}, usage={"prompt_tokens": 1, "completion_tokens": 2}),
        chat({"content": ""}),
        chat({"content": None}),
        chat({"content": "b"}, choices=[]),
        chat({"content": "b"}, error={"message": "broken"}),
        chat({"reasoning_content": "b"}),
        chat_call("{}"),
        chat({"content": "c"}).replace(b'"finish_reason":null', b'"finish_reason":"stop"'),
        chat({"content": "c"}).replace(b'"index":0', b'"index":1'),
        chat({"content": "c"}).replace(b'"created":17', b'"created":-1'),
        chat({"content": "c"}).replace(b'"created":17', b'"created":{}'),
        chat({"content": "c"}).replace(b'"c","created"', b'"c\n","created"'),
        chat({"content": "c"}).replace(b'"a1"', b'"a\\"},1"'),
        chat({"content": "c"})[:-20] + b"\n\n",
        chat({"content": "c"})[:-1] + b"data: more\n\n",
        b"data: [DONE]\n\n",
        b": comment\n\n",
    ],
)
def test_what_stands_between_is_read(between: bytes) -> None:
    says = [chat({"content": word}) for word in ("a", "b", "c", "d")]
    stream = b"".join([*says, between, *says])
    for client in (*CLIENTS, ""):
        assert answer("openai_chat", client, stream)[0] == answer("openai_chat", client, apart("openai_chat", stream))[0]


def test_a_stream_whose_shape_changes_always_is_read_as_well() -> None:
    stream = b"".join(chat({"content": "x"}, number=i) for i in range(60)) + chat({"content": "x"}) * 3
    seen, recognised = answer("openai_chat", "anthropic", stream)
    assert recognised == 0, "after enough shapes in vain none is learned any more"
    assert seen == answer("openai_chat", "anthropic", apart("openai_chat", stream))[0]


@settings(max_examples=150)
@given(
    st.sampled_from(list(STREAMS)),
    st.sampled_from([*CLIENTS, ""]),
    st.lists(st.text(max_size=12), min_size=3, max_size=8),
    st.lists(st.tuples(st.integers(0, 1 << 12), st.binary(max_size=3), st.integers(0, 3)), max_size=3),
    st.lists(st.integers(0, 1 << 12), max_size=4),
)
def test_damaged_streams(name: str, client: str, words: list[str], damage: list[tuple[int, bytes, int]], cuts: list[int]) -> None:
    """Bytes put in the place of others anywhere: what is recognised means the same as what is parsed, at any cut."""
    upstream, first, say = STREAMS[name]
    stream = first + b"".join(map(say, words))
    for at, put, gone in damage:
        at %= len(stream)
        stream = stream[:at] + put + stream[at + gone :]
    whole = answer(upstream, client, stream)[0]
    assert whole == answer(upstream, client, apart(upstream, stream))[0]
    collector = Collector()
    formats = registry()
    encoder = formats[client].encoder(META.named(formats[client].id_prefix)) if client else collector
    bridge = Bridge(formats[upstream].decoder(), encoder)
    places = sorted(cut % (len(stream) + 1) for cut in cuts)
    out = b"".join(bridge.feed(stream[a:b]) for a, b in zip([0, *places], [*places, len(stream)], strict=True)) + bridge.finish()
    assert (out, collector.blocks, tapped(bridge)) == whole
