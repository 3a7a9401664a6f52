"""Typed surface of the compiled stream codecs. A codec never raises on bad input: it reports an ERROR event."""

from omniroute._fast.collect import Collector as Collector
from omniroute._fast.filters import Filter
from omniroute._fast.replay import Replayer as Replayer
from omniroute._fast.stream import Decoder as Decoder
from omniroute._fast.stream import Encoder as Encoder

__all__ = ["Bridge", "Collector", "Decoder", "Encoder", "Replayer", "StreamUsage"]

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
    In pass-through whole events are handed on, an incomplete one is held until its rest comes, so that pings and errors of ours
    always stand between events; ``hide_usage`` leaves out Chat usage chunks the client did not ask for. What follows the
    terminator, or an error of the upstream, is dropped. An error behind the end of the answer (its stop word is known) is none:
    the client gets the proper end, ``error_status`` stays 0.

    Further answers of one stream (n > 1) reach encoders of dialects that have them, Chat, Gemini and the old completions; others,
    and filters beside the stream, get the first one.

    ``comments`` allows keep-alives as SSE comments to dialects without a ping of their own. ``limit`` is the number of bytes one
    event may have; a larger one is an error. ``through`` are filters the events pass on their way to the encoder, in order (in
    pass-through they see the events, the bytes stay). Use a decoder and an encoder for one bridge only.
    """

    def __init__(
        self,
        decoder: Decoder,
        encoder: Encoder | None = None,
        *,
        hide_usage: bool = False,
        comments: bool = False,
        limit: int = 67108864,
        through: tuple[Filter, ...] = (),
    ) -> None: ...
    def feed(self, data: bytes) -> bytes: ...
    def finish(self) -> bytes:
        """The upstream's data ended. Returns the closing bytes: the terminator after a complete answer, the dialect's error
        event (and ``error_status`` 502) after a truncated one."""
    def fail(self, status: int, code: str, message: str) -> bytes:
        """We give up in mid-stream: the dialect's own error event, b"" if the stream has already ended.

        After the upstream's terminal marker nothing is lost any more: then this is :meth:`finish`."""
    def ping(self) -> bytes:
        """A keep-alive in the client's dialect, b"" where it has none (Chat: without ``comments``) and after the end."""
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
    def skipped(self) -> int:
        """Events of the upstream that made no sense: not JSON, or fragments of nothing."""
    @property
    def recognised(self) -> int:
        """Events that were read by their shape, as the like of their predecessor with another text: the rest was parsed."""
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
