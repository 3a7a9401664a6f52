"""Finished Chat Completions answers ↔ the canonical answer."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from omniroute.core import json
from omniroute.ir.request import Media, Opaque, Part, Refusal, Text, Thinking, ToolCall
from omniroute.ir.response import ChatResponse, StopReason, Usage
from omniroute.translation.answers import answer_object, bad_answer, count, custom_tools, restore_calls, settle_stop, string
from omniroute.translation.calls import arguments_text
from omniroute.translation.format import StreamMeta
from omniroute.translation.formats.openai_chat.parts import NAME
from omniroute.translation.formats.openai_chat.rules import RULES
from omniroute.translation.formats.openai_chat.tools import encode_call
from omniroute.translation.logprobs import read_logprobs, write_logprobs
from omniroute.translation.media import data_url, read_data_url
from omniroute.translation.parts import plain_text

_STOPS: dict[str, StopReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool",
    "function_call": "tool",
    "content_filter": "filter",
}
_WORDS: dict[StopReason, str] = {"tool": "tool_calls", "length": "length", "context": "length", "filter": "content_filter"}
_TIERS = ("auto", "default", "flex", "scale", "priority")


def decode_response(body: bytes) -> ChatResponse:
    """The answer of a Chat upstream. Raises BadAnswer when there is no choice to read."""
    fields = answer_object(body)
    choices = fields.get("choices")
    if not isinstance(choices, list) or not choices:
        raise bad_answer("The provider's answer has no choices.")
    usage = decode_usage(fields.get("usage"))
    answers = [_decode_choice(choice, fields) for choice in choices]
    extra = {key: fields[key] for key in ("system_fingerprint",) if isinstance(fields.get(key), str)}
    return replace(answers[0], usage=usage, choices=tuple(answers[1:]), extra={**answers[0].extra, **extra})


def _decode_choice(choice: Any, fields: dict[str, Any]) -> ChatResponse:
    message = choice.get("message") or choice.get("delta") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        raise bad_answer("A choice of the provider's answer has no message.")
    parts = _decode_message(message)
    stop = settle_stop(_STOPS.get(string(choice, "finish_reason"), "stop"), parts)
    if stop == "stop" and any(isinstance(part, Refusal) for part in parts):
        stop = "refusal"
    created = count(fields, "created")
    logprobs = choice.get("logprobs")
    return ChatResponse(
        origin=NAME,
        id=string(fields, "id"),
        model=string(fields, "model"),
        parts=parts,
        stop=stop,
        created=created,
        service_tier=string(fields, "service_tier") or None,
        logprobs=read_logprobs(logprobs.get("content")) if isinstance(logprobs, dict) else (),
        extra={"logprobs": logprobs} if isinstance(logprobs, dict) else {},
    )


def _decode_message(message: dict[str, Any]) -> tuple[Part, ...]:
    parts: list[Part] = []
    thinking = string(message, "reasoning_content") or string(message, "reasoning")
    if thinking:
        parts.append(Thinking(text=thinking, vendor=NAME))
    parts += _decode_content(message.get("content"), _annotations(message))
    refusal = string(message, "refusal")
    if refusal:
        parts.append(Refusal(text=refusal))
    audio = message.get("audio")
    if isinstance(audio, dict):
        parts.append(Opaque(format=NAME, kind="audio", value=audio))
    parts += _decode_images(message.get("images"))
    parts += _decode_calls(message)
    return tuple(parts)


def _annotations(message: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    found = message.get("annotations")
    return tuple(item for item in found if isinstance(item, dict)) if isinstance(found, list) else ()


def _decode_content(content: Any, annotations: tuple[dict[str, Any], ...]) -> list[Part]:
    if isinstance(content, str):
        return [Text(text=content, citations=annotations)] if content else []
    parts: list[Part] = []
    for item in content if isinstance(content, list) else ():
        if not isinstance(item, dict):
            continue
        if string(item, "type") == "thinking":
            inner = item.get("thinking")
            pieces = inner if isinstance(inner, list) else [{"text": inner}]
            text = "".join(string(piece, "text") for piece in pieces if isinstance(piece, dict))
            if text:
                parts.append(Thinking(text=text, vendor=NAME))
        elif string(item, "refusal"):
            parts.append(Refusal(text=string(item, "refusal")))
        elif string(item, "text"):
            parts.append(Text(text=string(item, "text"), citations=annotations))
            annotations = ()
    return parts


def _decode_images(images: Any) -> list[Part]:
    parts: list[Part] = []
    for item in images if isinstance(images, list) else ():
        image = item.get("image_url") if isinstance(item, dict) else None
        url = string(image, "url") if isinstance(image, dict) else ""
        inline = read_data_url(url)
        if inline is not None:
            parts.append(Media(kind="image", mime=inline[0], data=inline[1]))
        elif url:
            parts.append(Media(kind="image", url=url))
    return parts


def _decode_calls(message: dict[str, Any]) -> list[Part]:
    calls: list[Part] = []
    listed = message.get("tool_calls")
    for item in listed if isinstance(listed, list) else ():
        if not isinstance(item, dict):
            continue
        custom = item.get("custom")
        if isinstance(custom, dict):
            name, given = string(custom, "name"), string(custom, "input")
            calls.append(ToolCall(id=string(item, "id"), name=name, arguments=given, kind="custom"))
        else:
            calls += _decode_function(item.get("function"), string(item, "id"), len(calls))
    if not calls:
        calls += _decode_function(message.get("function_call"), "", 0)
    return calls


def _decode_function(function: Any, call_id: str, position: int) -> list[ToolCall]:
    if not isinstance(function, dict):
        return []
    arguments = function.get("arguments")
    name = string(function, "name")
    if not name and not arguments:
        return []
    return [ToolCall(id=call_id, name=name or f"tool_{position}", arguments=arguments_text(arguments))]


def decode_usage(usage: Any) -> Usage | None:
    """Token counts of a Chat answer, None when there are none. Totals are recomputed, never trusted."""
    if not isinstance(usage, dict):
        return None
    prompt = usage.get("prompt_tokens_details")
    completion = usage.get("completion_tokens_details")
    asked, answered = count(usage, "prompt_tokens"), count(usage, "completion_tokens")
    cached = min(asked, count(prompt, "cached_tokens") or count(usage, "prompt_cache_hit_tokens"))
    return Usage(
        input=asked,
        cached=cached,
        written=min(asked - cached, count(prompt, "cache_write_tokens")),
        output=answered,
        reasoning=min(answered, count(completion, "reasoning_tokens")),
    )


def encode_response(response: ChatResponse, meta: StreamMeta) -> bytes:
    """The answer for a Chat client."""
    answers = (response, *response.choices)
    body: dict[str, Any] = {
        "id": meta.id,
        "object": "chat.completion",
        "created": meta.created,
        "model": meta.model,
        "choices": [_encode_choice(answer, index, meta) for index, answer in enumerate(answers)],
    }
    if response.usage is not None:
        body["usage"] = encode_usage(response.usage)
    if response.origin == NAME:
        body.update({key: value for key, value in response.extra.items() if key != "logprobs"})
        if response.service_tier in _TIERS:
            body["service_tier"] = response.service_tier
    try:
        return json.dumps(body)
    except TypeError as error:
        raise bad_answer("The provider's answer cannot be written as JSON.") from error


def _encode_choice(response: ChatResponse, index: int, meta: StreamMeta) -> dict[str, Any]:
    custom = None if response.origin == NAME else custom_tools(meta.request)
    answer = restore_calls(response, meta.tool_names, f"{meta.id}:{index}", RULES, custom=custom)
    refusal = plain_text(tuple(part for part in answer.parts if isinstance(part, Refusal)), "")
    return {
        "index": index,
        "message": _encode_message(answer, refusal),
        "finish_reason": _finish(answer, refusal),
        "logprobs": _logprobs(answer),
    }


def _logprobs(answer: ChatResponse) -> dict[str, Any] | None:
    """Of a Chat upstream as they came, the refusal's among them."""
    if answer.origin == NAME:
        return answer.extra.get("logprobs")
    return {"content": write_logprobs(answer.logprobs), "refusal": None} if answer.logprobs else None


def _finish(answer: ChatResponse, refusal: str) -> str:
    stop = settle_stop(answer.stop, answer.parts)
    if stop == "refusal":
        return "stop" if refusal else "content_filter"
    return _WORDS.get(stop, "stop")


def _encode_message(answer: ChatResponse, refusal: str) -> dict[str, Any]:
    calls = [encode_call(part) for part in answer.parts if isinstance(part, ToolCall)]
    texts = [part for part in answer.parts if isinstance(part, Text)]
    audio = [part for part in answer.parts if isinstance(part, Opaque) and part.kind == "audio" and part.format == NAME]
    images = [part for part in answer.parts if isinstance(part, Media) and part.kind == "image"]
    content = "".join(part.text for part in texts)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": content if content or not (calls or refusal or audio) else None,
        "refusal": refusal or None,
    }
    thinking = "\n\n".join(part.text for part in answer.parts if isinstance(part, Thinking) and part.text)
    if thinking:
        message["reasoning_content"] = thinking
    annotations = _encode_annotations(texts, answer.origin)
    if annotations:
        message["annotations"] = annotations
    if audio:
        message["audio"] = audio[0].value
    if images:
        message["images"] = [{"type": "image_url", "image_url": {"url": part.url or data_url(part)}} for part in images]
    if calls:
        message["tool_calls"] = calls
    return message


def _cited_range(citation: dict[str, Any], start: int, end: int) -> dict[str, int]:
    """What of the joined text a citation is about: its own range within its text, or all of that text."""
    first, last = citation.get("start_index"), citation.get("end_index")
    if isinstance(first, int) and isinstance(last, int) and 0 <= first < last <= end - start:
        return {"start_index": start + first, "end_index": start + last}
    return {"start_index": start, "end_index": end}


def _encode_annotations(texts: list[Text], origin: str) -> list[dict[str, Any]]:
    """Citations that have a URL, as ranges of the joined text (in characters)."""
    annotations: list[dict[str, Any]] = []
    start = 0
    for part in texts:
        end = start + len(part.text)
        for citation in part.citations:
            if origin == NAME:
                annotations.append(citation)
            elif isinstance(citation.get("url"), str):
                place = _cited_range(citation, start, end)
                cited = {"url": citation["url"], "title": str(citation.get("title") or ""), **place}
                annotations.append({"type": "url_citation", "url_citation": cited})
        start = end
    return annotations


def encode_usage(usage: Usage) -> dict[str, Any]:
    """Canonical counts in Chat's arithmetic: cached inside prompt, reasoning inside completion."""
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.written},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
