"""AWS event streams from bytes."""

from omniroute._fast.sse import Splitter

class Frames(Splitter):
    """Cuts a stream of bytes into frames and checks their checksums.

    ``feed`` and ``finish`` as in Splitter: the name is the value of ``:event-type``, ``:exception-type`` or ``:error-code``, the
    data the payload. A frame longer than ``limit`` sets ``oversized``, a wrong length or checksum ``damaged``; nothing follows.
    """

    @property
    def damaged(self) -> bool: ...
