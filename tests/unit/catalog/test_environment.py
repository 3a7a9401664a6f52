"""Accounts that appear by themselves."""

from __future__ import annotations

import pytest

from omniroute.catalog.account import Secret
from omniroute.catalog.catalog import Catalogue
from omniroute.catalog.environment import builtin_accounts, environment_accounts, fill_url_vars, keyless_account
from omniroute.catalog.schema import Auth, Provider


def provider(id: str, *env_keys: str, **fields: object) -> Provider:
    given = {"auth": Auth(scheme="bearer"), "prefix": id, "name": id.title(), "format": "openai_chat"} | fields
    return Provider(id=id, base_url=f"https://{id}.test", env_keys=env_keys, **given)  # type: ignore[arg-type]


HOSTED = provider(
    "hosted",
    "HOSTED_KEY",
    url_vars=("workspace", "region"),
    url_env={"workspace": "HOSTED_WORKSPACE"},
    url_defaults={"region": "eu"},
)
CATALOGUE = Catalogue(
    [
        provider("north", "NORTH_KEY", "SHARED_KEY"),
        provider("south", "SHARED_KEY"),
        HOSTED,
        provider("login", "LOGIN_KEY", auth=Auth(scheme="oauth")),
        provider("lab", "LAB_KEY", origin="database"),
        provider("inside", wire="builtin", auth=Auth(scheme="none")),
    ]
)


def accounts(**environ: str) -> dict[str, tuple[str, str | None]]:
    found = environment_accounts(CATALOGUE, environ, lambda p: p.auth.scheme == "bearer")
    assert all(a.source == "environment" and a.id == f"env-{a.provider}" for a in found)
    return {a.provider: (a.name, a.secret.reveal() if a.secret else None) for a in found}


def test_a_set_variable_is_an_account() -> None:
    assert accounts(NORTH_KEY=" k1\n") == {"north": ("NORTH_KEY", "k1")}


def test_the_first_variable_counts_and_a_shared_one_serves_all() -> None:
    assert accounts(NORTH_KEY="k1", SHARED_KEY="k2") == {"north": ("NORTH_KEY", "k1"), "south": ("SHARED_KEY", "k2")}
    assert accounts(SHARED_KEY="k2") == {"north": ("SHARED_KEY", "k2"), "south": ("SHARED_KEY", "k2")}


@pytest.mark.parametrize("environ", [{}, {"NORTH_KEY": ""}, {"NORTH_KEY": "  "}, {"LOGIN_KEY": "k"}, {"LAB_KEY": "k"}], ids=str)
def test_nothing_appears_for_empty_unusable_or_own(environ: dict[str, str]) -> None:
    assert accounts(**environ) == {}


def test_a_placeholder_without_value_keeps_the_account_away() -> None:
    assert accounts(HOSTED_KEY="k") == {}
    made = environment_accounts(
        CATALOGUE, {"HOSTED_KEY": "k", "HOSTED_WORKSPACE": "https://w.example/"}, lambda p: p.auth.scheme == "bearer"
    )
    assert [a.url_vars for a in made] == [{"workspace": "w.example", "region": "eu"}]
    assert made[0].secret == Secret("k")


def test_given_placeholders_win_over_environment_and_default() -> None:
    assert fill_url_vars(HOSTED, {"region": "us"}, {"HOSTED_WORKSPACE": "w"}) == ({"workspace": "w", "region": "us"}, ())
    assert fill_url_vars(HOSTED, {"workspace": "given"}, {"HOSTED_WORKSPACE": "w"})[0]["workspace"] == "given"
    assert fill_url_vars(HOSTED, {}, {}) == ({"region": "eu"}, ("workspace",))


def test_what_is_built_in_has_an_account_without_a_secret() -> None:
    (made,) = builtin_accounts(CATALOGUE)
    assert (made.provider, made.source, made.secret, made.id) == ("inside", "builtin", None, "builtin-inside")


def test_a_keyless_account() -> None:
    made = keyless_account(CATALOGUE.providers[0], "database")
    assert (made.id, made.source, made.secret) == ("database-north", "database", None)
