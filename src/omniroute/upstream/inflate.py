"""Undoes gzip and deflate piece by piece, in bounded portions: a small answer cannot become a large one in memory at once."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

_PORTION = 1 << 20
_AUTOMATIC = 47  # zlib or gzip, by the first bytes
_RAW = -15


class Inflater:
    """One layer of content-encoding (``gzip`` or ``deflate``). Raises zlib.error on bad data."""

    def __init__(self, encoding: str) -> None:
        self._may_be_raw = encoding == "deflate"  # some servers leave the zlib wrapper out
        self._stream = zlib.decompressobj(_AUTOMATIC)
        self._begun = False

    @property
    def finished(self) -> bool:
        """At the end of a stream (or before the first byte of one)."""
        return self._stream.eof or not self._begun

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._stream.eof:  # gzip allows several members
                self._stream = zlib.decompressobj(_AUTOMATIC)
            portion = self._portion(data)
            self._begun = True
            if portion:
                yield portion
            data = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail

    def _portion(self, data: bytes) -> bytes:
        try:
            return self._stream.decompress(data, _PORTION)
        except zlib.error:
            if self._begun or not self._may_be_raw:
                raise
            self._stream = zlib.decompressobj(_RAW)
            return self._stream.decompress(data, _PORTION)


def inflaters(encoding: str) -> list[Inflater]:
    """The layers named by a content-encoding header, outermost first; none for identity."""
    words = [word.strip().lower() for word in encoding.split(",")]
    return [Inflater(word.removeprefix("x-")) for word in reversed(words) if word not in ("identity", "")]


def inflate(layers: list[Inflater], data: bytes) -> Iterator[bytes]:
    """``data`` through all layers."""
    if not layers:
        yield data
        return
    for portion in layers[0].feed(data):
        yield from inflate(layers[1:], portion)
