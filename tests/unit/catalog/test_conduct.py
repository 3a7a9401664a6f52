"""What provider data says of single calls, own clients and logins is whole: words that exist, paths that are there."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from omniroute.catalog.account import Account, Login, Secret
from omniroute.catalog.conduct import PLACEHOLDER, WORDS, OwnCredentials, texts_of
from omniroute.catalog.load import load_catalogue
from omniroute.catalog.schema import Provider
from omniroute.core.settings import Settings
from omniroute.translation.format import registry
from omniroute.upstream.executor import Executor
from omniroute.upstream.login.after import registry as steps

FACTS = {"account_id", "organization_id", "project", "user_id", "machine_id", "profile_arn", "region"}
PROVIDERS = load_catalogue().providers
BESIDE = [p for p in PROVIDERS if p.per_call is not None]
OWN = [p for p in PROVIDERS if p.own_credentials is not None]


@pytest.mark.parametrize("provider", BESIDE, ids=lambda p: p.id)
def test_words_of_calls_exist(provider: Provider) -> None:
    assert provider.per_call is not None
    used = {name for text in texts_of([provider.per_call.headers, provider.per_call.body]) for name in PLACEHOLDER.findall(text)}
    assert used <= WORDS | FACTS
    ours = {name.lower() for name in provider.headers}
    assert not ours & {name.lower() for name in provider.per_call.headers}, "stated once"
    assert {name.lower() for name in provider.per_call.merge} <= ours
    if provider.per_call.seal is not None:
        said = {name.lower().replace("-", "_") for name in (*provider.headers, *provider.per_call.headers)}
        assert set(PLACEHOLDER.findall(provider.per_call.seal.over)) <= said


@pytest.mark.parametrize("provider", OWN, ids=lambda p: p.id)
def test_own_clients_are_sent_where_they_would_go_themselves(provider: Provider) -> None:
    own = provider.own_credentials
    assert own is not None
    assert provider.format in registry()
    assert provider.base_url.startswith("https://")
    assert "chat" in provider.paths
    assert set(own.needs) <= set(own.forward)
    assert not {"authorization", "cookie", "x-api-key", "x-omniroute-key", "host", "content-length"} & set(own.forward)


def test_tokens_of_own_clients_are_told_apart() -> None:
    begins = [(p.id, word) for p in OWN for word in p.own_credentials.begins if p.own_credentials is not None]
    for name, word in begins:
        assert not [other for other, longer in begins if other != name and longer.startswith(word)]
        assert not "sk-or-".startswith(word)
        assert not word.startswith("sk-or-")


@pytest.mark.parametrize("provider", [p for p in PROVIDERS if p.oauth is not None], ids=lambda p: p.id)
def test_steps_after_a_login_are_known(provider: Provider) -> None:
    assert provider.oauth is not None
    for way in provider.oauth.ways():
        assert set(way.after) <= set(steps().names())


@pytest.mark.parametrize("provider", [p for p in PROVIDERS if any(m.formats for m in p.models)], ids=lambda p: p.id)
def test_further_formats_of_models_have_a_path(provider: Provider) -> None:
    for model in provider.models:
        for name in model.formats:
            assert name in registry()
            assert provider.chat_path(name, stream=True) is not None


@pytest.mark.parametrize(
    ("provider_id", "facts", "url"),
    [
        ("github", {"api_host": "api.business.githubcopilot.com"}, "https://api.business.githubcopilot.com/chat/completions"),
        ("github", {}, "https://api.githubcopilot.com/chat/completions"),
        ("qwen", {"resource_url": "portal.example.com"}, "https://portal.example.com/v1/chat/completions"),
        ("qwen", {}, "https://portal.qwen.ai/v1/chat/completions"),
        ("claude", {}, "https://api.anthropic.com/v1/messages?beta=true"),
        ("codex", {"account_id": "a"}, "https://chatgpt.com/backend-api/codex/responses"),
    ],
)
def test_a_login_is_called_at_home(provider_id: str, facts: dict[str, str], url: str) -> None:
    provider = load_catalogue().by_id(provider_id)
    assert provider is not None
    account = Account(id="a", provider=provider_id, name="n", secret=Secret("t"), login=Login(facts=facts))
    call = Executor({}).prepare(provider, account, b"{}", Settings.load(), model="m", stream=False, request_id="req_1")
    assert call.url == url
    if provider_id == "codex":
        assert dict(call.headers)["chatgpt-account-id"] == "a"


@pytest.mark.parametrize(
    "given", [{"begins": []}, {"begins": [""]}, {"begins": ["x"], "forward": ["X-Up"]}, {"begins": ["x"], "odd": 1}]
)
def test_half_said_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, OwnCredentials)
