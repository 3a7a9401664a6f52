"""Anthropic Messages, spoken by Claude models and Claude Code."""

from __future__ import annotations

from omniroute._fast.anthropic import AnthropicDecoder, AnthropicEncoder
from omniroute._fast.codec import Decoder, Encoder
from omniroute.translation.format import Format, Passing, StreamMeta
from omniroute.translation.formats.anthropic.errors import encode_error, error_status
from omniroute.translation.formats.anthropic.inplace import adjust, unsigned, wants_usage
from omniroute.translation.formats.anthropic.request import decode_request, encode_request
from omniroute.translation.formats.anthropic.response import decode_response, decode_usage, encode_response
from omniroute.translation.formats.anthropic.rules import RULES
from omniroute.translation.formats.anthropic.system import put_system

__all__ = ["FORMAT"]


def _decoder() -> Decoder:
    return AnthropicDecoder()


def _encoder(meta: StreamMeta) -> Encoder:
    return AnthropicEncoder(meta.id, meta.model, meta.input_tokens, dict(meta.tool_names))


FORMAT = Format(
    name="anthropic",
    chat_path="/v1/messages",
    stream_type="text/event-stream; charset=utf-8",
    id_prefix="msg_",
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
    reasoning_fields=("thinking", "output_config", "max_tokens", "temperature", "top_p", "top_k"),
    passing=Passing(answer=b"content", read_usage=decode_usage),
    wants_usage=wants_usage,
    unsigned=unsigned,
    default_headers={"anthropic-version": "2023-06-01"},
    forward_headers=frozenset({"anthropic-version", "anthropic-beta"}),
)
