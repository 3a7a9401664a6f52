"""How much models think, by the operator's wish: in canonical terms, which translation puts into each provider's own."""

from __future__ import annotations

from msgspec.structs import replace

from omniroute._fast.envelope import scan
from omniroute.core import json
from omniroute.core.errors import BadRequest
from omniroute.core.settings import Settings
from omniroute.gateway.context import Context
from omniroute.ir.caps import Profile
from omniroute.ir.request import ChatRequest, Effort, Reasoning
from omniroute.translation.format import Format
from omniroute.translation.normalise import normalise
from omniroute.translation.ops import Ops, note
from omniroute.translation.reasoning import MIN_BUDGET

_LADDER: tuple[Effort, ...] = ("minimal", "low", "medium", "high", "xhigh", "max")
# A request is heavy in three ways; each that it is not takes a quarter of the budget, or a level of effort.
_LONG_TALK = 8
_LARGE_PROMPT = 8000


def effort_changes(context: Context) -> bool:
    """Whether the operator has a wish at all: the one check that this costs when it is off."""
    return effort_changes_of(context.snapshot.settings)


def effort_changes_of(settings: Settings) -> bool:
    return settings.reasoning_mode != "passthrough"  # type: ignore[no-any-return]


def with_effort(context: Context, request: ChatRequest, profile: Profile, ops: Ops) -> ChatRequest:
    """``request`` as the operator wishes it; itself when nothing changes.

    A model not known to think is left alone, unless the client itself asked it to.
    """
    asked = request.reasoning
    if asked is None and profile.capabilities.reasoning is not True:
        return request
    wanted = _wanted(context, request, context.snapshot.settings)
    if wanted == asked:
        return request
    mode = context.snapshot.settings.reasoning_mode
    note(ops, "reasoning-mode", "rewritten" if asked is not None else "synthesised", "reasoning", detail=mode)
    return replace(request, reasoning=wanted)


def splice_effort(context: Context, body: bytes, format: Format, profile: Profile, ops: Ops) -> bytes:
    """The same for a body that passes between equal formats: the fields about thinking are replaced, the rest keeps its bytes.

    A body that we cannot read passes as it is: its upstream may know more than we do.
    """
    try:
        request = context.request()
        changed = with_effort(context, request, profile, ops)
        if changed is request:
            return body
        ready = normalise(changed, profile, format.name).request
    except BadRequest:
        return body
    encoded = json.loads(format.encode_request(ready, profile))
    envelope = scan(body)
    changes: dict[str, bytes | None] = {}
    for key in format.reasoning_fields:
        if key in encoded:
            changes[key] = json.dumps(encoded[key])
        elif envelope.span(key) is not None:
            changes[key] = None
    return envelope.splice(changes)


def _wanted(context: Context, request: ChatRequest, settings: Settings) -> Reasoning | None:
    asked = request.reasoning
    visible = asked.visible if asked is not None else None
    if settings.reasoning_mode == "auto":
        return None if visible is None else Reasoning(visible=visible)
    if settings.reasoning_mode == "adaptive" and asked is not None and (asked.mode == "off" or asked.effort == "none"):
        return asked
    less = 0 if settings.reasoning_mode == "custom" else 3 - _weight(context, request)
    budget, effort = settings.reasoning_budget, settings.reasoning_effort
    if budget is not None:
        return Reasoning(mode="enabled", budget=max(min(budget, MIN_BUDGET), budget * (4 - less) // 4), visible=visible)
    if effort == "none":
        return Reasoning(mode="off")
    most = _LADDER.index(effort)
    return Reasoning(effort=_LADDER[max(min(most, 1), most - less)], visible=visible)


def _weight(context: Context, request: ChatRequest) -> int:
    """0 to 3: a long conversation, tools, a large prompt."""
    return (len(request.messages) > _LONG_TALK) + bool(request.tools) + (context.input_estimate() > _LARGE_PROMPT)
