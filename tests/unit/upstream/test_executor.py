from __future__ import annotations

from typing import Any

import pytest

from omniroute import __version__
from omniroute.catalog.account import Account, Secret
from omniroute.catalog.schema import Auth, Provider, Timeouts
from omniroute.core.errors import BadRequest, Fault, Scope, Verdict
from omniroute.core.settings import Settings
from omniroute.upstream.call import Call, Timers
from omniroute.upstream.executor import Executor, prepare, timers_for

TIMERS = Timers()


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


def call(p: Provider, body: bytes = b"{}", **options: Any) -> Call:
    url_vars = options.pop("url_vars", {})
    account = Account(id="a1", provider=p.id, name="mine", secret=Secret("sk-1"), url_vars=url_vars)
    given: dict[str, Any] = {"model": "m", "stream": False, "timers": TIMERS, "proxy": None, "request_id": "req_1", **options}
    return prepare(p, account, body, **given)


@pytest.mark.parametrize(
    ("fields", "options", "url"),
    [
        ({}, {}, "https://api.test/v1/chat/completions"),
        ({"base_url": "https://api.test/v1/"}, {}, "https://api.test/v1/chat/completions"),
        ({"base_url": "https://api.test/v1?api-version=7"}, {}, "https://api.test/v1/chat/completions?api-version=7"),
        ({"paths": {"chat": "chat?a=b"}, "base_url": "https://api.test?c=d"}, {}, "https://api.test/chat?c=d&a=b"),
        ({"paths": {"chat": "/models/{model}:go"}}, {"model": "a/b c:0?#"}, "https://api.test/v1/models/a/b%20c%3A0%3F%23:go"),
        ({"paths": {"chat": "/x?m={model}"}}, {"model": "a/b"}, "https://api.test/v1/x?m=a%2Fb"),
        ({"paths": {"chat": "/c", "chat_stream": "/s"}}, {"stream": True}, "https://api.test/v1/s"),
        ({"paths": {"chat": "/c", "chat_stream": "/s"}}, {"stream": False}, "https://api.test/v1/c"),
        (
            {"paths": {"chat": "/c", "chat_x": "/x", "chat_x_stream": "/xs"}},
            {"stream": True, "path": "chat_x"},
            "https://api.test/v1/xs",
        ),
        ({"paths": {"chat": "/c", "count_tokens": "/n"}}, {"path": "count_tokens"}, "https://api.test/v1/n"),
        ({"base_url": "https://{region}.api.test"}, {"url_vars": {"region": "eu-1"}}, "https://eu-1.api.test/chat/completions"),
        (
            {"base_url": "https://{region}.api.test", "url_defaults": {"region": "us-1"}},
            {},
            "https://us-1.api.test/chat/completions",
        ),
        ({"paths": {"chat": "/a/{who}/c"}}, {"url_vars": {"who": "x/../y"}}, "https://api.test/v1/a/x%2F..%2Fy/c"),
        ({"paths": {"chat": "https://other.test/{model}"}}, {}, "https://other.test/m"),
        ({"base_url": "builtin://demo", "wire": "builtin"}, {}, "builtin://demo/chat/completions"),
    ],
)
def test_the_url(fields: dict[str, Any], options: dict[str, Any], url: str) -> None:
    assert call(provider(**fields), **options).url == url


def test_a_placeholder_without_a_value_says_how_to_set_it() -> None:
    with pytest.raises(Fault, match=r"--var region=VALUE") as missing:
        call(provider(base_url="https://{region}.api.test"))
    assert "'region'" in missing.value.message
    assert (missing.value.scope, missing.value.verdict) == (Scope.ACCOUNT, Verdict.NEXT_ACCOUNT)


@pytest.mark.parametrize("value", ["evil.test/", "evil.test#", "evil.test?", "a@evil.test", "a:b", "-", "", " ", "ü"])
def test_a_placeholder_cannot_leave_the_host_name(value: str) -> None:
    with pytest.raises(Fault, match="region"):
        call(provider(base_url="https://{region}.api.test"), url_vars={"region": value})


@pytest.mark.parametrize("model", ["..", "a/../b", "./a", "a/.."])
def test_a_model_cannot_climb_out_of_its_path(model: str) -> None:
    with pytest.raises(BadRequest) as refused:
        call(provider(paths={"chat": "/models/{model}"}), model=model)
    assert refused.value.param == "model"


def test_a_node_cannot_send_its_key_to_another_server() -> None:
    elsewhere = {"chat": "https://other.test/chat"}
    for origin in ("database", "file"):
        with pytest.raises(Fault, match="another server"):
            call(provider(paths=elsewhere, origin=origin))
    same = {"chat": "https://api.test:443/chat"}
    assert call(provider(paths=same, origin="file")).url == "https://api.test:443/chat"


@pytest.mark.parametrize("base_url", ["ftp://api.test", "api.test/v1", "https://", "file:///etc/passwd"])
def test_a_base_url_must_be_http(base_url: str) -> None:
    with pytest.raises(Fault, match="base URL"):
        call(provider(base_url=base_url))


def test_a_path_that_is_not_offered() -> None:
    with pytest.raises(Fault, match="count_tokens"):
        call(provider(), path="count_tokens")


def test_a_scheme_of_tomorrow_is_a_fault_not_a_crash() -> None:
    with pytest.raises(Fault, match="not supported yet"):
        call(provider(auth=Auth(scheme="a-scheme-of-tomorrow")))


def test_the_usual_headers() -> None:
    assert call(provider()).headers == [
        ("accept", "application/json"),
        ("accept-encoding", "gzip, deflate"),
        ("user-agent", f"omniroute/{__version__}"),
        ("x-request-id", "req_1"),
        ("content-type", "application/json"),
        ("authorization", "Bearer sk-1"),
    ]


def test_a_stream_is_asked_for_uncompressed() -> None:
    headers = dict(call(provider(), stream=True).headers)
    assert (headers["accept"], headers["accept-encoding"]) == ("text/event-stream", "identity")


def test_who_overrides_whom() -> None:
    p = provider(headers={"X-Provider": "p", "X-Both": "p"})
    headers = call(
        p,
        default_headers={"x-format": "f", "x-provider": "f", "x-beta": "f"},
        client_headers=[("X-Both", "c"), ("x-beta", "c1"), ("X-Beta", "c2"), ("User-Agent", "agent/1")],
    ).headers
    assert [pair for pair in headers if pair[0] in ("x-format", "x-provider", "x-both", "x-beta", "user-agent")] == [
        ("user-agent", "agent/1"),
        ("x-format", "f"),
        ("x-provider", "p"),
        ("x-beta", "c1"),
        ("x-beta", "c2"),
        ("x-both", "c"),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "x-api-key",
        "Cookie",
        "Host",
        "Content-Length",
        "Content-Type",
        "Accept-Encoding",
        "Transfer-Encoding",
        "Connection",
        "X-Own",
    ],
)
def test_a_client_never_speaks_for_us(name: str) -> None:
    p = provider(auth=Auth(scheme="header", header="x-own"))
    headers = call(p, client_headers=[(name, "from-client")]).headers
    assert "from-client" not in [value for _, value in headers]
    assert headers[-1] == ("x-own", "sk-1")


def test_a_format_may_be_signed_in_its_own_way() -> None:
    p = provider(
        paths={"chat": "/c", "chat_anthropic": "/m", "chat_anthropic_stream": "/ms"},
        auth_by_format={"anthropic": Auth(scheme="header", header="x-api-key")},
    )
    assert call(p).headers[-1] == ("authorization", "Bearer sk-1")
    assert call(p, path="chat_anthropic", stream=True).headers[-1] == ("x-api-key", "sk-1")


def test_the_rest_of_the_call() -> None:
    made = call(provider(private=True), b'{"a":1}', proxy="http://p.test")
    assert (made.method, made.body, made.private, made.proxy, made.timers) == ("POST", b'{"a":1}', True, "http://p.test", TIMERS)
    asked = call(provider(paths={"models": "/models"}), b"", path="models")
    assert (asked.method, asked.private) == ("GET", False)
    assert "content-type" not in dict(asked.headers)


@pytest.mark.parametrize(
    ("key", "account", "of_provider", "setting", "expected"),
    [
        ("http://key:1", "http://account:1", "http://provider:1", "http://all:1", "http://key:1"),
        ("direct", "http://account:1", "http://provider:1", "http://all:1", None),
        (None, "http://account:1", "http://provider:1", "http://all:1", "http://account:1"),
        (None, None, "http://provider:1", "http://all:1", "http://provider:1"),
        (None, None, None, "http://all:1", "http://all:1"),
        (None, None, None, None, "http://environment:1"),
        (None, "direct", None, None, None),
    ],
)
def test_the_proxy_nearest_to_the_call_carries_it(
    key: str | None, account: str | None, of_provider: str | None, setting: str | None, expected: str | None
) -> None:
    executor = Executor({"HTTPS_PROXY": "http://environment:1"})
    who = Account(id="a", provider="p", name="a", secret=Secret("s"), proxy=None if account is None else Secret(account))
    settings = Settings.load(file={} if setting is None else {"outbound_proxy": setting})
    p = provider(base_url="https://api.test/v1", proxy=of_provider)
    for _ in range(2):  # the second time from what is remembered
        made = executor.prepare(p, who, b"{}", settings, model="m", stream=False, request_id="req_1", proxy=key)
        assert made.proxy == expected


def test_timers() -> None:
    settings = Settings.load()
    assert timers_for(provider(), settings) == Timers(connect=10, first_byte=120, between=120, total=None)
    own = provider(timeouts=Timeouts(connect=1, first_token=600, between_tokens=3, total=4))
    assert timers_for(own, settings) == Timers(connect=1, first_byte=600, between=3, total=4)
    part = provider(timeouts=Timeouts(first_token=600))
    assert timers_for(part, Settings.load(flags={"total_timeout": 9})) == Timers(connect=10, first_byte=600, between=120, total=9)
