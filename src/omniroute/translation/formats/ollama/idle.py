"""Requests without a prompt: Ollama clients load models so before they ask, and unload them when they are done."""

from __future__ import annotations

from typing import Any

from omniroute._fast.envelope import Envelope
from omniroute.core import json
from omniroute.translation.format import StreamMeta
from omniroute.translation.formats.ollama.response import created_at

_UNLOADING = (0, "0", "0s", "0m", "0h")


def idle_chat(envelope: Envelope, meta: StreamMeta) -> bytes | None:
    """The answer to a chat without messages, None for a real one."""
    if _given(envelope, "messages"):
        return None
    return _answer(envelope, meta, {"message": {"role": "assistant", "content": ""}})


def idle_generate(envelope: Envelope, meta: StreamMeta) -> bytes | None:
    """The answer to a generation without a prompt, None for a real one."""
    if any(_given(envelope, key) for key in ("prompt", "images", "suffix", "context")):
        return None
    return _answer(envelope, meta, {"response": ""})


def _given(envelope: Envelope, key: str) -> bool:
    raw = envelope.raw(key)
    return raw is not None and raw.strip(b" \t\r\n[]") not in (b"", b"null", b'""')


def _answer(envelope: Envelope, meta: StreamMeta, content: dict[str, Any]) -> bytes:
    raw = envelope.raw("keep_alive")
    unloaded = raw is not None and json.loads(raw) in _UNLOADING
    head = {"model": meta.model, "created_at": created_at(meta.created), **content}
    return json.dumps({**head, "done": True, "done_reason": "unload" if unloaded else "load"}) + b"\n"
