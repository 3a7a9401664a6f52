"""The two dialects a scripted upstream speaks. Each turns a Script into stream events or a finished body.

Written from the vendors' documentation, independently of the product's own codecs: it is their oracle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from upstream.script import Script, Text, Thinking, ToolCall, Usage, pieces

Event = tuple[str | None, str]  # SSE event name, data


class Dialect(Protocol):
    def stream(self, script: Script, request: Mapping[str, Any]) -> list[Event]: ...
    def finished(self, script: Script, request: Mapping[str, Any]) -> dict[str, Any]: ...
    def error(self, script: Script) -> dict[str, Any]: ...
    def error_event(self, script: Script) -> Event: ...


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def arguments_of(call: ToolCall) -> str:
    return call.arguments if isinstance(call.arguments, str) else compact(dict(call.arguments))


def sse(event: Event) -> bytes:
    """One event as bytes on the wire."""
    name, data = event
    return ((f"event: {name}\n" if name else "") + f"data: {data}\n\n").encode()


_CHAT_FINISH = {"tool": "tool_calls", "filter": "content_filter", "stop_sequence": "stop"}
_CHAT_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
}


@dataclass(frozen=True)
class OpenAIChat:
    id: str = "chatcmpl-scripted"
    created: int = 1_700_000_000

    def _usage(self, usage: Usage) -> dict[str, Any]:
        return {
            "prompt_tokens": usage.input,
            "completion_tokens": usage.output,
            "total_tokens": usage.input + usage.output,
            "prompt_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.written},
            "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
        }

    def stream(self, script: Script, request: Mapping[str, Any]) -> list[Event]:
        wants_usage = bool((request.get("stream_options") or {}).get("include_usage"))
        base: dict[str, Any] = {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": script.model or request.get("model"),
            "system_fingerprint": "fp_scripted",
        }

        def chunk(delta: dict[str, Any], finish: str | None = None) -> Event:
            body = {**base, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}
            if wants_usage:
                body["usage"] = None
            return None, compact(body)

        events = [chunk({"role": "assistant", "content": ""})]
        calls = 0
        for block in script.blocks():
            match block:
                case Thinking():
                    events += [chunk({"reasoning_content": part}) for part in block.parts()]
                case Text():
                    events += [chunk({"content": part}) for part in block.parts()]
                case ToolCall():
                    head = {
                        "index": calls,
                        "id": block.id or f"call_{calls}",
                        "type": "function",
                        "function": {"name": block.name, "arguments": ""},
                    }
                    events.append(chunk({"tool_calls": [head]}))
                    for part in pieces(arguments_of(block), script.chunk):
                        events.append(chunk({"tool_calls": [{"index": calls, "function": {"arguments": part}}]}))
                    calls += 1
        word = script.finish_word()
        events.append(chunk({}, _CHAT_FINISH.get(word, word)))
        if wants_usage and script.usage is not None:
            events.append((None, compact({**base, "choices": [], "usage": self._usage(script.usage)})))
        events.append((None, "[DONE]"))
        return events

    def finished(self, script: Script, request: Mapping[str, Any]) -> dict[str, Any]:
        blocks = script.blocks()
        text = "".join(b.text for b in blocks if isinstance(b, Text))
        calls = [b for b in blocks if isinstance(b, ToolCall)]
        message: dict[str, Any] = {"role": "assistant", "content": text or (None if calls else ""), "refusal": None}
        thinking = "".join(b.text for b in blocks if isinstance(b, Thinking))
        if thinking:
            message["reasoning_content"] = thinking
        if calls:
            message["tool_calls"] = [
                {"id": c.id or f"call_{i}", "type": "function", "function": {"name": c.name, "arguments": arguments_of(c)}}
                for i, c in enumerate(calls)
            ]
        word = script.finish_word()
        body: dict[str, Any] = {
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": script.model or request.get("model"),
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": _CHAT_FINISH.get(word, word)}],
            "system_fingerprint": "fp_scripted",
        }
        if script.usage is not None:
            body["usage"] = self._usage(script.usage)
        return body

    def error(self, script: Script) -> dict[str, Any]:
        kind = script.error_type or _CHAT_TYPES.get(script.status, "server_error")
        return {"error": {"message": script.message, "type": kind, "param": None, "code": script.code}}

    def error_event(self, script: Script) -> Event:
        return None, compact(self.error(script))


_ANTHROPIC_STOP = {"stop": "end_turn", "length": "max_tokens", "tool": "tool_use", "filter": "refusal"}
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


@dataclass(frozen=True)
class Anthropic:
    id: str = "msg_scripted"

    def _input_usage(self, usage: Usage) -> dict[str, Any]:
        return {
            "input_tokens": usage.input - usage.cached - usage.written,
            "cache_read_input_tokens": usage.cached,
            "cache_creation_input_tokens": usage.written,
        }

    def _message(self, script: Script, request: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": script.model or request.get("model"),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
        }

    def stream(self, script: Script, request: Mapping[str, Any]) -> list[Event]:
        usage = script.usage
        message = self._message(script, request)
        message["usage"] = {**self._input_usage(usage or Usage(input=0)), "output_tokens": 1 if usage else 0}
        events: list[dict[str, Any]] = [{"type": "message_start", "message": message}, {"type": "ping"}]
        for index, block in enumerate(script.blocks()):
            start, deltas = self._block(block, index, script)
            events.append({"type": "content_block_start", "index": index, "content_block": start})
            events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
            events.append({"type": "content_block_stop", "index": index})
        word = script.finish_word()
        delta: dict[str, Any] = {
            "type": "message_delta",
            "delta": {"stop_reason": _ANTHROPIC_STOP.get(word, word), "stop_sequence": script.stop_sequence},
            "usage": {"output_tokens": usage.output if usage else 0},
        }
        if usage and usage.reasoning:
            delta["usage"]["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
        events += [delta, {"type": "message_stop"}]
        return [(event["type"], compact(event)) for event in events]

    def _block(
        self, block: Text | Thinking | ToolCall, index: int, script: Script
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        match block:
            case Text():
                return {"type": "text", "text": ""}, [{"type": "text_delta", "text": part} for part in block.parts()]
            case Thinking():
                deltas: list[dict[str, Any]] = [{"type": "thinking_delta", "thinking": part} for part in block.parts()]
                deltas.append({"type": "signature_delta", "signature": block.signature})
                return {"type": "thinking", "thinking": "", "signature": ""}, deltas
            case ToolCall():
                parts = ["", *pieces(arguments_of(block), script.chunk)]
                start = {"type": "tool_use", "id": block.id or f"toolu_{index}", "name": block.name, "input": {}}
                return start, [{"type": "input_json_delta", "partial_json": part} for part in parts]

    def finished(self, script: Script, request: Mapping[str, Any]) -> dict[str, Any]:
        message = self._message(script, request)
        for index, block in enumerate(script.blocks()):
            match block:
                case Text():
                    message["content"].append({"type": "text", "text": block.text})
                case Thinking():
                    message["content"].append({"type": "thinking", "thinking": block.text, "signature": block.signature})
                case ToolCall():
                    value = json.loads(arguments_of(block) or "{}")
                    message["content"].append(
                        {"type": "tool_use", "id": block.id or f"toolu_{index}", "name": block.name, "input": value}
                    )
        word = script.finish_word()
        message |= {"stop_reason": _ANTHROPIC_STOP.get(word, word), "stop_sequence": script.stop_sequence}
        if script.usage is not None:
            message["usage"] = {**self._input_usage(script.usage), "output_tokens": script.usage.output}
            if script.usage.reasoning:
                message["usage"]["output_tokens_details"] = {"thinking_tokens": script.usage.reasoning}
        return message

    def error(self, script: Script) -> dict[str, Any]:
        kind = script.error_type or _ANTHROPIC_TYPES.get(script.status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": script.message}, "request_id": "req_scripted"}

    def error_event(self, script: Script) -> Event:
        return "error", compact(self.error(script))
