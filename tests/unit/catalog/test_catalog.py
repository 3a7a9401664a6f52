"""Look-ups, suggestions, merging and profiles of the catalogue."""

from __future__ import annotations

import msgspec
import pytest

from omniroute.catalog.catalog import Catalogue, profile_for
from omniroute.catalog.schema import Auth, Family, Model, Provider
from omniroute.core.errors import ConfigError
from omniroute.ir.caps import Capabilities, Limits, Quirks


def provider(id: str, *models: str, **fields: object) -> Provider:
    given = {
        "prefix": id,
        "name": id.title(),
        "format": "openai_chat",
        "base_url": f"https://{id}.test/v1",
        "auth": Auth(scheme="bearer"),
        "models": tuple(Model(id=m, name=m) for m in models),
    } | fields
    return Provider(id=id, **given)  # type: ignore[arg-type]


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue(
        [
            provider("north", "alpha-1", "beta-2", prefix="no", aliases=("norte",)),
            provider("south", "alpha-1", "maker/gamma"),
        ]
    )


@pytest.mark.parametrize("word", ["no", "north", "norte"])
def test_every_prefix_finds_its_provider(catalogue: Catalogue, word: str) -> None:
    found = catalogue.by_prefix(word)
    assert found is not None
    assert found.id == "north"


def test_an_unknown_prefix_finds_nothing(catalogue: Catalogue) -> None:
    assert catalogue.by_prefix("west") is None


def test_by_id_is_not_by_prefix(catalogue: Catalogue) -> None:
    assert catalogue.by_id("no") is None
    found = catalogue.by_id("north")
    assert found is not None
    assert found.prefix == "no"


def test_models_by_provider_and_by_bare_name(catalogue: Catalogue) -> None:
    model = catalogue.model("south", "maker/gamma")
    assert model is not None
    assert model.id == "maker/gamma"
    assert catalogue.model("south", "beta-2") is None
    assert catalogue.model("west", "beta-2") is None
    assert [p.id for p in catalogue.providers_for_bare_model("alpha-1")] == ["north", "south"]
    assert catalogue.providers_for_bare_model("nothing") == ()


@pytest.mark.parametrize("clash", [{"prefix": "no"}, {"prefix": "x", "aliases": ("norte",)}, {"prefix": "north"}])
def test_a_word_claimed_twice_is_refused(clash: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"the prefix '(no|norte|north)' is claimed by both 'north' and 'west'"):
        Catalogue([provider("north", prefix="no", aliases=("norte",)), provider("west", **clash)])


def test_a_model_listed_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="north: the model 'a' is listed twice"):
        Catalogue([provider("north", "a", "a")])


@pytest.mark.parametrize(
    ("asked", "best"),
    [
        ("no/alpha1", "no/alpha-1"),
        ("north/alpha1", "no/alpha-1"),
        ("NO/ALPHA-1", "no/alpha-1"),
        ("south/maker/gama", "south/maker/gamma"),
        ("beta2", "no/beta-2"),
    ],
)
def test_nearest_puts_the_likeliest_first(catalogue: Catalogue, asked: str, best: str) -> None:
    assert catalogue.nearest(asked)[0] == best


def test_nearest_gives_no_nonsense_and_no_more_than_asked(catalogue: Catalogue) -> None:
    assert catalogue.nearest("zzzzzzzzzz") == []
    assert len(catalogue.nearest("alpha-1", count=1)) == 1
    assert catalogue.nearest("x" * 1_000_000) == []


def test_nearest_prefers_what_can_be_used(catalogue: Catalogue) -> None:
    assert catalogue.nearest("alpha-2", prefer=frozenset({"south"}))[0] == "south/alpha-1"
    assert "no/alpha-1" in catalogue.nearest("alpha-2", prefer=frozenset({"south"}))


def test_nearest_leaves_out_what_is_not_chat() -> None:
    only = provider("north", models=(Model(id="alpha-1", kind="embeddings"),))
    assert Catalogue([only]).nearest("north/alpha-1") == []


def test_merge_adds_nodes_and_models_and_changes_nothing_in_place(catalogue: Catalogue) -> None:
    node = provider("lab", "m", origin="database")
    merged = catalogue.merge([node], {"south": [Model(id="new", name="New")], "lab": [Model(id="m", name="Named")]})
    assert merged.by_prefix("lab") is not None
    assert merged.model("south", "new") == Model(id="new", name="New")
    assert merged.model("lab", "m") == Model(id="m", name="Named")
    assert [p.id for p in merged.providers_for_bare_model("m")] == ["lab"]
    assert catalogue.by_prefix("lab") is None
    assert catalogue.model("south", "new") is None


def test_merge_keeps_error_profiles() -> None:
    assert Catalogue([], {"generic": ()}).merge().error_profiles == {"generic": ()}


def test_a_node_keeps_a_word_that_the_catalogue_claims_later(catalogue: Catalogue) -> None:
    merged = catalogue.merge([provider("no", origin="database", base_url="http://127.0.0.1")])
    taken, moved = merged.by_prefix("no"), merged.by_prefix("north")
    assert taken is not None
    assert moved is not None
    assert taken.base_url == "http://127.0.0.1"
    assert (moved.id, moved.prefix, moved.aliases) == ("north", "north", ("norte",))


def test_a_node_named_like_a_provider_replaces_it(catalogue: Catalogue) -> None:
    merged = catalogue.merge([provider("south", origin="file", base_url="http://127.0.0.1")])
    found = merged.by_prefix("south")
    assert found is not None
    assert found.origin == "file"
    assert len(merged.providers) == 2


def test_of_two_nodes_the_file_wins(catalogue: Catalogue) -> None:
    nodes = [provider("lab", origin="database"), provider("lab", origin="file")]
    for order in (nodes, nodes[::-1]):
        found = catalogue.merge(order).by_prefix("lab")
        assert found is not None
        assert found.origin == "file"


def test_two_nodes_of_one_origin_clash(catalogue: Catalogue) -> None:
    with pytest.raises(ConfigError, match="'lab' is given to two nodes"):
        catalogue.merge([provider("lab", origin="database"), provider("lab", origin="database")])


def test_merge_changes_and_disables(catalogue: Catalogue) -> None:
    south = catalogue.by_id("south")
    assert south is not None
    changed = msgspec.structs.replace(south, base_url="https://elsewhere.test")
    merged = catalogue.merge(changed=[changed], disabled=["north"])
    assert [(p.id, p.base_url) for p in merged.providers] == [("south", "https://elsewhere.test")]


def test_models_of_a_provider_that_is_not_there_wait(catalogue: Catalogue) -> None:
    assert len(catalogue.merge((), {"gone": [Model(id="x")]}).providers) == 2


def test_a_profile_layers_provider_family_and_model() -> None:
    maker = provider(
        "north",
        quirks=Quirks(drop=("user",), max_tokens_field="max_tokens", json_schema=False),
        families=(
            Family(match=("deep-*", "o[13]*"), quirks=Quirks(max_tokens_field="max_completion_tokens", drop=("n",))),
            Family(match=("deep-x",), quirks=Quirks(sampling=False)),
        ),
        models=(Model(id="deep-x", quirks=Quirks(json_schema=True), limits=Limits(max_output=100)),),
    )
    quirks = profile_for(maker, "deep-x").quirks
    assert quirks.drop == ("user", "n")
    assert quirks.max_tokens_field == "max_completion_tokens"
    assert quirks.sampling is False
    assert quirks.json_schema is True
    assert profile_for(maker, "o3-new").quirks.max_tokens_field == "max_completion_tokens"
    assert profile_for(maker, "other").quirks.max_tokens_field == "max_tokens"


def test_a_profile_knows_alias_limits_and_capabilities() -> None:
    model = Model(
        id="short", upstream_id="very/long", limits=Limits(context=9, max_output=5), capabilities=Capabilities(tools=False)
    )
    maker = provider("north", models=(model,), families=(Family(match=("very/*",), quirks=Quirks(sampling=False)),))
    profile = profile_for(maker, "short")
    assert profile.model == "very/long"
    assert profile.limits == Limits(context=9, max_output=5)
    assert profile.capabilities.tools is False
    assert profile.quirks.sampling is False


@pytest.mark.parametrize(("stated", "limit", "expected"), [(None, 5, 5), (3, 5, 3), (3, None, 3), (None, None, None)], ids=str)
def test_the_default_output_limit_is_the_models_own(stated: int | None, limit: int | None, expected: int | None) -> None:
    maker = provider("north", quirks=Quirks(default_max_tokens=stated), models=(Model(id="m", limits=Limits(max_output=limit)),))
    assert profile_for(maker, "m").quirks.default_max_tokens == expected


def test_any_model_id_has_a_profile(catalogue: Catalogue) -> None:
    north = catalogue.by_id("north")
    assert north is not None
    assert catalogue.profile_for(north, "never/heard:of").model == "never/heard:of"


def test_chat_path_and_auth_follow_the_format() -> None:
    maker = provider(
        "north",
        paths={"chat": "/c", "chat_stream": "/s", "chat_anthropic": "/messages"},
        auth_by_format={"anthropic": Auth(scheme="header", header="x-api-key")},
    )
    assert maker.chat_path("openai_chat", stream=False) == "/c"
    assert maker.chat_path("openai_chat", stream=True) == "/s"
    assert maker.chat_path("anthropic", stream=True) == "/messages"
    assert maker.chat_path("gemini", stream=False) is None
    assert maker.auth_for("anthropic").header == "x-api-key"
    assert maker.auth_for("openai_chat").scheme == "bearer"
