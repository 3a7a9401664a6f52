"""Typed surface of the compiled stream codecs. A codec never raises on bad input: it reports an ERROR event."""

class Decoder:
    """Turns one upstream's bytes into events. One instance per stream."""

class Encoder:
    """Turns events into one client's bytes. One instance per stream."""

class StreamUsage:
    """Token counts of a stream; -1 = the upstream did not say."""

    input: int
    cached: int
    written: int
    output: int
    reasoning: int

class Bridge:
    """Decoder → tap → encoder, or (``encoder`` None) the same bytes with a tap beside them.

    ``feed`` takes what one network read gave and returns what to write to the client now (may be b"").
    In pass-through, ``hide_usage`` leaves out Chat usage chunks the client did not ask for.
    """

    def __init__(self, decoder: Decoder, encoder: Encoder | None = None, *, hide_usage: bool = False) -> None: ...
    def feed(self, data: bytes) -> bytes: ...
    def finish(self) -> bytes:
        """The upstream's data ended. Returns the closing bytes: the terminator after a complete answer, the dialect's error
        event (and ``error_status`` 502) after a truncated one."""
    def fail(self, status: int, code: str, message: str) -> bytes:
        """We give up in mid-stream: the dialect's own error event, b"" if the stream has already ended."""
    def ping(self) -> bytes:
        """A keep-alive in the client's dialect, b"" where it has none."""
    @property
    def useful(self) -> bool:
        """A content, thinking or tool event was seen: the first token arrived."""
    @property
    def stopped(self) -> bool:
        """The terminal marker of the upstream's dialect was seen."""
    @property
    def ended(self) -> bool:
        """Nothing more will be emitted (terminator or error written)."""
    @property
    def stop_reason(self) -> str:
        """Canonical stop word (ir.response.StopReason), "" while unknown."""
    @property
    def usage(self) -> StreamUsage: ...
    @property
    def blocks(self) -> int:
        """Blocks opened so far."""
    @property
    def output_chars(self) -> int:
        """UTF-8 bytes of text, thinking and arguments seen: the base of an estimate when usage is missing."""
    @property
    def error_status(self) -> int:
        """HTTP status that an error inside the stream stands for, 0 while there is none."""
    @property
    def error_code(self) -> str: ...
    @property
    def error_message(self) -> str: ...
    @property
    def response_id(self) -> str:
        """The upstream's own id for the answer, "" while unknown."""
    @property
    def response_model(self) -> str: ...

class Collector(Encoder):
    """An encoder that builds the finished answer instead of bytes (for upstreams that can only stream)."""

    def __init__(self) -> None: ...
    @property
    def blocks(self) -> list[dict[str, object]]:
        """In order: {"type": "text"|"thinking"|"redacted"|"tool"|"refusal", "text": str, "id": str, "name": str,
        "arguments": str, "signature": str | None, "data": str, "citations": list[bytes]} (keys as the type needs)."""
    @property
    def stop_sequence(self) -> str | None: ...

class Replayer:
    """Drives an encoder from Python, for answers that came whole although a stream was asked for. Returns client bytes."""

    def __init__(self, encoder: Encoder) -> None: ...
    def start(self, id: str, model: str) -> None: ...
    def text(self, text: str) -> None: ...
    def thinking(self, text: str, signature: str | None) -> None: ...
    def redacted(self, data: str) -> None: ...
    def refusal(self, text: str) -> None: ...
    def tool(self, id: str, name: str, arguments: str) -> None: ...
    def usage(self, input: int, cached: int, written: int, output: int, reasoning: int) -> None: ...
    def stop(self, reason: str, stop_sequence: str | None) -> None: ...
    def take(self) -> bytes:
        """All bytes encoded so far, once; after :meth:`stop` with the terminator."""
