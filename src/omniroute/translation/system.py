"""Where system text goes: beside the conversation, in place, or wrapped in a user turn, but never lost and never hoisted late."""

from __future__ import annotations

from msgspec.structs import replace

from omniroute.ir.request import Message, Part, Text
from omniroute.translation.ops import Ops, note
from omniroute.translation.rules import Rules

_NO_ATTACHMENT = "[attachment omitted: not possible in a system message]"
_SYSTEM_ROLES = ("system", "developer")


def as_text(parts: tuple[Part, ...]) -> tuple[Text, ...]:
    """System parts as text, blank ones left out; what is no text becomes a note."""
    texts = (part if isinstance(part, Text) else Text(text=_NO_ATTACHMENT) for part in parts)
    return tuple(text for text in texts if text.text.strip())


def place_system(
    system: tuple[Text, ...], messages: tuple[Message, ...], rules: Rules, private: tuple[str, ...], ops: Ops
) -> tuple[tuple[Text, ...], list[Message]]:
    """(system text, messages) as the target wants them. ``private`` are beginnings of text meant for another vendor only."""
    kept = [text for text in as_text(system) if not _private(text, private, ops)]
    turns: list[Message] = []
    leading = True
    for position, message in enumerate(messages):
        if message.role not in _SYSTEM_ROLES:
            leading = False
            turns.append(message)
            continue
        texts = tuple(text for text in as_text(message.parts) if not _private(text, private, ops))
        if not texts:
            note(ops, "system-empty", "dropped", "messages", position)
        elif leading and rules.hoists_system:
            note(ops, "system-placement", "moved", "messages", position)
            kept.extend(texts)
        elif rules.late_system == "reminder":
            note(ops, "system-placement", "rewritten", "messages", position, detail="reminder in a user turn")
            turns.append(Message(role="user", parts=tuple(_reminder(text) for text in texts)))
        else:
            turns.append(replace(message, parts=texts))
    return tuple(kept), turns


def _private(text: Text, beginnings: tuple[str, ...], ops: Ops) -> bool:
    if not beginnings or not text.text.lstrip().startswith(beginnings):
        return False
    note(ops, "system-private", "dropped", "system")
    return True


def _reminder(text: Text) -> Text:
    return Text(text=f"<system-reminder>\n{text.text}\n</system-reminder>", cache=text.cache)
