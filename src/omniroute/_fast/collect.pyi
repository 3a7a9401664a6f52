"""Gathering a stream into a finished answer."""

from omniroute._fast.stream import Encoder

class Collector(Encoder):
    """An encoder that builds the finished answer instead of bytes (for upstreams that can only stream)."""

    def __init__(self) -> None: ...
    @property
    def blocks(self) -> list[dict[str, object]]:
        """In order of opening, each with the keys its type needs:

        {"type": "text", "text": str, "citations": list[bytes]}, {"type": "thinking", "text": str, "signature": str | None},
        {"type": "redacted", "data": str}, {"type": "tool", "id": str, "name": str, "arguments": str} ("{}" when none came),
        and a "signature" if one came, {"type": "media", "mime": str, "data": str} (base64), {"type": "refusal", "text": str}.
        Citations are raw JSON of the source dialect. No string holds a lone surrogate.
        """
    @property
    def logprobs(self) -> bytes:
        """Those of the text, as a JSON list in the spelling of ``translation.logprobs``; b"" if there were none."""
    @property
    def stop_sequence(self) -> str | None: ...
    @property
    def last_extra(self) -> bytes:
        """The last event that only the source dialect knows, as raw JSON; b"" if there was none."""
