"""The operator's system prompt for an old completion, which has no place for one: a field that only our decoder reads."""

from __future__ import annotations

from omniroute._fast.envelope import Envelope
from omniroute.translation.quirks import Changes
from omniroute.translation.system_prompt import SystemPrompt, into_text

FIELD = "system"


def put_system(envelope: Envelope, prompt: SystemPrompt) -> Changes:
    """``FIELD`` with the prompt."""
    text = into_text(envelope.raw(FIELD), prompt)
    return {} if text is None else {FIELD: text}
