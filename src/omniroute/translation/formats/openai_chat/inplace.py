"""What an unparsed Chat body needs on its way to a Chat upstream with quirks: a few top-level values, nothing else."""

from __future__ import annotations

from typing import Any

from omniroute._fast.envelope import Envelope
from omniroute.core import json
from omniroute.ir.caps import Profile, Quirks
from omniroute.translation.quirks import Changes, sampling_changes

_SAMPLING = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty")


def adjust(envelope: Envelope, profile: Profile) -> Changes:
    """Model, output limit under the name this endpoint knows, usage in streams, and the simple quirks."""
    quirks = profile.quirks
    changes: Changes = {"model": json.dumps(profile.model)}
    changes.update(sampling_changes(envelope, quirks, _SAMPLING, None))
    _limit_field(envelope, quirks, changes)
    _stream_options(envelope, quirks, changes)
    _tool_choice(envelope, quirks, changes)
    if quirks.system_role is not None:
        _system_role(envelope, quirks.system_role, changes)
    if quirks.message_drop:
        _message_fields(envelope, quirks.message_drop, changes)
    return changes


def wants_usage(envelope: Envelope) -> bool:
    """Whether the client asked for a usage chunk."""
    return bool(_options(envelope).get("include_usage"))


def _options(envelope: Envelope) -> dict[str, Any]:
    raw = envelope.raw("stream_options")
    value = json.loads(raw) if raw is not None else None
    return value if isinstance(value, dict) else {}


def _limit_field(envelope: Envelope, quirks: Quirks, changes: Changes) -> None:
    wanted = quirks.max_tokens_field
    if wanted is None:
        return
    other = "max_completion_tokens" if wanted == "max_tokens" else "max_tokens"
    value = envelope.raw(other)
    if value is None:
        return
    changes[other] = None
    newer_wins = other == "max_completion_tokens" or envelope.raw(wanted) in (None, b"null")
    if value != b"null" and newer_wins:
        changes[wanted] = value


def _stream_options(envelope: Envelope, quirks: Quirks, changes: Changes) -> None:
    present = envelope.raw("stream_options") is not None
    if not envelope.stream:
        return
    if quirks.stream_usage in ("always", "never"):
        if present:
            changes["stream_options"] = None
    elif not wants_usage(envelope):
        changes["stream_options"] = json.dumps({**_options(envelope), "include_usage": True})


def _tool_choice(envelope: Envelope, quirks: Quirks, changes: Changes) -> None:
    if quirks.tool_choice in (None, "full"):
        return
    raw = envelope.raw("tool_choice")
    value = json.loads(raw) if raw is not None else None
    if quirks.tool_choice == "any_for_required" and value == "required":
        changes["tool_choice"] = b'"any"'
    elif quirks.tool_choice == "auto" and value not in (None, "none", "auto"):
        changes["tool_choice"] = b'"auto"'


def _system_role(envelope: Envelope, role: str, changes: Changes) -> None:
    """Give system messages the role word the endpoint knows; messages are parsed only if the other word occurs."""
    other = "developer" if role == "system" else "system"
    raw = envelope.raw("messages") if envelope.holds(f'"{other}"'.encode()) else None
    if raw is None:
        return
    messages = json.loads(raw)
    items = messages if isinstance(messages, list) else []
    found = [message for message in items if isinstance(message, dict) and message.get("role") == other]
    for message in found:
        message["role"] = role
    if found:
        changes["messages"] = json.dumps(messages)


def _message_fields(envelope: Envelope, unwanted: tuple[str, ...], changes: Changes) -> None:
    """Fields of messages that the endpoint refuses left out; messages are parsed only if one occurs."""
    raw = changes.get("messages") or envelope.raw("messages")
    if raw is None or not any(f'"{key}"'.encode() in raw for key in unwanted):
        return
    messages = json.loads(raw)
    if not isinstance(messages, list):
        return
    dropped = frozenset(unwanted)
    kept = [
        {key: value for key, value in message.items() if key not in dropped} if isinstance(message, dict) else message
        for message in messages
    ]
    if kept != messages:
        changes["messages"] = json.dumps(kept)
