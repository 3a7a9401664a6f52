"""Tools and tool choice of Responses requests, in both directions. Tools of a namespace get names that are unique without it."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Literal, cast

from omniroute.ir.request import Namespace, Tool, ToolChoice
from omniroute.translation import read
from omniroute.translation.formats.openai_responses.calls import NATIVE, native_kind
from omniroute.translation.formats.openai_responses.rules import NAME
from omniroute.translation.schema import empty_schema

_MODES = ("none", "auto", "required")
_PLAIN = frozenset({"type", "name", "description", "parameters", "strict"})


class QualifiedNames:
    """(namespace, tool) → one name for both, distinct for distinct pairs of one request."""

    def __init__(self) -> None:
        self._taken: dict[str, tuple[str | None, str]] = {}

    def reserve(self, name: str) -> None:
        """A tool without namespace keeps its name."""
        self._taken.setdefault(name, (None, name))

    def of(self, namespace: str | None, name: str) -> str:
        """The one name."""
        if namespace is None:
            return name
        key = (namespace, name)
        candidate = f"{namespace}__{name}"
        while self._taken.setdefault(candidate, key) != key:
            candidate += "_" + sha256(repr(key).encode("utf-8", "surrogatepass")).hexdigest()[:8]
        return candidate


def decode_tools(items: list[tuple[Any, str]], names: QualifiedNames) -> tuple[Tool, ...]:
    """(definition, its path) of ``tools`` and of all late definitions, in order; namespaces are dissolved."""
    for item, _ in items:
        name = item.get("name") if isinstance(item, dict) and item.get("type") != "namespace" else None
        if isinstance(name, str):
            names.reserve(name)
    tools: list[Tool] = []
    for item, path in items:
        fields = read.need_object(item, path)
        if read.text(fields, "type", path) != "namespace":
            tools.append(_decode_tool(fields, path, None, names))
            continue
        inner = read.array(fields, "tools", path) or []
        for position, tool in enumerate(inner):
            where = f"{path}.tools[{position}]"
            tools.append(_decode_tool(read.need_object(tool, where), where, fields, names))
    return tuple(tools)


def _decode_tool(fields: dict[str, Any], path: str, group: dict[str, Any] | None, names: QualifiedNames) -> Tool:
    kind = read.text(fields, "type", path) or "function"
    if kind not in ("function", "custom"):
        return _decode_other(fields, kind, path)
    if kind == "function" and isinstance(fields.get("function"), dict) and "name" not in fields:
        fields = {**fields, **fields["function"]}  # the Chat way of writing it
        del fields["function"]
    name = read.need_text(fields, "name", path)
    namespace = None
    if group is not None:
        owner = read.need_text(group, "name", path)
        namespace = Namespace(name=owner, tool=name, description=read.text(group, "description", path))
        name = names.of(owner, name)
    description = read.text(fields, "description", path)
    if kind == "custom":
        value = _decode_grammar(read.obj(fields, "format", path))
        return Tool(name=name, kind="custom", description=description, format=NAME, value=value, namespace=namespace)
    return Tool(
        name=name,
        description=description,
        schema=read.obj(fields, "parameters", path),
        strict=read.flag(fields, "strict", path),
        format=NAME,
        value={key: value for key, value in fields.items() if key not in _PLAIN} or None,
        namespace=namespace,
    )


def _decode_grammar(given: dict[str, Any] | None) -> dict[str, Any] | None:
    """The format of a free-form tool in canonical form: the grammar in an object of its own."""
    if given is None or given.get("type") != "grammar" or isinstance(given.get("grammar"), dict):
        return given
    return {"type": "grammar", "grammar": {key: value for key, value in given.items() if key != "type"}}


def _decode_other(fields: dict[str, Any], kind: str, path: str) -> Tool:
    environment = fields.get("environment")
    remote = isinstance(environment, dict) and environment.get("type") not in (None, "local")
    if kind in NATIVE and not remote:
        native = NATIVE[kind]
        return Tool(name=kind, description=native.description, schema=native.schema, format=NAME, value=fields)
    label = read.text(fields, "name", path) or read.text(fields, "server_label", path)
    return Tool(name=label or kind, kind="hosted", format=NAME, value=fields)


def decode_choice(body: dict[str, Any], names: QualifiedNames) -> ToolChoice | None:
    """``tool_choice`` with ``parallel_tool_calls``; None when nothing is stated."""
    value = body.get("tool_choice")
    parallel = read.flag(body, "parallel_tool_calls", "")
    if value is None:
        return None if parallel is None else ToolChoice(parallel=parallel)
    if isinstance(value, str):
        read.choice(value, _MODES, "tool_choice")
        return ToolChoice(mode=cast(Literal["none", "auto", "required"], value), parallel=parallel)
    path = "tool_choice"
    fields = read.need_object(value, path)
    kind = read.need_text(fields, "type", path)
    if kind == "allowed_tools":
        mode = read.text(fields, "mode", path) or "auto"
        read.choice(mode, ("auto", "required"), f"{path}.mode")
        listed = read.array(fields, "tools", path) or []
        allowed = tuple(_reference(item, f"{path}.tools[{position}]", names) for position, item in enumerate(listed))
        return ToolChoice(mode=cast(Literal["auto", "required"], mode), allowed=allowed, parallel=parallel)
    if kind in _MODES:
        return ToolChoice(mode=cast(Literal["none", "auto", "required"], kind), parallel=parallel)
    return ToolChoice(mode="named", name=_reference(fields, path, names), parallel=parallel)


def _reference(item: Any, path: str, names: QualifiedNames) -> str:
    """The tool an entry speaks of: by name, by the server's label, or by its very type."""
    fields = read.need_object(item, path)
    kind = read.need_text(fields, "type", path)
    inner = fields.get(kind)
    if kind in ("function", "custom"):
        source = inner if isinstance(inner, dict) and "name" not in fields else fields
        return names.of(read.text(source, "namespace", path), read.need_text(source, "name", path))
    return read.text(fields, "server_label", path) or read.text(fields, "name", path) or kind


def encode_tools(tools: tuple[Tool, ...], *, same: bool) -> list[dict[str, Any]]:
    """The ``tools`` list. ``same``: they were defined in this dialect, so that an unstated ``strict`` stays unstated."""
    encoded: list[dict[str, Any]] = []
    groups: dict[str, dict[str, Any]] = {}
    for tool in tools:
        fields = _encode_tool(tool, same)
        if fields is None:
            continue
        space = tool.namespace
        if space is None:
            encoded.append(fields)
            continue
        if space.name not in groups:
            groups[space.name] = {"type": "namespace", "name": space.name, "description": space.description or "", "tools": []}
            encoded.append(groups[space.name])
        groups[space.name]["tools"].append({**fields, "name": space.tool})
    return encoded


def _encode_tool(tool: Tool, same: bool) -> dict[str, Any] | None:
    if tool.kind == "hosted" or native_kind(tool) is not None:
        return tool.value if tool.format == NAME else None
    fields: dict[str, Any] = {"type": tool.kind, "name": tool.name}
    if tool.description is not None:
        fields["description"] = tool.description
    if tool.kind == "custom":
        if tool.value is not None:
            fields["format"] = _encode_grammar(tool.value)
        return fields
    fields["parameters"] = tool.schema if same else tool.schema or empty_schema()
    if tool.strict is not None or not same:
        fields["strict"] = bool(tool.strict)  # without a word OpenAI would try strict mode on any schema
    if tool.format == NAME and tool.value is not None:
        fields.update(tool.value)
    return fields


def _encode_grammar(value: dict[str, Any]) -> dict[str, Any]:
    grammar = value.get("grammar")
    return {"type": "grammar", **grammar} if isinstance(grammar, dict) else value


def encode_choice(choice: ToolChoice, tools: tuple[Tool, ...]) -> dict[str, Any]:
    """The fields ``tool_choice`` and ``parallel_tool_calls``, as far as stated."""
    fields: dict[str, Any] = {}
    known = {tool.name: tool for tool in tools}
    if choice.mode == "named":
        fields["tool_choice"] = _encode_reference(choice.name or "", known)
    elif choice.allowed and choice.mode in ("auto", "required"):
        allowed = [_encode_reference(name, known) for name in choice.allowed]
        fields["tool_choice"] = {"type": "allowed_tools", "mode": choice.mode, "tools": allowed}
    elif choice.mode is not None:
        fields["tool_choice"] = choice.mode
    if choice.parallel is not None:
        fields["parallel_tool_calls"] = choice.parallel
    return fields


def _encode_reference(name: str, known: dict[str, Tool]) -> dict[str, Any]:
    tool = known.get(name)
    kind = native_kind(tool)
    if kind is not None:
        return {"type": kind}
    if tool is not None and tool.kind == "hosted":
        value = tool.value or {}
        word = str(value.get("type") or name)
        return {"type": word, "server_label": name} if word == "mcp" else {"type": word}
    word = "custom" if tool is not None and tool.kind == "custom" else "function"
    space = tool.namespace if tool is not None else None
    return {"type": word, "name": name} if space is None else {"type": word, "name": space.tool, "namespace": space.name}
