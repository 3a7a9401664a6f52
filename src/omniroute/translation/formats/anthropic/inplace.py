"""What an unparsed Anthropic body needs on its way to an Anthropic upstream: the model, and what quirks refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from omniroute._fast.envelope import Envelope
from omniroute.core import json
from omniroute.ir.caps import Profile
from omniroute.translation.formats.anthropic.blocks import NAME
from omniroute.translation.formats.anthropic.marks import limit_marks
from omniroute.translation.formats.anthropic.preamble import with_preamble
from omniroute.translation.quirks import Changes, sampling_changes
from omniroute.translation.read import lenient_object
from omniroute.translation.signatures import PREFIX, is_foreign

_SAMPLING = ("temperature", "top_p", "top_k")


def adjust(envelope: Envelope, profile: Profile) -> Changes:
    """The model's upstream name and the quirks of sampling, opening and cache marks; signed content is not touched.

    Thinking of other vendors, which an Anthropic upstream would refuse, is taken out of the history.
    """
    quirks = profile.quirks
    changes: Changes = {"model": json.dumps(profile.model)}
    changes.update(sampling_changes(envelope, quirks, _SAMPLING, None))
    if quirks.preamble is not None:
        system = with_preamble(envelope.raw("system"), quirks.preamble)
        if system is not None:
            changes["system"] = system
    raw = envelope.raw("messages") if envelope.holds(PREFIX.encode()) else None
    if raw is not None:
        messages = json.loads(raw)
        if isinstance(messages, list):
            kept = [message for message in map(_own_thinking, messages) if message is not None]
            if kept != messages:
                changes["messages"] = json.dumps(kept)
    return changes if quirks.cache_marks is None else limit_marks(envelope, changes, quirks.cache_marks)


def _own_thinking(message: Any) -> Any:
    """``message`` without foreign thinking, None if nothing else was in it."""
    return _without(message, _is_foreign)


def _without(message: Any, unwanted: Callable[[dict[str, Any]], bool]) -> Any:
    """``message`` without the ``unwanted`` blocks, None if nothing else was in it."""
    blocks = message.get("content") if isinstance(message, dict) else None
    if not isinstance(blocks, list):
        return message
    kept = [block for block in blocks if not (isinstance(block, dict) and unwanted(block))]
    if len(kept) == len(blocks):
        return message
    return {**message, "content": kept} if kept else None


def _is_foreign(block: dict[str, Any]) -> bool:
    kind = block.get("type")
    return (kind == "thinking" and is_foreign(block.get("signature"), NAME)) or (
        kind == "redacted_thinking" and is_foreign(block.get("data"), NAME)
    )


_PROVEN = ("thinking", "redacted_thinking")


def unsigned(body: bytes) -> bytes | None:
    """``body`` without thinking blocks, None if it has none.

    A tool loop that runs goes on without thinking, and with what depends on it: a turn whose thinking is gone may not follow.
    """
    fields = lenient_object(body)
    messages = fields.get("messages")
    if not isinstance(messages, list):
        return None
    kept = [left for message in messages if (left := _without(message, lambda block: block.get("type") in _PROVEN)) is not None]
    if kept == messages:
        return None
    fields["messages"] = kept
    thinking = fields.get("thinking")
    if isinstance(thinking, dict) and thinking.get("type") == "enabled" and _in_loop(kept):
        del fields["thinking"]
        fields.pop("context_management", None)
    return json.dumps(fields)


def _in_loop(messages: list[Any]) -> bool:
    """Whether the last turn answers calls."""
    content = messages[-1].get("content") if messages and isinstance(messages[-1], dict) else None
    return isinstance(content, list) and any(isinstance(block, dict) and block.get("type") == "tool_result" for block in content)


def wants_usage(envelope: Envelope) -> bool:
    """Always: every Anthropic stream states usage."""
    return True
