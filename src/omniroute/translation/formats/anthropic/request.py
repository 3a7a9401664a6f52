"""Anthropic Messages requests ↔ the canonical request."""

from __future__ import annotations

from typing import Any, cast

from omniroute.core import json
from omniroute.core.errors import BadRequest
from omniroute.ir.caps import Profile
from omniroute.ir.request import ChatRequest, Effort, Message, Part, Reasoning, ResponseFormat, Role, Text, ToolCall, ToolResult
from omniroute.translation import read
from omniroute.translation.formats.anthropic.blocks import NAME, decode_blocks, encode_blocks, encode_text
from omniroute.translation.formats.anthropic.tools import decode_choice, decode_tools, encode_choice, encode_tools
from omniroute.translation.quirks import apply_quirks

_ROLES = ("user", "assistant", "system")
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_KNOWN = frozenset(
    "model messages system tools tool_choice max_tokens temperature top_p top_k stop_sequences stream thinking "
    "output_config output_format metadata service_tier".split()
)


def decode_request(body: bytes) -> ChatRequest:
    """The request an Anthropic client sent; a count_tokens one has no max_tokens. Raises BadRequest naming the field."""
    fields = read.request_object(body)
    config = read.obj(fields, "output_config", "") or {}
    metadata = read.obj(fields, "metadata", "") or {}
    extra = {key: value for key, value in fields.items() if key not in _KNOWN}
    reasoning = _decode_thinking(fields, config)
    if fields.get("thinking") is not None and (reasoning is None or reasoning.mode is None):
        extra["thinking"] = fields["thinking"]
    return ChatRequest(
        origin=NAME,
        model=read.need_text(fields, "model", ""),
        system=_decode_system(fields.get("system")),
        messages=_decode_messages(fields),
        tools=decode_tools(fields),
        tool_choice=decode_choice(fields),
        max_tokens=read.integer(fields, "max_tokens", "", low=1),
        temperature=read.number(fields, "temperature", ""),
        top_p=read.number(fields, "top_p", ""),
        top_k=read.integer(fields, "top_k", ""),
        stop=read.texts(fields.get("stop_sequences"), "stop_sequences"),
        user=read.text(metadata, "user_id", "metadata"),
        service_tier=read.text(fields, "service_tier", ""),
        response_format=_decode_format(fields, config),
        reasoning=reasoning,
        stream=bool(read.flag(fields, "stream", "")),
        include_usage=True,
        extra=extra,
    )


def _decode_system(value: Any) -> tuple[Text, ...]:
    parts = decode_blocks(value, "system")
    for position, part in enumerate(parts):
        if not isinstance(part, Text):
            raise BadRequest(f"system[{position}].type must be text.", param=f"system[{position}].type")
    return tuple(part for part in parts if isinstance(part, Text))


def _decode_messages(fields: dict[str, Any]) -> tuple[Message, ...]:
    items = read.array(fields, "messages", "")
    if items is None:
        read.missing("messages")
    if not items:
        raise BadRequest("messages must not be empty.", param="messages")
    messages: list[Message] = []
    for position, item in enumerate(items):
        path = f"messages[{position}]"
        message = read.need_object(item, path)
        role = read.need_text(message, "role", path)
        if role not in _ROLES:
            raise BadRequest(f"{path}.role {role[:60]!r} is not known; use one of {', '.join(_ROLES)}.", param=f"{path}.role")
        parts = decode_blocks(message.get("content"), f"{path}.content")
        _check_places(parts, role, path)
        messages.append(Message(role=cast(Role, role), parts=parts))
    return tuple(messages)


def _check_places(parts: tuple[Part, ...], role: str, path: str) -> None:
    """Calls belong to the assistant and results to the user."""
    for position, part in enumerate(parts):
        if (isinstance(part, ToolCall) and role != "assistant") or (isinstance(part, ToolResult) and role != "user"):
            where = f"{path}.content[{position}].type"
            kind = "tool_use" if isinstance(part, ToolCall) else "tool_result"
            raise BadRequest(f"{where}: a {kind} block cannot stand in a message of role {role}.", param=where)


def _decode_thinking(fields: dict[str, Any], config: dict[str, Any]) -> Reasoning | None:
    effort = read.text(config, "effort", "output_config")
    read.choice(effort, _EFFORTS, "output_config.effort")
    thinking = read.obj(fields, "thinking", "")
    kind = read.need_text(thinking, "type", "thinking") if thinking is not None else None
    if thinking is None or kind not in ("enabled", "adaptive", "disabled"):
        return Reasoning(effort=cast(Effort, effort)) if effort is not None else None
    display = read.text(thinking, "display", "thinking")
    return Reasoning(
        mode="off" if kind == "disabled" else cast(Any, kind),
        effort=cast("Effort | None", effort),
        budget=read.integer(thinking, "budget_tokens", "thinking", low=1),
        visible=None if display is None else display != "omitted",
    )


def _decode_format(fields: dict[str, Any], config: dict[str, Any]) -> ResponseFormat | None:
    path = "output_config.format" if config.get("format") is not None else "output_format"
    wanted = read.obj(config, "format", "output_config") or read.obj(fields, "output_format", "")
    if wanted is None:
        return None
    kind = read.need_text(wanted, "type", path)
    if kind != "json_schema":
        raise BadRequest(f"{path}.type {kind[:60]!r} is not known; use json_schema.", param=f"{path}.type")
    return ResponseFormat(kind="schema", schema=read.obj(wanted, "schema", path) or {}, name=read.text(wanted, "name", path))


def encode_request(request: ChatRequest, profile: Profile) -> bytes:
    """The body for an Anthropic upstream. Raises BadRequest for what JSON cannot hold (nested too deep)."""
    body: dict[str, Any] = {"model": profile.model}
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    if request.system:
        body["system"] = _encode_text(request.system, blocks=profile.quirks.preamble is not None)
    body["messages"] = [message for message in map(_encode_message, request.messages) if message is not None]
    tools = encode_tools(request.tools)
    if tools:
        body["tools"] = tools
        choice = encode_choice(request.tool_choice) if request.tool_choice is not None else None
        if choice is not None:
            body["tool_choice"] = choice
    for key in ("temperature", "top_p", "top_k", "service_tier"):
        value = getattr(request, key)
        if value is not None:
            body[key] = value
    if request.stop:
        body["stop_sequences"] = list(request.stop)
    _encode_thinking(request, body)
    if request.user is not None:
        body["metadata"] = {"user_id": request.user}
    if request.stream:
        body["stream"] = True
    if request.origin == NAME:
        body.update(request.extra)
    try:
        return json.dumps(apply_quirks(body, profile.quirks))
    except TypeError as error:
        raise BadRequest(f"The request cannot be written as JSON for this provider: {error}.") from error


def _encode_text(texts: tuple[Text, ...], *, blocks: bool) -> str | list[dict[str, Any]]:
    if len(texts) == 1 and texts[0].cache is None and not blocks:
        return texts[0].text
    return [encode_text(text) for text in texts]


def _encode_message(message: Message) -> dict[str, Any] | None:
    """One turn; a plain text turn has a string as its content, an empty one is left out."""
    role = "system" if message.role == "developer" else message.role
    first = message.parts[0] if len(message.parts) == 1 else None
    if isinstance(first, Text) and first.cache is None and not first.citations:
        return {"role": role, "content": first.text}
    blocks = encode_blocks(message.parts)
    return {"role": role, "content": blocks} if blocks else None


def _encode_thinking(request: ChatRequest, body: dict[str, Any]) -> None:
    reasoning = request.reasoning
    config: dict[str, Any] = {}
    if reasoning is not None:
        if reasoning.effort is not None and reasoning.effort in _EFFORTS:
            config["effort"] = reasoning.effort
        thinking: dict[str, Any] | None = None
        if reasoning.mode == "enabled" and reasoning.budget is not None:
            thinking = {"type": "enabled", "budget_tokens": reasoning.budget}
        elif reasoning.mode in ("adaptive", "off"):
            thinking = {"type": "adaptive" if reasoning.mode == "adaptive" else "disabled"}
        if thinking is not None:
            if reasoning.visible is not None and reasoning.mode != "off":
                thinking["display"] = "summarized" if reasoning.visible else "omitted"
            body["thinking"] = thinking
    wanted = request.response_format
    if wanted is not None and wanted.kind == "schema":
        config["format"] = {"type": "json_schema", "schema": wanted.schema or {}}
    if config:
        body["output_config"] = config
