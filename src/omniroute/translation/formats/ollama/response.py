"""Finished Ollama answers ↔ the canonical answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from omniroute.core import json
from omniroute.ir.request import Media, Opaque, Part, Refusal, Text, Thinking, ToolCall
from omniroute.ir.response import ChatResponse, StopReason, Usage
from omniroute.translation.answers import answer_object, bad_answer, count, restore_calls, settle_stop, string
from omniroute.translation.calls import arguments_text
from omniroute.translation.format import StreamMeta
from omniroute.translation.formats.ollama.messages import NAME, encode_call
from omniroute.translation.formats.ollama.rules import RULES
from omniroute.translation.logprobs import read_logprobs, write_logprobs
from omniroute.translation.media import canonical_mime, omitted


def decode_response(body: bytes) -> ChatResponse:
    """The answer of an Ollama upstream. Raises BadAnswer when there is no message, or it is not the whole answer."""
    fields = answer_object(body)
    message = fields.get("message")
    if not isinstance(message, dict):
        raise bad_answer("The provider's answer has no message.")
    if fields.get("done") is False:
        raise bad_answer("The provider's answer is only a part of one.")
    parts = _decode_message(message)
    stop: StopReason = "length" if string(fields, "done_reason") == "length" else "stop"
    return ChatResponse(
        origin=NAME,
        id="",
        model=string(fields, "model"),
        parts=parts,
        stop=settle_stop(stop, parts),
        usage=_decode_usage(fields),
        logprobs=read_logprobs(fields.get("logprobs")),
    )


def _decode_message(message: dict[str, Any]) -> tuple[Part, ...]:
    parts: list[Part] = []
    thinking, text = string(message, "thinking"), string(message, "content")
    if thinking:
        parts.append(Thinking(text=thinking, vendor=NAME))
    if text:
        parts.append(Text(text=text))
    images, calls = message.get("images"), message.get("tool_calls")
    for image in images if isinstance(images, list) else ():
        if isinstance(image, str) and image:
            parts.append(Media(kind="image", mime=canonical_mime("", image), data=image))
    for position, item in enumerate(calls if isinstance(calls, list) else ()):
        function = item.get("function") if isinstance(item, dict) else None
        if isinstance(function, dict) and (string(function, "name") or function.get("arguments")):
            name = string(function, "name") or f"tool_{position}"
            parts.append(ToolCall(id=string(item, "id"), name=name, arguments=arguments_text(function.get("arguments"))))
    return tuple(parts)


def _decode_usage(fields: dict[str, Any]) -> Usage | None:
    """Token counts, None when there are none (a prompt read from the cache may have no count of its own)."""
    if not isinstance(fields.get("eval_count"), int | float) and not isinstance(fields.get("prompt_eval_count"), int | float):
        return None
    return Usage(input=count(fields, "prompt_eval_count"), output=count(fields, "eval_count"))


def created_at(created: int) -> str:
    """Unix seconds as RFC 3339."""
    return datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def encode_response(response: ChatResponse, meta: StreamMeta) -> bytes:
    """The answer for an Ollama client. A first choice only: this dialect has no others."""
    answer = restore_calls(response, meta.tool_names, meta.id, RULES)
    calls = [encode_call(part) for part in answer.parts if isinstance(part, ToolCall)]
    for index, call in enumerate(calls):
        call["function"] = {"index": index, **call["function"]}
    message: dict[str, Any] = {"role": "assistant", "content": answer_text(answer)}
    thinking = answer_thinking(answer)
    if thinking:
        message["thinking"] = thinking
    if calls:
        message["tool_calls"] = calls
    content: dict[str, Any] = {"message": message}
    if answer.logprobs:
        content["logprobs"] = write_logprobs(answer.logprobs)
    return write_answer(content, answer, meta)


def write_answer(content: dict[str, Any], answer: ChatResponse, meta: StreamMeta) -> bytes:
    """``content`` between the head and the tail all answers of this dialect have. Durations are in nanoseconds; ours are not
    measured."""
    usage = answer.usage or Usage(input=meta.input_tokens, estimated=True)
    body = {
        "model": meta.model,
        "created_at": created_at(meta.created),
        **content,
        "done": True,
        "done_reason": "length" if answer.stop in ("length", "context") else "stop",
        "total_duration": 0,
        "load_duration": 0,
        "prompt_eval_count": usage.input,
        "prompt_eval_duration": 0,
        "eval_count": usage.output,
        "eval_duration": 0,
    }
    try:
        return json.dumps(body)
    except TypeError as error:
        raise bad_answer("The provider's answer cannot be written as JSON.") from error


def answer_text(answer: ChatResponse) -> str:
    """Everything a client shows: texts as fragments of one answer, notes for what has no form. Images are among that: messages
    have a field for them, but in an answer clients of the official library fail on it."""
    return "".join(_shown(part) for part in answer.parts)


def _shown(part: Part) -> str:
    if isinstance(part, Text | Refusal):
        return part.text
    if isinstance(part, Media):
        return omitted(part.kind, part.url).text
    if isinstance(part, Opaque) and isinstance(part.value, dict):
        return string(part.value, "transcript")
    return ""


def answer_thinking(answer: ChatResponse) -> str:
    """The reasoning text, blocks apart."""
    return "\n\n".join(part.text for part in answer.parts if isinstance(part, Thinking) and part.text)
