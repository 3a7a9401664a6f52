"""The Responses dialect of the scripted upstream, written from OpenAI's event reference; independent of the product's codec."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from upstream.dialects import Event, arguments_of, compact
from upstream.script import Block, Script, Text, Thinking, ToolCall, Usage, pieces

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
}
_CODES = {400: "invalid_prompt", 429: "rate_limit_exceeded"}
_REASONS = {"length": "max_output_tokens", "filter": "content_filter"}


@dataclass(frozen=True)
class Responses:
    id: str = "resp_scripted"
    created: int = 1_700_000_000

    def _response(self, script: Script, request: Mapping[str, Any], status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
        reason = _REASONS.get(script.finish_word()) if status == "incomplete" else None
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "error": None,
            "incomplete_details": {"reason": reason} if reason else None,
            "instructions": request.get("instructions"),
            "model": script.model or request.get("model"),
            "output": output,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": request.get("tools", []),
            "usage": None,
        }

    def _usage(self, usage: Usage) -> dict[str, Any]:
        return {
            "input_tokens": usage.input,
            "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.written},
            "output_tokens": usage.output,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning},
            "total_tokens": usage.input + usage.output,
        }

    def _custom(self, call: ToolCall, request: Mapping[str, Any]) -> bool:
        return any(tool.get("type") == "custom" and tool.get("name") == call.name for tool in request.get("tools", []))

    def _item(self, block: Block, index: int, request: Mapping[str, Any]) -> dict[str, Any]:
        match block:
            case Text():
                part = {"type": "output_text", "text": block.text, "annotations": [], "logprobs": []}
                return {"id": f"msg_{index}", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
            case Thinking():
                summary = [{"type": "summary_text", "text": block.text}] if block.text else []
                return {"id": f"rs_{index}", "type": "reasoning", "summary": summary, "encrypted_content": block.signature}
            case ToolCall():
                call_id = block.id or f"call_{index}"
                if self._custom(block, request):
                    names = {"call_id": call_id, "name": block.name, "input": arguments_of(block)}
                    return {"id": f"ctc_{index}", "type": "custom_tool_call", "status": "completed", **names}
                names = {"call_id": call_id, "name": block.name, "arguments": arguments_of(block)}
                return {"id": f"fc_{index}", "type": "function_call", "status": "completed", **names}

    def _events(self, block: Block, index: int, script: Script, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        item = self._item(block, index, request)
        place = {"item_id": item["id"], "output_index": index}
        match block:
            case Text():
                place["content_index"] = 0
                empty = {**item["content"][0], "text": ""}
                yield added(index, {**item, "status": "in_progress", "content": []})
                yield {"type": "response.content_part.added", **place, "part": empty}
                for part in block.parts():
                    yield {"type": "response.output_text.delta", **place, "delta": part, "logprobs": []}
                yield {"type": "response.output_text.done", **place, "text": block.text, "logprobs": []}
                yield {"type": "response.content_part.done", **place, "part": item["content"][0]}
            case Thinking():
                place["summary_index"] = 0
                yield added(index, {**item, "summary": [], "encrypted_content": ""})
                if block.text:
                    yield {"type": "response.reasoning_summary_part.added", **place, "part": {"type": "summary_text", "text": ""}}
                    for part in block.parts():
                        yield {"type": "response.reasoning_summary_text.delta", **place, "delta": part, "obfuscation": "x1"}
                    yield {"type": "response.reasoning_summary_text.done", **place, "text": block.text}
                    yield {"type": "response.reasoning_summary_part.done", **place, "part": item["summary"][0]}
            case ToolCall():
                custom = item["type"] == "custom_tool_call"
                key, stem = ("input", "custom_tool_call_input") if custom else ("arguments", "function_call_arguments")
                yield added(index, {**item, "status": "in_progress", key: ""})
                for part in pieces(item[key], script.chunk):
                    yield {"type": f"response.{stem}.delta", **place, "delta": part}
                yield {"type": f"response.{stem}.done", **place, key: item[key]}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}

    def stream(self, script: Script, request: Mapping[str, Any]) -> list[Event]:
        begun = self._response(script, request, "in_progress", [])
        events: list[dict[str, Any]] = [
            {"type": "response.created", "response": begun},
            {"type": "response.in_progress", "response": begun},
        ]
        for index, block in enumerate(script.blocks()):
            events += self._events(block, index, script, request)
        final = self.finished(script, request)
        events.append({"type": f"response.{final['status']}", "response": final})
        numbers = itertools.count()
        return [(event["type"], compact({**event, "sequence_number": next(numbers)})) for event in events]

    def finished(self, script: Script, request: Mapping[str, Any]) -> dict[str, Any]:
        status = "incomplete" if script.finish_word() in _REASONS else "completed"
        output = [self._item(block, index, request) for index, block in enumerate(script.blocks())]
        body = self._response(script, request, status, output)
        if script.usage is not None:
            body["usage"] = self._usage(script.usage)
        return body

    def error(self, script: Script) -> dict[str, Any]:
        kind = script.error_type or _TYPES.get(script.status, "server_error")
        return {"error": {"message": script.message, "type": kind, "param": None, "code": script.code}}

    def error_event(self, script: Script) -> Event:
        failed = self._response(script, {}, "failed", [])
        failed["error"] = {"code": script.code or _CODES.get(script.status, "server_error"), "message": script.message}
        return "response.failed", compact({"type": "response.failed", "response": failed, "sequence_number": 99})


def added(index: int, item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": index, "item": item}
