"""Tools, tool choice and tool calls of Chat Completions, in both directions, the deprecated functions included."""

from __future__ import annotations

from typing import Any, Literal, cast

from omniroute.core.errors import BadRequest
from omniroute.ir.caps import Quirks
from omniroute.ir.request import Tool, ToolCall, ToolChoice
from omniroute.translation import read
from omniroute.translation.calls import arguments_text

NAME = "openai_chat"
SEARCH = "web_search_options"
_MODES = ("none", "auto", "required")


def decode_tools(body: dict[str, Any]) -> tuple[Tool, ...]:
    """``tools`` and the older ``functions``."""
    tools = [_decode_tool(item, f"tools[{position}]") for position, item in enumerate(read.array(body, "tools", "") or [])]
    for position, item in enumerate(read.array(body, "functions", "") or []):
        path = f"functions[{position}]"
        tools.append(_decode_function(read.need_object(item, path), path, None))
    return tuple(tools)


def _decode_tool(item: Any, path: str) -> Tool:
    fields = read.need_object(item, path)
    kind = read.text(fields, "type", path) or "function"
    cache = read.obj(fields, "cache_control", path)
    if kind == "function":
        where = f"{path}.function"
        return _decode_function(read.need_object(fields.get("function"), where), where, cache)
    if kind == "custom":
        where = f"{path}.custom"
        custom = read.need_object(fields.get("custom"), where)
        return Tool(
            name=read.need_text(custom, "name", where),
            kind="custom",
            description=read.text(custom, "description", where),
            format=NAME,
            value=read.obj(custom, "format", where),
        )
    return Tool(name=read.text(fields, "name", path) or kind, kind="hosted", format=NAME, value=fields)


def _decode_function(function: dict[str, Any], path: str, cache: dict[str, Any] | None) -> Tool:
    return Tool(
        name=read.need_text(function, "name", path),
        description=read.text(function, "description", path),
        schema=read.obj(function, "parameters", path),
        strict=read.flag(function, "strict", path),
        cache=cache or read.obj(function, "cache_control", path),
    )


def decode_choice(body: dict[str, Any]) -> ToolChoice | None:
    """``tool_choice`` or the older ``function_call``, with ``parallel_tool_calls``; None when nothing is stated."""
    key = "tool_choice" if body.get("tool_choice") is not None else "function_call"
    value = body.get(key)
    parallel = read.flag(body, "parallel_tool_calls", "")
    if value is None:
        return None if parallel is None else ToolChoice(parallel=parallel)
    if isinstance(value, str):
        word = "required" if value == "any" else value
        read.choice(word, _MODES, key)
        return ToolChoice(mode=cast(Literal["none", "auto", "required"], word), parallel=parallel)
    fields = read.need_object(value, key)
    if key == "function_call":
        return ToolChoice(mode="named", name=read.need_text(fields, "name", key), parallel=parallel)
    return _decode_named(fields, parallel)


def _decode_named(fields: dict[str, Any], parallel: bool | None) -> ToolChoice:
    path = "tool_choice"
    kind = read.need_text(fields, "type", path)
    if kind in ("function", "custom"):
        inner = read.need_object(fields.get(kind), f"{path}.{kind}")
        return ToolChoice(mode="named", name=read.need_text(inner, "name", f"{path}.{kind}"), parallel=parallel)
    if kind == "allowed_tools":
        where = f"{path}.allowed_tools"
        allowed = read.need_object(fields.get("allowed_tools"), where)
        mode = read.text(allowed, "mode", where) or "auto"
        read.choice(mode, ("auto", "required"), f"{where}.mode")
        listed = read.array(allowed, "tools", where) or []
        names = tuple(_allowed_name(item, f"{where}.tools[{position}]") for position, item in enumerate(listed))
        return ToolChoice(mode=cast(Literal["auto", "required"], mode), allowed=names, parallel=parallel)
    if kind in _MODES:
        return ToolChoice(mode=cast(Literal["none", "auto", "required"], kind), parallel=parallel)
    raise BadRequest(f"{path}.type {kind[:60]!r} is not known.", param=f"{path}.type")


def _allowed_name(item: Any, path: str) -> str:
    fields = read.need_object(item, path)
    kind = read.text(fields, "type", path) or "function"
    inner = read.obj(fields, kind, path)
    return read.need_text(inner, "name", f"{path}.{kind}") if inner is not None else read.text(fields, "name", path) or kind


def decode_call(item: Any, path: str, position: int) -> ToolCall:
    """One entry of ``tool_calls``. A missing id gets one made of its place."""
    fields = read.need_object(item, path)
    kind = read.text(fields, "type", path) or ("custom" if "custom" in fields else "function")
    call_id = read.text(fields, "id", path) or f"call_{path.replace('[', '_').replace(']', '').replace('.', '_')}_{position}"
    if kind == "custom":
        custom = read.need_object(fields.get("custom"), f"{path}.custom")
        return ToolCall(
            id=call_id,
            name=read.need_text(custom, "name", f"{path}.custom"),
            arguments=read.text(custom, "input", f"{path}.custom") or "",
            kind="custom",
        )
    return decode_function_call(fields.get("function"), f"{path}.function", call_id)


def decode_function_call(value: Any, path: str, call_id: str) -> ToolCall:
    """A ``function`` object of a call: arguments are text, an object where a client got that wrong."""
    function = read.need_object(value, path)
    arguments = function.get("arguments")
    if arguments is not None and not isinstance(arguments, str | dict):
        read.wrong(f"{path}.arguments", "a string", arguments)
    given = "" if arguments is None else arguments
    return ToolCall(
        id=call_id,
        name=read.need_text(function, "name", path),
        arguments=given if isinstance(given, str) else arguments_text(given),
    )


def encode_call(call: ToolCall) -> dict[str, Any]:
    """One entry of ``tool_calls``."""
    if call.kind == "custom":
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments_text(call.arguments)}}


def encode_tools(tools: tuple[Tool, ...]) -> list[dict[str, Any]]:
    """The ``tools`` list; other vendors' hosted tools are left out, and the web search, which is no tool here."""
    encoded: list[dict[str, Any]] = []
    for tool in tools:
        if tool.kind == "hosted":
            if tool.format == NAME and tool.value is not None and SEARCH not in tool.value:
                encoded.append(tool.value)
            continue
        fields: dict[str, Any] = {"name": tool.name}
        if tool.description is not None:
            fields["description"] = tool.description
        if tool.kind == "custom":
            if tool.value is not None:
                fields["format"] = tool.value
            encoded.append({"type": "custom", "custom": fields})
            continue
        if tool.schema is not None:
            fields["parameters"] = tool.schema
        if tool.strict is not None:
            fields["strict"] = tool.strict
        outer = {"type": "function", "function": fields}
        encoded.append(outer if tool.cache is None else {**outer, "cache_control": tool.cache})
    return encoded


def encode_choice(choice: ToolChoice, tools: tuple[Tool, ...], quirks: Quirks) -> dict[str, Any]:
    """The fields ``tool_choice`` and ``parallel_tool_calls``, as far as stated."""
    fields: dict[str, Any] = {}
    custom = {tool.name for tool in tools if tool.kind == "custom"}
    word: Any = choice.mode
    if choice.mode == "named":
        word = _reference(choice.name or "", custom)
    elif choice.allowed and choice.mode in ("auto", "required"):
        allowed = [_reference(name, custom) for name in choice.allowed]
        word = {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": allowed}}
    if quirks.tool_choice == "auto" and word not in (None, "none"):
        word = "auto"
    elif quirks.tool_choice == "any_for_required" and word == "required":
        word = "any"
    if word is not None:
        fields["tool_choice"] = word
    if choice.parallel is not None:
        fields["parallel_tool_calls"] = choice.parallel
    return fields


def _reference(name: str, custom: set[str]) -> dict[str, Any]:
    kind = "custom" if name in custom else "function"
    return {"type": kind, kind: {"name": name}}
