"""Requests of Code Assist: a Gemini body under ``request``, the model beside it, and what else the service expects there."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from msgspec.structs import replace

from omniroute._fast.envelope import scan
from omniroute.core import json
from omniroute.core.errors import BadRequest
from omniroute.ir.caps import Profile
from omniroute.ir.request import ChatRequest
from omniroute.translation.formats.gemini.config import PATH as CONFIG
from omniroute.translation.formats.gemini.inplace import unsigned as unsigned_inside
from omniroute.translation.formats.gemini.request import decode_request as decode_inside
from omniroute.translation.formats.gemini.request import encode_body
from omniroute.translation.read import missing

_BODY = "request"
_INSIDE = "request."
_WORD = re.compile(r"\{(\w+)\}")


def decode_request(body: bytes) -> ChatRequest:
    """The Gemini request inside of ``body``, with the model that stands beside it. Raises BadRequest naming the field."""
    envelope = scan(body)
    inner = envelope.raw(_BODY)
    if inner is None:
        missing(_BODY)
    return replace(decode_inside(inner), model=envelope.model or "")


def encode_request(request: ChatRequest, profile: Profile) -> bytes:
    """The body for a Code Assist upstream, without its project. Raises BadRequest for what JSON cannot hold (nested too deep).

    The quirk ``drop`` may name members of ``generationConfig`` here (``generationConfig.seed``).
    """
    inner = encode_body(request, profile)
    config = inner.get(CONFIG)
    if isinstance(config, dict):
        _fit_config(config, profile)
        if not config:
            del inner[CONFIG]
    body: dict[str, Any] = {"model": profile.model}
    for place, template in profile.quirks.envelope.items():
        text = _WORD.sub(lambda found: _fill(found[1], inner, profile), template)
        if place.startswith(_INSIDE):
            inner[place.removeprefix(_INSIDE)] = text
        else:
            body[place] = text
    try:
        return json.dumps({**body, _BODY: inner})
    except TypeError as error:
        raise BadRequest(f"The request cannot be written as JSON for this provider: {error}.") from error


def _fit_config(config: dict[str, Any], profile: Profile) -> None:
    quirks = profile.quirks
    for key in quirks.drop:
        if key.startswith(f"{CONFIG}."):
            config.pop(key.partition(".")[2], None)
    limit, thinking = config.get("maxOutputTokens"), config.get("thinkingConfig")
    budget = thinking.get("thinkingBudget") if isinstance(thinking, dict) else None
    if quirks.thinking == "enabled" and isinstance(limit, int) and isinstance(budget, int) and 0 < limit <= budget:
        # another vendor's model, which wants room for its answer behind its thoughts
        config["maxOutputTokens"] = min(budget + limit, profile.limits.max_output or budget + limit)


def _fill(word: str, inner: dict[str, Any], profile: Profile) -> str:
    """What a placeholder of the quirk ``envelope`` stands for."""
    if word == "uuid":
        return str(uuid4())
    if word == "model":
        return profile.model
    digest = sha256(_opening(inner).encode("utf-8", "surrogatepass")).digest()
    if word == "session":
        return str(UUID(bytes=digest[:16], version=4))
    if word == "session_number":
        return str(int.from_bytes(digest[:8], "big") >> 1)
    raise BadRequest(f"The envelope of this provider knows no {word!r}; see its quirks.")


def _opening(inner: dict[str, Any]) -> str:
    """The first text of the first user turn: the same in every request of a conversation."""
    for content in inner.get("contents", ()):
        if content.get("role") == "user":
            for part in content.get("parts", ()):
                if isinstance(part.get("text"), str):
                    return str(part["text"])
    return ""


def unsigned(body: bytes) -> bytes | None:
    """``body`` without thoughts and their signatures, None if it has none or is no request."""
    try:
        envelope = scan(body)
    except ValueError:
        return None
    inner = envelope.raw(_BODY)
    bare = unsigned_inside(inner) if inner is not None else None
    return None if bare is None else envelope.splice({_BODY: bare})
