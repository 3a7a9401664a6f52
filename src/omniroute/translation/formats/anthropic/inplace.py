"""What an unparsed Anthropic body needs on its way to an Anthropic upstream: the model, and what quirks refuse."""

from __future__ import annotations

from omniroute._fast.envelope import Envelope
from omniroute.core import json
from omniroute.ir.caps import Profile
from omniroute.translation.quirks import Changes, sampling_changes

_SAMPLING = ("temperature", "top_p", "top_k")


def adjust(envelope: Envelope, profile: Profile) -> Changes:
    """The model's upstream name and the sampling quirks; signed content and cache prefixes are not touched."""
    changes: Changes = {"model": json.dumps(profile.model)}
    changes.update(sampling_changes(envelope, profile.quirks, _SAMPLING, None))
    return changes


def wants_usage(envelope: Envelope) -> bool:
    """Always: every Anthropic stream states usage."""
    return True
