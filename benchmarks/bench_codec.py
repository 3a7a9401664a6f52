"""Cost of the stream codecs in ns per event, decode + tap + encode. Run: ``python benchmarks/bench_codec.py``.

``burst`` feeds reads of 100 events, ``paced`` one event a read (the call from Python included), ``kB`` one long text. ``parsed``
is a burst in which no event has the shape of its predecessor, so that each is read the long way.

The second table is every pair of formats, a text delta of 9 bytes in a burst: recognised, and parsed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from omniroute._fast.anthropic import AnthropicDecoder, AnthropicEncoder
from omniroute._fast.codec import Bridge, Collector, Encoder
from omniroute._fast.openai_chat import OpenAIChatDecoder, OpenAIChatEncoder
from omniroute.translation.format import StreamMeta, registry

BURST, ROUNDS, FEEDS = 100, 15, 100


def chat_event(delta: dict[str, Any], *, ascii_only: bool = True) -> bytes:
    """A chunk as OpenAI sends it: about 270 bytes around the delta."""
    chunk = {
        "id": "chatcmpl-CfA1b2c3d4e5f6g7h8i9j0",
        "object": "chat.completion.chunk",
        "created": 1764000000,
        "model": "gpt-5.1-2026-01-01",
        "service_tier": "default",
        "system_fingerprint": "fp_50906f2aac",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}],
        "usage": None,
        "obfuscation": "q8RtY2mQ",
    }
    return b"data: " + json.dumps(chunk, separators=(",", ":"), ensure_ascii=ascii_only).encode() + b"\n\n"


def anthropic_event(kind: str, **fields: Any) -> bytes:
    body = json.dumps({"type": kind, **fields}, separators=(",", ":"), ensure_ascii=False)
    return f"event: {kind}\ndata: {body}\n\n".encode()


def text_delta(text: str) -> bytes:
    return anthropic_event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


OPEN_TEXT = anthropic_event("content_block_start", index=0, content_block={"type": "text", "text": ""})
OPEN_TOOL = anthropic_event(
    "content_block_start", index=0, content_block={"type": "tool_use", "id": "t", "name": "f", "input": {}}
)
OPEN_CALL = chat_event({"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}]})
CALL = chat_event({"tool_calls": [{"index": 0, "function": {"arguments": '"path": '}}]})
PARTIAL = anthropic_event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": '"path": '})
WORDS = " and then"
LONG = 'He said "no",\nand went on at length. ' * 28
CHINESE = "这是一个测试。"


def chat_encoder() -> Encoder:
    return OpenAIChatEncoder("chatcmpl-0123456789abcdef", "anthropic/claude-sonnet", 1764000000, True)


def anthropic_encoder() -> Encoder:
    return AnthropicEncoder("msg_0123456789abcdef", "openai/gpt", 100)


def nobody() -> None:
    return None


# name, decoder, encoder, what comes first, one event
CASES: list[tuple[str, Callable[[], Any], Callable[[], Encoder | None], bytes, bytes]] = [
    ("chat → anthropic, text", OpenAIChatDecoder, anthropic_encoder, b"", chat_event({"content": WORDS})),
    ("chat → anthropic, call", OpenAIChatDecoder, anthropic_encoder, OPEN_CALL, CALL),
    ("chat → anthropic, 1 kB text", OpenAIChatDecoder, anthropic_encoder, b"", chat_event({"content": LONG})),
    ("chat → anthropic, chinese", OpenAIChatDecoder, anthropic_encoder, b"", chat_event({"content": CHINESE}, ascii_only=False)),
    ("chat → anthropic, chinese \\u", OpenAIChatDecoder, anthropic_encoder, b"", chat_event({"content": CHINESE})),
    ("chat → chat, passed through", OpenAIChatDecoder, nobody, b"", chat_event({"content": WORDS})),
    ("chat → collector", OpenAIChatDecoder, Collector, b"", chat_event({"content": WORDS})),
    ("anthropic → chat, text", AnthropicDecoder, chat_encoder, OPEN_TEXT, text_delta(WORDS)),
    ("anthropic → chat, call", AnthropicDecoder, chat_encoder, OPEN_TOOL, PARTIAL),
    ("anthropic → chat, 1 kB text", AnthropicDecoder, chat_encoder, OPEN_TEXT, text_delta(LONG)),
    ("anthropic → anthropic, passed", AnthropicDecoder, nobody, OPEN_TEXT, text_delta(WORDS)),
    ("anthropic → collector", AnthropicDecoder, Collector, OPEN_TEXT, text_delta(WORDS)),
]


def best_ns(make: Callable[[], Bridge], first: bytes, read: bytes, events: int) -> float:
    """ns per event: the fastest of several rounds, the figure least disturbed by the rest of the machine."""
    best = float("inf")
    for _ in range(ROUNDS):
        bridge = make()
        bridge.feed(first)
        feed = bridge.feed
        start = time.perf_counter_ns()
        for _ in range(FEEDS):
            feed(read)
        best = min(best, (time.perf_counter_ns() - start) / (FEEDS * events))
    return best


def gemini_event(text: str) -> bytes:
    usage = {"promptTokenCount": 812, "candidatesTokenCount": 41, "totalTokenCount": 853}
    candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    body = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-3-pro", "responseId": "aZ3kafWLNp2tz7IP"}
    return b"data: " + json.dumps(body, separators=(",", ":")).encode() + b"\r\n\r\n"


def responses_event(text: str) -> bytes:
    kind = "response.output_text.delta"
    body = {"type": kind, "sequence_number": 41, "item_id": "msg_0a1b2c3d4e5f60718293a4b5c6d7e8f9", "output_index": 0}
    body |= {"content_index": 0, "delta": text, "logprobs": [], "obfuscation": "q8RtY2mQ"}
    return f"event: {kind}\ndata: {json.dumps(body, separators=(',', ':'))}\n\n".encode()


def ollama_event(text: str) -> bytes:
    message = {"role": "assistant", "content": text}
    body = {"model": "qwen3:8b", "created_at": "2026-01-01T00:00:00.123456789Z", "message": message, "done": False}
    return json.dumps(body, separators=(",", ":")).encode() + b"\n"


DELTAS: dict[str, bytes] = {
    "openai_chat": chat_event({"content": WORDS}),
    "openai_responses": responses_event(WORDS),
    "anthropic": text_delta(WORDS),
    "gemini": gemini_event(WORDS),
    "ollama": ollama_event(WORDS),
}


def apart(event: bytes) -> bytes:
    """The event with something before it that means nothing, by which it is no longer of its predecessor's shape."""
    return b"\n" + event if event.startswith(b"{") else b": \n" + event


def row(name: str, make: Callable[[], Bridge], first: bytes, event: bytes) -> None:
    burst = best_ns(make, first, event * BURST, BURST)
    parsed = best_ns(make, first, apart(event) * BURST, BURST)
    paced = best_ns(make, first, event, 1)
    print(f"{name:<32}{len(event):>7}{burst:>10.0f}{paced:>10.0f}{parsed:>11.0f}")


def main() -> None:
    print(f"{'stream':<32}{'bytes':>7}{'burst ns':>10}{'paced ns':>10}{'parsed ns':>11}")
    for name, decoder, encoder, first, event in CASES:

        def make(decoder: Callable[[], Any] = decoder, encoder: Callable[[], Encoder | None] = encoder) -> Bridge:
            return Bridge(decoder(), encoder())

        row(name, make, first, event)
    print()
    formats = registry()
    meta = StreamMeta(id="req_0123456789abcdef", model="shown/model", created=1764000000, include_usage=True)
    for source, event in DELTAS.items():
        for target in DELTAS:

            def pair(source: str = source, target: str = target) -> Bridge:
                client = formats[target]
                same = source == target
                return Bridge(formats[source].decoder(), None if same else client.encoder(meta.named(client.id_prefix)))

            row(f"{source} → {target}", pair, b"", event)


if __name__ == "__main__":
    main()
