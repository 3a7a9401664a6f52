"""Tool calls as Responses items. Besides functions there are free-form tools, tools of namespaces, and three tools with item
types of their own that the client runs: towards other formats those are functions, and on the way back items again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from omniroute.core import json
from omniroute.ir.request import Tool, ToolCall
from omniroute.translation import read
from omniroute.translation.calls import arguments_object, arguments_text, unwrap_input


class Native(NamedTuple):
    """A tool with an item type of its own: that type, the prefix of item ids, and what it is as a function."""

    call: str
    prefix: str
    description: str
    schema: dict[str, Any]


def _schema(required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required.split(), "additionalProperties": False}


_STRINGS = {"type": "array", "items": {"type": "string"}}
_NUMBER = {"type": "integer"}
_KINDS = {"type": "string", "enum": ["create_file", "update_file", "delete_file"]}
NATIVE: Mapping[str, Native] = {
    "local_shell": Native(
        "local_shell_call",
        "lsh_",
        "Run a command on the user's machine. Give the program and its arguments as separate strings.",
        _schema("command", command=_STRINGS, workdir={"type": "string"}, timeout_ms=_NUMBER),
    ),
    "shell": Native(
        "shell_call",
        "sh_",
        "Run shell commands on the user's machine, each in a shell of its own.",
        _schema("commands", commands=_STRINGS, timeout_ms=_NUMBER, max_output_length=_NUMBER),
    ),
    "apply_patch": Native(
        "apply_patch_call",
        "apc_",
        "Create, update or delete one file. diff is a unified diff without file headers; delete_file needs none.",
        _schema("type path", type=_KINDS, path={"type": "string"}, diff={"type": "string"}),
    ),
}
NATIVE_CALLS: Mapping[str, str] = {native.call: name for name, native in NATIVE.items()}
NATIVE_OUTPUTS: Mapping[str, str] = {f"{native.call}_output": name for name, native in NATIVE.items()}


class Item(NamedTuple):
    """A finished call: its type, the prefix of its id, and its fields without id, status and call_id."""

    type: str
    prefix: str
    fields: dict[str, Any]


def native_kind(tool: Tool | None) -> str | None:
    """The tool type of a :class:`Native` tool, None for any other tool."""
    word = tool.value.get("type") if tool is not None and tool.kind == "function" and tool.value is not None else None
    return word if word in NATIVE else None


def decode_native(kind: str, item: dict[str, Any], path: str) -> str:
    """The arguments of a native call of ``kind``, as the function it is elsewhere would have them."""
    if kind == "apply_patch":
        return json.dumps_text(read.need_object(item.get("operation"), f"{path}.operation"))
    action = dict(read.need_object(item.get("action"), f"{path}.action"))
    if kind == "local_shell":
        action.pop("type", None)
        if "working_directory" in action:
            action["workdir"] = action.pop("working_directory")
    return json.dumps_text({key: value for key, value in action.items() if value not in (None, {})})


def encode_call(name: str, arguments: str, custom: bool, tool: Tool | None) -> Item:
    """A call of ``name``, whose definition is ``tool`` (None if unknown). ``custom``: ``arguments`` is free text already."""
    known = tool.namespace if tool is not None else None
    group: dict[str, Any] = {} if known is None else {"namespace": known.name}
    local = name if known is None else known.tool
    if custom:
        return Item("custom_tool_call", "ctc_", {**group, "name": local, "input": arguments})
    if tool is not None and tool.kind == "custom":
        return Item("custom_tool_call", "ctc_", {**group, "name": local, "input": unwrap_input(arguments)})
    kind = native_kind(tool)
    if kind is not None:
        fields = _native_fields(kind, arguments_object(arguments))
        if fields is not None:
            return Item(NATIVE[kind].call, NATIVE[kind].prefix, fields)
    return Item("function_call", "fc_", {**group, "name": local, "arguments": arguments_text(arguments)})


def _native_fields(kind: str, given: dict[str, Any]) -> dict[str, Any] | None:
    """The item's own fields, None when the model's arguments do not make such an item."""
    if kind == "apply_patch":
        word, path, diff = given.get("type"), given.get("path"), given.get("diff")
        if word not in _KINDS["enum"] or not isinstance(path, str) or not (isinstance(diff, str) or word == "delete_file"):
            return None
        return {"operation": {"type": word, "path": path} | ({} if word == "delete_file" else {"diff": diff})}
    key = "command" if kind == "local_shell" else "commands"
    command = given.get(key)
    if isinstance(command, str):
        command = [command] if kind == "shell" else ["bash", "-lc", command]
    if not isinstance(command, list) or not command or not all(isinstance(word, str) for word in command):
        return None
    action: dict[str, Any] = {key: command}
    if kind == "local_shell":
        env = given.get("env")
        action = {"type": "exec", **action, "env": env if isinstance(env, dict) else {}}
        _copy(given, "workdir", action, "working_directory", str)
        _copy(given, "user", action, "user", str)
    else:
        _copy(given, "max_output_length", action, "max_output_length", int)
    _copy(given, "timeout_ms", action, "timeout_ms", int)
    return {"action": action}


def _copy(given: dict[str, Any], key: str, action: dict[str, Any], name: str, kind: type) -> None:
    value = given.get(key)
    if isinstance(value, kind) and not isinstance(value, bool):
        action[name] = value


Finish = Callable[[str, str], tuple[str, str, bytes, str | None]]


def finisher(tools: Mapping[str, Tool]) -> Finish:
    """For the stream encoder: (client's tool name, argument text) → (item type, id prefix, its fields as JSON without the
    braces, the free-form input or None)."""

    def finish(name: str, arguments: str) -> tuple[str, str, bytes, str | None]:
        item = encode_call(name, arguments, False, tools.get(name))
        fields = json.dumps(item.fields)[1:-1]
        return item.type, item.prefix, fields, item.fields.get("input") if item.type == "custom_tool_call" else None

    return finish


def call_item(call: ToolCall, tool: Tool | None) -> Item:
    """``call`` of a request or a finished answer as an item."""
    item = encode_call(call.name, call.arguments, call.kind == "custom", tool)
    if call.namespace is not None and "namespace" not in item.fields and "name" in item.fields:
        local = call.name.removeprefix(f"{call.namespace}__")
        return item._replace(fields={**item.fields, "name": local, "namespace": call.namespace})
    return item
