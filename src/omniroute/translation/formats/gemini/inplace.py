"""What an unparsed Gemini body needs on its way to a Gemini upstream: next to nothing, since the model is in the URL."""

from __future__ import annotations

from typing import Any

from omniroute._fast.envelope import Envelope
from omniroute.core import json
from omniroute.ir.caps import Profile
from omniroute.translation.formats.gemini.parts import UNSIGNED
from omniroute.translation.quirks import Changes
from omniroute.translation.read import lenient_object

_SIGNATURES = ("thoughtSignature", "thought_signature")
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


def unsigned(body: bytes) -> bytes | None:
    """``body`` without thoughts and their signatures, None if that changes nothing.

    Calls that had one get the word for "not checked", and so does the first of a turn that has none.
    """
    fields = lenient_object(body)
    contents = fields.get("contents")
    if not isinstance(contents, list):
        return None
    kept = [left for content in contents if (left := _unproven(content)) is not None]
    return None if kept == contents else json.dumps({**fields, "contents": kept})


def _unproven(content: Any) -> Any:
    """``content`` without thoughts, None if nothing else was in it."""
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(parts, list):
        return content
    kept: list[Any] = []
    for part in parts:
        if not isinstance(part, dict):
            kept.append(part)
        elif part.get("thought") is not True:
            bare = {key: value for key, value in part.items() if key not in _SIGNATURES}
            called = len(bare) < len(part) and ("functionCall" in bare or "function_call" in bare)
            kept.append({**bare, "thoughtSignature": UNSIGNED} if called else bare)
    for place, part in enumerate(kept):
        if isinstance(part, dict) and ("functionCall" in part or "function_call" in part):
            kept[place] = {"thoughtSignature": UNSIGNED, **part}
            break
    return {**content, "parts": kept} if kept else None


def wants_usage(envelope: Envelope) -> bool:
    """Always: every Gemini stream states usage."""
    return True
