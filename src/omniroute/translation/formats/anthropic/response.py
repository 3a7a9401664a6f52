"""Finished Anthropic answers ↔ the canonical answer."""

from __future__ import annotations

from typing import Any

from omniroute.core import json
from omniroute.ir.request import Media, Opaque, Part, Refusal, Text, Thinking, ToolCall
from omniroute.ir.response import ChatResponse, StopReason, Usage
from omniroute.translation.answers import answer_object, bad_answer, count, restore_calls, settle_stop, string
from omniroute.translation.calls import arguments_object
from omniroute.translation.format import StreamMeta
from omniroute.translation.formats.anthropic.blocks import NAME
from omniroute.translation.formats.anthropic.rules import RULES
from omniroute.translation.media import omitted
from omniroute.translation.signatures import wrap

_STOPS: dict[str, StopReason] = {
    "end_turn": "stop",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool",
    "pause_turn": "pause",
    "refusal": "refusal",
    "model_context_window_exceeded": "context",
}
_WORDS: dict[StopReason, str] = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "tool": "tool_use",
    "length": "max_tokens",
    "context": "model_context_window_exceeded",
    "filter": "refusal",
    "refusal": "refusal",
    "pause": "pause_turn",
}


def decode_response(body: bytes) -> ChatResponse:
    """The answer of an Anthropic upstream. Raises BadAnswer when there is no content to read."""
    fields = answer_object(body)
    content = fields.get("content")
    if not isinstance(content, list):
        raise bad_answer("The provider's answer has no content.")
    parts = tuple(part for item in content if isinstance(item, dict) and (part := _decode_block(item)) is not None)
    usage = fields.get("usage")
    return ChatResponse(
        origin=NAME,
        id=string(fields, "id"),
        model=string(fields, "model"),
        parts=parts,
        stop=settle_stop(_STOPS.get(string(fields, "stop_reason"), "stop"), parts),
        stop_sequence=string(fields, "stop_sequence") or None,
        usage=decode_usage(usage),
        service_tier=string(usage, "service_tier") or None if isinstance(usage, dict) else None,
        extra={key: fields[key] for key in ("stop_details", "container") if isinstance(fields.get(key), dict)},
    )


def _decode_block(block: dict[str, Any]) -> Part | None:
    kind = string(block, "type")
    if kind == "text":
        found = block.get("citations")
        citations = tuple(item for item in found if isinstance(item, dict)) if isinstance(found, list) else ()
        text = string(block, "text")
        return Text(text=text, citations=citations) if text or citations else None
    if kind == "thinking":
        text, signature = string(block, "thinking"), string(block, "signature") or None
        return Thinking(text=text, signature=signature, vendor=NAME) if text or signature else None
    if kind == "redacted_thinking":
        return Thinking(redacted=string(block, "data"), vendor=NAME)
    if kind == "tool_use":
        given = block.get("input")
        arguments = given if isinstance(given, str) else json.dumps_text({} if given is None else given)
        return ToolCall(id=string(block, "id"), name=string(block, "name"), arguments=arguments)
    return Opaque(format=NAME, kind=kind, value=block)


def decode_usage(usage: Any) -> Usage | None:
    """Token counts of an Anthropic answer, None when there are none. Its input excludes both kinds of cached tokens."""
    if not isinstance(usage, dict):
        return None
    cached, written = count(usage, "cache_read_input_tokens"), count(usage, "cache_creation_input_tokens")
    answered = count(usage, "output_tokens")
    return Usage(
        input=count(usage, "input_tokens") + cached + written,
        cached=cached,
        written=written,
        output=answered,
        reasoning=min(answered, count(usage.get("output_tokens_details"), "thinking_tokens")),
    )


def encode_response(response: ChatResponse, meta: StreamMeta) -> bytes:
    """The answer for an Anthropic client. A first choice only: this dialect has no others."""
    answer = restore_calls(response, meta.tool_names, meta.id, RULES)
    stop, sequence = _stop(answer)
    body: dict[str, Any] = {
        "id": meta.id,
        "type": "message",
        "role": "assistant",
        "model": meta.model,
        "content": _encode_content(answer),
        "stop_reason": stop,
        "stop_sequence": sequence,
        "usage": encode_usage(answer.usage or Usage(input=meta.input_tokens, estimated=True)),
    }
    if answer.origin == NAME:
        body.update(answer.extra)
    try:
        return json.dumps(body)
    except TypeError as error:
        raise bad_answer("The provider's answer cannot be written as JSON.") from error


def _stop(answer: ChatResponse) -> tuple[str, str | None]:
    """(stop_reason, stop_sequence): the sequence is never invented, and without one there was no stop sequence."""
    stop = settle_stop(answer.stop, answer.parts)
    if stop == "stop" and any(isinstance(part, Refusal) for part in answer.parts):
        stop = "refusal"
    if stop == "stop_sequence" and answer.stop_sequence is None:
        stop = "stop"
    return _WORDS[stop], answer.stop_sequence if stop == "stop_sequence" else None


def _encode_content(answer: ChatResponse) -> list[dict[str, Any]]:
    blocks = [block for part in answer.parts if (block := _encode_block(part, answer.origin)) is not None]
    return blocks or [{"type": "text", "text": ""}]


def _encode_block(part: Part, origin: str) -> dict[str, Any] | None:
    if isinstance(part, Text):
        block: dict[str, Any] = {"type": "text", "text": part.text}
        return {**block, "citations": list(part.citations)} if part.citations and origin == NAME else block
    if isinstance(part, Refusal):
        return {"type": "text", "text": part.text}
    if isinstance(part, Thinking):
        if part.redacted is not None:
            data = part.redacted if part.vendor == NAME else wrap(part, text=False)
            return {"type": "redacted_thinking", "data": data} if data is not None else None
        signature = part.signature if part.vendor == NAME else wrap(part, text=False)
        return {"type": "thinking", "thinking": part.text, "signature": signature or ""}
    if isinstance(part, ToolCall):
        tool_input = {"input": part.arguments} if part.kind == "custom" else arguments_object(part.arguments)
        return {"type": "tool_use", "id": part.id, "name": part.name, "input": tool_input}
    if isinstance(part, Media):
        return {"type": "text", "text": omitted(part.kind, part.url).text}
    if isinstance(part, Opaque):
        if part.format == NAME:
            return dict(part.value)
        transcript = string(part.value, "transcript") if isinstance(part.value, dict) else ""
        return {"type": "text", "text": transcript} if transcript else None
    return None


def encode_usage(usage: Usage) -> dict[str, Any]:
    """Canonical counts in Anthropic's arithmetic: cached and written tokens stand outside of input."""
    fields: dict[str, Any] = {
        "input_tokens": max(0, usage.input - usage.cached - usage.written),
        "cache_creation_input_tokens": usage.written,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.output,
    }
    if usage.reasoning:
        fields["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return fields
