"""Judge of request bodies for Ollama, written from its API documentation: what it would refuse or read wrongly."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

_TOP = {"model", "messages", "tools", "stream", "format", "options", "keep_alive", "think", "logprobs", "top_logprobs"}
_OPTIONS = {
    "num_predict", "temperature", "top_p", "top_k", "seed", "stop", "num_ctx", "repeat_penalty", "presence_penalty",
    "frequency_penalty", "min_p", "num_keep", "repeat_last_n", "typical_p", "num_gpu", "num_thread",
}  # fmt: skip
_MESSAGE = {
    "system": {"role", "content"},
    "user": {"role", "content", "images"},
    "assistant": {"role", "content", "thinking", "tool_calls"},
    "tool": {"role", "content", "images", "tool_name", "tool_call_id"},
}


def ollama_complaints(body: dict[str, Any]) -> list[str]:
    """Everything that is wrong with a chat request."""
    return list(_complaints(body))


def _complaints(body: dict[str, Any]) -> Iterator[str]:
    for key in body.keys() - _TOP:
        yield f"unknown field {key}"
    if not isinstance(body.get("stream"), bool):
        yield "stream is not said: it would mean true"
    if not (body.get("think") is None or isinstance(body["think"], bool) or body["think"] in ("low", "medium", "high")):
        yield "think"
    if not (body.get("format") in (None, "json") or isinstance(body["format"], dict)):
        yield "format"
    for key in body.get("options", {}).keys() - _OPTIONS:
        yield f"unknown option {key}"
    if "tools" in body and not body["tools"]:
        yield "empty tools"
    for tool in body.get("tools", []):
        if tool.keys() != {"type", "function"} or tool["function"].keys() - {"name", "description", "parameters"}:
            yield "unknown tool keys"
        parameters = tool["function"].get("parameters")
        if parameters is not None and (parameters.get("type") != "object" or not isinstance(parameters.get("properties"), dict)):
            yield "parameters are no object schema"
    yield from _messages(body["messages"])


def _messages(messages: list[dict[str, Any]]) -> Iterator[str]:
    if not messages:
        yield "no messages: that only loads the model"
    waiting: list[str] = []
    for position, message in enumerate(messages):
        where = f"messages[{position}]"
        role = message["role"]
        for key in message.keys() - _MESSAGE.get(role, set()):
            yield f"{where}: unknown key {key} of {role}"
        if not isinstance(message.get("content"), str):
            yield f"{where}: content is no string"
        for image in message.get("images", ["AAAA"]):
            try:
                base64.b64decode(image, validate=True)
            except ValueError:
                yield f"{where}: an image is not bare base64"
        if role == "tool":
            if message.get("tool_name") not in waiting:
                yield f"{where}: result of no call that waits"
            else:
                waiting.remove(message["tool_name"])
            continue
        if waiting:
            yield f"{where}: calls of {waiting} have no result"
        calls = message.get("tool_calls", [])
        waiting = [call["function"]["name"] for call in calls]
        if "tool_calls" in message and not calls:
            yield f"{where}: empty tool_calls"
        if any(not isinstance(call["function"]["arguments"], dict) for call in calls):
            yield f"{where}: arguments are no object"
    if waiting:
        yield "the last calls have no result"
