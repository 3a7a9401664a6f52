"""OpenAI Chat Completions, spoken by most providers and clients."""

from __future__ import annotations

from omniroute._fast.codec import Decoder, Encoder
from omniroute._fast.openai_chat import OpenAIChatDecoder, OpenAIChatEncoder
from omniroute.translation.answers import custom_tools
from omniroute.translation.format import Format, Passing, StreamMeta
from omniroute.translation.formats.openai_chat.errors import encode_error, error_status
from omniroute.translation.formats.openai_chat.inplace import adjust, wants_usage
from omniroute.translation.formats.openai_chat.replay import replay
from omniroute.translation.formats.openai_chat.request import decode_request, encode_request
from omniroute.translation.formats.openai_chat.response import decode_response, decode_usage, encode_response
from omniroute.translation.formats.openai_chat.rules import RULES
from omniroute.translation.formats.openai_chat.system import put_system

__all__ = ["FORMAT"]


def _decoder() -> Decoder:
    return OpenAIChatDecoder()


def _encoder(meta: StreamMeta) -> Encoder:
    custom = custom_tools(meta.request)
    return OpenAIChatEncoder(meta.id, meta.model, meta.created, meta.include_usage, dict(meta.tool_names), custom)


FORMAT = Format(
    name="openai_chat",
    chat_path="/chat/completions",
    stream_type="text/event-stream; charset=utf-8",
    id_prefix="chatcmpl-",
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
    reasoning_fields=("reasoning_effort",),
    wants_usage=wants_usage,
    replay=replay,
    passing=Passing(answer=b"choices", holders=(b"message", b"delta"), read_usage=decode_usage),
    forward_headers=frozenset({"openai-organization", "openai-project"}),
)
