"""Summaries of ours in the place of a vendor's unreadable compaction items: written, known again, and told as text."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from omniroute.core import json
from omniroute.translation.signatures import PREFIX

SUMMARY = ("compaction", "compaction_summary", "context_compaction")
_KEY = "summary"
_LEAD = "Summary of the conversation so far; it stands for all that is no longer shown:\n\n"


def wrap_summary(text: str) -> str:
    """``text`` as the content of a compaction item."""
    return PREFIX + base64.b64encode(json.dumps({_KEY: text})).decode()


def summary_of(item: dict[str, Any]) -> str | None:
    """What a compaction item of ours tells the next model, None for any other item."""
    content = item.get("encrypted_content")
    if item.get("type") not in SUMMARY or not isinstance(content, str) or not content.startswith(PREFIX):
        return None
    try:
        fields = json.loads(base64.b64decode(content[len(PREFIX) :], validate=True))
    except (binascii.Error, ValueError):
        return None
    text = fields.get(_KEY) if isinstance(fields, dict) else None
    return _LEAD + text if isinstance(text, str) else None


def as_message(summary: str) -> dict[str, Any]:
    """The item that a provider can read in its place."""
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": summary}]}
