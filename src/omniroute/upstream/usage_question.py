"""How a provider is asked for an account's usage: its data filled in with what is known of the login."""

from __future__ import annotations

import asyncio
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
from omniroute.upstream.templates import filled, filled_headers
from omniroute.upstream.usage import Usage

_GONE = object()


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
    url = filled(endpoint.url, lambda word: quote(facts.get(word, ""), safe=""))
    if url is None:
        return None
    headers = filled_headers(endpoint.headers, facts.get)
    body = _body(endpoint.body, facts) if endpoint.method == "POST" else None
    return Question(endpoint.method, _place(provider, url), headers, body)


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


def _body(value: Any, facts: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        text = filled(value, facts.get)
        return _GONE if text is None else text
    if isinstance(value, dict):
        return {key: made for key, inner in value.items() if (made := _body(inner, facts)) is not _GONE}
    return value
