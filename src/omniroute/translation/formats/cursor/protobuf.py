"""Protobuf messages as bytes, field by field: what a request needs of it and no more."""

from __future__ import annotations

import struct

_NUMERIC = 0
_TEXTUAL = 2


def varint(value: int) -> bytes:
    """A number of at most 64 bits, seven bits a byte, the lowest first. ValueError for any other."""
    if not 0 <= value < 1 << 64:
        raise ValueError(f"{value} is no number of 64 bits")
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    """An integer, an enum or a truth."""
    return varint(field << 3 | _NUMERIC) + varint(value)


def text(field: int, value: str | bytes) -> bytes:
    """Text or bytes. Lone surrogates, which UTF-8 does not have, become question marks."""
    raw = value if isinstance(value, bytes) else value.encode("utf-8", "replace")
    return varint(field << 3 | _TEXTUAL) + varint(len(raw)) + raw


def message(field: int, *fields: bytes) -> bytes:
    """A message made of ``fields``."""
    return text(field, b"".join(fields))


def packed(field: int, *values: int) -> bytes:
    """Repeated integers or enums."""
    return text(field, b"".join(map(varint, values)))


def envelope(payload: bytes) -> bytes:
    """A Connect envelope around an uncompressed message."""
    return struct.pack(">BI", 0, len(payload)) + payload
