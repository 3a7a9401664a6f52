"""Every registered scheme, held to one contract, and what each one does."""

from __future__ import annotations

import pytest

from omniroute.catalog.account import Account, Secret
from omniroute.catalog.schema import Auth
from omniroute.core.errors import Fault, Scope, Verdict
from omniroute.upstream import auth
from omniroute.upstream.call import Headers
from omniroute.upstream.transport import check_headers

URL = "https://api.test/v1/chat?alt=sse"


def account(secret: str | None = "sk-1") -> Account:
    return Account(id="a1", provider="p1", name="mine", secret=Secret(secret) if secret is not None else None)


def sign(signing: Auth, secret: str | None = "sk-1") -> tuple[str, Headers]:
    headers: Headers = [("x-before", "1")]
    url = auth.registry()[signing.scheme].sign(headers, URL, account(secret), signing)
    assert headers[0] == ("x-before", "1")
    return url, headers[1:]


@pytest.mark.parametrize(
    ("signing", "url", "headers"),
    [
        (Auth(scheme="bearer"), URL, [("authorization", "Bearer sk-1")]),
        (Auth(scheme="bearer", header="x-auth", prefix="Token"), URL, [("x-auth", "Token sk-1")]),
        (Auth(scheme="header", header="x-api-key"), URL, [("x-api-key", "sk-1")]),
        (Auth(scheme="header", header="Authorization", prefix="Key"), URL, [("Authorization", "Key sk-1")]),
        (Auth(scheme="query"), f"{URL}&key=sk-1", []),
        (Auth(scheme="query", header="api key"), f"{URL}&api%20key=sk-1", []),
        (Auth(scheme="none"), URL, []),
    ],
)
def test_how_a_call_is_signed(signing: Auth, url: str, headers: Headers) -> None:
    assert sign(signing) == (url, headers)


def test_query_signing_of_a_url_without_a_query() -> None:
    scheme = auth.registry()["query"]
    assert (
        scheme.sign([], "https://api.test/v1", account("a/b c&d"), Auth(scheme="query"))
        == "https://api.test/v1?key=a%2Fb%20c%26d"
    )


@pytest.mark.parametrize("name", auth.registry().names())
def test_surrounding_blanks_of_a_key_file_do_no_harm(name: str) -> None:
    url, headers = sign(Auth(scheme=name), "  sk-1\n")
    check_headers(headers)
    assert (url, headers) == sign(Auth(scheme=name), "sk-1")


@pytest.mark.parametrize("name", [n for n in auth.registry().names() if n != "none"])
@pytest.mark.parametrize("secret", [None, "", " \n"])
def test_a_missing_credential_is_the_accounts_fault(name: str, secret: str | None) -> None:
    with pytest.raises(Fault) as missing:
        sign(Auth(scheme=name), secret)
    assert (missing.value.kind, missing.value.http_status) == ("auth", 401)
    assert (missing.value.scope, missing.value.verdict) == (Scope.ACCOUNT, Verdict.NEXT_ACCOUNT)
    assert "mine" in missing.value.message


@pytest.mark.parametrize("name", auth.registry().names())
def test_an_optional_credential_may_be_missing(name: str) -> None:
    assert sign(Auth(scheme=name, optional=True), None) == (URL, [])


def test_usable() -> None:
    assert auth.usable(Auth(scheme="bearer"))
    assert not auth.usable(Auth(scheme="a-scheme-of-tomorrow"))
