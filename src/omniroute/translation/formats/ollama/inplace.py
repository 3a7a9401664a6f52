"""What an unparsed Ollama body needs on its way to an Ollama upstream: the model, and what quirks refuse."""

from __future__ import annotations

from typing import Any

from omniroute._fast.envelope import Envelope
from omniroute.core import json
from omniroute.ir.caps import Profile, Quirks
from omniroute.translation.quirks import Changes

_SAMPLING = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty")


def adjust(envelope: Envelope, profile: Profile) -> Changes:
    """The model's upstream name and the sampling quirks; ``options`` are parsed only where a quirk asks for it."""
    changes: Changes = {"model": json.dumps(profile.model)}
    quirks = profile.quirks
    if quirks.sampling is False or quirks.temperature_range is not None:
        raw = envelope.raw("options")
        given = json.loads(raw) if raw is not None else None
        fitted = _fitted(given, quirks) if isinstance(given, dict) else given
        if fitted != given:
            changes["options"] = json.dumps(fitted)
    return changes


def _fitted(options: dict[str, Any], quirks: Quirks) -> dict[str, Any]:
    if quirks.sampling is False:
        return {key: value for key, value in options.items() if key not in _SAMPLING}
    value, limits = options.get("temperature"), quirks.temperature_range
    if limits is None or not isinstance(value, int | float) or isinstance(value, bool):
        return options
    return {**options, "temperature": min(max(value, limits[0]), limits[1])}


def wants_usage(envelope: Envelope) -> bool:
    """Always: the last line of every Ollama stream states it."""
    return True
