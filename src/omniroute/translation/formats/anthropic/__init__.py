"""Anthropic Messages, spoken by Claude models and Claude Code."""

from __future__ import annotations

from omniroute._fast.anthropic import AnthropicDecoder, AnthropicEncoder
from omniroute._fast.codec import Decoder, Encoder
from omniroute.translation.format import Format, StreamMeta
from omniroute.translation.formats.anthropic.errors import encode_error, error_status
from omniroute.translation.formats.anthropic.inplace import adjust, wants_usage
from omniroute.translation.formats.anthropic.request import decode_request, encode_request
from omniroute.translation.formats.anthropic.response import decode_response, encode_response
from omniroute.translation.rules import Rules

__all__ = ["FORMAT"]


def _decoder() -> Decoder:
    return AnthropicDecoder()


def _encoder(meta: StreamMeta) -> Encoder:
    return AnthropicEncoder(meta.id, meta.model, meta.input_tokens, dict(meta.tool_names))


FORMAT = Format(
    name="anthropic",
    chat_path="/v1/messages",
    stream_type="text/event-stream; charset=utf-8",
    rules=Rules(
        hoists_system=True,
        late_system="reminder",
        merges_turns=True,
        starts_with_user=True,
        trims_prefill=True,
        blank_text=False,
        media={
            "image": frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"}),
            "document": frozenset({"application/pdf", "text/plain"}),
        },
        media_urls=frozenset({"image", "document"}),
        result_media=frozenset({"image", "document"}),
        refused_images=True,
        id_chars="a-zA-Z0-9_-",
        name_limit=128,
        flat_schema=True,
        fields=frozenset({"temperature", "top_p", "top_k"}),
        max_tokens=True,
        temperature=(0.0, 1.0),
        blank_stop=False,
        user_limit=256,
        cache_marks=4,
        reasoning="thinking",
        json_object=False,
        service_tiers={"auto": "auto", "standard_only": "standard_only", "default": "standard_only"},
        private_system=("x-anthropic-billing-header:",),
    ),
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    decoder=_decoder,
    encoder=_encoder,
    encode_error=encode_error,
    error_status=error_status,
    adjust=adjust,
    wants_usage=wants_usage,
    default_headers={"anthropic-version": "2023-06-01"},
    forward_headers=frozenset({"anthropic-version", "anthropic-beta"}),
)
