"""CodeWhisperer's generateAssistantResponse: JSON requests, answers as an AWS event stream. Spoken to providers only."""

from __future__ import annotations

from omniroute._fast.codec import Decoder
from omniroute._fast.kiro import KiroDecoder
from omniroute.translation.egress import egress_format
from omniroute.translation.formats.kiro.request import encode_request
from omniroute.translation.formats.kiro.rules import RULES

__all__ = ["FORMAT"]


def _decoder() -> Decoder:
    return KiroDecoder()


FORMAT = egress_format(
    "kiro",
    stream_type="application/vnd.amazon.eventstream",
    rules=RULES,
    encode_request=encode_request,
    decoder=_decoder,
)
