"""Reading TOML folders and the baked file; every mistake names the file and the field."""

from __future__ import annotations

from pathlib import Path

import pytest

from omniroute.catalog.bake import bake
from omniroute.catalog.load import load_catalogue
from omniroute.core.errors import ConfigError
from omniroute.ir.caps import Price

PROVIDER = """
id = "north"
name = "North"
prefix = "no"
format = "openai_chat"
tier = "api_key"
base_url = "https://{region}.north.test"
env_keys = ["NORTH_KEY"]
error_profiles = ["generic"]

[auth]
scheme = "bearer"

[url_vars.region]
env = "NORTH_REGION"
default = "eu"

[quirks]
drop = ["user"]

[[families]]
match = ["big-*"]
[families.quirks]
sampling = false
"""
MODELS = """
[[models]]
id = "big-1"
name = "Big"
context = 1000
max_output = 10
supports = { tools = true }
price = { input = 1.0, output = 2, cached = 0.1 }
price_basis = "list"

[[models]]
id = "ear-1"
kind = "transcription"
alias_of = "ear"
price = { per_minute = 0.006 }
price_basis = "list"
"""
PROFILES = """
[[profiles.generic]]
match = { status = [500, 502], body = "any" }
class = "server_error"
action = "retry_same_then_next"
default_cooldown_s = 5
"""


def write(folder: Path, *, provider: str = PROVIDER, models: str | None = MODELS, name: str = "north") -> Path:
    place = folder / "providers" / name
    place.mkdir(parents=True)
    (place / "provider.toml").write_text(provider)
    if models is not None:
        (place / "models.toml").write_text(models)
    (folder / "error_profiles.toml").write_text(PROFILES)
    return folder


def test_a_folder_becomes_a_record(tmp_path: Path) -> None:
    catalogue = load_catalogue(write(tmp_path))
    north = catalogue.by_prefix("no")
    assert north is not None
    assert (north.url_vars, north.url_env, north.url_defaults) == (
        ("region",),
        {"region": "NORTH_REGION"},
        {"region": "eu"},
    )
    assert north.quirks.drop == ("user",)
    assert north.families[0].quirks.sampling is False
    big, ear = north.models
    assert big.price == Price(input=1.0, output=2.0, cached=0.1, basis="list")
    assert big.capabilities.tools is True
    assert big.capabilities.vision is None
    assert (ear.upstream_id, ear.units, ear.name) == ("ear", {"per_minute": 0.006}, "ear-1")
    rule = catalogue.error_profiles["generic"][0]
    assert (rule.kind, rule.match.status) == ("server_error", (500, 502))


def test_the_baked_file_holds_the_same(tmp_path: Path) -> None:
    source = load_catalogue(write(tmp_path / "source"))
    (tmp_path / "wheel").mkdir()
    target = bake(tmp_path / "wheel" / "catalog.json", tmp_path / "source")
    baked = load_catalogue(tmp_path / "wheel")
    assert baked.providers == source.providers
    assert baked.error_profiles == source.error_profiles
    first = target.read_bytes()
    assert bake(target, tmp_path / "source").read_bytes() == first


def test_the_folders_win_over_a_stale_baked_file(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "catalog.json").write_text('{"providers": [], "error_profiles": {}}')
    assert len(load_catalogue(tmp_path).providers) == 1


@pytest.mark.parametrize(
    ("change", "file", "expected"),
    [
        (("provider", 'name = "North"', ""), "provider.toml", "missing required field `name`"),
        (("provider", 'tier = "api_key"', 'tier = "gold"'), "provider.toml", "tier: Invalid enum value 'gold'"),
        (("provider", 'prefix = "no"', 'prefix = "no"\ncolour = "red"'), "provider.toml", "unknown field `colour`"),
        (("provider", 'scheme = "bearer"', "scheme = 7"), "provider.toml", "auth.scheme: Expected `str`, got `int`"),
        (("provider", 'drop = ["user"]', "dorp = []"), "provider.toml", "quirks: Object contains unknown field `dorp`"),
        (("provider", 'id = "north"', 'id = "south"'), "provider.toml", "id: 'south' is not the name of its folder"),
        (("provider", '["generic"]', '["nope"]'), "provider.toml", "error_profiles: there is no profile 'nope'"),
        (("provider", 'id = "north"', "id = "), "provider.toml", "Invalid value"),
        (("models", "input = 1.0", "input = -1.0"), "models.toml", "models[0].price: price input is negative"),
        (("models", "max_output = 10", "max_output = 1.5"), "models.toml", "models[0].max_output: Expected `int | null`"),
        (("models", 'price_basis = "list"', 'price_basis = "guess"'), "models.toml", "models[0].price_basis: Invalid enum value"),
    ],
    ids=lambda value: value[2] if isinstance(value, tuple) else None,
)
def test_a_mistake_names_file_and_field(tmp_path: Path, change: tuple[str, str, str], file: str, expected: str) -> None:
    which, old, new = change
    given = {"provider": PROVIDER, "models": MODELS}
    assert old in given[which]
    given[which] = given[which].replace(old, new, 1)
    with pytest.raises(ConfigError) as caught:
        load_catalogue(write(tmp_path, **given))  # type: ignore[arg-type]
    assert str(caught.value).startswith(str(tmp_path / "providers" / "north" / file) + ": ")
    assert expected in str(caught.value)


def test_a_missing_models_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"models\.toml"):
        load_catalogue(write(tmp_path, models=None))


def test_no_catalogue_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the provider catalogue is missing"):
        load_catalogue(tmp_path)


@pytest.mark.parametrize("content", ["{", '{"providers": [{"id": 1}], "error_profiles": {}}', "[]"])
def test_a_broken_baked_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "catalog.json").write_text(content)
    with pytest.raises(ConfigError, match=r"catalog\.json: "):
        load_catalogue(tmp_path)
