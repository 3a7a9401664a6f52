"""The operator's system prompt in a Responses body: in ``instructions``, or among the items where the client has its own."""

from __future__ import annotations

from omniroute._fast.envelope import Envelope
from omniroute.translation.quirks import Changes
from omniroute.translation.system_prompt import SystemPrompt, into_messages, into_text, leads_with_system, without_system


def put_system(envelope: Envelope, prompt: SystemPrompt) -> Changes:
    """Items of the client keep their bytes; in its place means: of system messages among them too."""
    raw, items = envelope.raw("instructions"), envelope.raw("input")
    if prompt.position == "append" and raw in (None, b"null", b'""') and leads_with_system(items):
        item = {"type": "message", "role": "developer", "content": prompt.text}
        listed = into_messages(items, prompt, item)
        return {} if listed is None else {"input": listed}
    text = into_text(raw, prompt)
    changes: Changes = {} if text is None else {"instructions": text}
    if prompt.position == "replace" and items is not None and envelope.messages:
        kept = without_system(items)
        if kept is not None and kept != b"[]":
            changes["input"] = kept
    return changes
