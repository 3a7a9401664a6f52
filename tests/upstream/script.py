"""What a scripted upstream is told to answer: the words of a test, in no dialect."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal


class Fault(StrEnum):
    """How an answer goes wrong. ``Script.fault_after`` says after how many stream events (0 = at once).

    A finished (not streamed) answer has one "event": its body. Cuts and stalls then strike in the middle of that body.
    """

    STALL_BEFORE_HEADERS = "stall_before_headers"  # the request is read, nothing is ever answered
    STALL_AFTER_HEADERS = "stall_after_headers"  # 200 and headers, then silence
    STALL_MID_STREAM = "stall_mid_stream"  # silence after ``fault_after`` events
    CUT_MID_EVENT = "cut_mid_event"  # half of an event, then FIN without the end of the chunked body
    CUT_BETWEEN_EVENTS = "cut_between_events"  # whole events, then FIN without the end of the chunked body
    END_EARLY = "end_early"  # whole events, then a proper end of the HTTP body without the dialect's terminator
    RESET_BEFORE_HEADERS = "reset_before_headers"  # TCP RST instead of an answer
    RESET_MID_STREAM = "reset_mid_stream"  # TCP RST after ``fault_after`` events
    CLOSE_BEFORE_HEADERS = "close_before_headers"  # FIN instead of an answer
    SHORT_BODY = "short_body"  # Content-Length promises more than comes
    EMPTY_BODY = "empty_body"  # 200, right content type, no byte
    WRONG_CONTENT_TYPE = "wrong_content_type"  # the right bytes declared as text/plain
    HTML_PAGE = "html_page"  # 200 with a login page instead of an answer
    HALF_UTF8 = "half_utf8"  # an event whose text holds the first half of a UTF-8 character only
    SPLIT_UTF8 = "split_utf8"  # legal: every network write ends inside a UTF-8 character where there is one
    ERROR_IN_STREAM = "error_in_stream"  # the dialect's error as an event, then the end
    JSON_ERROR_200 = "json_error_200"  # status 200, application/json, an error object although a stream was asked for
    SLOW_DRIP = "slow_drip"  # one byte per write, ``cadence`` seconds apart


@dataclass(frozen=True)
class Text:
    """Answer text, streamed in ``pieces`` (default: word by word)."""

    text: str
    pieces: Sequence[str] | None = None

    def parts(self) -> Sequence[str]:
        return self.pieces if self.pieces is not None else re.findall(r"\S+\s*|\s+", self.text)


@dataclass(frozen=True)
class Thinking:
    """Reasoning text; ``signature`` only exists in the Anthropic dialect."""

    text: str
    signature: str = "c2lnbmF0dXJlLW9mLXRoZS1zY3JpcHQ="

    def parts(self) -> Sequence[str]:
        return re.findall(r"\S+\s*|\s+", self.text)


@dataclass(frozen=True)
class ToolCall:
    """One call; ``arguments`` text is sent as it is (to test broken JSON), a mapping as compact JSON."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    id: str | None = None


Block = Text | Thinking | ToolCall


@dataclass(frozen=True)
class Usage:
    """Canonical counts: ``input`` includes ``cached`` and ``written``, ``output`` includes ``reasoning``."""

    input: int = 11
    output: int = 7
    cached: int = 0
    written: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class Script:
    """One answer.

    answer        text, one block, or blocks in order
    usage         None: the upstream never says
    finish        stop, length, tool, filter, stop_sequence, or any other word sent as it is; None = by content
    model         the model it claims to be; None = the one asked for
    status        ≥ 400 makes an error answer in the dialect, from ``message``, ``error_type`` and ``code``
    body          the exact bytes (or JSON value) of the answer instead of all that, stream or not
    content_type  of ``body``, or to lie about a normal answer
    headers       extra response headers
    latency       seconds before the head; ``cadence`` seconds between events
    chunk         arguments are streamed in pieces of that many characters
    """

    answer: str | Block | Sequence[Block] = "Hello from upstream."
    usage: Usage | None = Usage()
    finish: Literal["stop", "length", "tool", "filter", "stop_sequence"] | str | None = None
    stop_sequence: str | None = None
    model: str | None = None
    status: int = 200
    message: str = "scripted failure"
    error_type: str | None = None
    code: str | None = None
    body: bytes | str | Mapping[str, Any] | Sequence[Any] | None = None
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    latency: float = 0.0
    cadence: float = 0.0
    chunk: int = 7
    fault: Fault | None = None
    fault_after: int = 2

    def blocks(self) -> list[Block]:
        if isinstance(self.answer, str):
            return [Text(self.answer)]
        if isinstance(self.answer, Text | Thinking | ToolCall):
            return [self.answer]
        return list(self.answer)

    def finish_word(self) -> str:
        if self.finish is not None:
            return self.finish
        return "tool" if any(isinstance(b, ToolCall) for b in self.blocks()) else "stop"


def pieces(text: str, size: int) -> list[str]:
    """``text`` in parts of at most ``size`` characters; at least one part."""
    return [text[i : i + size] for i in range(0, len(text), max(size, 1))] or [""]
