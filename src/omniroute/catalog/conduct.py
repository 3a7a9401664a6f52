"""What a provider expects of each call beside its signature, and how it knows its own clients: tables of provider.toml."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

PLACEHOLDER = re.compile(r"\{(\w+)\}")
WORDS = frozenset({"session", "request_uuid", "initiator", "vision", "time_ms", "device"})
"""What the gateway can say of a request:

session       a UUID that stays the same for a conversation
request_uuid  a UUID of this try
initiator     ``user`` when a person spoke last, ``agent`` when a tool or the model did
vision        ``true`` when there are images, else nothing
time_ms       when the request came, in unix milliseconds
device        64 hex digits that stay the same for this installation and account
"""


class Seal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A header with the hex HMAC-SHA256, keyed by the account's secret, over ``over``: a text whose ``{placeholders}`` are names
    of headers of the same call (``_`` for ``-``)."""

    header: str
    over: str


class PerCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """``headers`` (name → text) and ``body`` (top-level field → JSON, texts anywhere in it) hold ``{words}``: those of
    :data:`WORDS`, and facts of the account's login. One with a word that has nothing to say is left out, and so is one that the
    call has already. ``merge``: headers of comma lists to which a client's values are added instead of replacing ours."""

    headers: dict[str, str] = {}
    body: dict[str, Any] = {}
    merge: tuple[str, ...] = ()
    seal: Seal | None = None

    def __post_init__(self) -> None:
        for text in texts_of([self.headers, self.body]):
            if re.search(r"[{}]", PLACEHOLDER.sub("", text)):
                raise ValueError(f"{text!r} holds a brace that is no placeholder")


class OwnCredentials(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a client shows that it is signed in at this provider by itself: ``Authorization: Bearer`` with a token that begins with
    one of ``begins``, and all of the headers ``needs``.

    ``models``: patterns of the model ids that are meant for the provider, beside those it lists. ``forward``: headers of the
    client that go along as they are, beside its token. ``hand_back``: beginnings of names of the answer's headers that the client
    gets.
    """

    begins: tuple[str, ...]
    needs: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    forward: tuple[str, ...] = ()
    hand_back: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not all(self.begins) or not self.begins:
            raise ValueError("begins needs texts that are not empty")
        if any(name != name.lower() for name in (*self.needs, *self.forward, *self.hand_back)):
            raise ValueError("header names are written in lower case")


def texts_of(value: Any) -> Iterator[str]:
    """Every text in a JSON value that is not a key."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts_of(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts_of(inner)
