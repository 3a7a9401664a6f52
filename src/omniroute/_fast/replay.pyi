"""Streaming an answer that came whole."""

from omniroute._fast.stream import Encoder

class Replayer:
    """Drives an encoder from Python, for answers that came whole although a stream was asked for. Returns client bytes."""

    def __init__(self, encoder: Encoder) -> None: ...
    def start(self, id: str, model: str) -> None: ...
    def text(self, text: str, logprobs: bytes = b"") -> None:
        """A text block; nothing for an empty text. ``logprobs``: a JSON list as ``translation.logprobs`` writes it."""
    def thinking(self, text: str, signature: str | None = None, vendor: str = "") -> None:
        """``vendor``: the format whose proof ``signature`` is; a dialect of another one wraps it, or leaves out one of nobody."""
    def redacted(self, data: str, vendor: str = "") -> None: ...
    def refusal(self, text: str) -> None: ...
    def media(self, mime: str, data: str) -> None:
        """An image or other file; ``data`` is base64."""
    def tool(self, id: str, name: str, arguments: str, signature: str | None = None) -> None:
        """A call; ``arguments`` is JSON text, "" means none. ``signature`` is a vendor's proof bound to the call."""
    def usage(self, input: int, cached: int, written: int, output: int, reasoning: int) -> None:
        """Canonical counts, -1 = unknown. Called before the first block they can stand in the opening event."""
    def stop(self, reason: str, stop_sequence: str | None = None) -> None:
        """``reason`` is a canonical stop word (ir.response.StopReason); ValueError for any other."""
    def take(self) -> bytes:
        """All bytes encoded so far, once; after :meth:`stop` with the terminator."""
