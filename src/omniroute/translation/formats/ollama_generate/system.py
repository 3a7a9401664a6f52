"""The operator's system prompt in a body of /api/generate: with ``system``."""

from __future__ import annotations

from omniroute._fast.envelope import Envelope
from omniroute.translation.quirks import Changes
from omniroute.translation.system_prompt import SystemPrompt, into_text


def put_system(envelope: Envelope, prompt: SystemPrompt) -> Changes:
    """A request without a prompt only loads a model and stays as it is."""
    if envelope.raw("prompt") in (None, b'""', b"null"):
        return {}
    text = into_text(envelope.raw("system"), prompt)
    return {} if text is None else {"system": text}
