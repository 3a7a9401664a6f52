"""Gemini streams, read."""

from omniroute._fast.stream import Decoder

class GeminiDecoder(Decoder):
    """Reads the SSE stream of a Gemini upstream (``alt=sse``): partial parts to append, whole function calls.

    Only the first candidate becomes events; of others the text is counted. The stream has no terminator: a finish reason or a
    blocked prompt makes its end a proper one. ``enveloped``: each chunk is the member ``response`` of another object, beside
    which an error may stand.
    """

    def __init__(self, *, enveloped: bool = False) -> None: ...

def unwrapped(data: bytes) -> bytes | None:
    """The chunk in the envelope ``data``, its very bytes; None for anything that is no envelope."""
