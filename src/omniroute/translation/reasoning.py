"""How much to think, in a target's own terms: an effort word, or a thinking budget with the arithmetic it demands."""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from omniroute.ir.caps import Profile
from omniroute.ir.request import ChatRequest, Effort, Message, Reasoning, Thinking, ToolCall, ToolResult
from omniroute.translation.ops import Ops, note
from omniroute.translation.rules import Rules

MIN_BUDGET = 1024
_BUDGETS: dict[Effort, int] = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 16384, "xhigh": 32000, "max": 32000}


class Thought(NamedTuple):
    """Reasoning as it will be sent, and the output limit that leaves room for it."""

    reasoning: Reasoning | None
    max_tokens: int | None


def effort_of(reasoning: Reasoning) -> Effort:
    """The effort word for any canonical statement that is not "off"."""
    if reasoning.effort is not None:
        return reasoning.effort
    if reasoning.budget is None:
        return "medium"
    if reasoning.budget <= 2048:
        return "low"
    return "medium" if reasoning.budget <= 12000 else "high"


def fit_reasoning(request: ChatRequest, turns: list[Message], profile: Profile, rules: Rules, ops: Ops) -> Thought:
    """What to ask for, given the other fields of ``request`` (its max_tokens already final) and the turns to be sent."""
    wanted = request.reasoning
    unchanged = Thought(None, request.max_tokens)
    if wanted is None:
        return unchanged
    off = wanted.mode == "off" or wanted.effort == "none"
    unable = rules.reasoning == "none" or profile.capabilities.reasoning is False or profile.quirks.thinking == "none"
    if off and not unable and rules.reasoning_off:
        return Thought(Reasoning(mode="off"), request.max_tokens)
    if off or unable:
        note(ops, "reasoning-off" if off else "reasoning-unsupported", "dropped", "reasoning")
        return unchanged
    if rules.reasoning == "budget":
        return Thought(wanted, request.max_tokens)
    if rules.reasoning == "effort":
        effort = None if _only_shown(wanted) else effort_of(wanted)
        return Thought(Reasoning(effort=effort, visible=wanted.visible), request.max_tokens)
    if _only_shown(wanted):
        note(ops, "reasoning-visible", "dropped", "reasoning")
        return unchanged
    adaptive = profile.quirks.thinking == "adaptive"
    reason = _obstacle(request, turns, adaptive)
    if reason is not None:
        note(ops, "thinking-conflict", "dropped", "reasoning", detail=reason)
        return unchanged
    if adaptive:
        return Thought(Reasoning(mode="adaptive", effort=_adaptive(wanted), visible=wanted.visible), request.max_tokens)
    return _budgeted(wanted, request.max_tokens, profile, ops)


def _only_shown(wanted: Reasoning) -> bool:
    """Whether nothing is asked for but to see what is thought anyway."""
    return wanted.mode is None and wanted.effort is None and wanted.budget is None


def _adaptive(wanted: Reasoning) -> Effort:
    effort = effort_of(wanted)
    return "low" if effort == "minimal" else effort


def _obstacle(request: ChatRequest, turns: list[Message], adaptive: bool) -> str | None:
    """Why thinking must stay off for this request, None if nothing forbids it."""
    choice = request.tool_choice
    if choice is not None and choice.mode in ("required", "named"):
        return "a tool call is forced"
    if not turns:
        return None
    if turns[-1].role == "assistant":
        return "the answer is prefilled"
    if adaptive or len(turns) < 2:
        return None
    calling = turns[-2]
    called = any(isinstance(part, ToolCall) for part in calling.parts)
    answered = any(isinstance(part, ToolResult) for part in turns[-1].parts[:1])
    if called and answered and not any(isinstance(part, Thinking) for part in calling.parts[:1]):
        return "the running tool loop has no signed thinking"
    return None


def _budgeted(wanted: Reasoning, max_tokens: int | None, profile: Profile, ops: Ops) -> Thought:
    budget = wanted.budget if wanted.budget is not None else _BUDGETS.get(effort_of(wanted), 8192)
    limit = profile.limits.max_output
    total = max_tokens
    budget = max(MIN_BUDGET, budget)
    if total is not None and total <= budget:
        total = budget + total
        if limit is not None and total > limit:
            total = limit
            budget = min(budget, limit - max(1, min(max_tokens or 1, limit // 2)))
        if budget < MIN_BUDGET:
            note(ops, "thinking-budget", "dropped", "reasoning", detail="no room below the output limit")
            return Thought(None, max_tokens)
        note(ops, "thinking-budget", "clamped", "max_tokens", detail=str(total))
    return Thought(replace(wanted, mode="enabled", effort=None, budget=budget), total)
