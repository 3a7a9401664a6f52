"""OpenAI's old /v1/completions: one prompt, one text. For clients only; providers are asked through chat."""

from __future__ import annotations

from msgspec.structs import replace

from omniroute._fast.codec import Encoder
from omniroute._fast.openai_completions import OpenAICompletionsEncoder
from omniroute.translation.format import StreamMeta
from omniroute.translation.formats.openai_chat import FORMAT as CHAT
from omniroute.translation.formats.openai_completions.request import decode_request
from omniroute.translation.formats.openai_completions.response import encode_response
from omniroute.translation.formats.openai_completions.system import put_system

__all__ = ["FORMAT"]


def _encoder(meta: StreamMeta) -> Encoder:
    return OpenAICompletionsEncoder(meta.id, meta.model, meta.created, meta.include_usage)


FORMAT = replace(
    CHAT,
    name="openai_completions",
    chat_path="/completions",
    id_prefix="cmpl-",
    decode_request=decode_request,
    encode_response=encode_response,
    encoder=_encoder,
    client_only=True,
    put_system=put_system,
)
