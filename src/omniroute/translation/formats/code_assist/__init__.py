"""Code Assist: Gemini's requests and answers inside an envelope, as Google's coding tools exchange them with their service.

No client of ours speaks it: as a client's dialect it is Gemini's. What stands beside the Gemini body differs from tool to tool
and is data (quirk ``envelope``); the project is a fact of the login and put in when the call is signed.
"""

from __future__ import annotations

from msgspec.structs import replace

from omniroute._fast.codec import Decoder
from omniroute._fast.gemini import GeminiDecoder
from omniroute.translation.formats.code_assist.request import decode_request, encode_request, unsigned
from omniroute.translation.formats.code_assist.response import Unwrapping, decode_response, unwrap
from omniroute.translation.formats.gemini import FORMAT as GEMINI

__all__ = ["FORMAT"]


def _decoder() -> Decoder:
    return GeminiDecoder(enveloped=True)


FORMAT = replace(
    GEMINI,
    name="code_assist",
    inner=GEMINI.name,
    egress_only=True,
    chat_path="/v1internal:generateContent",
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    decoder=_decoder,
    unsigned=unsigned,
    unwrap=unwrap,
    unwrapping=Unwrapping,
)
