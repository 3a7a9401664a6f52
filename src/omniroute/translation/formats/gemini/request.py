"""Gemini generateContent requests ↔ the canonical request. Model and stream switch stand in the URL, not here."""

from __future__ import annotations

from typing import Any

from omniroute.core import json
from omniroute.core.errors import BadRequest
from omniroute.ir.caps import Profile
from omniroute.ir.request import ChatRequest, Message, Part, Role, Text, ToolCall, ToolResult
from omniroute.translation import read
from omniroute.translation.formats.gemini.config import PATH, decode_config, encode_config
from omniroute.translation.formats.gemini.fields import NAME, camel, inner, objects
from omniroute.translation.formats.gemini.parts import Ids, decode_parts, encode_parts
from omniroute.translation.formats.gemini.tools import decode_choice, decode_tools, encode_choice, encode_tools, without_calling
from omniroute.translation.quirks import apply_quirks

_ROLES: dict[str, Role] = {"user": "user", "model": "assistant", "function": "user", "system": "system"}
_KNOWN = frozenset("model contents systemInstruction tools toolConfig generationConfig serviceTier store".split())


def decode_request(body: bytes) -> ChatRequest:
    """The request a Gemini client sent, without a model. Raises BadRequest naming the field."""
    fields = camel(read.request_object(body))
    config = decode_config(inner(fields, PATH, ""))
    extra = {key: value for key, value in fields.items() if key not in _KNOWN}
    rest = config.pop("extra")
    if rest:
        extra[PATH] = rest
    calling = without_calling(read.obj(fields, "toolConfig", "") or {})
    if calling:
        extra["toolConfig"] = calling
    tier = read.text(fields, "serviceTier", "")
    return ChatRequest(
        origin=NAME,
        model=read.text(fields, "model", "") or "",
        system=_decode_system(fields),
        messages=_decode_contents(fields),
        tools=decode_tools(fields),
        tool_choice=decode_choice(fields),
        service_tier=tier.lower() if tier is not None else None,
        store=read.flag(fields, "store", ""),
        include_usage=True,
        extra=extra,
        **config,
    )


def _decode_system(fields: dict[str, Any]) -> tuple[Text, ...]:
    value = fields.get("systemInstruction")
    if value is None:
        return ()
    if isinstance(value, str):
        return (Text(text=value),)
    content = camel(read.need_object(value, "systemInstruction"))
    parts = decode_parts(objects(content, "parts", "systemInstruction"), Ids(), "systemInstruction.parts")
    return tuple(part for part in parts if isinstance(part, Text))


def _decode_contents(fields: dict[str, Any]) -> tuple[Message, ...]:
    if fields.get("contents") is None:
        read.missing("contents")
    items = objects(fields, "contents", "")
    if not items:
        raise BadRequest("contents must not be empty.", param="contents")
    ids = Ids()
    messages: list[Message] = []
    for position, item in enumerate(items):
        path = f"contents[{position}]"
        word = read.text(item, "role", path) or "user"
        role = _ROLES.get(word)
        if role is None:
            raise BadRequest(f"{path}.role {word[:60]!r} is not known; use user or model.", param=f"{path}.role")
        parts = decode_parts(objects(item, "parts", path), ids, f"{path}.parts")
        _check_places(parts, role, word, path)
        messages.append(Message(role=role, parts=parts))
    return tuple(messages)


def _check_places(parts: tuple[Part, ...], role: Role, word: str, path: str) -> None:
    """Calls belong to the model and results to the user."""
    for part in parts:
        if (isinstance(part, ToolCall) and role != "assistant") or (isinstance(part, ToolResult) and role != "user"):
            kind = "functionCall" if isinstance(part, ToolCall) else "functionResponse"
            raise BadRequest(f"{path}.parts: a {kind} cannot stand in a content of role {word}.", param=f"{path}.parts")


def encode_request(request: ChatRequest, profile: Profile) -> bytes:
    """The body for a Gemini upstream. Raises BadRequest for what JSON cannot hold (nested too deep)."""
    try:
        return json.dumps(encode_body(request, profile))
    except TypeError as error:
        raise BadRequest(f"The request cannot be written as JSON for this provider: {error}.") from error


def encode_body(request: ChatRequest, profile: Profile) -> dict[str, Any]:
    """The same before it is written down."""
    named = profile.quirks.tool_id != "none"
    contents = [content for message in request.messages if (content := _encode_message(message, named)) is not None]
    body: dict[str, Any] = {"contents": contents}
    if request.system:
        body["systemInstruction"] = {"parts": [{"text": text.text} for text in request.system]}
    choice = request.tool_choice
    tools = encode_tools(request.tools, choice, profile.quirks)
    if tools:
        body["tools"] = tools
    declared = any("functionDeclarations" in tool for tool in tools)  # a calling mode without functions is refused
    calling = encode_choice(choice, profile.quirks) if declared else None
    if calling is not None:
        body["toolConfig"] = {"functionCallingConfig": calling}
    config = encode_config(request, profile)
    if config:
        body[PATH] = config
    if request.service_tier is not None:
        body["serviceTier"] = request.service_tier
    if request.origin == NAME:
        _add_extra(body, request.extra)
    return apply_quirks(body, profile.quirks)


def _encode_message(message: Message, named: bool) -> dict[str, Any] | None:
    parts = encode_parts(message.parts, named=named)
    return {"role": "model" if message.role == "assistant" else "user", "parts": parts} if parts else None


def _add_extra(body: dict[str, Any], extra: dict[str, Any]) -> None:
    """What only Google knows; objects that are there already get the rest of their fields."""
    for key, value in extra.items():
        present = body.get(key)
        body[key] = {**present, **value} if isinstance(present, dict) and isinstance(value, dict) else value
