"""Requests of /api/generate as conversations of one turn. What only a model's own prompt template can do is refused."""

from __future__ import annotations

from omniroute.core.errors import BadRequest
from omniroute.ir.request import ChatRequest, Message, Part, Text
from omniroute.translation import read
from omniroute.translation.formats.ollama.messages import decode_images
from omniroute.translation.formats.ollama.request import decode_fields

_KNOWN = frozenset(
    "model prompt suffix images system template context raw stream format options think logprobs top_logprobs".split()
)


def decode_request(body: bytes) -> ChatRequest:
    """The request a client sent. Raises BadRequest naming the field."""
    fields = read.request_object(body)
    for key in ("suffix", "template", "context", "raw"):
        if fields.get(key):
            raise BadRequest(f"{key} is not possible here: prompts are sent as chat messages; use /api/chat.", param=key)
    prompt, system = read.text(fields, "prompt", ""), read.text(fields, "system", "")
    parts: list[Part] = [Text(text=prompt)] if prompt else []
    parts += decode_images(fields, "")
    if not parts:
        raise BadRequest("prompt must not be empty.", param="prompt")
    messages = [Message(role="user", parts=tuple(parts))]
    if system:
        messages.insert(0, Message(role="system", parts=(Text(text=system),)))
    return decode_fields(fields, tuple(messages), (), {key: value for key, value in fields.items() if key not in _KNOWN})
