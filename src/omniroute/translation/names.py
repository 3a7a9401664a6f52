"""Tool call ids and tool names: made legal for a target, the same way every time, distinct ones staying distinct.

Ids are rewritten by a pure function of the id, so a conversation keeps its prompt cache; names go through a map that is
undone in everything sent back to the client.
"""

from __future__ import annotations

import re
from hashlib import sha256

_ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_NINE = re.compile(r"[A-Za-z0-9]{9}\Z")
_NOT_FIRST = tuple("0123456789-")
_OUR_PREFIX = "own_"
_NAME_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def nine(original: str) -> str:
    """A legal id of exactly nine letters or digits."""
    if _NINE.match(original):
        return original
    number = int(_digest(original), 16)
    letters = []
    for _ in range(9):
        number, index = divmod(number, len(_ALPHANUMERIC))
        letters.append(_ALPHANUMERIC[index])
    return "".join(letters)


def legal_id(original: str, chars: str | None, limit: int) -> str:
    """``original`` if it fits, else a readable head of it, ``_`` and 16 hex digits of its hash.

    ``chars`` is the inside of a regular expression class, None = any character is legal. The hash is added whenever something
    was replaced: ``a.b`` and ``a_b`` must not meet.
    """
    clean = original if chars is None else re.sub(f"[^{chars}]", "_", original)
    if clean == original and 0 < len(original) <= limit:
        return original
    head = clean[: limit - 17] or "call"
    return f"{head}_{_digest(original)[:16]}"


class CallIds:
    """The ids of one conversation, towards one target: each call gets a legal id that no other call of it has."""

    def __init__(self, shape: str | None, chars: str | None, limit: int) -> None:
        self._shape = shape
        self._chars = chars
        self._limit = limit
        self._used: set[str] = set()
        self._seen: dict[str, int] = {}

    def _legal(self, original: str) -> str:
        if self._shape == "nine":
            return nine(original)
        chars = "a-zA-Z0-9_-" if self._shape == "anthropic" else self._chars
        return legal_id(original, chars, self._limit)

    def issue(self, original: str) -> str:
        """The id for the next call that the client names ``original``; a repeated one gets a fresh, stable variant."""
        count = self._seen.get(original, 0)
        candidate = self._legal(original if count == 0 else f"{original}_{count + 1}")
        while candidate in self._used:
            count += 1
            candidate = self._legal(f"{original}_{count + 1}")
        self._seen[original] = count + 1
        self._used.add(candidate)
        return candidate


def legal_name(original: str, limit: int, salt: str = "", *, letter_first: bool = False) -> str:
    """``original`` if it matches [a-zA-Z0-9_-]{1,limit}, else a readable head, ``_`` and 8 hex digits.

    ``letter_first``: it must not begin with a digit or a hyphen.
    """
    clean = _NAME_ILLEGAL.sub("_", original)
    if letter_first and clean[:1] in _NOT_FIRST:
        clean = f"_{clean}"
    if clean == original and 0 < len(original) <= limit and not salt:
        return original
    head = clean[: limit - 9] or "tool"
    return f"{head}_{_digest(salt + original)[:8]}"


def is_reserved(name: str, reserved: tuple[str, ...]) -> bool:
    """``name`` is one of ``reserved``, or begins like one that ends in ``*``."""
    return any(name == word or (word.endswith("*") and name.startswith(word[:-1])) for word in reserved)


class ToolNames:
    """The client's tool names ↔ the names sent upstream, for one request. ``reserved``: names the upstream keeps for itself."""

    def __init__(self, limit: int, *, letter_first: bool = False, reserved: tuple[str, ...] = ()) -> None:
        self._limit = limit
        self._letter_first = letter_first
        self._reserved = reserved
        self._sent: dict[str, str] = {}
        self._taken: set[str] = set()

    def reserve(self, names: list[str]) -> None:
        """Let every name that is legal already keep itself, whatever comes before it."""
        for name in names:
            if self._legal(name) == name:
                self._sent[name] = name
                self._taken.add(name)

    def sent(self, name: str) -> str:
        """The upstream's name for the client's ``name``."""
        known = self._sent.get(name)
        if known is not None:
            return known
        candidate = self._legal(name)
        salt = 0
        while candidate in self._taken:
            salt += 1
            candidate = self._legal(name, str(salt))
        self._sent[name] = candidate
        self._taken.add(candidate)
        return candidate

    def _legal(self, name: str, salt: str = "") -> str:
        wanted = f"{_OUR_PREFIX}{name}" if self._reserved and is_reserved(name, self._reserved) else name
        return legal_name(wanted, self._limit, salt, letter_first=self._letter_first)

    def restore(self) -> dict[str, str]:
        """Names sent upstream → the client's own, only those that differ."""
        return {sent: name for name, sent in self._sent.items() if sent != name}
