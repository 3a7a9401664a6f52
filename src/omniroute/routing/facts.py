"""Facts: what routing may know of a request. Never the body."""

from __future__ import annotations

from typing import Literal

import msgspec

Capability = Literal["tools", "vision", "reasoning"]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """``model`` is the name the client asked for, ``session`` names the conversation (None: not known), ``needs`` what
    the request cannot do without, ``input_tokens`` an estimate (0: not counted)."""

    model: str
    session: str | None = None
    needs: frozenset[Capability] = frozenset()
    input_tokens: int = 0
    stream: bool = False
