"""Tools and tool choice of Anthropic requests, in both directions."""

from __future__ import annotations

from typing import Any, Literal

from omniroute.core.errors import BadRequest
from omniroute.ir.request import Tool, ToolChoice
from omniroute.translation import read
from omniroute.translation.formats.anthropic.blocks import NAME, cache_control
from omniroute.translation.schema import empty_schema, free_input_schema

_PLAIN = frozenset({"type", "name", "description", "input_schema", "strict", "cache_control"})
_MODES: dict[str, Literal["auto", "none", "required"]] = {"auto": "auto", "any": "required", "none": "none"}
_WORDS = {"auto": "auto", "required": "any", "none": "none", "named": "tool"}


def decode_tools(body: dict[str, Any]) -> tuple[Tool, ...]:
    """Client tools as functions (their vendor-only switches kept in ``value``), all others as hosted ones."""
    return tuple(_decode_tool(item, f"tools[{position}]") for position, item in enumerate(read.array(body, "tools", "") or []))


def _decode_tool(item: Any, path: str) -> Tool:
    fields = read.need_object(item, path)
    kind = read.text(fields, "type", path)
    cache = read.obj(fields, "cache_control", path)
    if kind not in (None, "custom"):
        return Tool(name=read.text(fields, "name", path) or str(kind), kind="hosted", format=NAME, value=fields, cache=cache)
    return Tool(
        name=read.need_text(fields, "name", path),
        description=read.text(fields, "description", path),
        schema=read.obj(fields, "input_schema", path),
        strict=read.flag(fields, "strict", path),
        cache=cache,
        format=NAME,
        value={key: value for key, value in fields.items() if key not in _PLAIN} or None,
    )


def decode_choice(body: dict[str, Any]) -> ToolChoice | None:
    """``tool_choice`` with its switch for parallel calls."""
    path = "tool_choice"
    fields = read.obj(body, path, "")
    if fields is None:
        return None
    kind = read.need_text(fields, "type", path)
    single = read.flag(fields, "disable_parallel_tool_use", path)
    parallel = None if single is None else not single
    if kind == "tool":
        return ToolChoice(mode="named", name=read.need_text(fields, "name", path), parallel=parallel)
    if kind not in _MODES:
        raise BadRequest(f"{path}.type {kind[:60]!r} is not known; use auto, any, tool or none.", param=f"{path}.type")
    return ToolChoice(mode=_MODES[kind], parallel=parallel)


def encode_tools(tools: tuple[Tool, ...]) -> list[dict[str, Any]]:
    """The ``tools`` list; other vendors' hosted tools are left out."""
    encoded: list[dict[str, Any]] = []
    for tool in tools:
        if tool.kind == "hosted":
            if tool.format == NAME and tool.value is not None:
                value = {key: item for key, item in tool.value.items() if key != "cache_control"}
                encoded.append(value if tool.cache is None else {**value, "cache_control": cache_control(tool.cache)})
            continue
        fields: dict[str, Any] = {"name": tool.name}
        if tool.description is not None:
            fields["description"] = tool.description
        fields["input_schema"] = free_input_schema() if tool.kind == "custom" else tool.schema or empty_schema()
        if tool.strict is not None:
            fields["strict"] = tool.strict
        if tool.cache is not None:
            fields["cache_control"] = cache_control(tool.cache)
        if tool.format == NAME and tool.value is not None:
            fields.update(tool.value)
        encoded.append(fields)
    return encoded


def encode_choice(choice: ToolChoice) -> dict[str, Any] | None:
    """``tool_choice``, None when nothing needs saying."""
    if choice.mode is None and choice.parallel is not False:
        return None
    fields: dict[str, Any] = {"type": _WORDS[choice.mode or "auto"]}
    if choice.mode == "named":
        fields["name"] = choice.name
    if choice.parallel is not None and choice.mode != "none":
        fields["disable_parallel_tool_use"] = not choice.parallel
    return fields
