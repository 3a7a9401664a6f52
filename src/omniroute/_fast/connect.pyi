"""Connect streams from bytes."""

from omniroute._fast.sse import Splitter

class Envelopes(Splitter):
    """Cuts a stream of bytes into messages, decompressing those that are compressed.

    ``feed`` and ``finish`` as in Splitter; messages have no names, and nothing is read behind the last one. A message longer than
    ``limit``, before or after decompression, sets ``oversized``; unknown flags or a broken compression ``damaged``.
    """

    @property
    def damaged(self) -> bool: ...
