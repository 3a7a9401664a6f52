"""What calls say beside their signature: words of the request, facts of the login, a seal; and that heads are not mixed up."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import msgspec
import pytest

from omniroute.catalog.account import Account, Login, Secret
from omniroute.catalog.conduct import PerCall, Seal
from omniroute.catalog.schema import Auth, Provider
from omniroute.core.settings import Settings
from omniroute.upstream.call import Call
from omniroute.upstream.executor import Executor

ACCOUNT = Account(id="a1", provider="p", name="n", secret=Secret("key"), login=Login(facts={"account_id": "acc-1"}))
WORDS = {"session": "s-1", "initiator": "agent", "time_ms": "1700"}


class Request:
    def __init__(self, **words: str) -> None:
        self.words = {**WORDS, **words}

    def word(self, name: str) -> str | None:
        return self.words.get(name)


def provider(per_call: PerCall, **fields: Any) -> Provider:
    defaults: dict[str, Any] = {
        "id": "p",
        "prefix": "p",
        "name": "P",
        "format": "openai_chat",
        "base_url": "https://api.test",
        "auth": Auth(scheme="oauth"),
        "paths": {"chat": "/chat"},
    }
    return Provider(**{**defaults, **fields}, per_call=per_call)


def call(executor: Executor, p: Provider, account: Account = ACCOUNT, request: Request | None = None, **more: Any) -> Call:
    options: dict[str, Any] = {"model": "m", "stream": False, "request_id": "req_1", "asked": request or Request(), **more}
    return executor.prepare(p, account, options.pop("body", b"{}"), Settings.load(), **options)


def test_headers_are_of_each_single_call() -> None:
    executor = Executor({})
    p = provider(PerCall(headers={"X-Who": "{initiator}", "session_id": "id-{session}", "X-Acc": "{account_id}"}))
    for word in ("user", "agent", "user"):
        got = dict(call(executor, p, request=Request(initiator=word, session=f"of-{word}")).headers)
        assert (got["x-who"], got["session_id"], got["x-acc"]) == (word, f"id-of-{word}", "acc-1")
        assert got["authorization"] == "Bearer key"


def test_a_word_without_anything_to_say_leaves_its_header_out() -> None:
    p = provider(PerCall(headers={"X-Vision": "{vision}", "X-Fact": "{project}"}))
    names = [name for name, _ in call(Executor({}), p).headers]
    assert not {"x-vision", "x-fact"} & set(names)
    alone = call(Executor({}), p, msgspec.structs.replace(ACCOUNT, login=None))
    assert "x-fact" not in dict(alone.headers)


def test_what_the_call_has_already_stays() -> None:
    p = provider(PerCall(headers={"session-id": "{session}"}, body={"prompt_cache_key": "{session}"}))
    got = call(Executor({}), p, client_headers=[("session-id", "theirs")], body=b'{"prompt_cache_key":"own"}')
    assert dict(got.headers)["session-id"] == "theirs"
    assert got.body == b'{"prompt_cache_key":"own"}'


@pytest.mark.parametrize("body", [b'{"a":1}', b'{"a":1,"metadata":null}'])
def test_fields_of_bodies_are_filled_however_deep(body: bytes) -> None:
    p = provider(
        PerCall(body={"metadata": {"user_id": "user_{device}_{account_id}", "list": ["{session}", 1]}, "left": "{nothing}"})
    )
    got = json.loads(call(Executor({}), p, body=body).body)
    device = got["metadata"]["user_id"].split("_")[1]
    assert len(device) == 64
    assert got == {"a": 1, "metadata": {"user_id": f"user_{device}_acc-1", "list": ["s-1", 1]}}


def test_a_device_is_the_same_every_time_and_another_for_another_account() -> None:
    p = provider(PerCall(headers={"X-Device": "{device}"}))
    first = dict(call(Executor({}), p).headers)["x-device"]
    assert dict(call(Executor({}), p).headers)["x-device"] == first
    assert dict(call(Executor({}), p, msgspec.structs.replace(ACCOUNT, id="a2")).headers)["x-device"] != first


def test_lists_of_the_client_are_added_to_ours() -> None:
    p = provider(PerCall(merge=("x-beta",)), headers={"X-Beta": "one,two"})
    executor = Executor({})
    assert (
        dict(call(executor, p, client_headers=[("x-beta", "two,three"), ("X-Beta", "four")]).headers)["x-beta"]
        == "one,two,three,four"
    )
    assert dict(call(executor, p).headers)["x-beta"] == "one,two"


def test_a_seal_covers_what_the_call_says() -> None:
    seal = Seal(header="X-Seal", over="{user_agent}:{session_id}:{x_time}")
    p = provider(
        PerCall(headers={"session-id": "session-{session}", "x-time": "{time_ms}"}, seal=seal), headers={"User-Agent": "Own"}
    )
    got = dict(call(Executor({}), p).headers)
    assert got["x-seal"] == hmac.new(b"key", b"Own:session-s-1:1700", hashlib.sha256).hexdigest()


def test_control_characters_cannot_be_smuggled_in() -> None:
    p = provider(PerCall(headers={"X-Acc": "{account_id}"}))
    account = msgspec.structs.replace(ACCOUNT, login=Login(facts={"account_id": "a\r\nevil: 1"}))
    assert dict(call(Executor({}), p, account).headers)["x-acc"] == "aevil: 1"


@pytest.mark.parametrize("per_call", [{"headers": {"x": "{session"}}, {"body": {"x": ["a}"]}}, {"headers": {"x": "{a b}"}}])
def test_braces_that_are_no_placeholders_are_refused(per_call: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError, match="brace"):
        msgspec.convert(per_call, PerCall)
