"""The operator's system prompt in an Anthropic body: before, behind or in place of ``system``."""

from __future__ import annotations

from omniroute._fast.envelope import Envelope
from omniroute.core import json
from omniroute.translation.quirks import Changes
from omniroute.translation.system_prompt import SystemPrompt, into_text


def put_system(envelope: Envelope, prompt: SystemPrompt) -> Changes:
    """Blocks of the client stay as they are, cache marks included."""
    raw = envelope.raw("system")
    blocks = json.loads(raw) if raw is not None else None
    if isinstance(blocks, list):
        return {"system": json.dumps(prompt.among(blocks, {"type": "text", "text": prompt.text}))}
    text = into_text(raw, prompt)
    return {} if text is None else {"system": text}
