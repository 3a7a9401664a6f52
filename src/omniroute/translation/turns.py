"""The order of a conversation: every call followed by its results, no orphan, no gap, roles in turn where a target asks for it.

Two passes over the messages, each linear: the first matches results to calls, the second writes the turns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from msgspec.structs import replace

from omniroute.ir.request import Media, Message, Part, Text, Thinking, ToolCall, ToolResult
from omniroute.translation.names import CallIds
from omniroute.translation.ops import Ops, note
from omniroute.translation.rules import Rules

NO_RESULT = "[no result: the call was interrupted]"


class _Slot:
    """One call, the id it is sent with, and the result that answers it."""

    __slots__ = ("call", "id", "result")

    def __init__(self, call: ToolCall, call_id: str) -> None:
        self.call = call
        self.id = call_id
        self.result: ToolResult | None = None


class _Matcher:
    """Finds the call a result answers: by id, else by name in order of calling."""

    def __init__(self) -> None:
        self._by_id: dict[str, deque[_Slot]] = {}
        self._by_name: dict[str, deque[_Slot]] = {}

    def open_turn(self, slots: list[_Slot]) -> None:
        """The calls of a new assistant turn: results that come later under the same id are theirs."""
        for slot in slots:
            self._by_id[slot.call.id] = deque()
        for slot in slots:
            self._by_id[slot.call.id].append(slot)
            self._by_name.setdefault(slot.call.name, deque()).append(slot)

    def knows(self, result: ToolResult) -> bool:
        return result.call_id in self._by_id

    def take(self, result: ToolResult) -> _Slot | None:
        """The unanswered call ``result`` belongs to, None if there is none."""
        waiting = self._by_id.get(result.call_id) if result.call_id else self._by_name.get(result.name or "")
        while waiting:
            slot = waiting.popleft()
            if slot.result is None:
                return slot
        return None


def arrange(messages: Iterable[Message], rules: Rules, ids: CallIds, ops: Ops) -> list[Message]:
    """The turns as the target takes them: call ids legal and unique, results behind their calls in call order, orphans as text,
    missing results made up as errors, neighbours merged where roles must alternate."""
    turns = [message for message in messages if message.parts]
    if rules.merges_turns:
        turns = _merged(turns, ops, only="assistant")
    slots, rest = _match(turns, ids, ops)
    written: list[Message] = []
    for position, message in enumerate(turns):
        if message.role == "assistant":
            _write_assistant(message, slots.get(position, []), rules, ops, written)
        else:
            parts = rest.get(position, message.parts)
            if parts:
                written.append(message if parts is message.parts else replace(message, parts=tuple(parts)))
    return _merged(written, ops) if rules.merges_turns else written


def _match(turns: list[Message], ids: CallIds, ops: Ops) -> tuple[dict[int, list[_Slot]], dict[int, list[Part]]]:
    """Slots per assistant turn, and per user turn what is left of it once matched results are taken out."""
    matcher = _Matcher()
    slots: dict[int, list[_Slot]] = {}
    rest: dict[int, list[Part]] = {}
    for position, message in enumerate(turns):
        if message.role == "assistant":
            opened = [_Slot(part, ids.issue(part.id)) for part in message.parts if isinstance(part, ToolCall)]
            if opened:
                slots[position] = opened
                matcher.open_turn(opened)
        elif any(isinstance(part, ToolResult) for part in message.parts):
            rest[position] = _take_results(message, position, matcher, ops)
    return slots, rest


def _take_results(message: Message, position: int, matcher: _Matcher, ops: Ops) -> list[Part]:
    left: list[Part] = []
    for part in message.parts:
        if not isinstance(part, ToolResult):
            left.append(part)
            continue
        slot = matcher.take(part)
        if slot is not None:
            slot.result = part
        elif matcher.knows(part):
            note(ops, "result-duplicate", "dropped", "messages", position, detail=part.call_id)
        else:
            note(ops, "result-orphan", "rewritten", "messages", position, detail=part.call_id)
            if part.content:
                left.append(Text(text=f"[result of an earlier call of {part.name or 'a tool'}]"))
                left.extend(part.content)
    return left if any(not isinstance(part, Text) or part.text.strip() for part in left) else []


def _write_assistant(message: Message, slots: list[_Slot], rules: Rules, ops: Ops, written: list[Message]) -> None:
    if not slots:
        written.append(message)
        return
    position = len(written)
    waiting = iter(slots)
    parts = [_renamed(part, next(waiting), ops, position) if isinstance(part, ToolCall) else part for part in message.parts]
    written.append(replace(message, parts=tuple(parts)))
    results: list[Part] = []
    attachments: list[Part] = []
    for slot in slots:
        result = slot.result
        if result is None:
            note(ops, "result-missing", "synthesised", "messages", position, detail=slot.call.id)
            result = ToolResult(call_id=slot.id, content=(Text(text=NO_RESULT),), is_error=True)
        content = _without_media(result, slot, rules, attachments, ops)
        results.append(replace(result, call_id=slot.id, name=slot.call.name, content=content))
    written.append(Message(role="user", parts=tuple(results)))
    if attachments:
        written.append(Message(role="user", parts=tuple(attachments)))


def _renamed(call: ToolCall, slot: _Slot, ops: Ops, position: int) -> ToolCall:
    if slot.id == call.id:
        return call
    note(ops, "call-id", "renamed", "messages", position, detail=f"{call.id} -> {slot.id}")
    return replace(call, id=slot.id)


def _without_media(result: ToolResult, slot: _Slot, rules: Rules, attachments: list[Part], ops: Ops) -> tuple[Part, ...]:
    moved = [part for part in result.content if isinstance(part, Media) and part.kind not in rules.result_media]
    if not moved:
        return result.content
    note(ops, "result-media", "moved", "messages", detail=slot.id)
    attachments.append(Text(text=f"[attached to the result of {slot.call.name} ({slot.id})]"))
    attachments.extend(moved)
    stay = tuple(part for part in result.content if not (isinstance(part, Media) and part.kind not in rules.result_media))
    return stay or (Text(text="[the result is attached below]"),)


def _merged(turns: list[Message], ops: Ops, only: str | None = None) -> list[Message]:
    """Neighbours of one role as one turn (``only`` that role, if given)."""
    merged: list[Message] = []
    run: list[Message] = []
    for message in turns:
        if run and (run[-1].role != message.role or (only is not None and message.role != only)):
            merged.append(_join(run, len(merged), ops))
            run = []
        run.append(message)
    if run:
        merged.append(_join(run, len(merged), ops))
    return merged


def _join(run: list[Message], position: int, ops: Ops) -> Message:
    if len(run) == 1:
        return run[0]
    note(ops, "turns-merged", "moved", "messages", position, detail=f"{len(run)} neighbours")
    parts = [part for message in run for part in message.parts]
    if run[0].role == "assistant" and not any(isinstance(part, Thinking) for part in parts):
        parts.sort(key=lambda part: isinstance(part, ToolCall))
    return replace(run[0], parts=tuple(parts), name=None)
