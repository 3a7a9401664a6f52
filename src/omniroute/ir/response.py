"""A finished answer, canonical."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from omniroute.ir.request import Part

StopReason = Literal["stop", "stop_sequence", "tool", "length", "context", "filter", "refusal", "pause"]


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens. ``input`` includes ``cached`` (read) and ``written`` (cache writes); ``output`` includes ``reasoning``.

    ``estimated`` is true when the upstream gave no figures and we counted ourselves.
    """

    input: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0
    reasoning: int = 0
    estimated: bool = False

    @property
    def total(self) -> int:
        return self.input + self.output


class TokenLogprob(msgspec.Struct, frozen=True, kw_only=True):
    """One token of an answer and the natural logarithm of its probability. ``spelled`` are its bytes where they are known,
    ``top`` the likeliest tokens at its place."""

    token: str
    logprob: float
    spelled: bytes | None = None
    top: tuple[TokenLogprob, ...] = ()


class ChatResponse(msgspec.Struct, frozen=True, kw_only=True):
    """One answer (one choice). ``extra`` holds raw fields only ``origin`` knows, such as fingerprints.

    ``logprobs`` are those of the text. ``choices`` holds further answers when the client asked for several (n > 1); usage counts
    them all.
    """

    origin: str
    id: str
    model: str
    parts: tuple[Part, ...]
    stop: StopReason
    usage: Usage | None = None
    created: int = 0
    stop_sequence: str | None = None
    service_tier: str | None = None
    logprobs: tuple[TokenLogprob, ...] = ()
    choices: tuple[ChatResponse, ...] = ()
    extra: dict[str, Any] = {}
