"""Reasoning put back into an unparsed Chat body, for upstreams that demand it of clients that do not keep it."""

from __future__ import annotations

from typing import Any

from omniroute._fast.envelope import Envelope
from omniroute.core import json
from omniroute.core.errors import BadRequest
from omniroute.ir.request import Part, Text
from omniroute.translation.formats.openai_chat.parts import decode_content
from omniroute.translation.formats.openai_chat.tools import decode_call
from omniroute.translation.quirks import Changes
from omniroute.translation.replay_reasoning import Recall, names_of

_FIELD = "reasoning_content"


def replay(envelope: Envelope, recall: Recall) -> Changes:
    """``messages`` with the reasoning that ``recall`` knows of, nothing when there is none to add."""
    raw = envelope.raw("messages")
    if raw is None or b'"assistant"' not in raw:
        return {}
    messages = json.loads(raw)
    added = False
    for message in messages if isinstance(messages, list) else ():
        if (
            isinstance(message, dict)
            and message.get("role") == "assistant"
            and not (message.get(_FIELD) or message.get("reasoning"))
        ):
            text = _remembered(message, recall)
            if text:
                message[_FIELD] = text
                added = True
    return {"messages": json.dumps(messages)} if added else {}


def _remembered(message: dict[str, Any], recall: Recall) -> str:
    for name in names_of(_turn(message)):
        left = recall(name)
        if left is not None:
            return "\n\n".join(thought.text for thought in left.thoughts if thought.text)
    return ""


def _turn(message: dict[str, Any]) -> list[Part]:
    """What names the turn: its calls and its text. What is malformed names nothing; the upstream will judge it."""
    calls = message.get("tool_calls")
    found: list[Part] = []
    try:
        found += [
            decode_call(call, "tool_calls", position) for position, call in enumerate(calls if isinstance(calls, list) else ())
        ]
        found += [part for part in decode_content(message.get("content"), "content") if isinstance(part, Text)]
    except BadRequest:
        return found
    return found
