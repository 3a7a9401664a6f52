"""What only a login's token calls for, and the dialect a model shares with its client."""

from __future__ import annotations

import pytest

from omniroute.catalog.account import Account, Login, Secret
from omniroute.catalog.load import load_catalogue
from omniroute.core.settings import Settings
from omniroute.gateway.fitting import fitted_target
from omniroute.routing.resolve import Target, target
from omniroute.routing.snapshot import Snapshot
from omniroute.translation.format import registry
from omniroute.upstream import auth

SNAPSHOT = Snapshot(
    catalogue=load_catalogue(),
    settings=Settings.load(),
    accounts={},
    keys={},
    formats=frozenset(registry().names()),
    schemes=frozenset(auth.registry().names()),
)


def target_of(provider_id: str, model: str) -> Target:
    provider = SNAPSHOT.catalogue.by_id(provider_id)
    assert provider is not None
    return target(SNAPSHOT, provider, model)


def account(provider_id: str, secret: str, login: Login | None = None) -> Account:
    return Account(id="a", provider=provider_id, name="n", secret=Secret(secret), login=login)


@pytest.mark.parametrize(
    ("secret", "login", "plan"),
    [
        ("sk-ant-oat01-x", Login(), True),
        ("anything", Login(), True),
        ("sk-ant-oat01-x", None, True),  # what `claude setup-token` prints
        ("sk-ant-api03-x", None, False),
    ],
)
def test_the_rules_of_a_plan_hold_for_its_tokens_only(secret: str, login: Login | None, plan: bool) -> None:
    plain = target_of("claude", "claude-opus-4-6")
    found = fitted_target(SNAPSHOT, plain, account("claude", secret, login), "anthropic")
    assert plain.profile.quirks.preamble is None
    assert (found.profile.quirks.preamble is not None) is plan
    assert (found is plain) is not plan
    assert found.profile.quirks.thinking == plain.profile.quirks.thinking, "on top of all others"


@pytest.mark.parametrize(
    ("model", "dialect", "format"),
    [
        ("claude-sonnet-4.5", "anthropic", "anthropic"),
        ("claude-sonnet-4.5", "openai_chat", "openai_chat"),
        ("claude-sonnet-4.5", "openai_responses", "openai_chat"),
        ("gpt-5", "anthropic", "openai_chat"),
        ("gpt-5-codex", "anthropic", "openai_responses"),
    ],
)
def test_a_model_is_asked_in_the_clients_dialect_where_it_has_it(model: str, dialect: str, format: str) -> None:
    found = fitted_target(SNAPSHOT, target_of("github", model), account("github", "t", Login()), dialect)
    assert found.format == format


def test_it_is_worked_out_once() -> None:
    plain = target_of("claude", "claude-opus-4-6")
    first = fitted_target(SNAPSHOT, plain, account("claude", "t", Login()), "openai_chat")
    assert fitted_target(SNAPSHOT, plain, account("claude", "u", Login()), "openai_chat") is first


def test_others_are_left_alone() -> None:
    plain = target_of("openai", "gpt-4o")
    assert fitted_target(SNAPSHOT, plain, account("openai", "sk-x"), "anthropic") is plain
