"""What the executor remembers of a call's head is what a fresh one would be, and its secret does not show."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from omniroute.catalog.account import Account, Secret
from omniroute.catalog.schema import Auth, Provider
from omniroute.core.settings import Settings
from omniroute.upstream.call import Call
from omniroute.upstream.executor import Executor, prepare, timers_for

SETTINGS = Settings.load()
SECRET = "sk-very-secret"
ACCOUNT = Account(id="a1", provider="p1", name="mine", secret=Secret(SECRET))


def provider(**fields: Any) -> Provider:
    defaults: dict[str, Any] = {
        "id": "p1",
        "prefix": "p1",
        "name": "Provider One",
        "format": "openai_chat",
        "base_url": "https://api.test/v1",
        "auth": Auth(scheme="bearer"),
        "paths": {"chat": "/chat/completions"},
    }
    return Provider(**{**defaults, **fields})


def ask(executor: Executor, p: Provider, account: Account = ACCOUNT, **options: Any) -> Call:
    given: dict[str, Any] = {"model": "m", "stream": False, "request_id": "req_1", **options}
    return executor.prepare(p, account, given.pop("body", b"{}"), SETTINGS, **given)


def fresh(p: Provider, account: Account = ACCOUNT, **options: Any) -> Call:
    given: dict[str, Any] = {"model": "m", "stream": False, "request_id": "req_1", **options}
    timers = timers_for(p, SETTINGS)
    return prepare(p, account, given.pop("body", b"{}"), timers=timers, proxy=None, **given)


@pytest.mark.parametrize("auth", [Auth(scheme="bearer"), Auth(scheme="header"), Auth(scheme="query"), Auth(scheme="none")])
@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Own": "1"}, {"x-request-id": "the provider's own"}, {"accept": "text/plain"}],
)  # fmt: skip
@pytest.mark.parametrize("client", [[], [("x-beta", "a"), ("x-beta", "b")], [("x-request-id", "theirs")]])
def test_a_remembered_head_is_what_a_fresh_one_would_be(
    auth: Auth, headers: dict[str, str], client: list[tuple[str, str]]
) -> None:
    p, executor = provider(auth=auth, headers=headers), Executor({})
    for number in range(3):
        options: dict[str, Any] = {
            "client_headers": client,
            "default_headers": {"x-version": "7"},
            "request_id": f"req_{number}",
            "body": b"{}" if number < 2 else b"",
        }
        assert ask(executor, p, **options) == fresh(p, **options)


def test_heads_do_not_mix() -> None:
    p, executor = provider(), Executor({})
    plain = ask(executor, p)
    with_beta = ask(executor, p, client_headers=[("x-beta", "on")])
    assert ("x-beta", "on") in with_beta.headers
    assert ask(executor, p).headers == plain.headers
    with_default = ask(executor, p, default_headers={"x-version": "7"})
    assert ("x-version", "7") in with_default.headers
    assert ask(executor, p).headers == plain.headers


def test_a_call_may_be_changed_without_harm_to_the_next() -> None:
    p, executor = provider(), Executor({})
    first = ask(executor, p)
    before = list(first.headers)
    first.headers.append(("x-more", "1"))
    assert ask(executor, p).headers == before


def test_a_new_credential_counts_at_once() -> None:
    p, executor = provider(), Executor({})
    ask(executor, p)
    renewed = replace(ACCOUNT, secret=Secret("sk-new"))
    assert ("authorization", "Bearer sk-new") in ask(executor, p, renewed).headers


def test_many_variants_are_not_kept_for_ever() -> None:
    p, executor = provider(), Executor({})
    for number in range(200):
        ask(executor, p, client_headers=[("x-beta", str(number))])
    (way,) = executor._ways.values()
    assert len(way.heads) <= 32


def test_what_is_remembered_hides_the_secret() -> None:
    executor = Executor({})
    ask(executor, provider())
    assert SECRET not in repr(executor._ways)
