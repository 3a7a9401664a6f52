"""What token endpoints answer: tokens however they are spelled, ends of life however they are told, errors wherever they are."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from omniroute.catalog.oauth import OAuth
from omniroute.core import json
from omniroute.core.redact import redact_text
from omniroute.upstream.login import LoginRefused, Tokens
from omniroute.upstream.login.http import Answer

_ACCESS = ("access_token", "accessToken", "token")
_REFRESH = ("refresh_token", "refreshToken")
_ID_TOKEN = ("id_token", "idToken")
_LASTS = ("expires_in", "expiresIn")
_ENDS = ("expires_at", "expiresAt", "expiry_date", "expiry")
_SHORTEST = 10.0  # seconds: an end that has already come is a clock that is wrong, not a token that is over
_MILLISECONDS = 1e11
_WORD = re.compile(r"[A-Za-z0-9_.-]{0,64}")
_OPAQUE = re.compile(r"(?<![\w/:.?&=%-])[A-Za-z0-9_~+=|-][\w~+/=|.:-]{18,}")


def holds_tokens(answer: Answer, oauth: OAuth) -> bool:
    """An access token came, whatever else."""
    return _text(_inner(answer.json(), oauth.unwrap), _ACCESS) is not None


def tokens_from(answer: Answer, oauth: OAuth, name: str, now: float, before: Tokens | None = None) -> Tokens:
    """The tokens of a good reply. What it leaves out (refresh token, id token, facts) stays as it was in ``before``."""
    return tokens_in(_inner(answer.json(), oauth.unwrap), oauth, name, now, skew=answer.skew, before=before)


def tokens_in(
    reply: Mapping[str, Any], oauth: OAuth, name: str, now: float, *, skew: float = 0.0, before: Tokens | None = None
) -> Tokens:
    access = _text(reply, _ACCESS)
    if access is None:
        raise LoginRefused(f"{name} answered without an access token", final=False)
    facts = {} if before is None else dict(before.facts)
    for fact, pointer in oauth.facts.items():
        found = at(reply, pointer)
        if found is not None and fact.endswith("_url"):
            found = host_of(found)
        if found is not None:
            facts[fact] = found
    return Tokens(
        access=access,
        refresh=_text(reply, _REFRESH) or (before.refresh if before is not None else None),
        expires_at=_end(reply, access, now, skew),
        id_token=_text(reply, _ID_TOKEN) or (before.id_token if before is not None else None),
        key=before.key if before is not None else None,
        client=before.client if before is not None else None,
        facts=facts,
    )


def error_of(answer: Answer) -> tuple[str, str]:
    """(code, sentence) of an answer, whatever its status; empty where there is none. The sentence is safe to show."""
    body = answer.json()
    error = body.get("error")
    if isinstance(error, dict):
        code, said = error.get("code") or error.get("type") or error.get("status"), error.get("message")
    else:
        code, said = error or body.get("__type") or body.get("code"), None
    said = said or body.get("error_description") or body.get("message") or body.get("msg") or ""
    kind = answer.headers.get("x-amzn-errortype", "")
    if not code and kind:
        code = kind
    word = str(code or "").rpartition("#")[2].partition(":")[0]
    if not _WORD.fullmatch(word):  # some servers put a sentence where the code belongs
        word, said = "", said or word
    return word, _OPAQUE.sub(_hidden, redact_text(str(said)))[:300]


def _hidden(found: re.Match[str]) -> str:
    """A server may quote what it was sent: long runs with a digit could be a token or a code, whatever they look like."""
    return "[redacted]" if any(sign.isdigit() for sign in found[0]) else found[0]


def at(value: Any, pointer: str) -> str | None:
    """The text or number at a JSON pointer; None when there is nothing, or something else."""
    value = json.pointed(value, pointer)
    if isinstance(value, bool) or value is None:
        return None
    return str(value) if isinstance(value, (str, int, float)) and str(value) else None


def claims_of(token: str | None) -> dict[str, Any]:
    """What a JWT says of itself, unverified: for display and for finding an account again, never for letting anybody in."""
    parts = (token or "").split(".")
    if len(parts) != 3:
        return {}
    value = json_in_base64(parts[1])
    return value if isinstance(value, dict) else {}


def json_in_base64(text: str) -> Any:
    """The JSON value in ``text``, base64 of either alphabet, padding or not; None when there is none."""
    raw = text.strip().replace("-", "+").replace("_", "/").rstrip("=")
    raw = raw[: len(raw) - (len(raw) % 4 == 1)]
    try:
        decoded = base64.b64decode(raw + "=" * (-len(raw) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    end = decoded.rfind(b"}")  # some servers leave other bytes behind it
    try:
        return json.loads(decoded[: end + 1] if end >= 0 else decoded)
    except ValueError:
        return None


def moment(value: object) -> float | None:
    """Unix seconds from seconds, milliseconds or ISO 8601; None when it is none of them."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            try:
                return datetime.fromisoformat(str(value).strip().replace("Z", "+00:00")).timestamp()
            except ValueError:
                return None
    if not isinstance(value, (int, float)) or value <= 0:
        return None
    return float(value) / 1000 if value > _MILLISECONDS else float(value)


def _end(reply: Mapping[str, Any], access: str, now: float, skew: float) -> float | None:
    """When the access token ends by our clock."""
    for name in _LASTS:
        lasts = reply.get(name)
        if isinstance(lasts, str) and lasts.replace(".", "", 1).isdigit():
            lasts = float(lasts)
        if isinstance(lasts, (int, float)) and not isinstance(lasts, bool) and lasts > 0:
            return now + max(float(lasts), _SHORTEST)
    told = next(filter(None, (moment(reply.get(name)) for name in _ENDS)), None) or moment(claims_of(access).get("exp"))
    return None if told is None else max(told - skew, now + _SHORTEST)


def _inner(reply: dict[str, Any], member: str | None) -> Mapping[str, Any]:
    inner = reply.get(member) if member is not None else None
    return inner if isinstance(inner, dict) else reply


def _text(reply: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((value for name in names if isinstance(value := reply.get(name), str) and value), None)


def host_of(url: str) -> str | None:
    """The host, with its port, of something that may be a whole URL; None where there is none."""
    try:
        return urlsplit(url if "://" in url else f"https://{url}").netloc or None
    except ValueError:
        return None  # nothing to call; the tokens beside it count all the same
