"""Cursor's chat: protobuf in Connect envelopes. Spoken to providers only."""

from __future__ import annotations

from omniroute._fast.codec import Decoder
from omniroute._fast.cursor import CursorDecoder
from omniroute.translation.egress import egress_format
from omniroute.translation.formats.cursor.request import encode_request
from omniroute.translation.formats.cursor.rules import RULES

__all__ = ["FORMAT"]


def _decoder() -> Decoder:
    return CursorDecoder()


FORMAT = egress_format(
    "cursor",
    stream_type="application/connect+proto",
    rules=RULES,
    encode_request=encode_request,
    decoder=_decoder,
    binary=True,
)
