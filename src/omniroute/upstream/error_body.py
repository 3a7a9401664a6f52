"""What an error answer says: message, code and type out of every shape that upstreams use, fit to be shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from omniroute.core import json
from omniroute.core.redact import redact_text

MESSAGE_LIMIT = 2048
_MESSAGE_KEYS = ("message", "Message", "msg", "detail", "error_message", "error_description", "reason", "title", "status_msg")
_ECHOES = frozenset({"input", "ctx", "request", "messages"})  # validation errors repeat what the user wrote: no evidence
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.I | re.S)
_TAGS = re.compile(r"<[^>]*>")
_MASKED = re.compile(r"\b[\w-]*\*{3,}[\w-]*")  # what vendors leave of a key: sk-ab****wxyz
_EMAIL = re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.-]*\w")
_OWNER = re.compile(r"\b(?:org|proj|acct|user)[-_](?=[A-Za-z]*\d)[A-Za-z0-9]{12,}")


class ErrorText(NamedTuple):
    message: str
    code: str | None
    type: str | None


def error_text(body: bytes) -> ErrorText:
    """(message, code, type) of an error answer: JSON in any of the known shapes, HTML, plain text, or nothing at all.

    The message is at most 2 kB and holds no key, address or account id; empty when the body says nothing. Codes keep their
    spelling; a numeric code that merely repeats an HTTP status is left out.
    """
    text = body.decode("utf-8", "replace").strip()
    if not text:
        return ErrorText("", None, None)
    if is_html(body):
        title = _TITLE.search(text)
        return ErrorText(presentable(title[1] if title else ""), None, None)
    try:
        value = json.loads(body)
    except ValueError:
        return ErrorText(presentable(_from_stream(text) or text), None, None)
    message, code, kind = _read(value)
    return ErrorText(presentable(message), code, kind)


def is_html(body: bytes) -> bool:
    head = body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"<!doctype html", b"<html", b"<head", b"<body")) or (
        head.startswith(b"<!--") and b"<html" in body.lower()
    )


def presentable(text: str) -> str:
    """``text`` in one piece fit for a client: no tags, no secrets, no account data, at most 2 kB of UTF-8."""
    if text.lstrip().startswith("<"):
        text = _TAGS.sub(" ", text)
    text = redact_text(" ".join(text.split()) if "\n" in text or "\r" in text else text.strip())
    text = _OWNER.sub("[redacted]", _EMAIL.sub("[redacted]", _MASKED.sub("[redacted]", text)))
    raw = text.encode("utf-8", "replace")
    if len(raw) <= MESSAGE_LIMIT:
        return text
    return raw[: MESSAGE_LIMIT - 3].decode("utf-8", "ignore") + "…"


def details(body: bytes) -> Iterator[dict[str, Any]]:
    """Every object nested in a JSON error body, outermost first, at most 200: places to look for codes and reset times."""
    try:
        value = json.loads(body)
    except ValueError:
        return
    todo, seen = [value], 0
    while todo and seen < 200:
        item = todo.pop(0)
        if isinstance(item, dict):
            seen += 1
            yield item
            todo += [inner for key, inner in item.items() if key not in _ECHOES]
        elif isinstance(item, list):
            todo += item[:50]


def _from_stream(text: str) -> str | None:
    """The message of an error sent as an SSE event although the status was an error already."""
    for line in text.splitlines():
        if line.startswith("data:"):
            try:
                return _read(json.loads(line[5:].strip()))[0]
            except ValueError:
                return None
    return None


def _read(value: Any, depth: int = 0) -> tuple[str, str | None, str | None]:
    if isinstance(value, str):
        return _unwrap(value, depth)
    if isinstance(value, list):
        found = [_read(item, depth + 1) for item in value[:5] if isinstance(item, (dict, str))] if depth < 4 else []
        message = "; ".join(m for m, _, _ in found if m)
        return message, next((c for _, c, _ in found if c), None), next((t for _, _, t in found if t), None)
    if not isinstance(value, dict) or depth > 4:
        return "", None, None
    code, kind = _code(value), _type(value)
    for key in ("error", "errors", "base_resp", "Error"):
        inner = value.get(key)
        if isinstance(inner, (dict, list)) and inner:
            message, inner_code, inner_kind = _read(inner, depth + 1)
            if message or inner_code or inner_kind:
                return message, inner_code or code, inner_kind or (kind if kind != "error" else None)
        elif isinstance(inner, str) and inner:
            described = value.get("error_description") or value.get("message")
            if isinstance(described, str) and described:
                return described, code or inner, kind
            message, inner_code, inner_kind = _unwrap(inner, depth)
            return message, inner_code or code, inner_kind or kind
    for key in _MESSAGE_KEYS:
        inner = value.get(key)
        if isinstance(inner, str) and inner:
            message, inner_code, inner_kind = _unwrap(inner, depth)
            return _located(value, message), inner_code or code, inner_kind or kind
        if isinstance(inner, (dict, list)) and inner:
            message, inner_code, inner_kind = _read(inner, depth + 1)
            if message:
                return message, inner_code or code, inner_kind or kind
    return "", code, kind


def _unwrap(text: str, depth: int) -> tuple[str, str | None, str | None]:
    """Gateways like to put the whole JSON error of the next server into their message."""
    stripped = text.strip()
    if depth < 3 and stripped.startswith(("{", "[")):
        try:
            inner = _read(json.loads(stripped), depth + 1)
        except ValueError:
            return text, None, None
        if inner[0]:
            return inner
    return text, None, None


def _located(value: dict[str, Any], message: str) -> str:
    """A validation error's place in front of its message."""
    where = value.get("loc")
    return f"{'.'.join(str(part) for part in where)}: {message}" if isinstance(where, list) and where else message


def _code(value: dict[str, Any]) -> str | None:
    for key in ("code", "error_code", "status_code", "reason", "status", "Code"):
        found = value.get(key)
        if isinstance(found, bool) or found is None or (key == "reason" and not _is_word(found)):
            continue
        if isinstance(found, str) and found and (_is_word(found) and not _is_http_status(found)):
            return found
        if isinstance(found, int) and not _is_http_status(str(found)):
            return str(found)
    return None


def _type(value: dict[str, Any]) -> str | None:
    for key in ("type", "__type", "error_type"):
        found = value.get(key)
        if isinstance(found, str) and found:
            return found.rpartition("#")[2]
    return None


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 100 and " " not in value.strip()


def _is_http_status(text: str) -> bool:
    return text.isdigit() and len(text) == 3
