"""What an unparsed Anthropic body needs on its way to an Anthropic upstream: the model, and what quirks refuse."""

from __future__ import annotations

from typing import Any

from omniroute._fast.envelope import Envelope
from omniroute.core import json
from omniroute.ir.caps import Profile
from omniroute.translation.formats.anthropic.blocks import NAME
from omniroute.translation.quirks import Changes, sampling_changes
from omniroute.translation.signatures import PREFIX, is_foreign

_SAMPLING = ("temperature", "top_p", "top_k")


def adjust(envelope: Envelope, profile: Profile) -> Changes:
    """The model's upstream name and the sampling quirks; signed content and cache prefixes are not touched.

    Thinking of other vendors, which an Anthropic upstream would refuse, is taken out of the history.
    """
    changes: Changes = {"model": json.dumps(profile.model)}
    changes.update(sampling_changes(envelope, profile.quirks, _SAMPLING, None))
    raw = envelope.raw("messages")
    if raw is not None and PREFIX.encode() in raw:
        messages = json.loads(raw)
        if isinstance(messages, list):
            kept = [message for message in map(_own_thinking, messages) if message is not None]
            if kept != messages:
                changes["messages"] = json.dumps(kept)
    return changes


def _own_thinking(message: Any) -> Any:
    """``message`` without foreign thinking, None if nothing else was in it."""
    blocks = message.get("content") if isinstance(message, dict) else None
    if not isinstance(blocks, list):
        return message
    kept = [block for block in blocks if not (isinstance(block, dict) and _is_foreign(block))]
    if len(kept) == len(blocks):
        return message
    return {**message, "content": kept} if kept else None


def _is_foreign(block: dict[str, Any]) -> bool:
    kind = block.get("type")
    return (kind == "thinking" and is_foreign(block.get("signature"), NAME)) or (
        kind == "redacted_thinking" and is_foreign(block.get("data"), NAME)
    )


def wants_usage(envelope: Envelope) -> bool:
    """Always: every Anthropic stream states usage."""
    return True
