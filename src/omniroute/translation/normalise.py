"""Repair before sending: a canonical request becomes one that the target is not known to refuse.

What the target's format can say comes from its :class:`Rules`, how this endpoint differs from the profile's quirks. User
content is never lost in silence: what cannot be said becomes text, moves to a neighbour, or is a BadRequest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace

from omniroute.ir.caps import Profile, Quirks
from omniroute.ir.request import ChatRequest, Message, Part, Text, Thinking, Tool, ToolResult
from omniroute.translation.format import registry
from omniroute.translation.hosted_tools import carry_hosted
from omniroute.translation.names import CallIds, ToolNames
from omniroute.translation.ops import Ops, note
from omniroute.translation.parameters import fit_parameters, fit_response_format
from omniroute.translation.parts import PartFitter
from omniroute.translation.reasoning import fit_reasoning
from omniroute.translation.rules import Rules
from omniroute.translation.system import place_system
from omniroute.translation.tools import fit_tools
from omniroute.translation.turns import arrange

_FILLER = "."
_THINKING_TOP_P = 0.95


class Normalised(NamedTuple):
    """The request to encode, and the names sent upstream → the client's own (only those that differ)."""

    request: ChatRequest
    tool_names: Mapping[str, str]


def normalise(request: ChatRequest, profile: Profile, target: str, *, ops: Ops = None) -> Normalised:
    """``request`` made fit for ``target`` (a format's name) as ``profile`` describes the endpoint.

    ``ops`` collects what was changed. Raises BadRequest for what no repair can send: several choices, another vendor's file,
    a tool choice without its tool.
    """
    rules = registry()[target].rules
    request = carry_hosted(request, target, profile.quirks, ops)
    names = ToolNames(rules.name_limit, letter_first=rules.name_letter_first, reserved=profile.quirks.reserved_names)
    tools, choice = fit_tools(request, target, rules, profile.quirks, names, ops)
    if request.origin != target and request.extra:
        for key in request.extra:
            note(ops, "field-unknown", "dropped", key)
        request = replace(request, extra={})
    request = fit_parameters(replace(request, tools=tools, tool_choice=choice), profile, rules, ops)
    system, turns = _conversation(request, target, profile, rules, names, ops)
    request = _with_thought(request, turns, profile, rules, ops)
    request = fit_response_format(replace(request, system=system, messages=tuple(turns)), profile, rules, ops)
    request = _opened(request, profile.quirks, ops)
    return Normalised(_limit_marks(request, rules, ops), names.restore())


def _conversation(
    request: ChatRequest, target: str, profile: Profile, rules: Rules, names: ToolNames, ops: Ops
) -> tuple[tuple[Text, ...], list[Message]]:
    source = registry().get(request.origin)
    private = source.rules.private_system if source is not None and request.origin != target else ()
    system, messages = place_system(request.system, request.messages, rules, private, ops)
    fitter = PartFitter(request.origin, target, rules, profile, names, ops)
    fitted = [fitter.message(message, position) for position, message in enumerate(messages)]
    ids = CallIds(profile.quirks.tool_id, rules.id_chars, rules.id_limit)
    turns = arrange(fitted, rules, ids, ops)
    return _edges(system, turns, rules, ops)


def _edges(system: tuple[Text, ...], turns: list[Message], rules: Rules, ops: Ops) -> tuple[tuple[Text, ...], list[Message]]:
    """The two ends of the conversation: a first turn the target accepts, a prefill without trailing white space."""
    if turns and rules.trims_prefill and turns[-1].role == "assistant":
        trimmed = _trimmed(turns[-1])
        turns = [*turns[:-1], trimmed] if trimmed.parts else turns[:-1]
    if rules.hoists_system and not turns:
        note(ops, "no-user-turn", "moved" if system else "synthesised", "messages")
        return (), [Message(role="user", parts=system or (Text(text=_FILLER),))]
    if not turns and not system:
        return system, [Message(role="user", parts=(Text(text=_FILLER),))]
    if rules.starts_with_user and turns[0].role == "assistant":
        note(ops, "first-turn", "synthesised", "messages", 0)
        turns = [Message(role="user", parts=(Text(text=_FILLER),)), *turns]
    return system, turns


def _trimmed(message: Message) -> Message:
    last = message.parts[-1]
    if not isinstance(last, Text):
        return message
    text = last.text.rstrip()
    kept: tuple[Part, ...] = (replace(last, text=text),) if text else ()
    return replace(message, parts=message.parts[:-1] + kept)


def _with_thought(request: ChatRequest, turns: list[Message], profile: Profile, rules: Rules, ops: Ops) -> ChatRequest:
    """Reasoning settled, and what does not go together with it removed."""
    thought = fit_reasoning(request, turns, profile, rules, ops)
    changes: dict[str, Any] = {"reasoning": thought.reasoning, "max_tokens": thought.max_tokens}
    if thought.reasoning is not None and rules.reasoning == "thinking":
        for field in ("temperature", "top_k", "top_p"):
            value = getattr(request, field)
            if value is not None and not (field == "top_p" and value >= _THINKING_TOP_P):
                note(ops, "thinking-sampling", "dropped", field)
                changes[field] = None
    return replace(request, **changes)


def _opened(request: ChatRequest, quirks: Quirks, ops: Ops) -> ChatRequest:
    """The system text that the endpoint insists on, in front of the client's own or where there is none."""
    system = request.system
    if quirks.instructions is not None and not system:
        system = (Text(text=quirks.instructions),)
    if quirks.preamble is not None and (not system or system[0].text != quirks.preamble):
        system = (Text(text=quirks.preamble), *system)
    if system is request.system:
        return request
    note(ops, "preamble", "synthesised", "system")
    return replace(request, system=system)


def _limit_marks(request: ChatRequest, rules: Rules, ops: Ops) -> ChatRequest:
    """At most the allowed cache marks, the last ones of the prompt (tools, system, messages) winning."""
    marks = _Marks(rules.cache_marks, ops)
    messages = tuple(reversed([marks.message(message) for message in reversed(request.messages)]))
    system = tuple(reversed([marks.text(text) for text in reversed(request.system)]))
    tools = tuple(reversed([marks.tool(tool) for tool in reversed(request.tools)]))
    return replace(request, messages=messages, system=system, tools=tools)


class _Marks:
    """Hands out the allowed marks, called from the end of the prompt to its start."""

    def __init__(self, allowed: int, ops: Ops) -> None:
        self._left = allowed
        self._ops = ops

    def _take(self) -> bool:
        if self._left == 0:
            note(self._ops, "cache-marks", "dropped", "messages")
            return False
        self._left -= 1
        return True

    def message(self, message: Message) -> Message:
        if not any(part.cache is not None or isinstance(part, ToolResult) for part in message.parts):
            return message
        return replace(message, parts=tuple(reversed([self._part(part) for part in reversed(message.parts)])))

    def _part(self, part: Part) -> Part:
        if part.cache is not None and (isinstance(part, Thinking) or not self._take()):
            part = replace(part, cache=None)
        if isinstance(part, ToolResult) and any(inner.cache is not None for inner in part.content):
            part = replace(part, content=tuple(reversed([self._part(inner) for inner in reversed(part.content)])))
        return part

    def text(self, text: Text) -> Text:
        return text if text.cache is None or self._take() else replace(text, cache=None)

    def tool(self, tool: Tool) -> Tool:
        return tool if tool.cache is None or self._take() else replace(tool, cache=None)
