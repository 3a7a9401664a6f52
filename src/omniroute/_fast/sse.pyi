"""Server-sent events from bytes, whatever the cut positions. The codecs use it from C; here for tests and tools."""

class Splitter:
    """``limit`` is the number of bytes one event may have; a larger one sets ``oversized`` and ends the stream."""

    def __init__(self, limit: int = 67108864) -> None: ...
    @property
    def limit(self) -> int: ...
    @property
    def oversized(self) -> bool: ...
    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """The events completed by ``data``: (event name or b"", data lines joined by LF) each."""
    def finish(self) -> list[tuple[bytes, bytes]]:
        """The event that lacked its blank line when the data ended."""
