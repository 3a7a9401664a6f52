"""The other framing of a Gemini stream: one JSON array, for clients that did not ask for server-sent events."""

from __future__ import annotations

from omniroute._fast.sse import Splitter


class ArrayFraming:
    """``[elem,\\r\\nelem]`` out of ``data: elem`` events. One instance per stream."""

    def __init__(self) -> None:
        self._events = Splitter()
        self._begun = False
        self._closed = False

    def feed(self, data: bytes) -> bytes:
        """The elements completed by ``data``, behind an opening bracket or a comma."""
        return self._written(self._events.feed(data)) if data else b""

    def finish(self) -> bytes:
        """The closing bracket; the second time b""."""
        if self._closed:
            return b""
        self._closed = True
        rest = self._written(self._events.finish())
        return rest + (b"]" if self._begun else b"[]")

    def _written(self, events: list[tuple[bytes, bytes]]) -> bytes:
        pieces: list[bytes] = []
        for _, data in events:
            pieces += (b",\r\n" if self._begun else b"[", data)
            self._begun = True
        return b"".join(pieces)
