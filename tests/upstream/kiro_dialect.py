"""CodeWhisperer's generateAssistantResponse as a scripted upstream speaks it: AWS event-stream frames of JSON events.

Written from the description of the framing (botocore's and the Smithy specification's) and of the events, independently of the
product's own codec: the checksums here are zlib's.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from upstream.dialects import arguments_of, compact
from upstream.script import Script, Text, Thinking, ToolCall, pieces

STREAM_TYPE = "application/vnd.amazon.eventstream"
_STOPS = {"stop": "END_TURN", "tool": "TOOL_USE", "length": "MAX_TOKENS", "filter": "CONTENT_FILTERED"}
_KINDS = {
    400: "ValidationException",
    401: "ExpiredTokenException",
    403: "AccessDeniedException",
    429: "ThrottlingException",
    500: "InternalServerException",
}


def header(name: str, value: str | bytes | int | bool) -> bytes:
    """One header: text, bytes, a long or a truth."""
    head = bytes([len(name)]) + name.encode()
    if isinstance(value, bool):
        return head + bytes([0 if value else 1])
    if isinstance(value, int):
        return head + b"\x05" + struct.pack(">q", value)
    raw = value.encode() if isinstance(value, str) else value
    return head + (b"\x07" if isinstance(value, str) else b"\x06") + struct.pack(">H", len(raw)) + raw


def frame(headers: bytes, payload: bytes) -> bytes:
    """A frame with the right checksums."""
    prelude = struct.pack(">II", len(headers) + len(payload) + 16, len(headers))
    body = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return body + struct.pack(">I", zlib.crc32(body))


def event(kind: str, value: Any) -> bytes:
    """An event as the service sends it."""
    headers = header(":event-type", kind) + header(":content-type", "application/json") + header(":message-type", "event")
    return frame(headers, compact(value).encode())


def exception(kind: str, message: str, reason: str | None = None) -> bytes:
    """An exception of the service inside the stream."""
    headers = header(":exception-type", kind) + header(":content-type", "application/json") + header(":message-type", "exception")
    return frame(headers, compact({"message": message} | ({"reason": reason} if reason else {})).encode())


@dataclass(frozen=True)
class Kiro:
    """``told``: the stream ends with exact counts and the reason for its end, as newer deployments have it; without it only the
    share of the context window is told. ``message`` of an error; ``code`` its reason."""

    conversation: str = "conv-scripted"
    told: bool = True

    def stream(self, script: Script, request: Mapping[str, Any]) -> list[bytes]:
        events = [event("messageMetadataEvent", {"conversationId": self.conversation, "utteranceId": "utt-scripted"})]
        model = script.model or request["conversationState"]["currentMessage"]["userInputMessage"]["modelId"]
        for number, block in enumerate(script.blocks()):
            match block:
                case Thinking():
                    events += [event("reasoningContentEvent", {"text": part}) for part in block.parts()]
                    events.append(event("reasoningContentEvent", {"signature": block.signature}))
                case Text():
                    events += [event("assistantResponseEvent", {"content": part, "modelId": model}) for part in block.parts()]
                case ToolCall():
                    call = {"toolUseId": block.id or f"tooluse_{number}", "name": block.name}
                    events.append(event("toolUseEvent", call))
                    events += [
                        event("toolUseEvent", {**call, "input": part}) for part in pieces(arguments_of(block), script.chunk)
                    ]
                    events.append(event("toolUseEvent", {**call, "stop": True}))
        events.append(event("meteringEvent", {"unit": "credit", "unitPlural": "credits", "usage": 0.12}))
        events.append(event("contextUsageEvent", {"contextUsagePercentage": 3.25}))
        if self.told and script.usage is not None:
            usage = script.usage
            counts = {
                "uncachedInputTokens": usage.input - usage.cached - usage.written,
                "cacheReadInputTokens": usage.cached,
                "cacheWriteInputTokens": usage.written,
                "outputTokens": usage.output,
                "totalTokens": usage.input + usage.output,
                "contextUsagePercentage": 3.25,
            }
            word = script.finish_word()
            events.append(event("metadataEvent", {"tokenUsage": counts, "stopReason": _STOPS.get(word, word)}))
        return events

    def error(self, script: Script) -> dict[str, Any]:
        """The body of an error answer."""
        return {
            "__type": script.error_type or _KINDS.get(script.status, "InternalServerException"),
            "message": script.message,
        } | ({"reason": script.code} if script.code else {})

    def error_event(self, script: Script) -> bytes:
        return exception(script.error_type or _KINDS.get(script.status, "ThrottlingException"), script.message, script.code)


def complaints(body: Any) -> list[str]:
    """What the service would refuse in a request, in words; none = it is taken."""
    found: list[str] = []
    unknown = body.keys() - {"conversationState", "profileArn", "inferenceConfig"}
    if unknown:
        found.append(f"unknown top-level fields {sorted(unknown)}")
    state = body.get("conversationState", {})
    if state.get("chatTriggerType") != "MANUAL" or not state.get("conversationId"):
        found.append("no trigger or conversation id")
    history = state.get("history", [])
    kinds = [next(iter(entry)) for entry in history]
    if any(len(entry) != 1 for entry in history):
        found.append("an entry of two kinds")
    expected = ["userInputMessage", "assistantResponseMessage"] * len(history)
    if kinds != expected[: len(kinds)] or len(kinds) % 2:
        found.append(f"the roles do not alternate: {kinds}")
    current = state.get("currentMessage", {}).get("userInputMessage")
    if current is None:
        return [*found, "the current message is not the user's"]
    context = current.get("userInputMessageContext", {})
    found += _tool_complaints(context.get("tools", []))
    open_calls: list[str] = []
    for entry in [*history, {"userInputMessage": current}]:
        (kind, message), *_ = entry.items()
        if not message.get("content", "").strip():
            found.append(f"{kind} without content")
        if kind == "assistantResponseMessage":
            uses = message.get("toolUses", [])
            open_calls = [use["toolUseId"] for use in uses]
            if any(not isinstance(use["input"], dict) for use in uses):
                found.append("the input of a call is no object")
            continue
        inner = message.get("userInputMessageContext", {})
        if message is not current and "tools" in inner:
            found.append("tools in the history")
        if not message.get("modelId") or message.get("origin") != "AI_EDITOR":
            found.append("a user message without model or origin")
        results = inner.get("toolResults", [])
        if sorted(result["toolUseId"] for result in results) != sorted(open_calls):
            found.append(f"results {[r['toolUseId'] for r in results]} for calls {open_calls}")
        if any(result["status"] not in ("success", "error") or not result["content"] for result in results):
            found.append("a result without status or content")
        open_calls = []
        for image in message.get("images", []):
            if image["format"] not in ("jpeg", "png", "gif", "webp") or set(image["source"]) != {"bytes"}:
                found.append("an image of no known format")
    return found


def _says_more(schema: Any) -> bool:
    """Whether a schema, or one in it, has additionalProperties; a property may have that name."""
    if isinstance(schema, list):
        return any(map(_says_more, schema))
    if not isinstance(schema, dict):
        return False
    inner = [value for key, value in schema.items() if key != "properties"]
    return "additionalProperties" in schema or any(map(_says_more, [*inner, *schema.get("properties", {}).values()]))


def _tool_complaints(tools: list[Any]) -> list[str]:
    found = []
    for tool in tools:
        spec = tool["toolSpecification"]
        schema = spec["inputSchema"]["json"]
        if not spec.get("description") or not 0 < len(spec["name"]) <= 64:
            found.append(f"tool {spec['name']} without description or with too long a name")
        if schema.get("type") != "object" or not isinstance(schema.get("properties"), dict):
            found.append(f"tool {spec['name']} without an object schema")
        if not isinstance(schema.get("required"), list) or _says_more(schema):
            found.append(f"tool {spec['name']} without required, or with additionalProperties")
    return found
