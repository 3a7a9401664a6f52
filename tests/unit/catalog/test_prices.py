"""The price book and its second source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from omniroute.catalog.catalog import Catalogue
from omniroute.catalog.prices import Override, PriceBook, with_overrides
from omniroute.catalog.reference import Clause, ListedModel, ListedProvider, Reference, write
from omniroute.catalog.schema import Auth, LongContext, Model, Provider
from omniroute.core.errors import ConfigError
from omniroute.ir.caps import Price, PriceTier

LISTED = Price(input=3.0, output=15.0, cached=0.3, cache_write=3.75, basis="list")
MODELS = (
    Model(id="priced", price=LISTED, long_context=LongContext(above=200_000, input=6.0, output=22.5)),
    Model(id="planned", price=Price(input=1.0, output=2.0, basis="equivalent")),
    Model(id="unpriced", upstream_id="vendor-model-1"),
)


def provider(name: str = "lab", **more: Any) -> Provider:
    fields: dict[str, Any] = {"base_url": f"https://api.{name}.example/v1", "models": MODELS, **more}
    return Provider(id=name, prefix=name, name=name, format="openai_chat", auth=Auth(scheme="bearer"), **fields)


REFERENCE = Reference(
    [
        ListedProvider("other", r"https://elsewhere\.example", (ListedModel(Clause("equals", "shared"), Price(input=9.0, output=9.0), ()),), ()),
        ListedProvider(
            "lab", r"https://api\.(lab|plan)\.example",
            (
                ListedModel(
                    Clause("all", parts=(Clause("starts_with", "vendor-"), Clause("any", parts=(Clause("ends_with", "-1"), Clause("contains", "two"))))),
                    Price(input=5.0, output=6.0, cached=0.5, basis="list"), (PriceTier(above=1000, input=10.0, output=12.0),),
                ),
            ),
            ("other",),
        ),
    ]
)  # fmt: skip


def book(*providers: Provider, reference: Reference | None = REFERENCE, **more: Any) -> PriceBook:
    given: dict[str, Any] = {"overrides": {}, "account_tiers": {}, "custom": frozenset(), **more}
    return PriceBook(
        Catalogue(providers or (provider(),)), given["overrides"], given["account_tiers"], given["custom"], lambda: reference
    )


def test_the_catalogue_says_what_a_model_costs_and_what_a_long_input_does() -> None:
    rates = book().rates("lab", "priced")
    assert rates is not None
    assert (rates.source, rates.at(200_000), rates.price) == ("catalogue", LISTED, LISTED)
    assert rates.at(200_001) == Price(input=6.0, output=22.5, cached=0.6, cache_write=7.5, basis="list")


def test_the_operators_word_comes_first_and_changes_the_version() -> None:
    said = {("lab", "priced"): Override(input=1.0, output=2.0), ("lab", "never listed"): Override(input=0.0, output=0.0)}
    stated, listed = book(overrides=said).rates("lab", "priced"), book().rates("lab", "priced")
    assert stated is not None
    assert listed is not None
    assert (stated.source, stated.price.input, stated.price.cached, stated.tiers) == ("override", 1.0, None, ())
    assert stated.version != listed.version
    assert book(overrides=said).rates("lab", "priced") == stated, "equal figures have equal versions"
    unlisted = book(overrides=said).rates("lab", "never listed")
    assert unlisted is not None
    assert (unlisted.source, unlisted.price.input) == ("override", 0.0)


@pytest.mark.parametrize(
    ("tier", "account", "model", "basis"),
    [
        ("api_key", None, "priced", "list"),
        ("api_key", None, "planned", "equivalent"),
        ("subscription", None, "priced", "equivalent"),
        ("free", None, "priced", "list"),
        ("api_key", "subscription", "priced", "equivalent"),
        ("api_key", "free", "priced", "equivalent"),
        ("subscription", "api_key", "planned", "list"),
        ("subscription", None, "unpriced", "equivalent"),
        ("api_key", None, "unpriced", "list"),
    ],
)
def test_who_pays(tier: str, account: str | None, model: str, basis: str) -> None:
    tiers = {} if account is None else {"acc": account}
    rates = book(provider(tier=tier), account_tiers=tiers).rates("lab", model, "acc")
    assert rates is not None
    assert rates.price.basis == basis


def test_the_second_source_knows_apis_by_their_address_and_models_by_their_own_names() -> None:
    rates = book().rates("lab", "unpriced")
    assert rates is not None
    assert (rates.source, rates.price.input, rates.at(1001).input) == ("genai-prices", 5.0, 10.0)
    passed_on = book().rates("lab", "shared")
    assert passed_on is not None
    assert (passed_on.source, passed_on.price.input) == ("genai-prices", 9.0)
    unknown = book().rates("lab", "vendor-model-3")
    assert unknown is not None
    assert (unknown.source, unknown.version, unknown.price.basis) == ("none", None, "unknown")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1", "http://localhost:1/v1", "http://10.1.2.3/v1", "http://box.lan/v1", "http://gpu/v1"]
)
def test_a_server_of_ones_own_is_in_no_list(url: str) -> None:
    rates = book(provider(base_url=url), reference=None).rates("lab", "unpriced")
    assert rates is not None
    assert rates.source == "none"


def test_while_the_second_source_is_made_ready_it_is_not_known() -> None:
    waiting = book(reference=None)
    assert waiting.rates("lab", "unpriced") is None
    assert waiting.rates("lab", "priced") is not None
    assert waiting.rates("nobody", "x") is not None


def test_custom_models_and_nodes_say_so() -> None:
    custom, node = (
        book(custom=frozenset({("lab", "priced")})).rates("lab", "priced"),
        book(provider(origin="file")).rates("lab", "priced"),
    )
    assert custom is not None
    assert node is not None
    assert (custom.source, node.source) == ("custom", "custom")


def test_routing_goes_by_the_operators_prices_too() -> None:
    said = {
        ("lab", "priced"): Override(input=1.0, output=2.0),
        ("lab", "x"): Override(input=1.0, output=1.0),
        ("no", "y"): Override(input=1.0, output=1.0),
    }
    found = with_overrides(Catalogue([provider(), provider("other")]), said)
    changed = found.model("lab", "priced")
    assert changed is not None
    assert (changed.price.input, changed.long_context) == (1.0, None)
    assert found.model("lab", "x") is None, "a price does not make a model"
    untouched = found.model("other", "priced")
    assert untouched is not None
    assert untouched.price == LISTED


def test_the_package_is_taken_out_once_and_read(tmp_path: Path) -> None:
    file = tmp_path / "below" / "prices.json"
    write(file)
    reference = Reference.read(file)
    found = reference.find("https://api.anthropic.com", "claude-sonnet-4-5-20250929")
    assert found is not None
    assert found.price.input is not None
    assert found.price.output is not None
    assert found.price.input < found.price.output
    assert reference.find("https://nowhere.example/v1", "claude-sonnet-4-5-20250929") is None
    assert len(json.loads(file.read_bytes())) > 20
    file.write_text("{}")
    with pytest.raises(ConfigError):
        Reference.read(file)
