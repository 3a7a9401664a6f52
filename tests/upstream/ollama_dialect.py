"""Ollama's chat as a scripted upstream speaks it: one JSON object per line, whole tool calls without ids, counts at the end.

Written from Ollama's API documentation, independently of the product's own codec.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from upstream.dialects import Event, arguments_of, compact
from upstream.script import Script, Text, Thinking, ToolCall

_DONE = {"length": "length"}


def line(event: Event) -> bytes:
    """One event as bytes on the wire."""
    return f"{event[1]}\n".encode()


@dataclass(frozen=True)
class Ollama:
    created_at: str = "2023-11-14T22:13:20.123456Z"

    def _line(self, script: Script, request: Mapping[str, Any], message: Mapping[str, Any], **rest: Any) -> dict[str, Any]:
        return {
            "model": script.model or request.get("model"),
            "created_at": self.created_at,
            "message": {"role": "assistant", "content": "", **message},
            "done": False,
            **rest,
        }

    def _end(self, script: Script) -> dict[str, Any]:
        word = script.finish_word()
        end: dict[str, Any] = {
            "done": True,
            "done_reason": _DONE.get(word, "stop"),
            "total_duration": 5_000_000,
            "load_duration": 1_000,
        }
        if script.usage is not None:
            end |= {"prompt_eval_count": script.usage.input, "prompt_eval_duration": 2_000_000}
            end |= {"eval_count": script.usage.output, "eval_duration": 3_000_000}
        return end

    def _call(self, block: ToolCall) -> dict[str, Any]:
        return {"function": {"name": block.name, "arguments": json.loads(arguments_of(block) or "{}")}}

    def stream(self, script: Script, request: Mapping[str, Any]) -> list[Event]:
        lines: list[dict[str, Any]] = []
        for block in script.blocks():
            match block:
                case Thinking():
                    lines += [self._line(script, request, {"thinking": part}) for part in block.parts()]
                case Text():
                    lines += [self._line(script, request, {"content": part}) for part in block.parts()]
                case ToolCall():
                    lines.append(self._line(script, request, {"tool_calls": [self._call(block)]}))
        lines.append(self._line(script, request, {}, **self._end(script)))
        return [(None, compact(value)) for value in lines]

    def finished(self, script: Script, request: Mapping[str, Any]) -> dict[str, Any]:
        blocks = script.blocks()
        message: dict[str, Any] = {"content": "".join(b.text for b in blocks if isinstance(b, Text))}
        thinking = "".join(b.text for b in blocks if isinstance(b, Thinking))
        if thinking:
            message["thinking"] = thinking
        calls = [self._call(b) for b in blocks if isinstance(b, ToolCall)]
        if calls:
            message["tool_calls"] = calls
        return self._line(script, request, message, **self._end(script))

    def error(self, script: Script) -> dict[str, Any]:
        return {"error": script.message}

    def error_event(self, script: Script) -> Event:
        return None, compact(self.error(script))
