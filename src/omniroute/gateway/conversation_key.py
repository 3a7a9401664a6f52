"""A name for a conversation whose client does not give it one: what it begins with stays the same from turn to turn."""

from __future__ import annotations

import hashlib

from omniroute._fast.envelope import Envelope
from omniroute.core import json

_BEGINNING = ("system", "instructions", "systemInstruction", "system_instruction", "tools")
_TURNS = ("messages", "input", "contents", "prompt")
_SYSTEM = ("system", "developer")
_LONGEST_LOOK = 256 * 1024
"""Bytes of the turns that are looked at: whose first message is longer has a name all the same."""


def conversation_key(envelope: Envelope, owner: str) -> str:
    """A short hash of system prompt, tools and the person's first message. ``owner``: whose it is, so that equal conversations of
    two API keys are two conversations."""
    digest = hashlib.blake2b(owner.encode(), digest_size=12)
    for key in _BEGINNING:
        value = envelope.raw(key)
        if value is not None:
            digest.update(key.encode() + value)
    for key in _TURNS:
        value = envelope.raw(key)
        if value is not None:
            for turn in _first_turns(value):
                digest.update(turn)
            break
    return f"h-{digest.hexdigest()}"


def _first_turns(raw: bytes) -> list[bytes]:
    """The bytes of the leading system messages and of the first message after them."""
    text = raw[:_LONGEST_LOOK].decode("utf-8", "ignore")
    if not text.startswith("["):
        return [text.encode()]
    found: list[bytes] = []
    at = 1
    while True:
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        try:
            value, end = json.value_at(text, at)
        except ValueError:  # the end of the array, or of what is looked at
            if not found:
                found.append(text[at:].encode())
            return found
        found.append(text[at:end].encode())
        if not (isinstance(value, dict) and value.get("role") in _SYSTEM):
            return found
        at = end
