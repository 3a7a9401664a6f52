"""The catalogue as shipped: complete, sourced, consistent, and the documentation in step with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from omniroute.catalog.bake import bake
from omniroute.catalog.catalog import Catalogue
from omniroute.catalog.document import COMMAND, document
from omniroute.catalog.environment import builtin_accounts, environment_accounts
from omniroute.catalog.load import FOLDER, load_catalogue, read_baked
from omniroute.catalog.schema import Provider
from structure.source_tree import ROOT

PLACES = sorted(path.parent for path in FOLDER.glob("providers/*/provider.toml"))
OPENAI_PARAMETERS = frozenset({
    "model", "messages", "tools", "tool_choice", "parallel_tool_calls", "max_tokens", "max_completion_tokens",
    "temperature", "top_p", "top_k", "stop", "seed", "frequency_penalty", "presence_penalty", "logit_bias",
    "logprobs", "top_logprobs", "n", "user", "metadata", "service_tier", "response_format", "reasoning_effort",
    "verbosity", "prompt_cache_key", "store", "stream", "stream_options",
})  # fmt: skip
ANTHROPIC_PARAMETERS = frozenset({
    "model", "messages", "system", "tools", "tool_choice", "max_tokens", "temperature", "top_p", "top_k",
    "stop_sequences", "metadata", "service_tier", "thinking", "mcp_servers", "context_management", "container",
    "stream",
})  # fmt: skip
# Set by people for other tools; an account must not appear because of them.
OTHER_PEOPLES = frozenset({
    "GITHUB_TOKEN", "GH_TOKEN", "HF_TOKEN", "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY", "DATABRICKS_TOKEN",
    "GOOGLE_APPLICATION_CREDENTIALS", "DIGITALOCEAN_ACCESS_TOKEN", "OLLAMA_HOST", "SCW_SECRET_KEY",
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
})  # fmt: skip
CREDENTIAL = re.compile(
    r"(sk-|AIza|gsk_|xai-|gh[opsu]_|ya29\.|eyJ|GOCSPX-)[A-Za-z0-9_-]{12,}|client_secret\b *= *+.(?!/)|(?<!client_id = .)\b[0-9a-f]{32,}\b"
)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def each(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(name, load_catalogue().providers, ids=lambda p: p.id)


def test_every_folder_loads(catalogue: Catalogue) -> None:
    assert [p.id for p in catalogue.providers] == [place.name for place in PLACES]
    assert len(PLACES) > 100
    assert sum(len(p.models) for p in catalogue.providers) > 600


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_every_fact_has_a_source(place: Path) -> None:
    head = (place / "provider.toml").read_text().split("\nid =")[0]
    assert re.search(r"^# source: \S", head, re.M)
    assert re.search(r"^# confidence: (high|medium|low)$", head, re.M)
    models = (place / "models.toml").read_text()
    assert re.search(r"^# source: \S", models.split("[[models]]")[0], re.M)
    for table in models.split("[[models]]")[1:]:
        assert re.search(r"^# source: \S.*\n(price = .*\n)?price_basis = ", table, re.M), table


@each("provider")
def test_prices_are_whole(provider: Provider) -> None:
    for model in provider.models:
        price = model.price
        amounts = [price.input, price.output, price.cached, price.cache_write, *model.units.values()]
        stated = [amount for amount in amounts if amount is not None]
        assert all(amount >= 0 for amount in stated), model.id
        assert (price.basis == "unknown") or stated, f"{model.id} has a basis but no price"
        if model.kind == "chat" and stated:
            assert price.input is not None, model.id
            assert price.output is not None, model.id
        if price.cached is not None and price.input is not None:
            assert price.cached <= price.input, f"{model.id}: reading the cache costs more than not having it"


@each("provider")
def test_limits_are_plausible(provider: Provider) -> None:
    for model in provider.models:
        limits = model.limits
        for value in (limits.context, limits.max_input, limits.max_output):
            assert value is None or value > 0, model.id
        if limits.context is not None and limits.max_output is not None:
            assert limits.max_output <= limits.context, model.id


@each("provider")
def test_addresses_are_whole(provider: Provider) -> None:
    assert re.match(r"(https|builtin)://|http://localhost:", provider.base_url)
    assert not provider.base_url.endswith("/")
    assert provider.private is provider.base_url.startswith("http://localhost")
    if "chat" in provider.kinds:
        assert provider.paths["chat"].startswith("/"), "chat stands under base_url, which an operator may change"
    for name, path in provider.paths.items():
        assert re.fullmatch(r"(https://[^/\s]+)?/\S*", path), name
    reached = [provider.base_url, *(path for name, path in provider.paths.items() if name.startswith("chat"))]
    placeholders = {word for text in reached for word in re.findall(r"\{(\w+)\}", text)} - {"model"}
    assert placeholders <= set(provider.url_vars)
    assert set(provider.url_env) | set(provider.url_defaults) <= set(provider.url_vars)


@each("provider")
def test_signing_is_whole(provider: Provider) -> None:
    auth = provider.auth
    assert auth.scheme in ("bearer", "header", "query", "none", "oauth", "checksum", "service_account", "iam_exchange")
    if auth.scheme == "header":
        assert auth.header
        assert auth.header == auth.header.lower()
    if auth.scheme == "bearer":
        assert auth.header is None
    assert auth.prefix is None or auth.prefix == auth.prefix.strip() != ""
    if auth.scheme not in ("oauth", "checksum", "none"):
        assert provider.env_keys, "a key has a conventional variable"
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]+", name) for name in provider.env_keys)
    assert OTHER_PEOPLES.isdisjoint(provider.env_keys)


@each("provider")
def test_quirks_speak_of_fields_the_format_has(provider: Provider) -> None:
    known = {"openai_chat": OPENAI_PARAMETERS, "anthropic": ANTHROPIC_PARAMETERS}.get(provider.format)
    if known is None:
        return
    for quirks in (provider.quirks, *(f.quirks for f in provider.families), *(m.quirks for m in provider.models)):
        assert set(quirks.drop) <= known
        assert set(quirks.rename) <= known
        assert quirks.thinking is None or provider.format == "anthropic"


@each("provider")
def test_no_family_pattern_is_stated_twice(provider: Provider) -> None:
    patterns = [pattern for family in provider.families for pattern in family.match]
    assert len(patterns) == len(set(patterns))


def test_models_in_another_format_have_a_path(catalogue: Catalogue) -> None:
    for provider in catalogue.providers:
        for model in provider.models:
            if model.kind == "chat" and model.format is not None:
                assert provider.chat_path(model.format, stream=True), f"{provider.id}/{model.id}"


def test_anthropic_models_think_as_their_generation_does(catalogue: Catalogue) -> None:
    expected = {"claude-opus-4-6": "adaptive", "claude-sonnet-4-6": "adaptive", "claude-opus-4-5-20251101": "enabled"}
    expected |= {"claude-haiku-4-5-20251001": "enabled", "claude-3-5-sonnet-20241022": "none", "claude-sonnet-5": "adaptive"}
    provider = catalogue.by_prefix("anthropic")
    assert provider is not None
    assert {model: catalogue.profile_for(provider, model).quirks.thinking for model in expected} == expected


@pytest.mark.parametrize(
    ("model", "field", "role", "sampling"),
    [
        ("gpt-4o", None, None, None),
        ("gpt-5", "max_completion_tokens", "developer", False),
        ("o3-mini", "max_completion_tokens", "developer", False),
        ("gpt-5.9-unheard-of", "max_completion_tokens", "developer", False),
    ],
)
def test_openai_reasoning_models(
    catalogue: Catalogue, model: str, field: str | None, role: str | None, sampling: bool | None
) -> None:
    provider = catalogue.by_prefix("openai")
    assert provider is not None
    quirks = catalogue.profile_for(provider, model).quirks
    assert (quirks.max_tokens_field, quirks.system_role, quirks.sampling) == (field, role, sampling)


def test_the_names_people_know_work(catalogue: Catalogue) -> None:
    for prefix in ("cc", "cx", "gc", "glm", "groq", "kimi", "kr", "ag", "gh", "if", "qw", "or", "ds", "demo"):
        assert catalogue.by_prefix(prefix) is not None, prefix


def test_only_what_is_built_in_is_connected_from_the_start(catalogue: Catalogue) -> None:
    assert environment_accounts(catalogue, {}, lambda _: True) == []
    (account,) = builtin_accounts(catalogue)
    provider = catalogue.by_id(account.provider)
    assert provider is not None
    assert [model.id for model in provider.models] == ["echo", "slow", "error-429"]


def test_keys_of_well_known_providers_are_found(catalogue: Catalogue) -> None:
    environ = {"OPENAI_API_KEY": "a", "ANTHROPIC_API_KEY": "b", "GROQ_API_KEY": "c", "KIMI_API_KEY": "d", "GITHUB_TOKEN": "e"}
    found = environment_accounts(catalogue, environ, lambda p: p.auth.scheme in ("bearer", "header"))
    assert {a.provider for a in found} == {"openai", "anthropic", "groq", "kimi", "kimi-coding-apikey"}


def test_the_baked_catalogue_is_the_same(catalogue: Catalogue, tmp_path: Path) -> None:
    baked = read_baked(bake(tmp_path / "catalog.json"))
    assert baked.providers == catalogue.providers
    assert baked.error_profiles == catalogue.error_profiles


def test_nothing_in_it_looks_like_a_secret() -> None:
    for place in PLACES:
        for file in place.iterdir():
            found = CREDENTIAL.search(file.read_text())
            assert found is None, f"{file}: {found}"


def test_the_provider_page_is_in_step(catalogue: Catalogue) -> None:
    page = (ROOT / "docs" / "providers.md").read_text()
    assert page == document(catalogue), f"run: {COMMAND}"
