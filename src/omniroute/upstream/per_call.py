"""What a call says beside its signature: headers and body fields that depend on the request, the conversation and the account."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from omniroute._fast.envelope import Envelope, scan
from omniroute.catalog.account import Account
from omniroute.catalog.conduct import PLACEHOLDER, WORDS, PerCall, Seal
from omniroute.core import json
from omniroute.upstream.call import Headers
from omniroute.upstream.templates import filled, filled_headers


class Asked(Protocol):
    """The request behind a call."""

    def word(self, name: str) -> str | None:
        """What it says under one of ``conduct.WORDS``; None = nothing."""
        ...


def add_per_call(rules: PerCall, account: Account, headers: Headers, body: bytes, asked: Asked | None) -> bytes:
    """Put into ``headers`` (in place) and ``body`` (given back) what ``rules`` want and the call has not got."""
    words = _Words(account, asked)
    there = {name.lower() for name, _ in headers}
    said = filled_headers(rules.headers, words.value)
    headers += [(name, text) for name, text in said.items() if text and name not in there]
    if rules.seal is not None and account.secret is not None:
        headers.append((rules.seal.header.lower(), _sealed(rules.seal, headers, account.secret.reveal().strip())))
    return _with_fields(rules.body, words, body) if rules.body and body else body


def merged_list(ours: str, theirs: Sequence[str]) -> str:
    """Comma lists as one, ours first, each entry once."""
    entries = (entry.strip() for text in (ours, *theirs) for entry in text.split(","))
    return ",".join(dict.fromkeys(entry for entry in entries if entry))


class _Words:
    """The values of placeholders: of the request, or of the account's login."""

    def __init__(self, account: Account, asked: Asked | None) -> None:
        self._account = account
        self._asked = asked
        self._facts: Mapping[str, str] = account.login.facts if account.login is not None else {}

    def value(self, name: str) -> str | None:
        if name == "device":
            return hashlib.sha256(f"device {self._account.id}".encode()).hexdigest()
        if name in WORDS:
            return self._asked.word(name) if self._asked is not None else None
        return self._facts.get(name)


def _with_fields(fields: Mapping[str, Any], words: _Words, body: bytes) -> bytes:
    envelope = scan(body)
    changes: dict[str, bytes | None] = {}
    for key, template in fields.items():
        if _missing(envelope, key):
            value = _filled(template, words)
            if value is not None:
                changes[key] = json.dumps(value)
    return envelope.splice(changes)


def _missing(envelope: Envelope, key: str) -> bool:
    return envelope.raw(key) in (None, b"null")


def _filled(template: Any, words: _Words) -> Any:
    """The JSON value with its texts filled in; None when one of them cannot be."""
    if isinstance(template, str):
        return filled(template, words.value)
    if isinstance(template, dict):
        members = {key: _filled(value, words) for key, value in template.items()}
        return None if None in members.values() else members
    if isinstance(template, list):
        items = [_filled(value, words) for value in template]
        return None if None in items else items
    return template


def _sealed(seal: Seal, headers: Headers, secret: str) -> str:
    said = {name.lower(): text for name, text in headers}
    text = PLACEHOLDER.sub(lambda match: said.get(match[1].replace("_", "-"), ""), seal.over)
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
