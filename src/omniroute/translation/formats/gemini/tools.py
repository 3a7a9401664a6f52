"""Tools and tool choice of Gemini requests, in both directions."""

from __future__ import annotations

from typing import Any

from omniroute.core.errors import BadRequest
from omniroute.ir.caps import Quirks
from omniroute.ir.request import Tool, ToolChoice
from omniroute.translation import read
from omniroute.translation.formats.gemini.fields import NAME, camel, inner, objects
from omniroute.translation.formats.gemini.openapi import to_json_schema, to_openapi
from omniroute.translation.schema import free_input_schema

_PLAIN = frozenset({"name", "description", "parameters", "parametersJsonSchema"})
_DROPPED = frozenset({"$schema", "$id", "$comment"})
_PLACEHOLDER = {
    "type": "OBJECT",
    "properties": {"note": {"type": "STRING", "description": "Not used; may be left out."}},
}


def decode_tools(body: dict[str, Any]) -> tuple[Tool, ...]:
    """Declared functions, and every other kind of tool as a hosted one."""
    tools: list[Tool] = []
    for position, item in enumerate(objects(body, "tools", "")):
        path = f"tools[{position}]"
        for place, declared in enumerate(objects(item, "functionDeclarations", path)):
            tools.append(_decode_function(declared, f"{path}.functionDeclarations[{place}]"))
        for key, value in item.items():
            if key != "functionDeclarations":
                tools.append(Tool(name=key, kind="hosted", format=NAME, value={key: value}))
    return tuple(tools)


def _decode_function(fields: dict[str, Any], path: str) -> Tool:
    schema = read.obj(fields, "parametersJsonSchema", path)
    if schema is None:
        written = read.obj(fields, "parameters", path)
        schema = to_json_schema(written) if written is not None else None
    return Tool(
        name=read.need_text(fields, "name", path),
        description=read.text(fields, "description", path),
        schema=schema,
        format=NAME,
        value={key: value for key, value in fields.items() if key not in _PLAIN} or None,
    )


def decode_choice(body: dict[str, Any]) -> ToolChoice | None:
    """``toolConfig.functionCallingConfig``; parallel calls cannot be spoken of."""
    config = inner(inner(body, "toolConfig", ""), "functionCallingConfig", "toolConfig")
    path = "toolConfig.functionCallingConfig"
    word = (read.text(config, "mode", path) or "").upper()
    allowed = read.texts(config.get("allowedFunctionNames"), f"{path}.allowedFunctionNames")
    if word == "NONE":
        return ToolChoice(mode="none")
    if word == "ANY":
        return ToolChoice(mode="named", name=allowed[0]) if len(allowed) == 1 else ToolChoice(mode="required", allowed=allowed)
    if word in ("AUTO", "VALIDATED") or (allowed and word in ("", "MODE_UNSPECIFIED")):
        return ToolChoice(mode="auto", allowed=allowed)
    if word not in ("", "MODE_UNSPECIFIED"):
        raise BadRequest(f"{path}.mode {word[:60]!r} is not known; use AUTO, ANY, NONE or VALIDATED.", param=f"{path}.mode")
    return None


def encode_tools(tools: tuple[Tool, ...], choice: ToolChoice | None, quirks: Quirks) -> list[dict[str, Any]]:
    """The ``tools`` list: all functions in one element, then Google's own tools. A choice of some tools to be used freely has
    no word here, so the others are left out."""
    functions = [tool for tool in tools if tool.kind != "hosted"]
    if choice is not None and choice.mode == "auto" and choice.allowed:
        functions = [tool for tool in functions if tool.name in choice.allowed]
    declared = [_encode_function(tool, quirks) for tool in functions]
    encoded: list[dict[str, Any]] = [{"functionDeclarations": declared}] if declared else []
    return encoded + [tool.value for tool in tools if tool.kind == "hosted" and tool.format == NAME and tool.value is not None]


def _encode_function(tool: Tool, quirks: Quirks) -> dict[str, Any]:
    fields: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        fields["description"] = tool.description
    schema = free_input_schema() if tool.kind == "custom" else tool.schema
    if schema is not None and _says_something(schema):
        key, value = encode_schema(schema, quirks, "parameters", "parametersJsonSchema")
        fields[key] = value
    elif quirks.empty_schema == "placeholder":
        fields["parameters"] = _PLACEHOLDER
    if tool.format == NAME and tool.value is not None:
        fields.update(tool.value)
    return fields


def _says_something(schema: dict[str, Any]) -> bool:
    """Whether there is a parameter to describe: an object without properties is refused by some models."""
    return bool(schema.get("properties")) or any(key not in ("type", "properties", *_DROPPED) for key in schema)


def encode_schema(schema: dict[str, Any], quirks: Quirks, older: str, newer: str) -> tuple[str, dict[str, Any]]:
    """(field, schema): JSON Schema under the newer name, or Google's own subset under the older one where a quirk says so."""
    if quirks.schema == "openapi":
        return older, to_openapi(schema)
    return newer, {key: value for key, value in schema.items() if key not in _DROPPED}


def encode_choice(choice: ToolChoice | None, quirks: Quirks) -> dict[str, Any] | None:
    """``functionCallingConfig``, None when nothing needs saying."""
    if quirks.tool_choice == "validated" and (choice is None or choice.mode != "none"):
        wanted = () if choice is None else (choice.name,) if choice.mode == "named" else choice.allowed
        return {"mode": "VALIDATED", "allowedFunctionNames": list(wanted)} if wanted else {"mode": "VALIDATED"}
    if choice is None:
        return None
    if choice.mode == "named":
        return {"mode": "ANY", "allowedFunctionNames": [choice.name]}
    if choice.mode == "required":
        return {"mode": "ANY", "allowedFunctionNames": list(choice.allowed)} if choice.allowed else {"mode": "ANY"}
    if choice.mode == "none":
        return {"mode": "NONE"}
    return {"mode": "AUTO"} if choice.mode == "auto" else None


def without_calling(config: dict[str, Any]) -> dict[str, Any]:
    """``toolConfig`` without the part that :func:`decode_choice` reads."""
    return {key: value for key, value in camel(config).items() if key != "functionCallingConfig"}
