"""Finished answers as ``text_completion`` objects."""

from __future__ import annotations

from typing import Any

from omniroute.core import json
from omniroute.ir.request import Media
from omniroute.ir.response import ChatResponse, StopReason
from omniroute.translation.format import StreamMeta
from omniroute.translation.formats.openai_chat.response import encode_usage
from omniroute.translation.media import omitted
from omniroute.translation.parts import plain_text

_WORDS: dict[StopReason, str] = {"length": "length", "context": "length", "filter": "content_filter"}


def encode_response(response: ChatResponse, meta: StreamMeta) -> bytes:
    """The text of each choice; what is no text has no place here."""
    body: dict[str, Any] = {
        "id": meta.id,
        "object": "text_completion",
        "created": meta.created,
        "model": meta.model,
        "choices": [
            {
                "text": _text(answer),
                "index": index,
                "logprobs": None,
                "finish_reason": _finish(answer),
            }
            for index, answer in enumerate((response, *response.choices))
        ],
    }
    if response.usage is not None:
        body["usage"] = encode_usage(response.usage)
    return json.dumps(body)


def _text(answer: ChatResponse) -> str:
    shown = (omitted(part.kind, part.url) if isinstance(part, Media) else part for part in answer.parts)
    return plain_text(tuple(shown), "")


def _finish(answer: ChatResponse) -> str:
    if answer.stop == "refusal":
        return "stop" if plain_text(answer.parts, "") else "content_filter"
    return _WORDS.get(answer.stop, "stop")
