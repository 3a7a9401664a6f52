"""Cost of the stream codecs in ns per event, decode + tap + encode. Run: ``python benchmarks/bench_codec.py``.

``burst`` feeds reads of 100 events, ``paced`` one event a read (the call from Python included), ``kB`` one long text.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from omniroute._fast.anthropic import AnthropicDecoder, AnthropicEncoder
from omniroute._fast.codec import Bridge, Collector, Encoder
from omniroute._fast.openai_chat import OpenAIChatDecoder, OpenAIChatEncoder

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


def main() -> None:
    print(f"{'stream':<32}{'bytes':>7}{'burst ns':>10}{'paced ns':>10}")
    for name, decoder, encoder, first, event in CASES:

        def make(decoder: Callable[[], Any] = decoder, encoder: Callable[[], Encoder | None] = encoder) -> Bridge:
            return Bridge(decoder(), encoder())

        burst = best_ns(make, first, event * BURST, BURST)
        paced = best_ns(make, first, event, 1)
        print(f"{name:<32}{len(event):>7}{burst:>10.0f}{paced:>10.0f}")


if __name__ == "__main__":
    main()
