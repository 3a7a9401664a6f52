"""Nodes, providers and models of the config file: records, accounts, and errors with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from omniroute.catalog.catalog import Catalogue, profile_for
from omniroute.catalog.configured import Configured, configured
from omniroute.catalog.schema import Auth, Family, Model, Provider, Timeouts
from omniroute.core.configfile import read_config
from omniroute.core.errors import ConfigError
from omniroute.ir.caps import Quirks

CATALOGUE = Catalogue(
    [
        Provider(
            id="north",
            prefix="no",
            name="North",
            format="openai_chat",
            base_url="https://north.test/v1",
            base_url_fallbacks=("https://other.test",),
            auth=Auth(scheme="bearer"),
            headers={"X-A": "1", "X-B": "2"},
            paths={"chat": "/chat", "embeddings": "https://elsewhere.test/embed"},
            timeouts=Timeouts(connect=5.0, total=60.0),
            models=(Model(id="m1"),),
            families=(Family(match=("m*",), quirks=Quirks(sampling=False)),),
        ),
        Provider(
            id="local",
            prefix="local",
            name="Local",
            format="openai_chat",
            base_url="http://localhost:1",
            auth=Auth(scheme="none"),
        ),
        Provider(
            id="hosted",
            prefix="hosted",
            name="Hosted",
            format="openai_chat",
            base_url="https://{workspace}.test",
            auth=Auth(scheme="bearer"),
            url_vars=("workspace",),
            url_env={"workspace": "HOSTED_WORKSPACE"},
        ),
    ]
)


def read(tmp_path: Path, text: str, **environ: str) -> Configured:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return configured(read_config(path, environ), CATALOGUE, ("openai_chat", "anthropic"), environ)


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "") == Configured()


def test_a_node_and_its_account(tmp_path: Path) -> None:
    made = read(
        tmp_path,
        """
        [nodes.lab]
        format = "openai_chat"
        base_url = "http://127.0.0.1:9900/v1"
        api_key = "env:LAB_KEY"
        models = ["*"]
        resilience = "off"
        """,
        LAB_KEY="sesame",
    )
    (node,), (account,) = made.nodes, made.accounts
    assert (node.id, node.origin, node.private, node.resilience, node.passthrough_models) == ("lab", "file", True, False, True)
    assert (account.id, account.provider, account.source) == ("file-lab", "lab", "file")
    assert account.secret is not None
    assert account.secret.reveal() == "sesame"


def test_a_node_without_a_key_still_has_an_account(tmp_path: Path) -> None:
    made = read(tmp_path, '[nodes.lab]\nformat = "openai_chat"\nbase_url = "http://h"')
    assert [(a.provider, a.secret) for a in made.accounts] == [("lab", None)]


def test_several_accounts_keep_their_order(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-file\n")
    made = read(
        tmp_path,
        """
        [[providers.north.accounts]]
        name = "work"
        api_key = "file:key"
        [[providers.no.accounts]]
        """.replace("providers.no.", "providers.north.")
        + '\napi_key = "literal"\npriority = 200\nenabled = false',
    )
    first, second = made.accounts
    assert (first.id, first.name, first.priority, first.enabled) == ("file-north-1", "work", 1, True)
    assert (second.id, second.name, second.priority, second.enabled) == ("file-north-2", "North 2", 200, False)
    assert [a.secret.reveal() for a in (first, second) if a.secret] == ["from-file", "literal"]


def test_changes_to_a_provider(tmp_path: Path) -> None:
    made = read(
        tmp_path,
        """
        [providers.no]
        api_key = "k"
        base_url = "http://10.0.0.1/v1/"
        headers = { X-B = "3" }
        timeouts = { first_token = 9 }
        models = ["m1", "m2", "*"]
        resilience = "off"
        quirks = { sampling = true, max_tokens_field = "max_completion_tokens" }
        """,
    )
    (north,) = made.changed
    assert (north.id, north.base_url, north.base_url_fallbacks, north.private) == ("north", "http://10.0.0.1/v1", (), True)
    assert north.paths == {"chat": "/chat"}
    assert north.headers == {"X-A": "1", "X-B": "3"}
    assert north.timeouts == Timeouts(connect=5.0, first_token=9.0, total=60.0)
    assert [m.id for m in north.models] == ["m1", "m2"]
    assert north.passthrough_models
    assert not north.resilience
    quirks = profile_for(north, "m1").quirks
    assert quirks.sampling is True
    assert quirks.max_tokens_field == "max_completion_tokens"


def test_a_provider_can_be_switched_off(tmp_path: Path) -> None:
    made = read(tmp_path, "[providers.north]\nenabled = false")
    assert made.disabled == {"north"}
    assert not made.accounts
    merged = CATALOGUE.merge(made.nodes, made.models, changed=made.changed, disabled=made.disabled)
    assert merged.by_prefix("no") is None


def test_a_local_provider_is_connected_by_its_table(tmp_path: Path) -> None:
    made = read(tmp_path, "[providers.local]")
    assert [(a.provider, a.secret) for a in made.accounts] == [("local", None)]


def test_a_table_that_only_changes_a_provider_adds_no_account(tmp_path: Path) -> None:
    assert read(tmp_path, "[providers.north]\ntimeouts = { connect = 1 }").accounts == ()


@pytest.mark.parametrize(
    ("extra", "environ"),
    [('url_vars = { workspace = "w" }', {}), ("", {"HOSTED_WORKSPACE": "https://w"})],
    ids=["given", "environment"],
)
def test_url_placeholders(tmp_path: Path, extra: str, environ: dict[str, str]) -> None:
    made = read(tmp_path, f'[providers.hosted]\napi_key = "k"\n{extra}', **environ)
    assert [a.url_vars for a in made.accounts] == [{"workspace": "w"}]


def test_custom_models_of_providers_and_nodes(tmp_path: Path) -> None:
    made = read(
        tmp_path,
        """
        [models."no/new/one"]
        name = "New One"
        context = 1000
        price = { input = 1.5, output = 2 }
        quirks = { sampling = true }
        [models."lab/x"]
        [nodes.lab]
        format = "anthropic"
        base_url = "http://h"
        """,
    )
    new, x = made.models["north"][0], made.models["lab"][0]
    assert (new.id, new.name, new.limits.context, new.price.input) == ("new/one", "New One", 1000, 1.5)
    assert (x.id, x.name) == ("x", "x")
    merged = CATALOGUE.merge(made.nodes, made.models, changed=made.changed)
    assert merged.model("north", "new/one") == new
    assert merged.model("lab", "x") == x


NODE = 'format = "openai_chat"\nbase_url = "http://h"\n'


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ('[nodes.lab]\nformat = "openai_chat"\nbase_url = "h"\n', 3, "base_url: 'h' must be an http:// or https:// URL"),
        ('\n[nodes.lab]\nformat = "openai_chat"', 2, "base_url is missing"),
        (f"[nodes.lab]\n{NODE}\n\nmodels = 3", 6, "models: must be a list, not a whole number"),
        (f"[nodes.lab]\n{NODE}[nodes.lab.timeouts]\nconnect = -1", 5, "timeouts.connect: -1 is not a positive number of seconds"),
        (f"[nodes.lab]\n{NODE}retries = 3", 4, "unknown key 'retries'"),
        (f"[nodes.north]\n{NODE}", 1, "the prefix 'north' already belongs to North (north); choose another"),
        (f"[nodes.lab]\n{NODE}api_key = 'env:NOPE'", 4, "api_key: the environment variable NOPE is not set"),
        (
            f"[nodes.lab]\n{NODE}api_key = 'file:nope'",
            4,
            "api_key: the secret file {dir}/nope cannot be read: No such file or directory",
        ),
        ("[providers.nort]\n", 1, "there is no provider 'nort' (did you mean 'north'?)"),
        ("[providers.north]\n\napikey = 'k'", 3, "unknown key 'apikey' (did you mean 'api_key'?)"),
        ("[providers.north]\n[providers.no]\n", 2, "north is configured twice"),
        ("[providers.north]\nresilience = 'maybe'", 2, "resilience: 'maybe' is not one of on, off"),
        (
            "[[providers.north.accounts]]\nname = 'x'\n[[providers.north.accounts]]\nname = 1",
            4,
            "accounts.1.name: must be text, not a whole number",
        ),
        ("[[providers.north.accounts]]\napi_key='a'\n[[providers.north.accounts]]\nname = 'x'", 3, "api_key is missing"),
        ("[providers.hosted]\napi_key = 'k'", 1, "url_vars: hosted also needs workspace"),
        (
            "[providers.hosted]\napi_key = 'k'\nurl_vars = { workspce = 'x' }",
            3,
            "url_vars: hosted has no 'workspce' (did you mean 'workspace'?)",
        ),
        ("[models.m1]\n", 1, "models are written [models.\"PREFIX/MODEL\"], not 'm1'"),
        ("[models.'nort/x']\n", 1, "there is no provider or node 'nort' (did you mean 'north'?)"),
        ("[models.'no/x']\ncontext = 'big'", 2, "context: must be a whole number, not text"),
        ("[models.'no/x']\nid = 'x'", 2, "unknown key 'id': the id is part of the table's name"),
        ("[models.'no/x']\nprice = { input = -1 }", 2, "price: price input is negative"),
    ],
    ids=lambda value: value if isinstance(value, str) and "\n" not in value else None,
)
def test_each_mistake_names_its_line(tmp_path: Path, text: str, line: int, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert str(caught.value) == f"{tmp_path}/config.toml:{line}: {sentence.replace('{dir}', str(tmp_path))}"
