"""Nodes: what an operator may add, and the provider that comes of it."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.catalog.catalog import Catalogue, profile_for
from omniroute.catalog.nodes import NodeSpec, node_provider, parse_node
from omniroute.catalog.schema import Auth, Provider
from omniroute.core.errors import ConfigError

USABLE = ("openai_chat", "anthropic")
CATALOGUE = Catalogue(
    [
        Provider(
            id="north",
            prefix="no",
            name="North",
            format="openai_chat",
            base_url="https://north.test",
            auth=Auth(scheme="bearer"),
            aliases=("norte",),
        )
    ]
)


def parse(prefix: str = "lab", formats: tuple[str, ...] = USABLE, **fields: Any) -> NodeSpec:
    table = {"format": "openai_chat", "base_url": "http://127.0.0.1:9900/v1"} | fields
    return parse_node(prefix, {k: v for k, v in table.items() if v is not None}, formats, CATALOGUE)


def made(**fields: Any) -> Provider:
    return node_provider(parse(**fields), "file")


@pytest.mark.parametrize(
    ("format", "base_url", "chat", "count"),
    [
        ("openai_chat", "http://h/v1", "http://h/v1/chat/completions", None),
        ("openai_chat", "http://h", "http://h/chat/completions", None),
        ("openai_chat", "http://h/v1/", "http://h/v1/chat/completions", None),
        ("anthropic", "http://h", "http://h/v1/messages", "http://h/v1/messages/count_tokens"),
        ("anthropic", "http://h/v1", "http://h/v1/messages", "http://h/v1/messages/count_tokens"),
        ("anthropic", "http://h/v1/", "http://h/v1/messages", "http://h/v1/messages/count_tokens"),
        ("anthropic", "http://h/api/anthropic", "http://h/api/anthropic/v1/messages", None),
    ],
)
def test_the_address_of_a_chat_call(format: str, base_url: str, chat: str, count: str | None) -> None:
    node = made(format=format, base_url=base_url)
    assert node.base_url + node.paths["chat"] == chat
    if count is not None:
        assert node.base_url + node.paths["count_tokens"] == count


def test_what_an_operators_node_may_do() -> None:
    node = made(name="Lab", timeouts={"connect": 1, "first_token": 2.5}, headers={"X-Team": "a"}, tier="free")
    assert (node.id, node.prefix, node.name, node.origin, node.tier) == ("lab", "lab", "Lab", "file", "free")
    assert node.private
    assert node.resilience
    assert (node.timeouts.connect, node.timeouts.first_token, node.timeouts.total) == (1.0, 2.5, None)
    assert node.headers == {"X-Team": "a"}


@pytest.mark.parametrize(("given", "resilient"), [("off", False), (False, False), ("on", True), (True, True)], ids=str)
def test_resilience_is_a_switch(given: str | bool, resilient: bool) -> None:
    assert made(resilience=given).resilience is resilient


@pytest.mark.parametrize(
    ("models", "listed", "any_id"),
    [
        (None, [], True),
        ([], [], True),
        (["*"], [], True),
        (["a", "b"], ["a", "b"], False),
        (["a", "*", "a"], ["a"], True),
    ],
    ids=str,
)
def test_which_models_a_node_lists_and_takes(models: list[str] | None, listed: list[str], any_id: bool) -> None:
    node = made(models=models)
    assert [model.id for model in node.models] == listed
    assert node.passthrough_models is any_id


@pytest.mark.parametrize(
    ("fields", "auth"),
    [
        ({}, Auth(scheme="bearer", optional=True)),
        ({"format": "anthropic"}, Auth(scheme="header", header="x-api-key", optional=True)),
        ({"format": "anthropic", "auth": "bearer"}, Auth(scheme="bearer", optional=True)),
        ({"auth": "x-api-key"}, Auth(scheme="header", header="x-api-key", optional=True)),
    ],
    ids=str,
)
def test_how_a_node_is_signed(fields: dict[str, Any], auth: Auth) -> None:
    assert made(**fields).auth == auth


def test_quirks_of_a_node_reach_its_profile() -> None:
    node = made(quirks={"max_tokens_field": "max_completion_tokens", "temperature_range": [0, 1]})
    quirks = profile_for(node, "anything").quirks
    assert quirks.max_tokens_field == "max_completion_tokens"
    assert quirks.temperature_range == (0.0, 1.0)


@pytest.mark.parametrize("prefix", ["lab", "a", "0x", "my-lab_2.test", "a" * 32])
def test_prefixes_that_are_fine(prefix: str) -> None:
    assert parse(prefix).prefix == prefix


@pytest.mark.parametrize("prefix", ["", "Lab", "-lab", "la/b", "a b", "a" * 33, "ü", "lab\n"])
def test_prefixes_that_are_not(prefix: str) -> None:
    with pytest.raises(ConfigError, match="lower-case letters"):
        parse(prefix)


@pytest.mark.parametrize("prefix", ["no", "north", "norte"])
def test_a_prefix_of_the_catalogue_is_taken(prefix: str) -> None:
    with pytest.raises(ConfigError, match=rf"'{prefix}' already belongs to North \(north\)"):
        parse(prefix)


def test_a_stored_node_was_there_first() -> None:
    table = {"format": "openai_chat", "base_url": "http://h"}
    assert parse_node("north", table, USABLE, None).prefix == "north"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"format": None}, "format is missing"),
        ({"base_url": None}, "base_url is missing"),
        ({"format": "gemini"}, "format: 'gemini' is not supported yet; use openai_chat or anthropic"),
        ({"format": "openai_chta"}, "format: 'openai_chta' is not one of openai_chat, anthropic (did you mean 'openai_chat'?)"),
        ({"base_url": "127.0.0.1:80"}, "base_url: '127.0.0.1:80' must be an http:// or https:// URL"),
        ({"base_url": "ftp://h"}, "base_url: 'ftp://h' must be an http:// or https:// URL"),
        ({"base_url": "http:///v1"}, "base_url: 'http:///v1' must be an http:// or https:// URL"),
        ({"base_url": "http://h:99999"}, "base_url: 'http://h:99999' is not a URL: Port out of range 0-65535"),
        ({"base_url": "http://me:pw@h"}, "base_url: must not hold a user name or password; use api_key or headers"),
        ({"base_url": "http://h/v1?x=1"}, "base_url: must not have a query or fragment"),
        ({"base_url": "http://h/v1/chat/completions"}, "base_url: leave /chat/completions off, it is added to the base URL"),
        (
            {"format": "anthropic", "base_url": "http://h/v1/messages"},
            "base_url: leave /messages off, it is added to the base URL",
        ),
        ({"resilience": "maybe"}, "resilience: 'maybe' is not one of on, off"),
        ({"tier": "gold"}, "tier: 'gold' is not one of subscription, api_key, cheap, free"),
        ({"modles": ["a"]}, "unknown key 'modles' (did you mean 'models'?)"),
        ({"timeouts": {"conect": 1}}, "unknown key 'conect' in timeouts (did you mean 'connect'?)"),
        ({"timeouts": {"connect": 0}}, "timeouts.connect: 0 is not a positive number of seconds"),
        ({"timeouts": {"connect": "fast"}}, "timeouts.connect: must be a number, not text"),
        ({"models": "a"}, "models: must be a list, not text"),
        ({"models": ["a", 2]}, "models.1: must be text, not a whole number"),
        ({"headers": {"bad name": "x"}}, "headers: 'bad name' is not a header name"),
        ({"headers": {"X-A": "a\r\nb"}}, "headers.X-A: must be printable ASCII text"),
        ({"base_url": "http://me:pw@h:99999"}, "base_url: it is not a URL: Port out of range 0-65535"),
        ({"quirks": {"max_token_field": "x"}}, "unknown key 'max_token_field' in quirks (did you mean 'max_tokens_field'?)"),
        ({"api_key": "k", "accounts": [{"api_key": "k"}]}, "api_key and accounts exclude each other"),
        ({"accounts": [{"api_kye": "k"}]}, "unknown key 'api_kye' in accounts.0 (did you mean 'api_key'?)"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_each_mistake_is_one_sentence(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(**fields)
    assert str(caught.value) == sentence


def test_the_prefix_is_not_a_field() -> None:
    with pytest.raises(ConfigError, match="unknown key 'prefix': the prefix is the name of the table"):
        parse_node("lab", {"prefix": "lab", "format": "openai_chat", "base_url": "http://h"}, USABLE, CATALOGUE)


def test_later_formats_come_alive_when_they_are_registered() -> None:
    node = node_provider(parse(formats=(*USABLE, "gemini"), format="gemini", base_url="http://h/v1beta"), "database")
    assert node.chat_path("gemini", stream=True) == "/models/{model}:streamGenerateContent?alt=sse"
    assert node.origin == "database"


def test_secrets_do_not_print() -> None:
    assert "hunter2" not in repr(parse(api_key="hunter2"))
    assert "hunter2" not in repr(parse(accounts=[{"api_key": "hunter2"}]).accounts)
