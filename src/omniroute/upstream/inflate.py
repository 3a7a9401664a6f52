"""Undoes gzip and deflate piece by piece, in bounded portions: a small answer cannot become a large one in memory at once."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

_PORTION = 1 << 20
_GZIP, _ZLIB, _RAW = 31, 15, -15


class Inflater:
    """One layer of content-encoding (``gzip`` or ``deflate``). Raises zlib.error on bad data."""

    def __init__(self, encoding: str) -> None:
        self._wrapper = _GZIP if encoding == "gzip" else None  # deflate comes with and without one: its first two bytes tell
        self._stream = None if self._wrapper is None else zlib.decompressobj(self._wrapper)
        self._held = b""
        self._begun = False

    @property
    def finished(self) -> bool:
        """At the end of a stream, or before the first byte of one."""
        return not self._begun or (self._stream is not None and self._stream.eof)

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._begun = self._begun or bool(data)
        if self._stream is None:
            self._held += data
            if len(self._held) < 2:
                return
            self._wrapper = _ZLIB if _is_zlib(self._held) else _RAW
            self._stream = zlib.decompressobj(self._wrapper)
            data, self._held = self._held, b""
        more = bool(data)
        while more:
            if self._stream.eof:
                if self._wrapper != _GZIP:
                    raise zlib.error("data behind the end of the compressed body")
                self._stream = zlib.decompressobj(_GZIP)  # gzip allows several members
            portion = self._stream.decompress(data, _PORTION)
            if portion:
                yield portion
            data = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            # a full portion may have more behind it although all input is taken
            more = bool(data) or (len(portion) == _PORTION and not self._stream.eof)


def _is_zlib(head: bytes) -> bool:
    """Whether the two bytes are a zlib header (RFC 1950): method 8 and a check value."""
    return head[0] & 0x0F == 8 and (head[0] << 8 | head[1]) % 31 == 0


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
