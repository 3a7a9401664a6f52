"""Parts one by one: what another vendor's part becomes for a target. Order and pairing are the business of ``turns``."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from omniroute.core import json
from omniroute.ir.caps import Profile
from omniroute.ir.request import Media, Message, Opaque, Part, Refusal, Text, Thinking, ToolCall, ToolResult
from omniroute.translation import media
from omniroute.translation.names import ToolNames
from omniroute.translation.ops import Action, Ops, note
from omniroute.translation.rules import Rules
from omniroute.translation.signatures import own

_READABLE = ("title", "source", "url", "text", "tool_name", "content", "transcript")
_DEEPEST = 8


class PartFitter:
    """Fits every part of a request from ``origin`` to one target."""

    def __init__(self, origin: str, target: str, rules: Rules, profile: Profile, names: ToolNames, ops: Ops) -> None:
        self._same = origin == target
        self._target = target
        self._rules = rules
        self._names = names
        self._ops = ops
        self._vision = profile.capabilities.vision is not False
        self._replay = bool(profile.quirks.replay_reasoning)

    def message(self, message: Message, position: int) -> Message:
        """The same turn with every part fitted; parts that cannot be said are gone or text."""
        parts: list[Part] = []
        for part in message.parts:
            fitted = self._part(part, message.role, position)
            if fitted is not None:
                parts.append(fitted)
        if not self._rules.blank_text or not any(_visible(part) for part in parts):
            parts = [part for part in parts if not (isinstance(part, Text) and not part.text.strip())]
        return replace(message, parts=tuple(parts))

    def _part(self, part: Part, role: str, position: int) -> Part | None:
        if isinstance(part, Text):
            return part if self._same or not part.citations else replace(part, citations=())
        if isinstance(part, Media):
            return self._media(part, role, position)
        if isinstance(part, ToolCall):
            return self._call(part)
        if isinstance(part, ToolResult):
            return self._result(part, position)
        if isinstance(part, Thinking):
            return self._thinking(part, position)
        if isinstance(part, Opaque):
            return self._opaque(part, role, position)
        return part

    def _media(self, part: Media, role: str, position: int) -> Part:
        if role == "assistant":
            note(self._ops, "assistant-media", "dropped", "messages", position, detail=part.kind)
            return media.omitted(part.kind, part.url)
        fitted = media.fit(part, self._rules, same_vendor=self._same, vision=self._vision)
        if isinstance(fitted, Text):
            action: Action = "dropped" if media.is_note(fitted, part) else "rewritten"
            note(self._ops, "media-kind", action, "messages", position, detail=part.kind)
        return fitted

    def _call(self, call: ToolCall) -> ToolCall:
        name = self._names.sent(call.name)
        if call.kind == "custom" and not self._rules.custom_tools:
            return replace(call, name=name, kind="function", arguments=json.dumps_text({"input": call.arguments}))
        return call if name == call.name else replace(call, name=name)

    def _result(self, result: ToolResult, position: int) -> ToolResult:
        content: list[Part] = []
        for part in result.content:
            fitted = self._part(part, "user", position)
            if fitted is not None and not (isinstance(fitted, Text) and not fitted.text.strip()):
                content.append(fitted)
        name = self._names.sent(result.name) if result.name else result.name
        return replace(result, content=tuple(content), name=name)

    def _thinking(self, part: Thinking, position: int) -> Part | None:
        part = own(part)
        signed = bool(part.signature) or part.redacted is not None
        if self._rules.signed_thinking:
            if signed and part.vendor == self._target:
                return part
        elif not signed and (self._replay or (self._same and part.vendor == self._target)):
            return part
        note(self._ops, "thinking-vendor", "dropped", "messages", position)
        return None

    def _opaque(self, part: Opaque, role: str, position: int) -> Part | None:
        if part.format == self._target:
            return part
        if role == "assistant" and part.kind != "audio":
            note(self._ops, "part-foreign", "dropped", "messages", position, detail=part.kind)
            return None
        readable = "\n".join(_readable(part.value, 0)).strip()
        note(self._ops, "part-foreign", "rewritten" if readable else "dropped", "messages", position, detail=part.kind)
        return Text(text=readable or f"[{part.kind[:60]} part omitted: not supported by this model]")


def _visible(part: Part) -> bool:
    return not isinstance(part, Text) or bool(part.text.strip())


def _readable(value: Any, depth: int) -> list[str]:
    """The texts a person could read in a foreign part, in order."""
    if isinstance(value, str):
        return [value]
    if depth > _DEEPEST:
        return []
    if isinstance(value, list):
        return [text for item in value for text in _readable(item, depth + 1)]
    if isinstance(value, dict):
        return [text for key in _READABLE if key in value for text in _readable(value[key], depth + 1)]
    return []


def plain_text(parts: tuple[Part, ...], separator: str) -> str:
    """The text of text and refusal parts, joined."""
    return separator.join(part.text for part in parts if isinstance(part, Text | Refusal))
