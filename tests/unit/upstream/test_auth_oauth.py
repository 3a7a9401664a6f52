"""What a login adds to a call: its token, headers and body fields made of its facts, hosts in URLs."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.catalog.account import Account, Login, Secret
from omniroute.catalog.schema import Auth, Provider
from omniroute.core.settings import Settings
from omniroute.upstream import auth
from omniroute.upstream.call import Call, Headers, Timers
from omniroute.upstream.executor import Executor, prepare
from omniroute.upstream.transport import check_headers

FACTS = {"account_id": "acc-1", "project": "p 1", "resource_url": "eu.api.test"}


def account(facts: dict[str, str] | None = None, secret: str = "at") -> Account:
    login = None if facts is None else Login(facts=facts)
    return Account(id="a1", provider="lab", name="ada", secret=Secret(secret), login=login)


def sign(signing: Auth, who: Account) -> Headers:
    headers: Headers = [("x-account", "of the client")]
    assert auth.registry()["oauth"].sign(headers, "https://api.test", who, signing) == "https://api.test"
    return headers


@pytest.mark.parametrize(
    ("signing", "facts", "expected"),
    [
        ({}, {}, ("authorization", "Bearer at")),
        ({"header": "x-api-key"}, {}, ("x-api-key", "at")),
        ({"header": "x-auth", "prefix": "Token"}, {}, ("x-auth", "Token at")),
        ({"token_prefix": "workos:"}, {}, ("authorization", "Bearer workos:at")),
        ({"token_prefix": "workos:"}, None, ("authorization", "Bearer at")),
    ],
)
def test_where_the_token_goes(signing: dict[str, Any], facts: dict[str, str] | None, expected: tuple[str, str]) -> None:
    assert sign(Auth(scheme="oauth", **signing), account(facts)) == [("x-account", "of the client"), expected]


def test_headers_of_facts_replace_what_was_there_and_are_left_out_without_them() -> None:
    signing = Auth(scheme="oauth", headers={"X-Account": "{account_id}", "X-Both": "{account_id}/{unknown}"})
    assert sign(signing, account(FACTS)) == [("authorization", "Bearer at"), ("x-account", "acc-1")]
    assert ("x-account", "of the client") in sign(signing, account({}))
    assert ("x-account", "of the client") in sign(signing, account(None))


def test_a_fact_cannot_break_out_of_its_header() -> None:
    headers = sign(Auth(scheme="oauth", headers={"x-a": "{name}"}), account({"name": "a\r\nx-evil: 1"}))
    check_headers(headers)
    assert [name for name, _ in headers] == ["x-account", "authorization", "x-a"]


def call(who: Account, sent: bytes = b'{"model":"m"}', **signing: Any) -> Call:
    provider = Provider(
        id="lab", prefix="lab", name="Lab", format="openai_chat", base_url="https://{resource_url}/v1", paths={"chat": "/chat"},
        auth=Auth(scheme="oauth", **signing), url_vars=("resource_url",), url_defaults={"resource_url": "home.api.test"},
    )  # fmt: skip
    plain = prepare(provider, who, sent, model="m", stream=False, timers=Timers(), proxy=None, request_id="r")
    executor = Executor({})
    remembered = [executor.prepare(provider, who, sent, Settings.load(), model="m", stream=False, request_id="r") for _ in "ab"]
    assert [(one.url, one.headers, one.body) for one in remembered] == [(plain.url, plain.headers, plain.body)] * 2
    return plain


def test_facts_go_before_defaults_and_the_accounts_own_words_in_urls() -> None:
    assert call(account(None)).url == "https://home.api.test/v1/chat"
    assert call(account(FACTS)).url == "https://eu.api.test/v1/chat"
    assert call(account({})).url == "https://home.api.test/v1/chat"


def test_facts_are_put_into_bodies_that_are_otherwise_untouched() -> None:
    body = b'{ "model":"m", "x": 1.50 }'
    assert call(account(FACTS), body, body={"project": "project"}).body == b'{ "model":"m", "x": 1.50,"project":"p 1" }'
    assert call(account({}), body, body={"project": "project"}).body == body
    assert call(account(None), body, body={"project": "project"}).body == body
    assert call(account(FACTS), b'{"project":"theirs"}', body={"project": "project"}).body == b'{"project":"p 1"}'
    assert call(account(FACTS), b"", body={"project": "project"}).method == "GET"
