"""Tools that a vendor runs itself, asked for in another vendor's words where it has such a one (``Rules.hosted``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from omniroute.ir.caps import Quirks
from omniroute.ir.request import ChatRequest, Tool
from omniroute.translation.format import registry
from omniroute.translation.ops import Ops, note
from omniroute.translation.rules import Hosted

_PLACE = ("city", "country", "region", "timezone")


def carry_hosted(request: ChatRequest, target: str, quirks: Quirks, ops: Ops) -> ChatRequest:
    """``request`` with its hosted tools as those of ``target``. One that has no equal there stays and is dropped later."""
    source = registry().get(request.origin)
    if source is None or request.origin == target:
        return request
    for concept, ours in registry()[target].rules.hosted.items():
        theirs = source.rules.hosted.get(concept)
        said = getattr(quirks, concept)
        if theirs is not None and (ours.default if said is None else said):
            request = _carry(request, concept.replace("_", "-"), theirs, ours, target, ops)
    return request


def _carry(request: ChatRequest, rule: str, theirs: Hosted, ours: Hosted, target: str, ops: Ops) -> ChatRequest:
    if not ours.beside_functions and any(tool.kind != "hosted" for tool in request.tools):
        return request
    if theirs.field and isinstance(given := request.extra.get(theirs.field), dict):
        note(ops, rule, "rewritten", theirs.field)
        tool = _written(_read(given, theirs), ours, target, ops, rule, theirs.field)
        extra = {key: value for key, value in request.extra.items() if key != theirs.field}
        return replace(request, tools=(*request.tools, tool), extra=extra)
    for position, tool in enumerate(request.tools):
        if _is_one(tool, request.origin, theirs):
            note(ops, rule, "rewritten", "tools", position, detail=tool.name)
            made = _written(_read(_content(tool.value or {}), theirs), ours, target, ops, rule, "tools", position)
            choice = request.tool_choice
            if choice is not None and choice.name == tool.name:
                choice = replace(choice, name=made.name)
            tools = (*request.tools[:position], made, *request.tools[position + 1 :])
            return replace(request, tools=tools, tool_choice=choice)
    return request


def _is_one(tool: Tool, origin: str, form: Hosted) -> bool:
    if tool.kind != "hosted" or tool.format != origin or not tool.value or not form.kind:
        return False
    word = tool.value.get("type") or next(iter(tool.value))
    return isinstance(word, str) and word.startswith(form.kind)


def _content(value: dict[str, Any]) -> dict[str, Any]:
    """The options of a tool: its members, or those of its only one where that is its name."""
    inner = next(iter(value.values())) if "type" not in value and len(value) == 1 else value
    return inner if isinstance(inner, dict) else {}


def _read(given: Mapping[str, Any], form: Hosted) -> dict[str, Any]:
    """The options that are stated, by our words; a location as its plain members."""
    found: dict[str, Any] = {}
    for word, path in form.options.items():
        value: Any = given
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if word == "location" and isinstance(value, dict):
            inner = value.get(form.place) if form.place else value
            value = {key: inner[key] for key in _PLACE if inner.get(key)} if isinstance(inner, dict) else None
        if value:
            found[word] = value
    return found


def _written(options: Mapping[str, Any], form: Hosted, target: str, ops: Ops, rule: str, *where: str | int) -> Tool:
    body: dict[str, Any] = {} if form.field else dict(form.tool)
    for word, value in options.items():
        path = form.options.get(word)
        if path is None:
            lost = "web-search-domains" if word.endswith("domains") else f"{rule}-option"
            note(ops, lost, "dropped", *where, detail=word)
            continue
        place = body
        for key in path[:-1]:
            place = place.setdefault(key, {})
        if word == "location":
            value = {"type": "approximate", form.place: value} if form.place else {"type": "approximate", **value}
        place[path[-1]] = value
    value = {form.field: body} if form.field else body
    name = str(value.get("name") or value.get("type") or next(iter(value)))
    return Tool(name=name, kind="hosted", format=target, value=value)
