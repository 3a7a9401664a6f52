"""Log probabilities of the tokens of an answer. Chat, Responses and Ollama spell an entry alike; Gemini has a form of its own."""

from __future__ import annotations

from typing import Any

from omniroute.ir.response import TokenLogprob


def read_logprobs(entries: Any) -> tuple[TokenLogprob, ...]:
    """``[{token, logprob, bytes?, top_logprobs?}]``; entries without a token or a number are left out."""
    if not isinstance(entries, list):
        return ()
    return tuple(found for entry in entries if (found := _read(entry)) is not None)


def _read(entry: Any) -> TokenLogprob | None:
    if not isinstance(entry, dict):
        return None
    token, logprob, spelled = entry.get("token"), entry.get("logprob"), entry.get("bytes")
    if not isinstance(token, str) or not isinstance(logprob, int | float) or isinstance(logprob, bool):
        return None
    return TokenLogprob(token=token, logprob=logprob, spelled=_bytes(spelled), top=read_logprobs(entry.get("top_logprobs")))


def _bytes(spelled: Any) -> bytes | None:
    if isinstance(spelled, list) and all(isinstance(byte, int) and 0 <= byte < 256 for byte in spelled):
        return bytes(spelled)
    return None


def write_logprobs(entries: tuple[TokenLogprob, ...]) -> list[dict[str, Any]]:
    """The same, with ``bytes`` null where the upstream did not say them."""
    return [{**_written(entry), "top_logprobs": [_written(other) for other in entry.top]} for entry in entries]


def _written(entry: TokenLogprob) -> dict[str, Any]:
    spelled = None if entry.spelled is None else list(entry.spelled)
    return {"token": entry.token, "logprob": entry.logprob, "bytes": spelled}
