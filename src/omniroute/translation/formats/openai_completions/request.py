"""Requests of the old completions API as conversations of one turn. What is no conversation is refused."""

from __future__ import annotations

from typing import Any

from omniroute.core import json
from omniroute.core.errors import BadRequest
from omniroute.ir.request import ChatRequest
from omniroute.translation import read
from omniroute.translation.formats.openai_chat.request import decode_request as decode_chat
from omniroute.translation.formats.openai_completions.system import FIELD

_OURS = ("prompt", "suffix", "echo", "best_of", "logprobs", FIELD)


def decode_request(body: bytes) -> ChatRequest:
    """The request a client sent. Raises BadRequest naming the field. ``best_of`` and ``logprobs`` are hints and left out."""
    fields = read.request_object(body)
    for key in ("suffix", "echo"):
        if fields.get(key):
            raise BadRequest(f"{key} is not possible here: prompts are sent as chat messages.", param=key)
    message = {"role": "user", "content": _prompt(fields.get("prompt"))}
    kept = {key: value for key, value in fields.items() if key not in _OURS}
    system = read.text(fields, FIELD, "")
    messages = [{"role": "system", "content": system}, message] if system else [message]
    return decode_chat(json.dumps({**kept, "messages": messages}))


def _prompt(value: Any) -> str:
    """The one prompt. Several would have to give several answers, and tokens mean something to one model only."""
    if isinstance(value, list):
        if any(not isinstance(item, str) for item in value):
            raise BadRequest("prompt must be text, not tokens.", param="prompt")
        if len(value) > 1:
            raise BadRequest("prompt: send one prompt per request.", param="prompt")
        value = value[0] if value else ""
    if value is None or value == "":
        raise BadRequest("prompt must not be empty.", param="prompt")
    if not isinstance(value, str):
        read.wrong("prompt", "a string", value)
    return value
