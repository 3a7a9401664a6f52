"""Ollama chat requests ↔ the canonical request."""

from __future__ import annotations

from typing import Any, cast

from omniroute.core import json
from omniroute.core.errors import BadRequest
from omniroute.ir.caps import Profile, Quirks
from omniroute.ir.request import ChatRequest, Effort, Message, Reasoning, ResponseFormat, Tool
from omniroute.translation import read
from omniroute.translation.formats.ollama.messages import NAME, decode_messages, encode_messages
from omniroute.translation.quirks import apply_quirks
from omniroute.translation.reasoning import effort_of

_KNOWN = frozenset("model messages tools stream format options think logprobs top_logprobs".split())
_OPTIONS = ("temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty")
_LEVELS = ("low", "medium", "high")
_LEVEL_OF: dict[Effort, str] = {"minimal": "low", "xhigh": "high", "max": "high"}


def decode_request(body: bytes) -> ChatRequest:
    """The request an Ollama client sent. Raises BadRequest naming the field."""
    fields = read.request_object(body)
    extra = {key: value for key, value in fields.items() if key not in _KNOWN}
    return decode_fields(fields, decode_messages(fields), decode_tools(fields), extra)


def decode_fields(
    fields: dict[str, Any], messages: tuple[Message, ...], tools: tuple[Tool, ...], extra: dict[str, Any]
) -> ChatRequest:
    """A request of this dialect from its top-level ``fields`` and what the caller has read of them already."""
    options = read.obj(fields, "options", "") or {}
    limit = read.integer(options, "num_predict", "options")
    bounded = limit is not None and limit > 0
    known = {*_OPTIONS, "stop"} | ({"num_predict"} if bounded else set())  # 0 and less stand for "no limit" in several ways
    left = {key: value for key, value in options.items() if key not in known}
    stream = read.flag(fields, "stream", "")
    return ChatRequest(
        origin=NAME,
        model=read.need_text(fields, "model", ""),
        messages=messages,
        tools=tools,
        max_tokens=limit if bounded else None,
        temperature=read.number(options, "temperature", "options"),
        top_p=read.number(options, "top_p", "options"),
        top_k=read.integer(options, "top_k", "options"),
        stop=read.texts(options.get("stop"), "options.stop"),
        seed=read.integer(options, "seed", "options"),
        frequency_penalty=read.number(options, "frequency_penalty", "options"),
        presence_penalty=read.number(options, "presence_penalty", "options"),
        logprobs=read.flag(fields, "logprobs", ""),
        top_logprobs=read.integer(fields, "top_logprobs", "", low=0),
        response_format=_decode_format(fields.get("format")),
        reasoning=_decode_think(fields.get("think")),
        stream=True if stream is None else stream,
        include_usage=True,
        extra={**extra, "options": left} if left else extra,
    )


def decode_tools(fields: dict[str, Any]) -> tuple[Tool, ...]:
    """``tools``: functions only."""
    tools = []
    for position, item in enumerate(read.array(fields, "tools", "") or []):
        path = f"tools[{position}]"
        outer = read.need_object(item, path)
        kind = read.text(outer, "type", path) or "function"
        read.choice(kind, ("function",), f"{path}.type")
        function = read.need_object(outer.get("function"), f"{path}.function")
        tools.append(
            Tool(
                name=read.need_text(function, "name", f"{path}.function"),
                description=read.text(function, "description", f"{path}.function"),
                schema=read.obj(function, "parameters", f"{path}.function"),
            )
        )
    return tuple(tools)


def _decode_format(value: Any) -> ResponseFormat | None:
    """The word "json", a JSON Schema as it stands, or nothing (also spelled "")."""
    if value is None or value == "":
        return None
    if value == "json":
        return ResponseFormat(kind="json")
    if not isinstance(value, dict):
        raise BadRequest('format must be "json" or a JSON Schema.', param="format")
    return ResponseFormat(kind="schema", schema=value)


def _decode_think(value: Any) -> Reasoning | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return Reasoning(mode="enabled" if value else "off")
    if value not in _LEVELS:
        raise BadRequest(f"think must be true, false, or one of {', '.join(_LEVELS)}.", param="think")
    return Reasoning(mode="enabled", effort=cast(Effort, value))


def encode_request(request: ChatRequest, profile: Profile) -> bytes:
    """The body for an Ollama upstream. Raises BadRequest for what JSON cannot hold (nested too deep)."""
    body: dict[str, Any] = {
        "model": profile.model,
        "messages": encode_messages(request.system, request.messages),
        "stream": request.stream,  # said either way: left out it would mean true
    }
    if request.tools:
        body["tools"] = [_encode_tool(tool) for tool in request.tools if tool.kind != "hosted"]
    wanted = request.response_format
    if wanted is not None and wanted.kind != "text":
        body["format"] = (wanted.schema or {}) if wanted.kind == "schema" else "json"
    think = _encode_think(request.reasoning, profile.quirks)
    if think is not None:
        body["think"] = think
    if request.logprobs is not None:
        body["logprobs"] = request.logprobs
    if request.top_logprobs is not None:
        body["top_logprobs"] = request.top_logprobs
    if request.origin == NAME:
        body.update(request.extra)
    options = {**body.pop("options", {}), **_encode_options(request)}
    if options:
        body["options"] = options
    try:
        return json.dumps(apply_quirks(body, profile.quirks))
    except TypeError as error:
        raise BadRequest(f"The request cannot be written as JSON for this provider: {error}.") from error


def _encode_options(request: ChatRequest) -> dict[str, Any]:
    options = {key: value for key in _OPTIONS if (value := getattr(request, key)) is not None}
    if request.max_tokens is not None:
        options["num_predict"] = request.max_tokens
    if request.stop:
        options["stop"] = list(request.stop)
    return options


def _encode_think(reasoning: Reasoning | None, quirks: Quirks) -> bool | str | None:
    """On, off or unsaid; how much only where the model knows levels, since others refuse the words."""
    if reasoning is None or reasoning.mode == "off":
        return None if reasoning is None else False
    if reasoning.mode is None and reasoning.effort is None and reasoning.budget is None:
        return None
    effort = effort_of(reasoning)
    return _LEVEL_OF.get(effort, effort) if quirks.thinking == "levels" else True


def _encode_tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.schema is not None:
        function["parameters"] = tool.schema
    return {"type": "function", "function": function}
