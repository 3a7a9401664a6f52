"""A system prompt of the operator's, put into a client's body in its own dialect: unparsed, so that it holds for every way on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from omniroute.core import json

Position = Literal["prepend", "append", "replace"]
_BETWEEN = "\n\n"
_ROLES = frozenset({"system", "developer"})


class SystemPrompt(msgspec.Struct, frozen=True):
    """``position``: before the client's own system text, behind it, or in its place."""

    text: str
    position: Position = "prepend"

    def joined(self, own: str) -> str:
        """The client's own text with this one."""
        if self.position == "replace" or not own.strip():
            return self.text
        return f"{self.text}{_BETWEEN}{own}" if self.position == "prepend" else f"{own}{_BETWEEN}{self.text}"

    def among(self, own: list[Any], new: Any) -> list[Any]:
        """``own`` parts with ``new``, which holds this text."""
        if self.position == "replace":
            return [new]
        return [new, *own] if self.position == "prepend" else [*own, new]


class _Role(msgspec.Struct):
    role: Any = None


_ITEMS: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
_ROLE: msgspec.json.Decoder[_Role] = msgspec.json.Decoder(_Role)


def into_text(raw: bytes | None, prompt: SystemPrompt) -> bytes | None:
    """A text field with the prompt. None when it holds something else, which its own decoder will refuse."""
    own = json.loads(raw) if raw is not None else None
    return json.dumps(prompt.joined(own or "")) if own is None or isinstance(own, str) else None


def into_messages(raw: bytes | None, prompt: SystemPrompt, message: Mapping[str, Any]) -> bytes | None:
    """A list of messages with ``message``, which holds the prompt: first, behind the leading system messages, or in the place of
    all system messages. The others keep their very bytes. None when this is no list."""
    new = json.dumps(dict(message))
    items = _items(raw)
    if items is None:
        return None
    if prompt.position == "append":
        leading = next((at for at, item in enumerate(items) if not is_system(item)), len(items))
        items.insert(leading, new)
        return b"[%b]" % b",".join(items)
    if prompt.position == "replace":
        items = [item for item in items if not is_system(item)]
    return b"[%b]" % b",".join([new, *items])


def is_system(item: bytes) -> bool:
    """Whether the raw message has the role of a system message."""
    try:
        role = _ROLE.decode(item).role
    except msgspec.ValidationError:
        return False
    return isinstance(role, str) and role in _ROLES


def without_system(raw: bytes) -> bytes | None:
    """The list without its system messages; None when it has none or is no list."""
    items = _items(raw)
    kept = [item for item in items or () if not is_system(item)]
    return b"[%b]" % b",".join(kept) if items is not None and len(kept) < len(items) else None


def _items(raw: bytes | None) -> list[bytes] | None:
    if raw is None:
        return None
    try:
        return [bytes(item) for item in _ITEMS.decode(raw)]
    except msgspec.ValidationError:
        return None
