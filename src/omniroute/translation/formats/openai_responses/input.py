"""The input of a Responses request read as turns: adjacent items of the assistant are one turn, adjacent outputs another."""

from __future__ import annotations

from typing import Any, cast

from omniroute.core import json
from omniroute.core.errors import BadRequest
from omniroute.ir.request import Message, Opaque, Part, Role, Text, Thinking, ToolCall, ToolResult
from omniroute.translation import read
from omniroute.translation.formats.openai_responses.calls import NATIVE_CALLS, NATIVE_OUTPUTS, decode_native
from omniroute.translation.formats.openai_responses.parts import decode_content
from omniroute.translation.formats.openai_responses.rules import NAME
from omniroute.translation.formats.openai_responses.summaries import summary_of
from omniroute.translation.formats.openai_responses.tools import QualifiedNames

_ROLES = ("user", "system", "developer", "assistant")
_OUTPUTS = ("function_call_output", "custom_tool_call_output")
# What the client reports of tools that the vendor's protocol knows: the user's side of the conversation.
REPORTS = ("computer_call_output", "mcp_approval_response", "tool_search_output")


def input_items(body: dict[str, Any]) -> list[Any]:
    """``input`` as a list of items; a string is one message of the user."""
    value = body.get("input")
    if value is None:
        read.missing("input")
    if isinstance(value, str):
        return [{"type": "message", "role": "user", "content": value}]
    if not isinstance(value, list):
        read.wrong("input", "a string or an array of items", value)
    return value


def late_tools(items: list[Any]) -> list[tuple[Any, str]]:
    """(definition, its path) of the tools that items of the input bring along."""
    found: list[tuple[Any, str]] = []
    for position, item in enumerate(items):
        if isinstance(item, dict) and item.get("type") == "additional_tools":
            path = f"input[{position}]"
            tools = read.array(item, "tools", path) or []
            found += [(tool, f"{path}.tools[{index}]") for index, tool in enumerate(tools)]
    return found


def decode_input(items: list[Any], names: QualifiedNames) -> tuple[Message, ...]:
    """All turns in order. BadRequest for an item that points to what only OpenAI has stored."""
    turns: list[Message] = []
    run: list[Part] = []
    side: Role = "user"

    def flush() -> None:
        if run:
            turns.append(Message(role=side, parts=tuple(run)))
            run.clear()

    for position, item in enumerate(items):
        path = f"input[{position}]"
        fields = read.need_object(item, path)
        kind = read.text(fields, "type", path) or "message"
        if kind == "additional_tools":
            continue
        summary = summary_of(fields)
        if summary is not None:
            flush()
            turns.append(Message(role="user", parts=(Text(text=summary),)))
            continue
        if kind == "message":
            role = _role(fields, path)
            parts = decode_content(fields.get("content"), f"{path}.content")
            if role != "assistant":
                flush()
                turns.append(Message(role=role, parts=parts))
                continue
            speaker: Role = "assistant"
        else:
            part = _decode_item(fields, kind, path, names)
            parts = (part,) if part is not None else ()
            speaker = "user" if isinstance(part, ToolResult) or kind in REPORTS else "assistant"
        if speaker != side:
            flush()
            side = speaker
        run += parts
    flush()
    return tuple(turns)


def _role(fields: dict[str, Any], path: str) -> Role:
    role = read.need_text(fields, "role", path)
    if role not in _ROLES:
        raise BadRequest(f"{path}.role {role[:60]!r} is not known; use one of {', '.join(_ROLES)}.", param=f"{path}.role")
    return cast(Role, role)


def _decode_item(fields: dict[str, Any], kind: str, path: str, names: QualifiedNames) -> Part | None:
    if kind in ("function_call", "custom_tool_call"):
        return _decode_call(fields, kind, path, names)
    if kind in _OUTPUTS:
        return _decode_output(fields, path)
    if kind == "reasoning":
        return _decode_reasoning(fields, path)
    if kind in NATIVE_CALLS:
        native = NATIVE_CALLS[kind]
        return ToolCall(id=_call_id(fields, path), name=native, arguments=decode_native(native, fields, path))
    if kind in NATIVE_OUTPUTS:
        return _decode_native_output(fields, path)
    if kind == "item_reference":
        sentence = f"{path}: item_reference points to an item that is stored nowhere; send the item itself."
        raise BadRequest(sentence, param=f"{path}.type")
    return Opaque(format=NAME, kind=kind, value=fields)


def _call_id(fields: dict[str, Any], path: str) -> str:
    call_id = read.text(fields, "call_id", path) or read.text(fields, "id", path)
    if not call_id:
        read.missing(f"{path}.call_id")
    return call_id


def _decode_call(fields: dict[str, Any], kind: str, path: str, names: QualifiedNames) -> ToolCall:
    space = read.text(fields, "namespace", path)
    name = names.of(space, read.need_text(fields, "name", path))
    if kind == "custom_tool_call":
        given = read.text(fields, "input", path) or ""
        return ToolCall(id=_call_id(fields, path), name=name, arguments=given, kind="custom", namespace=space)
    arguments = fields.get("arguments")
    if arguments is not None and not isinstance(arguments, str | dict):
        read.wrong(f"{path}.arguments", "a string", arguments)
    text = json.dumps_text(arguments) if isinstance(arguments, dict) else arguments or ""
    return ToolCall(id=_call_id(fields, path), name=name, arguments=text, namespace=space)


def _decode_output(fields: dict[str, Any], path: str) -> ToolResult:
    return ToolResult(call_id=_call_id(fields, path), content=decode_content(fields.get("output"), f"{path}.output"))


def _decode_native_output(fields: dict[str, Any], path: str) -> ToolResult:
    output = fields.get("output")
    text = output if isinstance(output, str) else "" if output is None else json.dumps_text(output)
    content = (Text(text=text),) if text else ()
    return ToolResult(call_id=_call_id(fields, path), content=content, is_error=fields.get("status") == "failed")


def _decode_reasoning(fields: dict[str, Any], path: str) -> Thinking | None:
    """The readable text is the summary, where there is none the raw reasoning."""
    for key in ("summary", "content"):
        parts = decode_content(fields.get(key), f"{path}.{key}")
        text = "\n\n".join(part.text for part in parts if isinstance(part, Text) and part.text)
        if text:
            break
    proof = read.text(fields, "encrypted_content", path) or None
    return Thinking(text=text, signature=proof, vendor=NAME) if text or proof else None
