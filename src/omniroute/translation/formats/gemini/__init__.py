"""Gemini generateContent, spoken by Google's models, SDKs and command-line client."""

from __future__ import annotations

from omniroute._fast.codec import Decoder, Encoder
from omniroute._fast.gemini import GeminiDecoder, GeminiEncoder
from omniroute.translation.format import Format, StreamMeta
from omniroute.translation.formats.gemini.array import ArrayFraming
from omniroute.translation.formats.gemini.errors import encode_error, error_status
from omniroute.translation.formats.gemini.fields import NAME
from omniroute.translation.formats.gemini.inplace import adjust, unsigned, wants_usage
from omniroute.translation.formats.gemini.request import decode_request, encode_request
from omniroute.translation.formats.gemini.response import decode_response, encode_response
from omniroute.translation.formats.gemini.rules import RULES
from omniroute.translation.formats.gemini.system import put_system

__all__ = ["FORMAT"]


def _decoder() -> Decoder:
    return GeminiDecoder()


def _encoder(meta: StreamMeta) -> Encoder:
    return GeminiEncoder(meta.id, meta.model, dict(meta.tool_names))


FORMAT = Format(
    name=NAME,
    chat_path="/models/{model}:generateContent",
    stream_type="text/event-stream; charset=utf-8",
    id_prefix="resp_",
    rules=RULES,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    decoder=_decoder,
    encoder=_encoder,
    encode_error=encode_error,
    error_status=error_status,
    adjust=adjust,
    put_system=put_system,
    reasoning_fields=("generationConfig", "generation_config"),
    wants_usage=wants_usage,
    unsigned=unsigned,
    model_in_url=True,
    array=ArrayFraming,
    count_key="totalTokens",
)
