"""Newline-delimited JSON from bytes."""

from omniroute._fast.sse import Splitter

class Lines(Splitter):
    """Cuts a stream of bytes into lines: LF ends one and nothing else does; a CR before it and blank lines are dropped.

    ``feed`` and ``finish`` as in Splitter; events have no names.
    """
