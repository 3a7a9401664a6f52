"""Ollama's /api/generate: one prompt, one text. For clients only; providers are asked through chat."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from omniroute._fast.codec import Encoder
from omniroute._fast.ollama import OllamaEncoder
from omniroute.ir.response import ChatResponse
from omniroute.translation.format import StreamMeta
from omniroute.translation.formats.ollama import FORMAT as CHAT
from omniroute.translation.formats.ollama.idle import idle_generate
from omniroute.translation.formats.ollama.response import answer_text, answer_thinking, created_at, write_answer
from omniroute.translation.formats.ollama_generate.request import decode_request
from omniroute.translation.formats.ollama_generate.system import put_system

__all__ = ["FORMAT"]


def _encoder(meta: StreamMeta) -> Encoder:
    return OllamaEncoder(meta.model, created_at(meta.created), meta.input_tokens, generate=True)


def _encode_response(response: ChatResponse, meta: StreamMeta) -> bytes:
    """The answer as ``response`` text, with ``thinking`` beside it; there are no tools here."""
    content: dict[str, Any] = {"response": answer_text(response)}
    thinking = answer_thinking(response)
    return write_answer({**content, "thinking": thinking} if thinking else content, response, meta)


FORMAT = replace(
    CHAT,
    name="ollama_generate",
    chat_path="/api/generate",
    decode_request=decode_request,
    encode_response=_encode_response,
    encoder=_encoder,
    client_only=True,
    put_system=put_system,
    idle=idle_generate,
)
