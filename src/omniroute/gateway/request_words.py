"""What there is to say of a request where a provider's data asks for a word of it (``catalog.conduct.WORDS``)."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from omniroute.core import json
from omniroute.gateway.conversation_key import conversation_key

if TYPE_CHECKING:
    from omniroute._fast.envelope import Envelope
    from omniroute.gateway.context import Context

_TURNS = ("messages", "input", "contents")
_ITEMS: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
_IMAGE = re.compile(rb'"type"\s*:\s*"(?:image|image_url|input_image)"|"(?:inlineData|inline_data)"\s*:|"images"\s*:\s*\[\s*"')
_ANONYMOUS = "anonymous"
_SYSTEM = ("system", "developer")
_RESULT_PARTS = ("functionResponse", "function_response")


def word_of(context: Context, name: str) -> str | None:
    """The word ``name``, None when it has nothing to say."""
    if name == "session":
        return conversation(context)
    if name == "request_uuid":
        return _uuid(f"{context.exchange.request_id} {context.attempts}")
    if name == "initiator":
        return "user" if spoken_by_user(context.envelope) else "agent"
    if name == "vision":
        return "true" if _IMAGE.search(context.envelope.body) else None
    if name == "time_ms":
        return str(int(context.wall * 1000))
    raise ValueError(f"there is no word {name!r}")


def conversation(context: Context) -> str:
    """A UUID of the conversation: the client's own where it names one so, else made of its name for it, or of how it begins."""
    named = _cache_key(context.envelope) or context.session_id
    if named is None:
        owner = context.grant.id if context.grant is not None else _ANONYMOUS
        return _uuid(conversation_key(context.envelope, owner))
    try:
        return str(UUID(named))
    except ValueError:
        return _uuid(named)


def spoken_by_user(envelope: Envelope) -> bool:
    """The last turn of the conversation is a person's: not a tool's result, not the model's. System text does not count."""
    for raw in reversed(_turns(envelope)):
        turn = json.loads(bytes(raw))
        if not isinstance(turn, dict):
            return True
        role, kind = turn.get("role"), turn.get("type")
        if role in _SYSTEM:
            continue
        if isinstance(kind, str) and kind != "message":
            return False  # of a Responses input: a call, its result, reasoning
        return role in ("user", None) and not _brings_result(turn)
    return True


def _turns(envelope: Envelope) -> list[msgspec.Raw]:
    for key in _TURNS:
        raw = envelope.raw(key)
        if raw is not None:
            try:
                return _ITEMS.decode(raw)
            except msgspec.ValidationError:  # one text, or no conversation at all
                return []
    return []


def _brings_result(turn: dict[str, Any]) -> bool:
    parts = turn.get("content") if "content" in turn else turn.get("parts")
    if not isinstance(parts, list):
        return False
    return any(
        isinstance(part, dict) and (part.get("type") == "tool_result" or any(key in part for key in _RESULT_PARTS))
        for part in parts
    )


def _cache_key(envelope: Envelope) -> str | None:
    """The key under which the client's own conversation is cached, where its dialect has one."""
    raw = envelope.raw("prompt_cache_key")
    value = json.loads(raw) if raw is not None else None
    return value if isinstance(value, str) and value else None


def _uuid(text: str) -> str:
    """The same UUID for the same text, of which it tells nothing."""
    return str(UUID(bytes=sha256(text.encode("utf-8", "surrogatepass")).digest()[:16], version=4))
