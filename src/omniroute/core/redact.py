"""Takes secrets out of whatever is about to be logged, stored or shown."""

from __future__ import annotations

import re
from collections.abc import Iterable

SECRET_HEADERS = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "x-key",
        "x-omniroute-key",
        "xi-api-key",
        "cookie",
        "set-cookie",
    }
)
_TOKEN = re.compile(
    r"(?:sk-[A-Za-z0-9_-]{8,}|oat-[A-Za-z0-9]{16,}|AIza[A-Za-z0-9_-]{20,}|gsk_[A-Za-z0-9]{10,}|xai-[A-Za-z0-9]{10,}|gh[opsu]_[A-Za-z0-9]{20,}"
    r"|ya29\.[A-Za-z0-9_-]{10,}|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]+)?)"
)
_QUERY_KEY = re.compile(r"([?&](?:key|api_key|access_token|token)=)[^&\s]+", re.I)
_BEARER = re.compile(r"(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.I)


def redact_text(text: str) -> str:
    """``text`` with API keys, tokens and query secrets replaced by ``[redacted]``."""
    text = _QUERY_KEY.sub(r"\1[redacted]", text)
    text = _BEARER.sub(r"\1[redacted]", text)
    return _TOKEN.sub("[redacted]", text)


def redact_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The same pairs, credential headers masked."""
    return [(k, "[redacted]" if k.lower() in SECRET_HEADERS else redact_text(v)) for k, v in headers]


def mask(secret: str) -> str:
    """Enough of a secret to recognise it: ``sk-or-ab…wxyz``; short ones become dots."""
    if len(secret) < 16:
        return "…"
    return f"{secret[:8]}…{secret[-4:]}"
