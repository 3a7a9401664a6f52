"""Chat Completions requests ↔ the canonical request."""

from __future__ import annotations

from typing import Any, cast

from omniroute.core import json
from omniroute.core.errors import BadRequest
from omniroute.ir.caps import Profile
from omniroute.ir.request import ChatRequest, Effort, Reasoning, ResponseFormat
from omniroute.translation import read
from omniroute.translation.formats.openai_chat.messages import decode_messages, encode_messages
from omniroute.translation.formats.openai_chat.parts import NAME
from omniroute.translation.formats.openai_chat.tools import SEARCH, decode_choice, decode_tools, encode_choice, encode_tools
from omniroute.translation.quirks import apply_quirks

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_KNOWN = frozenset(
    "model messages tools functions tool_choice function_call parallel_tool_calls max_tokens max_completion_tokens "
    "temperature top_p top_k stop seed frequency_penalty presence_penalty logit_bias logprobs top_logprobs n user "
    "metadata service_tier response_format reasoning_effort verbosity prompt_cache_key store stream stream_options".split()
)
_PLAIN = (
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "n",
    "metadata",
    "service_tier",
    "verbosity",
    "prompt_cache_key",
    "store",
)


def decode_request(body: bytes) -> ChatRequest:
    """The request a Chat client sent. Raises BadRequest naming the field."""
    fields = read.request_object(body)
    extra = {key: value for key, value in fields.items() if key not in _KNOWN}
    limit = read.integer(fields, "max_completion_tokens", "", low=1)
    older = read.integer(fields, "max_tokens", "", low=1)
    options = read.obj(fields, "stream_options", "") or {}
    return ChatRequest(
        origin=NAME,
        model=read.need_text(fields, "model", ""),
        messages=decode_messages(fields),
        tools=decode_tools(fields),
        tool_choice=decode_choice(fields),
        max_tokens=older if limit is None else limit,
        temperature=read.number(fields, "temperature", ""),
        top_p=read.number(fields, "top_p", ""),
        top_k=read.integer(fields, "top_k", ""),
        stop=read.texts(fields.get("stop"), "stop"),
        seed=read.integer(fields, "seed", ""),
        frequency_penalty=read.number(fields, "frequency_penalty", ""),
        presence_penalty=read.number(fields, "presence_penalty", ""),
        logit_bias=read.obj(fields, "logit_bias", ""),
        logprobs=read.flag(fields, "logprobs", ""),
        top_logprobs=read.integer(fields, "top_logprobs", "", low=0),
        n=read.integer(fields, "n", "", low=1),
        user=_decode_user(fields),
        metadata=read.obj(fields, "metadata", ""),
        service_tier=read.text(fields, "service_tier", ""),
        response_format=_decode_response_format(fields),
        reasoning=_decode_reasoning(fields),
        verbosity=read.text(fields, "verbosity", ""),
        prompt_cache_key=read.text(fields, "prompt_cache_key", ""),
        store=read.flag(fields, "store", ""),
        stream=bool(read.flag(fields, "stream", "")),
        include_usage=bool(read.flag(options, "include_usage", "stream_options")),
        extra=extra,
    )


def _decode_user(fields: dict[str, Any]) -> str | None:
    """The end user's id; the newer ``safety_identifier`` (which also stays in ``extra``) stands in for a missing ``user``."""
    user = read.text(fields, "user", "")
    return read.text(fields, "safety_identifier", "") if user is None else user


def _decode_reasoning(fields: dict[str, Any]) -> Reasoning | None:
    effort = read.text(fields, "reasoning_effort", "")
    read.choice(effort, _EFFORTS, "reasoning_effort")
    if effort is None:
        return None
    return Reasoning(mode="off" if effort == "none" else None, effort=cast(Effort, effort))


def _decode_response_format(fields: dict[str, Any]) -> ResponseFormat | None:
    path = "response_format"
    wanted = read.obj(fields, path, "")
    if wanted is None:
        return None
    kind = read.need_text(wanted, "type", path)
    if kind == "text":
        return ResponseFormat(kind="text")
    if kind == "json_object":
        return ResponseFormat(kind="json")
    if kind != "json_schema":
        raise BadRequest(f"{path}.type {kind[:60]!r} is not known; use text, json_object or json_schema.", param=f"{path}.type")
    where = f"{path}.json_schema"
    inner = read.need_object(wanted.get("json_schema"), where)
    return ResponseFormat(
        kind="schema",
        name=read.text(inner, "name", where),
        schema=read.obj(inner, "schema", where) or {},
        strict=read.flag(inner, "strict", where),
        description=read.text(inner, "description", where),
    )


def encode_request(request: ChatRequest, profile: Profile) -> bytes:
    """The body for a Chat upstream. Raises BadRequest for what JSON cannot hold (nested too deep)."""
    quirks = profile.quirks
    body: dict[str, Any] = {"model": profile.model, "messages": encode_messages(request.system, request.messages, quirks)}
    if request.max_tokens is not None:
        body[quirks.max_tokens_field or "max_tokens"] = request.max_tokens
    for key in _PLAIN:
        value = getattr(request, key)
        if value is not None:
            body[key] = value
    if request.stop:
        body["stop"] = list(request.stop)
    if request.user is not None and request.user != request.extra.get("safety_identifier"):
        body["user"] = request.user
    for tool in request.tools:
        if tool.kind == "hosted" and tool.format == NAME and tool.value is not None and SEARCH in tool.value:
            body[SEARCH] = tool.value[SEARCH]
    tools = encode_tools(request.tools)
    if tools:
        body["tools"] = tools
        if request.tool_choice is not None:
            body.update(encode_choice(request.tool_choice, request.tools, quirks))
    if request.response_format is not None:
        body["response_format"] = _encode_response_format(request.response_format)
    if request.reasoning is not None and request.reasoning.effort is not None:
        body["reasoning_effort"] = request.reasoning.effort
    if request.stream:
        body["stream"] = True
        if quirks.stream_usage in (None, "flag"):
            body["stream_options"] = {"include_usage": True}
    if request.origin == NAME:
        body.update(request.extra)
    try:
        return json.dumps(apply_quirks(body, quirks))
    except TypeError as error:
        raise BadRequest(f"The request cannot be written as JSON for this provider: {error}.") from error


def _encode_response_format(wanted: ResponseFormat) -> dict[str, Any]:
    if wanted.kind != "schema":
        return {"type": "json_object" if wanted.kind == "json" else "text"}
    inner: dict[str, Any] = {"name": wanted.name or "output", "schema": wanted.schema or {}}
    if wanted.description is not None:
        inner["description"] = wanted.description
    if wanted.strict is not None:
        inner["strict"] = wanted.strict
    return {"type": "json_schema", "json_schema": inner}
