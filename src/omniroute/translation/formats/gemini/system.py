"""The operator's system prompt in a Gemini body: a part of ``systemInstruction``, in whichever spelling the client has it."""

from __future__ import annotations

from omniroute._fast.envelope import Envelope
from omniroute.core import json
from omniroute.translation.quirks import Changes
from omniroute.translation.system_prompt import SystemPrompt

_SPELLINGS = ("systemInstruction", "system_instruction")


def put_system(envelope: Envelope, prompt: SystemPrompt) -> Changes:
    """Parts of the client stay as they are."""
    key = next((spelling for spelling in _SPELLINGS if envelope.span(spelling) is not None), _SPELLINGS[0])
    raw = envelope.raw(key)
    own = json.loads(raw) if raw is not None else None
    if own is None:
        own = {"parts": []}
    elif isinstance(own, str):
        own = {"parts": [{"text": own}]}
    if not isinstance(own, dict):
        return {}
    parts = own.get("parts") or []
    given = [parts] if isinstance(parts, dict) else parts
    if not isinstance(given, list):
        return {}
    return {key: json.dumps({**own, "parts": prompt.among(given, {"text": prompt.text})})}
