"""Gemini's generateContent as a scripted upstream speaks it: parts to append, whole function calls, cumulative counts.

Written from Google's API documentation, independently of the product's own codec.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from upstream.dialects import Event, arguments_of, compact
from upstream.script import Block, Script, Text, Thinking, ToolCall, Usage

_FINISH = {"stop": "STOP", "tool": "STOP", "stop_sequence": "STOP", "length": "MAX_TOKENS", "filter": "SAFETY"}
_WORDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
CALL_SIGNATURE = "c2lnbmF0dXJlLW9mLWEtY2FsbA=="
TEXT_SIGNATURE = "c2lnbmF0dXJlLW9mLWEtdGV4dA=="


def crlf_event(event: Event) -> bytes:
    """One event as bytes on the wire."""
    return f"data: {event[1]}\r\n\r\n".encode()


@dataclass(frozen=True)
class Gemini:
    id: str = "scripted-response"

    def _usage(self, usage: Usage, *, done: bool) -> dict[str, Any]:
        counts: dict[str, Any] = {"promptTokenCount": usage.input}
        if usage.cached:
            counts["cachedContentTokenCount"] = usage.cached
        if not done:
            return counts | {"totalTokenCount": usage.input}
        counts["candidatesTokenCount"] = usage.output - usage.reasoning
        if usage.reasoning:
            counts["thoughtsTokenCount"] = usage.reasoning
        return counts | {"totalTokenCount": usage.input + usage.output}

    def _answer(
        self, script: Script, request: Mapping[str, Any], parts: list[dict[str, Any]], finish: str | None = None
    ) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if finish is not None:
            candidate["finishReason"] = _FINISH.get(finish, finish)
        answer: dict[str, Any] = {"candidates": [candidate]}
        if script.usage is not None:
            answer["usageMetadata"] = self._usage(script.usage, done=finish is not None)
        return answer | {"modelVersion": script.model or request.get("model"), "responseId": self.id}

    def _parts(self, block: Block, first_call: bool) -> list[dict[str, Any]]:
        match block:
            case Text():
                return [{"text": part} for part in block.parts()]
            case Thinking():
                return [{"text": part, "thought": True} for part in block.parts()]
            case ToolCall():
                call: dict[str, Any] = {"name": block.name, "args": json.loads(arguments_of(block) or "{}")}
                if block.id is not None:
                    call = {"id": block.id, **call}
                signed = {"thoughtSignature": CALL_SIGNATURE} if first_call else {}
                return [{"functionCall": call, **signed}]

    def _all(self, script: Script) -> list[list[dict[str, Any]]]:
        """The parts of each block; the first call is signed."""
        blocks = script.blocks()
        first = next((block for block in blocks if isinstance(block, ToolCall)), None)
        return [self._parts(block, block is first) for block in blocks]

    def stream(self, script: Script, request: Mapping[str, Any]) -> list[Event]:
        chunks = [self._answer(script, request, [part]) for parts in self._all(script) for part in parts]
        last = [{"text": "", "thoughtSignature": TEXT_SIGNATURE}]
        chunks.append(self._answer(script, request, last, script.finish_word()))
        return [(None, compact(chunk)) for chunk in chunks]

    def finished(self, script: Script, request: Mapping[str, Any]) -> dict[str, Any]:
        parts: list[dict[str, Any]] = []
        for found in self._all(script):
            whole = {**found[0], "text": "".join(part["text"] for part in found)} if "text" in found[0] else found[0]
            parts.append(whole)
        return self._answer(script, request, parts, script.finish_word())

    def error(self, script: Script) -> dict[str, Any]:
        word = script.error_type or _WORDS.get(script.status, "INTERNAL")
        return {"error": {"code": script.status if script.status >= 400 else 500, "message": script.message, "status": word}}

    def error_event(self, script: Script) -> Event:
        return None, compact(self.error(script))
