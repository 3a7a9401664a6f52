"""What an unparsed Responses body needs on its way to a Responses upstream: the model, refused fields, foreign reasoning out."""

from __future__ import annotations

from omniroute._fast.envelope import Envelope
from omniroute.core import json
from omniroute.ir.caps import Profile
from omniroute.translation.formats.openai_responses.rules import NAME
from omniroute.translation.quirks import Changes, sampling_changes
from omniroute.translation.signatures import PREFIX, is_foreign

_SAMPLING = ("temperature", "top_p", "top_logprobs")


def adjust(envelope: Envelope, profile: Profile) -> Changes:
    """The model's upstream name, the sampling quirks, and reasoning of other vendors taken out; nothing else is touched."""
    changes: Changes = {"model": json.dumps(profile.model)}
    changes.update(sampling_changes(envelope, profile.quirks, _SAMPLING, None))
    raw = envelope.raw("input")
    if raw is not None and PREFIX.encode() in raw:
        items = json.loads(raw)
        if isinstance(items, list):
            kept = [item for item in items if not (isinstance(item, dict) and is_foreign(item.get("encrypted_content"), NAME))]
            if len(kept) != len(items):
                changes["input"] = json.dumps(kept)
    return changes


def wants_usage(envelope: Envelope) -> bool:
    """Always: every Responses stream ends with usage."""
    return True
