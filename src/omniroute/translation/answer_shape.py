"""Finished answers that some endpoints give in a shape of their own, put into that of their format before anybody reads them."""

from __future__ import annotations

from typing import Any

from omniroute.core import json
from omniroute.ir.caps import Quirks

_MESSAGE = b'"message"'


def straightened(body: bytes, quirks: Quirks) -> bytes:
    """``body`` as its format has it; itself where nothing is odd about it. Errors stay as they are."""
    if quirks.answer_in is not None and b'"%b"' % quirks.answer_in.encode() in body:
        body = _taken_out(body, quirks.answer_in)
    if quirks.one_choice and body.count(_MESSAGE) > 1:
        body = _in_one_choice(body)
    return body


def _taken_out(body: bytes, member: str) -> bytes:
    value = _object(body)
    inner = value.get(member)
    return json.dumps(inner) if isinstance(inner, dict) and not value.get("error") else body


def _in_one_choice(body: bytes) -> bytes:
    """Several choices of one answer as one: their texts in order, all their calls."""
    value = _object(body)
    choices = value.get("choices")
    if not isinstance(choices, list) or len(choices) < 2:
        return body
    messages = [choice["message"] for choice in choices if isinstance(choice, dict) and isinstance(choice.get("message"), dict)]
    if len(messages) != len(choices):
        return body
    texts = [message["content"] for message in messages if isinstance(message.get("content"), str) and message["content"]]
    calls = [call for message in messages for call in message.get("tool_calls") or ()]
    joined: dict[str, Any] = {**messages[0], "content": "\n\n".join(texts) or None}
    if calls:
        joined["tool_calls"] = calls
    reasons = [choice.get("finish_reason") for choice in choices]
    reason = "tool_calls" if calls else reasons[0]
    return json.dumps({**value, "choices": [{**choices[0], "index": 0, "message": joined, "finish_reason": reason}]})


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
