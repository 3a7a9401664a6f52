"""Responses requests ↔ the canonical request."""

from __future__ import annotations

from typing import Any, cast

from omniroute.core import json
from omniroute.core.errors import BadRequest, NotFound
from omniroute.ir.caps import Profile
from omniroute.ir.request import ChatRequest, Effort, Reasoning, ResponseFormat, Text
from omniroute.translation import read
from omniroute.translation.formats.openai_responses.input import decode_input, input_items, late_tools
from omniroute.translation.formats.openai_responses.items import ItemWriter
from omniroute.translation.formats.openai_responses.rules import NAME
from omniroute.translation.formats.openai_responses.tools import (
    QualifiedNames,
    decode_choice,
    decode_tools,
    encode_choice,
    encode_tools,
)
from omniroute.translation.quirks import apply_quirks

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_KNOWN = frozenset(
    "model input instructions tools tool_choice parallel_tool_calls max_output_tokens temperature top_p top_logprobs user "
    "metadata service_tier text prompt_cache_key store stream stream_options previous_response_id".split()
)
_PLAIN = ("temperature", "top_p", "top_logprobs", "metadata", "service_tier", "prompt_cache_key")
_LOGPROBS = "message.output_text.logprobs"
_ENCRYPTED = "reasoning.encrypted_content"
_REASONING = frozenset({"effort", "summary", "generate_summary"})


def decode_request(body: bytes) -> ChatRequest:
    """The request a Responses client sent.

    Raises BadRequest naming the field, NotFound for a ``previous_response_id`` (what is known of earlier responses must be in
    the body by now).
    """
    fields = read.request_object(body)
    _refuse_stored(fields)
    items = input_items(fields)
    names = QualifiedNames()
    listed = read.array(fields, "tools", "") or []
    tools = decode_tools([(tool, f"tools[{index}]") for index, tool in enumerate(listed)] + late_tools(items), names)
    wanted = read.obj(fields, "text", "") or {}
    include = read.texts(fields.get("include"), "include")
    instructions = read.text(fields, "instructions", "")
    return ChatRequest(
        origin=NAME,
        model=read.need_text(fields, "model", ""),
        system=(Text(text=instructions),) if instructions else (),
        messages=decode_input(items, names),
        tools=tools,
        tool_choice=decode_choice(fields, names),
        max_tokens=read.integer(fields, "max_output_tokens", "", low=1),
        temperature=read.number(fields, "temperature", ""),
        top_p=read.number(fields, "top_p", ""),
        logprobs=True if _LOGPROBS in include else None,
        top_logprobs=read.integer(fields, "top_logprobs", "", low=0),
        user=_decode_user(fields),
        metadata=read.obj(fields, "metadata", ""),
        service_tier=read.text(fields, "service_tier", ""),
        response_format=_decode_format(wanted),
        reasoning=_decode_reasoning(fields),
        verbosity=read.text(wanted, "verbosity", "text"),
        prompt_cache_key=read.text(fields, "prompt_cache_key", ""),
        store=read.flag(fields, "store", ""),
        stream=bool(read.flag(fields, "stream", "")),
        include_usage=True,
        extra=_decode_extra(fields),
    )


def _refuse_stored(fields: dict[str, Any]) -> None:
    """What would need something that is stored at OpenAI."""
    previous = read.text(fields, "previous_response_id", "")
    if previous is not None:
        sentence = f"Previous response with id {previous[:80]!r} not found."
        raise NotFound(sentence, param="previous_response_id", code="previous_response_not_found")
    for key in ("conversation", "prompt"):
        if fields.get(key) is not None:
            raise BadRequest(f"{key} refers to what is stored at OpenAI and is not supported; send the content.", param=key)
    if fields.get("background"):
        raise BadRequest("background is not supported; the answer is given in this request.", param="background")


def _decode_extra(fields: dict[str, Any]) -> dict[str, Any]:
    """The top-level fields that have no place in the canonical request, the finer points of ``reasoning`` among them."""
    extra = {key: value for key, value in fields.items() if key not in _KNOWN and value is not None}
    reasoning = extra.get("reasoning")
    if isinstance(reasoning, dict) and not reasoning.keys() - _REASONING and reasoning.get("summary") in (None, "auto"):
        del extra["reasoning"]
    if extra.get("include") == [_LOGPROBS]:
        del extra["include"]
    if extra.get("background") is False:
        del extra["background"]
    return extra


def _decode_user(fields: dict[str, Any]) -> str | None:
    """The end user's id; ``safety_identifier`` (which also stays in ``extra``) stands in for a missing ``user``."""
    user = read.text(fields, "user", "")
    return read.text(fields, "safety_identifier", "") if user is None else user


def _decode_reasoning(fields: dict[str, Any]) -> Reasoning | None:
    wanted = read.obj(fields, "reasoning", "")
    if wanted is None:
        return None
    effort = read.text(wanted, "effort", "reasoning")
    read.choice(effort, _EFFORTS, "reasoning.effort")
    summary = wanted.get("summary") or wanted.get("generate_summary")
    if effort is None and summary is None:
        return None
    return Reasoning(
        mode="off" if effort == "none" else None, effort=cast("Effort | None", effort), visible=True if summary else None
    )


def _decode_format(wanted: dict[str, Any]) -> ResponseFormat | None:
    path = "text.format"
    fields = read.obj(wanted, "format", "text")
    if fields is None:
        return None
    kind = read.need_text(fields, "type", path)
    if kind == "text":
        return ResponseFormat(kind="text")
    if kind == "json_object":
        return ResponseFormat(kind="json")
    if kind != "json_schema":
        raise BadRequest(f"{path}.type {kind[:60]!r} is not known; use text, json_object or json_schema.", param=f"{path}.type")
    return ResponseFormat(
        kind="schema",
        name=read.text(fields, "name", path),
        schema=read.obj(fields, "schema", path) or {},
        strict=read.flag(fields, "strict", path),
        description=read.text(fields, "description", path),
    )


def encode_request(request: ChatRequest, profile: Profile) -> bytes:
    """The body for a Responses upstream. Raises BadRequest for what JSON cannot hold (nested too deep)."""
    same = request.origin == NAME
    tools = {tool.name: tool for tool in request.tools}
    body: dict[str, Any] = {"model": profile.model}
    if request.system:
        body["instructions"] = "\n\n".join(text.text for text in request.system)
    body["input"] = ItemWriter(tools, profile.quirks, same=same).items(request.messages)
    body.update(options(request))
    if not same:
        body["store"] = False
        include = _include(request, profile)
        if include:
            body["include"] = include
    if request.stream:
        body["stream"] = True
    try:
        return json.dumps(apply_quirks(body, profile.quirks))
    except TypeError as error:
        raise BadRequest(f"The request cannot be written as JSON for this provider: {error}.") from error


def _include(request: ChatRequest, profile: Profile) -> list[str]:
    """Encrypted reasoning is the only way to keep it without storage; models that do not reason refuse the word."""
    able = profile.capabilities.reasoning
    reasons = able is True or (able is None and request.reasoning is not None)
    return [_ENCRYPTED] * reasons + [_LOGPROBS] * bool(request.logprobs)


def options(request: ChatRequest) -> dict[str, Any]:
    """Everything of a request but the conversation, as it also stands in the response to it."""
    same = request.origin == NAME
    fields: dict[str, Any] = {}
    tools = encode_tools(request.tools, same=same)
    if tools:
        fields["tools"] = tools
    if request.tool_choice is not None and (tools or same):
        fields.update(encode_choice(request.tool_choice, request.tools))
    if request.max_tokens is not None:
        fields["max_output_tokens"] = request.max_tokens
    for key in _PLAIN:
        value = getattr(request, key)
        if value is not None:
            fields[key] = value
    if request.user is not None and request.user != request.extra.get("safety_identifier"):
        fields["user" if same else "safety_identifier"] = request.user
    reasoning = _encode_reasoning(request.reasoning)
    if reasoning:
        fields["reasoning"] = reasoning
    text = _encode_text(request)
    if text:
        fields["text"] = text
    if same:
        if request.store is not None:
            fields["store"] = request.store
        if request.logprobs and "include" not in request.extra:
            fields["include"] = [_LOGPROBS]
        fields.update(request.extra)
    return fields


def _encode_reasoning(reasoning: Reasoning | None) -> dict[str, Any]:
    """What is thought is asked to be seen unless the client does not want to."""
    if reasoning is None:
        return {}
    fields: dict[str, Any] = {}
    if reasoning.effort is not None:
        fields["effort"] = reasoning.effort
    if reasoning.visible is not False and reasoning.effort != "none":
        fields["summary"] = "auto"
    return fields


def _encode_text(request: ChatRequest) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    wanted = request.response_format
    if wanted is not None and wanted.kind == "schema":
        inner: dict[str, Any] = {"type": "json_schema", "name": wanted.name or "output", "schema": wanted.schema or {}}
        if wanted.description is not None:
            inner["description"] = wanted.description
        if wanted.strict is not None or request.origin != NAME:
            inner["strict"] = bool(wanted.strict)
        fields["format"] = inner
    elif wanted is not None:
        fields["format"] = {"type": "json_object" if wanted.kind == "json" else "text"}
    if request.verbosity is not None:
        fields["verbosity"] = request.verbosity
    return fields
