"""Five dialects as bytes: what a client sends, what a provider answers. Written from the vendors' documentation.

Each dialect goes by the name of the format it is. The shapes are of usual size: a chat chunk has about 270 bytes around its text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

_CREATED = 1_700_000_000
PROMPT_TOKENS = 10
TURN = 2000  # characters of one message in a long conversation


class Events(NamedTuple):
    """A stream: the events before the content, one per text, the ones after."""

    before: list[bytes]
    content: list[bytes]
    after: list[bytes]


class Dialect(NamedTuple):
    """``path(model, stream)``; ``request(model, turns, stream)``, where turns are the user's and the assistant's in alternation;
    ``answer(text, tokens)``; ``events(texts)``: the stream whose content events carry them.
    ``done`` (at most 20 bytes) is in the last event of every complete stream and in no other.
    """

    path: Callable[[str, bool], str]
    request: Callable[[str, Sequence[str], bool], dict[str, Any]]
    answer: Callable[[str, int], dict[str, Any]]
    events: Callable[[Sequence[str]], Events]
    done: bytes
    stream_type: str = "text/event-stream; charset=utf-8"


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def conversation(size: int) -> list[str]:
    """Turns, an odd number of them, whose texts come to about ``size`` bytes of JSON: prose with line breaks and quotes."""
    passage = 'The reader said "no",\nand the proxy went on reading. ' * (TURN // 50 + 1)
    if size <= TURN:
        return [passage[: max(16, size)]]
    turns = size // TURN
    return [passage[:TURN]] * (turns if turns % 2 else turns - 1)


def _roles(turns: Sequence[str], second: str = "assistant") -> list[tuple[str, str]]:
    return [(second if index % 2 else "user", text) for index, text in enumerate(turns)]


def _each(texts: Sequence[str], event: Callable[[str], bytes]) -> list[bytes]:
    """An event per text; equal texts share theirs."""
    made = {text: event(text) for text in dict.fromkeys(texts)}
    return [made[text] for text in texts]


def _sse(data: bytes, name: str | None = None) -> bytes:
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + data + b"\n\n"


# Chat Completions ----------------------------------------------------------------------------------------------------------

_CHAT = {
    "id": "chatcmpl-CfA1b2c3d4e5f6g7h8i9j0",
    "created": _CREATED,
    "model": "mock",
    "service_tier": "default",
    "system_fingerprint": "fp_50906f2aac",
}


def _chat_request(model: str, turns: Sequence[str], stream: bool) -> dict[str, Any]:
    messages = [{"role": role, "content": text} for role, text in _roles(turns)]
    return {"model": model, "stream": stream, "messages": messages}


def _chat_usage(tokens: int) -> dict[str, int]:
    return {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": tokens, "total_tokens": PROMPT_TOKENS + tokens}


def _chat_answer(text: str, tokens: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {**_CHAT, "object": "chat.completion", "choices": [choice], "usage": _chat_usage(tokens)}


def _chat_events(texts: Sequence[str]) -> Events:
    def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _sse(compact({**_CHAT, "object": "chat.completion.chunk", "choices": [choice], "obfuscation": "q8RtY2mQ"}))

    usage = {**_CHAT, "object": "chat.completion.chunk", "choices": [], "usage": _chat_usage(len(texts))}
    before = [chunk({"role": "assistant", "content": ""})]
    content = _each(texts, lambda text: chunk({"content": text}))
    return Events(before, content, [chunk({}, "stop"), _sse(compact(usage)), _sse(b"[DONE]")])


# Messages ------------------------------------------------------------------------------------------------------------------


def _messages_request(model: str, turns: Sequence[str], stream: bool) -> dict[str, Any]:
    return {**_chat_request(model, turns, stream), "max_tokens": 4096}


def _message(content: list[Any], stop: str | None, tokens: int) -> dict[str, Any]:
    return {
        "id": "msg_01MockMockMockMockMockMock",
        "type": "message",
        "role": "assistant",
        "model": "mock",
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": PROMPT_TOKENS, "output_tokens": tokens},
    }


def _messages_answer(text: str, tokens: int) -> dict[str, Any]:
    return _message([{"type": "text", "text": text}], "end_turn", tokens)


def _messages_events(texts: Sequence[str]) -> Events:
    def event(name: str, **fields: object) -> bytes:
        return _sse(compact({"type": name, **fields}), name)

    before = [
        event("message_start", message=_message([], None, 1)),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    ]
    content = _each(texts, lambda text: event("content_block_delta", index=0, delta={"type": "text_delta", "text": text}))
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    after = [
        event("content_block_stop", index=0),
        event("message_delta", delta=stop, usage={"output_tokens": len(texts)}),
        event("message_stop"),
    ]
    return Events(before, content, after)


# Responses -----------------------------------------------------------------------------------------------------------------


def _responses_request(model: str, turns: Sequence[str], stream: bool) -> dict[str, Any]:
    items = [{"role": role, "content": text} for role, text in _roles(turns)]
    return {"model": model, "stream": stream, "input": items, "store": False}


def _output_item(text: str | None) -> dict[str, Any]:
    parts = [] if text is None else [{"type": "output_text", "annotations": [], "text": text}]
    status = "in_progress" if text is None else "completed"
    return {"id": "msg_mock", "type": "message", "status": status, "role": "assistant", "content": parts}


def _response(output: list[Any], status: str, tokens: int) -> dict[str, Any]:
    usage = {
        "input_tokens": PROMPT_TOKENS,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": PROMPT_TOKENS + tokens,
    }
    return {
        "id": "resp_mock",
        "object": "response",
        "created_at": _CREATED,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "model": "mock",
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage if status == "completed" else None,
    }


def _responses_answer(text: str, tokens: int) -> dict[str, Any]:
    return _response([_output_item(text)], "completed", tokens)


def _responses_events(texts: Sequence[str]) -> Events:
    numbers = iter(range(10_000))
    place = {"item_id": "msg_mock", "output_index": 0, "content_index": 0}

    def event(name: str, **fields: object) -> bytes:
        return _sse(compact({"type": name, "sequence_number": next(numbers), **fields}), name)

    part = {"type": "output_text", "annotations": [], "text": ""}
    before = [
        event("response.created", response=_response([], "in_progress", 0)),
        event("response.in_progress", response=_response([], "in_progress", 0)),
        event("response.output_item.added", output_index=0, item=_output_item(None)),
        event("response.content_part.added", **place, part=part),
    ]
    content = _each(texts, lambda text: event("response.output_text.delta", **place, delta=text, logprobs=[]))
    whole = "".join(texts)
    after = [
        event("response.output_text.done", **place, text=whole, logprobs=[]),
        event("response.content_part.done", **place, part={**part, "text": whole}),
        event("response.output_item.done", output_index=0, item=_output_item(whole)),
        event("response.completed", response=_responses_answer(whole, len(texts))),
    ]
    return Events(before, content, after)


# generateContent -----------------------------------------------------------------------------------------------------------


def _gemini_path(model: str, stream: bool) -> str:
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return f"/v1beta/models/{quote(model, safe='/:')}:{verb}"


def _gemini_request(_model: str, turns: Sequence[str], _stream: bool) -> dict[str, Any]:
    return {"contents": [{"role": role, "parts": [{"text": text}]} for role, text in _roles(turns, "model")]}


def _gemini_answer(text: str, tokens: int, finish: str | None = "STOP") -> dict[str, Any]:
    candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    usage = {
        "promptTokenCount": PROMPT_TOKENS,
        "candidatesTokenCount": tokens,
        "totalTokenCount": PROMPT_TOKENS + tokens,
    }
    return {
        "candidates": [{**candidate, "finishReason": finish} if finish else candidate],
        "usageMetadata": usage,
        "modelVersion": "mock",
        "responseId": "mockMockMockMock",
    }


def _gemini_events(texts: Sequence[str]) -> Events:
    content = _each(texts, lambda text: _sse(compact(_gemini_answer(text, len(texts), None))))
    return Events([], content, [_sse(compact(_gemini_answer("", len(texts))))])


# Ollama --------------------------------------------------------------------------------------------------------------------


def _ollama_request(model: str, turns: Sequence[str], stream: bool) -> dict[str, Any]:
    return {"model": model, "stream": stream, "messages": [{"role": role, "content": text} for role, text in _roles(turns)]}


def _ollama_line(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {"model": "mock", "created_at": "2026-01-01T00:00:00.000000Z", "message": message, "done": False}


def _ollama_answer(text: str, tokens: int) -> dict[str, Any]:
    times = {
        "total_duration": 5_000_000,
        "load_duration": 1_000_000,
        "prompt_eval_duration": 1_000_000,
        "eval_duration": 3_000_000,
    }
    counts = {"prompt_eval_count": PROMPT_TOKENS, "eval_count": tokens}
    return {**_ollama_line(text), "done": True, "done_reason": "stop", **times, **counts}


def _ollama_events(texts: Sequence[str]) -> Events:
    content = _each(texts, lambda text: compact(_ollama_line(text)) + b"\n")
    return Events([], content, [compact(_ollama_answer("", len(texts))) + b"\n"])


def _at(path: str) -> Callable[[str, bool], str]:
    return lambda _model, _stream: path


DIALECTS: Mapping[str, Dialect] = {
    "openai_chat": Dialect(_at("/v1/chat/completions"), _chat_request, _chat_answer, _chat_events, b"data: [DONE]"),
    "anthropic": Dialect(_at("/v1/messages"), _messages_request, _messages_answer, _messages_events, b"message_stop"),
    "openai_responses": Dialect(
        _at("/v1/responses"), _responses_request, _responses_answer, _responses_events, b"response.completed"
    ),
    "gemini": Dialect(_gemini_path, _gemini_request, _gemini_answer, _gemini_events, b'"STOP"'),
    "ollama": Dialect(
        _at("/api/chat"), _ollama_request, _ollama_answer, _ollama_events, b'"done":true', stream_type="application/x-ndjson"
    ),
}
