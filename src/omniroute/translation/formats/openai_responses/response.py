"""Finished Responses answers ↔ the canonical answer."""

from __future__ import annotations

from typing import Any

from omniroute.core import json
from omniroute.ir.request import Opaque, Part, Refusal, Text, Thinking, ToolCall
from omniroute.ir.response import ChatResponse, StopReason, TokenLogprob, Usage
from omniroute.translation.answers import answer_object, bad_answer, count, settle_stop, string
from omniroute.translation.calls import arguments_text
from omniroute.translation.format import StreamMeta
from omniroute.translation.formats.openai_responses.echo import echo
from omniroute.translation.formats.openai_responses.output import encode_output
from omniroute.translation.formats.openai_responses.rules import NAME
from omniroute.translation.logprobs import read_logprobs

_REASONS: dict[str, StopReason] = {"max_output_tokens": "length", "content_filter": "filter"}
_CUT: dict[StopReason, str] = {"length": "max_output_tokens", "context": "max_output_tokens", "filter": "content_filter"}


def decode_response(body: bytes) -> ChatResponse:
    """The answer of a Responses upstream. Raises BadAnswer when it failed or holds no output to read."""
    fields = answer_object(body)
    if isinstance(fields.get("response"), dict):
        fields = fields["response"]
    output = fields.get("output")
    if string(fields, "status") == "failed":
        error = fields.get("error")
        message = string(error, "message") if isinstance(error, dict) else ""
        raise bad_answer(message or "The provider reported a failed response.")
    if not isinstance(output, list):
        raise bad_answer("The provider's answer has no output.")
    parts = tuple(part for item in output if isinstance(item, dict) for part in _decode_item(item))
    return ChatResponse(
        origin=NAME,
        id=string(fields, "id"),
        model=string(fields, "model"),
        parts=parts,
        stop=_stop(fields, parts),
        usage=decode_usage(fields.get("usage")),
        created=count(fields, "created_at"),
        service_tier=string(fields, "service_tier") or None,
        logprobs=tuple(entry for item in output for entry in _logprobs(item)),
    )


def _logprobs(item: Any) -> tuple[TokenLogprob, ...]:
    content = item.get("content") if isinstance(item, dict) else None
    if not isinstance(content, list):
        return ()
    return tuple(entry for part in content if isinstance(part, dict) for entry in read_logprobs(part.get("logprobs")))


def gathered(event: bytes) -> bytes | None:
    """The response that a stream of this dialect ends with, as it is; None if ``event`` is something else or lacks the output."""
    try:
        fields = json.loads(event)
    except json.JSONDecodeError:
        return None
    output = fields.get("output") if isinstance(fields, dict) else None
    return event if isinstance(output, list) and output and string(fields, "id") else None


def _stop(fields: dict[str, Any], parts: tuple[Part, ...]) -> StopReason:
    if string(fields, "status") == "incomplete":
        details = fields.get("incomplete_details")
        return _REASONS.get(string(details, "reason") if isinstance(details, dict) else "", "length")
    stop = settle_stop("stop", parts)
    return "refusal" if stop == "stop" and any(isinstance(part, Refusal) for part in parts) else stop


def _decode_item(item: dict[str, Any]) -> list[Part]:
    kind = string(item, "type")
    if kind == "message":
        content = item.get("content")
        listed = content if isinstance(content, list) else [{"type": "output_text", "text": content}]
        return [found for part in listed if isinstance(part, dict) and (found := _decode_part(part)) is not None]
    if kind == "reasoning":
        text = _reasoning_text(item)
        proof = string(item, "encrypted_content") or None
        return [Thinking(text=text, signature=proof, vendor=NAME)] if text or proof else []
    if kind in ("function_call", "custom_tool_call"):
        return _decode_call(item, kind)
    return [Opaque(format=NAME, kind=kind, value=item)] if kind else []


def _decode_part(part: dict[str, Any]) -> Part | None:
    if string(part, "type") == "refusal":
        refusal = string(part, "refusal")
        return Refusal(text=refusal) if refusal else None
    text = string(part, "text")
    found = part.get("annotations")
    citations = tuple(item for item in found if isinstance(item, dict)) if isinstance(found, list) else ()
    return Text(text=text, citations=citations) if text else None


def _reasoning_text(item: dict[str, Any]) -> str:
    """The summary, where there is none the raw reasoning; its parts are paragraphs."""
    for key in ("summary", "content"):
        listed = item.get(key)
        texts = [string(part, "text") for part in listed if isinstance(part, dict)] if isinstance(listed, list) else []
        text = "\n\n".join(text for text in texts if text)
        if text:
            return text
    return ""


def _decode_call(item: dict[str, Any], kind: str) -> list[Part]:
    name, call_id = string(item, "name"), string(item, "call_id") or string(item, "id")
    space = string(item, "namespace") or None
    if space is not None:
        name = f"{space}__{name}"
    if kind == "custom_tool_call":
        return [ToolCall(id=call_id, name=name, arguments=string(item, "input"), kind="custom", namespace=space)]
    return [ToolCall(id=call_id, name=name, arguments=arguments_text(item.get("arguments")), namespace=space)]


def decode_usage(usage: Any) -> Usage | None:
    """Token counts of a Responses answer, None when there are none. Totals are recomputed, never trusted."""
    if not isinstance(usage, dict):
        return None
    asked, answered = count(usage, "input_tokens"), count(usage, "output_tokens")
    details = usage.get("input_tokens_details")
    cached = min(asked, count(details, "cached_tokens"))
    return Usage(
        input=asked,
        cached=cached,
        written=min(asked - cached, count(details, "cache_write_tokens")),
        output=answered,
        reasoning=min(answered, count(usage.get("output_tokens_details"), "reasoning_tokens")),
    )


def encode_response(response: ChatResponse, meta: StreamMeta) -> bytes:
    """The answer for a Responses client. A first choice only: this dialect has no others."""
    output = encode_output(response, meta)
    stop = settle_stop(response.stop, response.parts)
    refused = any(isinstance(part, Refusal) for part in response.parts)
    reason = "content_filter" if stop == "refusal" and not refused else _CUT.get(stop)
    body: dict[str, Any] = {
        "id": meta.id,
        "object": "response",
        "created_at": meta.created,
        "model": meta.model,
        "status": "completed" if reason is None else "incomplete",
        "error": None,
        "incomplete_details": None if reason is None else {"reason": reason},
        "output": output,
        "usage": encode_usage(response.usage or _estimate(response, meta)),
        **echo(meta),
    }
    if response.origin == NAME and response.service_tier is not None:
        body["service_tier"] = response.service_tier
    try:
        return json.dumps(body)
    except TypeError as error:
        raise bad_answer("The provider's answer cannot be written as JSON.") from error


def _estimate(response: ChatResponse, meta: StreamMeta) -> Usage:
    """For an upstream that never said: about four bytes make a token, as the stream encoder counts."""
    size = 0
    for part in response.parts:
        if isinstance(part, Text | Refusal | Thinking):
            size += len(part.text.encode("utf-8", "replace"))
        elif isinstance(part, ToolCall):
            size += len((part.name + part.arguments).encode("utf-8", "replace"))
        elif isinstance(part, Opaque) and isinstance(part.value, dict):
            size += len(string(part.value, "transcript").encode("utf-8", "replace"))
    return Usage(input=meta.input_tokens, output=(size + 3) // 4, estimated=True)


def encode_usage(usage: Usage) -> dict[str, Any]:
    """Canonical counts as this dialect has them; both detail objects are required."""
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.written},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total,
    }
