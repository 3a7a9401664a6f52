"""Ollama's chat: one JSON object per line, spoken by Ollama, its cloud, and clients made for it."""

from __future__ import annotations

from omniroute._fast.codec import Decoder, Encoder
from omniroute._fast.ollama import OllamaDecoder, OllamaEncoder
from omniroute.translation.format import Format, StreamMeta
from omniroute.translation.formats.ollama.errors import encode_error, error_status
from omniroute.translation.formats.ollama.idle import idle_chat
from omniroute.translation.formats.ollama.inplace import adjust, wants_usage
from omniroute.translation.formats.ollama.request import decode_request, encode_request
from omniroute.translation.formats.ollama.response import created_at, decode_response, encode_response
from omniroute.translation.formats.ollama.rules import RULES
from omniroute.translation.formats.ollama.system import put_system

__all__ = ["FORMAT"]


def _decoder() -> Decoder:
    return OllamaDecoder()


def _encoder(meta: StreamMeta) -> Encoder:
    return OllamaEncoder(meta.model, created_at(meta.created), meta.input_tokens, dict(meta.tool_names))


FORMAT = Format(
    name="ollama",
    chat_path="/api/chat",
    stream_type="application/x-ndjson",
    id_prefix="call_",
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
    reasoning_fields=("think",),
    wants_usage=wants_usage,
    stream_default=True,
    stream_lines=True,
    idle=idle_chat,
)
