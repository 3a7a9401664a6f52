"""The operator's system prompt in a Responses body: in ``instructions``."""

from __future__ import annotations

from omniroute._fast.envelope import Envelope
from omniroute.translation.quirks import Changes
from omniroute.translation.system_prompt import SystemPrompt, into_text, without_system


def put_system(envelope: Envelope, prompt: SystemPrompt) -> Changes:
    """Never among the items, which are kept for later requests, while instructions hold for one. In place of the client's own
    means: of system messages among the items too."""
    text = into_text(envelope.raw("instructions"), prompt)
    changes: Changes = {} if text is None else {"instructions": text}
    items = envelope.raw("input")
    if prompt.position == "replace" and items is not None and envelope.messages:
        kept = without_system(items)
        if kept is not None and kept != b"[]":
            changes["input"] = kept
    return changes
