"""Tool definitions and tool choice, fitted to a target: legal and unique names, object schemas, no foreign hosted tools."""

from __future__ import annotations

from msgspec.structs import replace

from omniroute.core.errors import BadRequest
from omniroute.ir.caps import Quirks
from omniroute.ir.request import ChatRequest, Tool, ToolCall, ToolChoice
from omniroute.translation.names import ToolNames
from omniroute.translation.ops import Action, Ops, note
from omniroute.translation.rules import Rules
from omniroute.translation.schema import flattening_loses, free_input_schema, has_combiner, lost_keywords, object_schema


def fit_tools(
    request: ChatRequest, target: str, rules: Rules, quirks: Quirks, names: ToolNames, ops: Ops
) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    """The tools and the choice to send. BadRequest when the choice names a tool that is not there."""
    kept: dict[str, Tool] = {}
    names.reserve([tool.name for tool in request.tools])
    for position, tool in enumerate(request.tools):
        if tool.kind == "hosted" and tool.format != target:
            note(ops, "tool-hosted", "dropped", "tools", position, detail=tool.name)
        elif tool.name in kept:
            note(ops, "tool-duplicate", "dropped", "tools", position, detail=tool.name)
        else:
            kept[tool.name] = _fit(tool, position, request.origin == target, rules, quirks, names, ops)
    choice = _fit_choice(request, kept, rules, names, ops)
    if choice is not None and not rules.tool_choice:
        kept, choice = _by_list(request, choice, kept, ops), None
    if choice is not None and choice.parallel is not None and not rules.parallel_choice:
        _note_parallel(choice.parallel, ops)
        choice = replace(choice, parallel=None)
    if choice is not None and choice.allowed and not rules.allowed_tools:
        allowed = set(choice.allowed)
        kept = {name: tool for name, tool in kept.items() if tool.name in allowed}
        choice = replace(choice, allowed=())
        note(ops, "tool-allowed", "rewritten", "tools")
    return tuple(kept.values()), choice


def _by_list(request: ChatRequest, choice: ToolChoice, kept: dict[str, Tool], ops: Ops) -> dict[str, Tool]:
    """The tools that say what ``choice`` says, as far as a list can: the one that is named, those allowed, or none, unless the
    conversation has calls already."""
    wanted = choice.allowed or ((choice.name,) if choice.mode == "named" else ())
    if wanted:
        kept = {name: tool for name, tool in kept.items() if tool.name in wanted}
    elif choice.mode == "none" and not any(isinstance(part, ToolCall) for turn in request.messages for part in turn.parts):
        kept = {}
    if choice.parallel is not None:
        _note_parallel(choice.parallel, ops)
    if choice.mode not in (None, "auto") or wanted:
        action: Action = "rewritten" if wanted or not kept else "dropped"
        note(ops, "tool-choice-unsupported", action, "tool_choice", detail=choice.mode or "")
    return kept


def _note_parallel(parallel: bool, ops: Ops) -> None:
    """Several calls at once are what every model may do that was not told otherwise: only the wish for one is lost."""
    note(ops, "tool-parallel", "kept" if parallel else "dropped", "tool_choice", detail="by default" if parallel else "one call")


def _fit(tool: Tool, position: int, same: bool, rules: Rules, quirks: Quirks, names: ToolNames, ops: Ops) -> Tool:
    if tool.kind == "hosted":
        return tool
    name = names.sent(tool.name)
    if name != tool.name:
        note(ops, "tool-name", "renamed", "tools", position, detail=f"{tool.name} -> {name}")
    if tool.kind == "custom":
        if rules.custom_tools:
            return replace(tool, name=name)
        note(ops, "tool-custom", "rewritten", "tools", position, detail=tool.name)
        tool = replace(tool, kind="function", schema=free_input_schema(), description=_with_grammar(tool), value=None)
    strict = tool.strict if tool.strict and _takes_strict(rules, quirks) and not has_combiner(tool.schema) else None
    if tool.strict and strict is None:
        note(ops, "tool-strict", "dropped", "tools", position, detail=tool.name)
    if ops is not None:
        _note_schema(tool, position, rules, quirks, ops)
    schema = object_schema(tool.schema, flat=rules.flat_schema)
    value = tool.value if same else None
    return replace(tool, name=name, schema=schema, strict=strict, description=tool.description or None, value=value)


def _note_schema(tool: Tool, position: int, rules: Rules, quirks: Quirks, ops: Ops) -> None:
    """A schema that was merged into one object without loss has "moved", one that says less is "rewritten"."""
    if rules.flat_schema and has_combiner(tool.schema):
        action: Action = "rewritten" if flattening_loses(tool.schema) else "moved"
        note(ops, "tool-schema", action, "tools", position, detail=f"{tool.name}: one flat object")
    if quirks.schema == "openapi" and (lost := lost_keywords(tool.schema, rules.unknown_keywords)):
        note(ops, "tool-schema", "rewritten", "tools", position, detail=f"{tool.name}: without {', '.join(lost)}")


def _takes_strict(rules: Rules, quirks: Quirks) -> bool:
    return rules.strict_tools if quirks.strict_tools is None else quirks.strict_tools


def _with_grammar(tool: Tool) -> str | None:
    """The description of a free-form tool with its grammar as a hint."""
    grammar = (tool.value or {}).get("grammar")
    definition = grammar.get("definition") if isinstance(grammar, dict) else None
    if not isinstance(definition, str):
        return tool.description
    return f"{tool.description or ''}\n\nThe input must follow this grammar:\n{definition}".strip()


def _fit_choice(request: ChatRequest, kept: dict[str, Tool], rules: Rules, names: ToolNames, ops: Ops) -> ToolChoice | None:
    choice = request.tool_choice
    if choice is None:
        return None
    if not kept:
        if choice.mode == "named" and not request.tools:
            raise BadRequest(f"tool_choice names {choice.name!r}, but no tools are given.", param="tool_choice")
        note(ops, "tool-choice-without-tools", "dropped", "tool_choice")
        return None
    if choice.mode == "named" and choice.name not in kept:
        raise BadRequest(f"tool_choice names {choice.name!r}, which is not among the tools.", param="tool_choice")
    unknown = [name for name in choice.allowed if name not in kept]
    if unknown:
        raise BadRequest(f"tool_choice allows {unknown[0]!r}, which is not among the tools.", param="tool_choice")
    name = names.sent(choice.name) if choice.name is not None and kept[choice.name].kind != "hosted" else choice.name
    allowed = tuple(kept[allowed].name for allowed in choice.allowed)
    return replace(choice, name=name, allowed=allowed)
