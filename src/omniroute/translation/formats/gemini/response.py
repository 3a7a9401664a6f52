"""Finished Gemini answers ↔ the canonical answer."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from omniroute.core import json
from omniroute.ir.request import Media, Opaque, Part, Refusal, Text, Thinking, ToolCall
from omniroute.ir.response import ChatResponse, StopReason, Usage
from omniroute.translation.answers import bad_answer, count, restore_calls, settle_stop, string
from omniroute.translation.format import StreamMeta
from omniroute.translation.formats.gemini.fields import NAME, plain_base64
from omniroute.translation.formats.gemini.grounding import with_citations
from omniroute.translation.formats.gemini.logprobs import read_result, write_result
from omniroute.translation.formats.gemini.parts import SIGNATURE, encode_call, encode_media
from omniroute.translation.formats.gemini.rules import RULES
from omniroute.translation.media import canonical_mime, kind_of

_WITHHELD = frozenset(
    "SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII MODEL_ARMOR ESCALATION PUP_LIMITED_DISABLED IMAGE_SAFETY "
    "IMAGE_PROHIBITED_CONTENT IMAGE_RECITATION".split()
)
_SPOILED = frozenset(
    "MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS MALFORMED_RESPONSE MISSING_THOUGHT_SIGNATURE OTHER "
    "LANGUAGE NO_IMAGE IMAGE_OTHER".split()
)
_WORDS: dict[StopReason, str] = {"length": "MAX_TOKENS", "context": "MAX_TOKENS", "filter": "SAFETY", "refusal": "SAFETY"}
_RAW = ("safetyRatings", "citationMetadata", "groundingMetadata", "urlContextMetadata", "avgLogprobs", "logprobsResult")


def decode_response(body: bytes) -> ChatResponse:
    """The answer of a Gemini upstream, also one that came as a list of chunks. Raises BadAnswer when nothing can be read."""
    fields = _whole(body)
    found = fields.get("candidates")
    candidates = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    feedback = fields.get("promptFeedback")
    usage = decode_usage(fields.get("usageMetadata"))
    if not candidates:
        if not isinstance(feedback, dict) or not string(feedback, "blockReason"):
            raise bad_answer("The provider's answer has no candidates.")
        return _answer(fields, (), "filter", usage, {"promptFeedback": feedback})
    answers = [_decode_candidate(candidate, fields) for candidate in candidates]
    return replace(answers[0], usage=usage, choices=tuple(answers[1:]))


def _answer(
    fields: dict[str, Any], parts: tuple[Part, ...], stop: StopReason, usage: Usage | None, extra: dict[str, Any]
) -> ChatResponse:
    model, answer_id = string(fields, "modelVersion"), string(fields, "responseId")
    return ChatResponse(origin=NAME, id=answer_id, model=model, parts=parts, stop=stop, usage=usage, extra=extra)


def _whole(body: bytes) -> dict[str, Any]:
    """The body as one answer: chunks of a stream are put together."""
    try:
        value = json.loads(body)
    except json.JSONDecodeError as error:
        raise bad_answer("The provider's answer is not valid JSON.") from error
    if isinstance(value, dict):
        return value
    if not isinstance(value, list) or not value or not all(isinstance(chunk, dict) for chunk in value):
        raise bad_answer("The provider's answer is not a JSON object.")
    whole: dict[str, Any] = {}
    for chunk in value:
        if chunk.get("error"):
            raise bad_answer("The provider broke its answer off with an error.")
        whole = {**whole, **chunk, "candidates": _joined(whole.get("candidates"), chunk.get("candidates"))}
    return whole


def _joined(before: Any, chunk: Any) -> list[Any]:
    """Candidates of the chunks so far with those of one more: parts are appended, other fields replaced."""
    joined: dict[Any, dict[str, Any]] = {item.get("index", 0): item for item in before or ()}
    for item in chunk if isinstance(chunk, list) else ():
        if isinstance(item, dict):
            known = joined.get(item.get("index", 0), {})
            content = {"role": "model", "parts": _parts(known) + _parts(item)}
            joined[item.get("index", 0)] = {**known, **item, "content": content}
    return list(joined.values())


def _parts(candidate: dict[str, Any]) -> list[dict[str, Any]]:
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _decode_candidate(candidate: dict[str, Any], fields: dict[str, Any]) -> ChatResponse:
    parts: list[Part] = []
    for item in _parts(candidate):
        _add_part(item, parts)
    reason = string(candidate, "finishReason")
    if reason in _SPOILED and not parts:
        raise bad_answer(f"The model ended its answer without content ({reason}).")
    stop: StopReason = "filter" if reason in _WITHHELD else "length" if reason == "MAX_TOKENS" else "stop"
    content = with_citations(tuple(parts), candidate.get("groundingMetadata"))
    extra = {key: candidate[key] for key in _RAW if candidate.get(key) is not None}
    answer = _answer(fields, content, settle_stop(stop, content), None, extra)
    logprobs = read_result(candidate.get("logprobsResult"))
    return replace(answer, logprobs=logprobs) if logprobs else answer


def _add_part(item: dict[str, Any], parts: list[Part]) -> None:
    """One more part; text goes on where text of the same kind stands before it."""
    signature = string(item, SIGNATURE) or None
    call = item.get("functionCall")
    data = item.get("inlineData")
    if isinstance(call, dict):
        arguments = call.get("args")
        text = json.dumps_text(arguments) if isinstance(arguments, dict) else "{}"
        parts.append(ToolCall(id=string(call, "id"), name=string(call, "name"), arguments=text, signature=signature))
        return
    if isinstance(item.get("text"), str):
        _add_text(item["text"], item.get("thought") is True, signature, parts)
    elif isinstance(data, dict) and string(data, "data"):
        encoded = plain_base64(string(data, "data"))
        mime = canonical_mime(string(data, "mimeType"), encoded)
        parts.append(Media(kind=kind_of(mime), mime=mime, data=encoded))
    else:
        kind = next((key for key, value in item.items() if isinstance(value, dict)), None)
        if kind is not None:
            parts.append(Opaque(format=NAME, kind=kind, value=item))
            return
    if signature is not None and item.get("thought") is not True:
        parts.append(Opaque(format=NAME, kind=SIGNATURE, value={SIGNATURE: signature}))


def _add_text(text: str, thought: bool, signature: str | None, parts: list[Part]) -> None:
    last = parts[-1] if parts else None
    if thought:
        if isinstance(last, Thinking) and last.signature is None:
            parts[-1] = replace(last, text=last.text + text, signature=signature)
        elif text or signature:
            parts.append(Thinking(text=text, signature=signature, vendor=NAME))
    elif isinstance(last, Text):
        parts[-1] = replace(last, text=last.text + text)
    elif text:
        parts.append(Text(text=text))


def decode_usage(usage: Any) -> Usage | None:
    """Token counts of a Gemini answer, None when there are none. Thoughts stand outside of the candidates' tokens."""
    if not isinstance(usage, dict):
        return None
    asked = count(usage, "promptTokenCount") + count(usage, "toolUsePromptTokenCount")
    thoughts = count(usage, "thoughtsTokenCount")
    return Usage(
        input=asked,
        cached=min(asked, count(usage, "cachedContentTokenCount")),
        output=count(usage, "candidatesTokenCount") + thoughts,
        reasoning=thoughts,
    )


def encode_response(response: ChatResponse, meta: StreamMeta) -> bytes:
    """The answer for a Gemini client."""
    answers = (response, *response.choices)
    body: dict[str, Any] = {"candidates": [_encode_candidate(answer, index, meta) for index, answer in enumerate(answers)]}
    if response.usage is not None:
        body["usageMetadata"] = encode_usage(response.usage)
    body |= {"modelVersion": meta.model, "responseId": meta.id}
    if response.origin == NAME and "promptFeedback" in response.extra:
        body = {"promptFeedback": response.extra["promptFeedback"], **body}
        del body["candidates"]
    try:
        return json.dumps(body)
    except TypeError as error:
        raise bad_answer("The provider's answer cannot be written as JSON.") from error


def _encode_candidate(response: ChatResponse, index: int, meta: StreamMeta) -> dict[str, Any]:
    answer = restore_calls(response, meta.tool_names, f"{meta.id}:{index}", RULES)
    stop = settle_stop(answer.stop, answer.parts)
    if stop == "stop" and any(isinstance(part, Refusal) for part in answer.parts):
        stop = "refusal"
    candidate: dict[str, Any] = {
        "content": {"parts": _encode_parts(answer), "role": "model"},
        "finishReason": _WORDS.get(stop, "STOP"),
        "index": index,
    }
    if answer.origin == NAME:
        return candidate | answer.extra
    return candidate | {"logprobsResult": write_result(answer.logprobs)} if answer.logprobs else candidate


def _encode_parts(answer: ChatResponse) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for part in answer.parts:
        if isinstance(part, Opaque) and part.format == NAME and part.kind == SIGNATURE:
            parts = [*parts[:-1], {**parts[-1], **part.value}] if parts else [{"text": "", **part.value}]
            continue
        encoded = _encode_part(part)
        if encoded is not None:
            parts.append(encoded)
    return parts or [{"text": ""}]


def _encode_part(part: Part) -> dict[str, Any] | None:
    if isinstance(part, Text | Refusal):
        return {"text": part.text}
    if isinstance(part, Thinking):
        signed = {SIGNATURE: part.signature} if part.vendor == NAME and part.signature else {}
        return {"text": part.text, "thought": True, **signed} if part.text or signed else None
    if isinstance(part, ToolCall):
        return encode_call(part)
    if isinstance(part, Media):
        return encode_media(part)
    if isinstance(part, Opaque):
        if part.format == NAME:
            return dict(part.value)
        transcript = string(part.value, "transcript") if isinstance(part.value, dict) else ""
        return {"text": transcript} if transcript else None
    return None


def encode_usage(usage: Usage) -> dict[str, Any]:
    """Canonical counts in Google's arithmetic: thoughts beside the candidates' tokens, zeros left out."""
    fields = {"promptTokenCount": usage.input, "candidatesTokenCount": max(0, usage.output - usage.reasoning)}
    if usage.cached:
        fields["cachedContentTokenCount"] = usage.cached
    if usage.reasoning:
        fields["thoughtsTokenCount"] = usage.reasoning
    return fields | {"totalTokenCount": usage.total}
