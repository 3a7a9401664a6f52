"""How a provider is asked for an account's usage: its data filled in with what is known of the login."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit

from omniroute.catalog.account import Account
from omniroute.catalog.schema import Provider, UsageEndpoint
from omniroute.core import json
from omniroute.core.errors import OmniRouteError
from omniroute.upstream import usage
from omniroute.upstream.login import LoginRefused
from omniroute.upstream.login.http import Http
from omniroute.upstream.usage import Usage

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_GONE = object()
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class UsageRefused(OmniRouteError):
    """A provider did not tell. ``retry_after``: seconds it asked to be left alone."""

    status: ClassVar[int] = 502
    code: ClassVar[str] = "usage_unavailable"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Question(NamedTuple):
    """``body``: JSON, None for none. It holds the token: never to be printed."""

    method: str
    url: str
    headers: dict[str, str]
    body: Any

    def __repr__(self) -> str:
        return f"<{self.method} {self.url}>"


def question(endpoint: UsageEndpoint, provider: Provider, account: Account, token: str) -> Question | None:
    """What to ask with ``token``; None while the account lacks something that the address needs."""
    login = account.login.facts if account.login is not None else {}
    facts = {**provider.url_defaults, **account.url_vars, **login, "token": token}
    if not _known(endpoint.url, facts):
        return None
    url = _place(provider, _PLACEHOLDER.sub(lambda found: quote(facts[found[1]], safe=""), endpoint.url))
    headers = {name: _CONTROL.sub("", _fill(text, facts)) for name, text in endpoint.headers.items() if _known(text, facts)}
    body = _body(endpoint.body, facts) if endpoint.method == "POST" else None
    return Question(endpoint.method, url, headers, body)


async def ask(http: Http, endpoint: UsageEndpoint, provider: Provider, account: Account, token: str, now: float) -> Usage:
    """What the provider tells of ``account``. UsageRefused for anything that is no answer to that question."""
    readers = await asyncio.to_thread(usage.registry)  # the first time they are imported
    reader = readers.get(endpoint.reader or "")
    asked = question(endpoint, provider, account, token)
    if reader is None or asked is None:
        raise UsageRefused(f"{provider.name} cannot be asked about this account: something that its address needs is not known.")
    try:
        answer = await http.ask(asked.method, asked.url, asked.headers, body=asked.body)
    except LoginRefused as refused:
        raise UsageRefused(refused.reason) from None
    if not answer.ok:
        raise UsageRefused(
            f"{provider.name} answered the question for quotas with status {answer.status}.", retry_after=answer.retry_after
        )
    try:
        value = json.loads(answer.body)
    except ValueError:
        raise UsageRefused(f"{provider.name} answered the question for quotas with something that is not JSON.") from None
    return reader.read(value, now)


def _place(provider: Provider, url: str) -> str:
    """``url`` at the server that the operator has put in place of the provider's: a token that is meant for the one must not go
    to the other."""
    if not provider.private:
        return url
    there, parts = urlsplit(provider.base_url), urlsplit(url)
    return urlunsplit((there.scheme, there.netloc, parts.path, parts.query, ""))


def _known(template: str, facts: Mapping[str, str]) -> bool:
    return all(facts.get(word) for word in _PLACEHOLDER.findall(template))


def _fill(template: str, facts: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: facts[found[1]], template)


def _body(value: Any, facts: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _fill(value, facts) if _known(value, facts) else _GONE
    if isinstance(value, dict):
        return {key: made for key, inner in value.items() if (made := _body(inner, facts)) is not _GONE}
    return value
