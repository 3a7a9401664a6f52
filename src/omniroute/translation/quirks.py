"""The quirks that speak of top-level fields, whatever the format: drop, rename, accepted, force, empty_tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omniroute._fast.envelope import Envelope
from omniroute.core import json
from omniroute.ir.caps import Quirks

Changes = dict[str, bytes | None]


def apply_quirks(body: dict[str, Any], quirks: Quirks) -> dict[str, Any]:
    """``body`` without dropped fields and values not accepted, with renamed ones under their new name and forced ones set."""
    for key in quirks.drop:
        body.pop(key, None)
    for key, values in quirks.accepted.items():
        if key in body and body[key] not in values:
            del body[key]
    for old, new in quirks.rename.items():
        if old in body:
            value = body.pop(old)
            body.setdefault(new, value)
    body.update(quirks.force)
    return body


def top_level_changes(envelope: Envelope, changes: Mapping[str, bytes | None], quirks: Quirks) -> Changes:
    """``changes`` to an unparsed body, and on top of them the quirks, as raw values to splice."""
    result: Changes = dict(changes)

    def present(key: str) -> bytes | None:
        return result[key] if key in result else envelope.raw(key)

    for key in quirks.drop:
        if present(key) is not None:
            result[key] = None
    for key, values in quirks.accepted.items():
        value = present(key)
        if value is not None and json.loads(value) not in values:
            result[key] = None
    if quirks.empty_tools is False and not envelope.tools and present("tools") is not None:
        result["tools"] = None
    for old, new in quirks.rename.items():
        value = present(old)
        if value is not None:
            result[old] = None
            if present(new) is None:
                result[new] = value
    for key, forced in quirks.force.items():
        result[key] = json.dumps(forced)
    return result


def sampling_changes(envelope: Envelope, quirks: Quirks, fields: tuple[str, ...], norm: tuple[float, float] | None) -> Changes:
    """Sampling fields refused by the endpoint removed, the temperature clamped to what the quirks allow."""
    if quirks.sampling is False:
        return {key: None for key in fields if envelope.span(key) is not None}
    limits = quirks.temperature_range or norm
    raw = envelope.raw("temperature") if limits is not None else None
    if raw is None or limits is None:
        return {}
    value = json.loads(raw)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return {}
    clamped = min(max(value, limits[0]), limits[1])
    return {} if clamped == value else {"temperature": json.dumps(clamped)}
