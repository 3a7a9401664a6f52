"""Answers of Code Assist: a Gemini answer (or a chunk of one) under ``response``. Errors stand there as they are."""

from __future__ import annotations

from typing import Any

from omniroute._fast.gemini_decoder import unwrapped
from omniroute._fast.sse import Splitter
from omniroute.core import json
from omniroute.ir.response import ChatResponse
from omniroute.translation.formats.gemini.response import decode_response as decode_inside


def decode_response(body: bytes) -> ChatResponse:
    """The answer of a Code Assist upstream, also one that came as a list of chunks. Raises BadAnswer when nothing can be read."""
    return decode_inside(unwrap(body))


def unwrap(body: bytes) -> bytes:
    """A finished answer without its envelope, the very bytes; anything else as it is."""
    inner = unwrapped(body)
    if inner is not None or not body.lstrip().startswith(b"["):
        return body if inner is None else inner
    try:
        value = json.loads(body)
    except ValueError:
        return body
    return json.dumps([_bare(chunk) for chunk in value])


def _bare(chunk: Any) -> Any:
    return chunk["response"] if isinstance(chunk, dict) and isinstance(chunk.get("response"), dict) else chunk


class Unwrapping:
    """A stream without its envelopes: each event's chunk as an event of its own. One instance per stream."""

    def __init__(self) -> None:
        self._events = Splitter()

    def feed(self, data: bytes) -> bytes:
        """The events completed by ``data``."""
        return b"".join(map(_event, self._events.feed(data))) if data else b""

    def finish(self) -> bytes:
        """The event that lacked its end, if there was one."""
        return b"".join(map(_event, self._events.finish()))


def _event(event: tuple[bytes, bytes]) -> bytes:
    chunk = unwrapped(event[1]) or event[1]
    # JSON has line ends between its tokens only, where they say nothing
    return b"data: %b\r\n\r\n" % chunk.replace(b"\r", b"").replace(b"\n", b"")
