"""What an unparsed Gemini body needs on its way to a Gemini upstream: next to nothing, since the model is in the URL."""

from __future__ import annotations

from omniroute._fast.envelope import Envelope
from omniroute.core import json
from omniroute.ir.caps import Profile
from omniroute.translation.quirks import Changes

_COUNTED = ("generateContentRequest", "generate_content_request")


def adjust(envelope: Envelope, profile: Profile) -> Changes:
    """A model named in the body as well, by clients and in what is to be counted, becomes the upstream's or goes."""
    changes: Changes = {}
    if envelope.span("model") is not None:
        changes["model"] = None
    for key in _COUNTED:
        raw = envelope.raw(key)
        counted = json.loads(raw) if raw is not None else None
        if isinstance(counted, dict):
            changes[key] = json.dumps({**counted, "model": f"models/{profile.model}"})
    return changes


def wants_usage(envelope: Envelope) -> bool:
    """Always: every Gemini stream states usage."""
    return True
