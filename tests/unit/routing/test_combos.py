"""Names that lead to several models, in the order written: combos, aliases, chains, wildcards, and what a key may use of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from omniroute.core.configfile import ConfigFile, read_config
from omniroute.core.errors import ConfigError, Forbidden, ModelNotFound
from omniroute.routing.combo import fits, most_specific_first
from omniroute.routing.offer import usable_combos
from omniroute.routing.resolve import resolve
from omniroute.routing.routes import StoredRoutes, build_routes, check_file
from omniroute.routing.snapshot import KeyGrant
from unit.routing.worlds import provider, world

LAB = provider("lab", "one", "shared", passthrough_models=True)
SPARE = provider("spare", "two", "three", "shared", tier="subscription")

WORLD = world(
    LAB,
    SPARE,
    combos={
        "always-on": {"steps": ["lab/one", {"model": "spare/two", "timeout": 5}], "timeout": 9, "retries": 0},
        "nested": {"steps": ["spare/three", "always-on"], "fallback": ["lab/last"]},
        "two": {"steps": ["two", "lab/one"]},
        "whole": {"steps": ["spare/*"]},
        "partly": {"steps": ["nowhere/x", "spare/nothing", "lab/one"]},
    },
    aliases={"fast": "always-on", "claude-sonnet-*": "always-on", "claude-*": "spare/two", "gpt-?": "lab/*", "al/*": "lab/*"},
    chains={"*": ["spare/two"], "lab/*": ["spare/three", "spare/two"]},
)


@pytest.mark.parametrize(
    ("name", "targets", "kind", "decision"),
    [
        ("always-on", ["lab/one", "spare/two"], "combo", "combo always-on"),
        ("nested", ["spare/three", "lab/one", "spare/two", "lab/last"], "combo", "combo nested"),
        ("two", ["spare/two", "lab/one"], "combo", "combo two"),
        ("whole", ["spare/two", "spare/three", "spare/shared"], "combo", "combo whole"),
        ("partly", ["lab/one", "spare/two"], "combo", "combo partly"),
        ("fast", ["lab/one", "spare/two"], "combo", "alias fast > combo always-on"),
        ("claude-sonnet-9", ["lab/one", "spare/two"], "combo", "alias claude-sonnet-* > combo always-on"),
        ("claude-opus", ["spare/two"], "prefix", "alias claude-* > spare/two, prefix"),
        ("gpt-5", ["lab/gpt-5", "spare/three", "spare/two"], "prefix", "alias gpt-? > lab/gpt-5, prefix"),
        ("al/x", ["lab/x", "spare/three", "spare/two"], "prefix", "alias al/* > lab/x, prefix"),
        ("lab/one", ["lab/one", "spare/three", "spare/two"], "prefix", "prefix"),
        ("spare/*", ["spare/two", "spare/three", "spare/shared"], "provider", "every model of spare"),
        ("shared", ["spare/shared", "lab/shared", "spare/two"], "bare", "bare by tier: spare (subscription) > lab (api_key)"),
    ],
)
def test_what_names_lead_to(name: str, targets: list[str], kind: str, decision: str) -> None:
    found = resolve(WORLD, name)
    assert [target.name for target in found.targets] == targets
    assert (found.kind, found.decision) == (kind, decision)


def test_steps_that_lead_nowhere_are_named() -> None:
    assert [step for step, _ in resolve(WORLD, "partly").left_out] == ["nowhere/x", "spare/nothing"]
    assert ("combo partly", "nowhere/x: there is no provider 'nowhere'") in WORLD.problems


def test_an_unknown_name_hears_of_combos_and_aliases() -> None:
    with pytest.raises(ModelNotFound, match="always-on"):
        resolve(WORLD, "alwayson")


def grant(**limits: Any) -> KeyGrant:
    return KeyGrant(id="k", name="k", digest=b"", **limits)


@pytest.mark.parametrize(
    ("limits", "name", "targets"),
    [
        ({"providers": ("spare",)}, "always-on", ["spare/two"]),
        ({"models": ("lab/one",)}, "nested", ["lab/one"]),
        ({"models": ("always-on",)}, "always-on", ["lab/one", "spare/two"]),
        ({"models": ("always-on",), "providers": ("lab",)}, "always-on", ["lab/one"]),
        ({"models": ("other",)}, "always-on", None),
        ({"models": ("other",)}, "claude-sonnet-4", None),
        ({"models": ("lab/*",)}, "lab/one", ["lab/one"]),
    ],
)
def test_a_key_limits_every_target_of_a_combo(limits: dict[str, Any], name: str, targets: list[str] | None) -> None:
    if targets is None:
        with pytest.raises(Forbidden):
            resolve(WORLD, name, grant(**limits))
    else:
        assert [t.name for t in resolve(WORLD, name, grant(**limits)).targets] == targets


def test_combos_that_can_be_used_are_listed() -> None:
    assert {combo.name for combo, _ in usable_combos(WORLD)} >= {"always-on", "nested", "two", "whole", "partly", "auto"}
    assert [combo.name for combo, _ in usable_combos(WORLD, grant(models=("whole",)))] == ["whole"]


def test_the_most_specific_pattern_comes_first() -> None:
    assert most_specific_first(["*", "a*", "abc*", "abc", "a?c*"]) == ["abc", "abc*", "a?c*", "a*", "*"]
    assert fits("a[b]*", "a[b]c")
    assert not fits("a[b]*", "abc")


def read(tmp_path: Path, text: str) -> ConfigFile:
    path = tmp_path / "omniroute.toml"
    path.write_text(text)
    return read_config(path, {})


def test_the_config_file_says_it_all(tmp_path: Path) -> None:
    file = read(
        tmp_path,
        """
[combos.always-on]
strategy = "fill-first"
steps = ["lab/one", "spare/two", { model = "demo/echo", timeout = 5 }]
[aliases]
"claude-sonnet-*" = "always-on"
[fallback]
"*" = ["always-on"]
""",
    )
    check_file(file)
    routes = build_routes(file, StoredRoutes(aliases={"claude-sonnet-*": "lab/one"}))
    assert [step.name for step in routes.combos["always-on"].steps] == ["lab/one", "spare/two", "demo/echo"]
    assert routes.combos["always-on"].steps[2].timeout == 5
    assert routes.aliases["claude-sonnet-*"].target == "always-on", "the file's word stands"
    assert routes.chains["*"].steps[0].combo == "always-on"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[combos.a]\nsteps = []", 2, "at least one step"),
        ("[combos.a]\nsteps = ['x/y']\nstrateg = 'p2c'", 3, "did you mean 'strategy'"),
        ("[combos.a]\nsteps = ['x/y']\nstrategy = 'round-robbin'", 3, "did you mean 'round-robin'"),
        ("[combos.a]\nsteps = ['x/y']\nstrategy = 'round-robin'\noptions = { stick = 2 }", 4, "did you mean 'sticky'"),
        ("[combos.a]\nsteps = ['x/y']\nstrategy = 'round-robin'\noptions = { sticky = 0 }", 4, "below 1"),
        ("[combos.a]\nsteps = ['x/y']\noptions = { sticky = 2 }", 3, "belong to a strategy"),
        ("[combos.a]\nsteps = ['b']\n[combos.b]\nsteps = ['a']", 2, "comes back to itself: a -> b -> a"),
        ("[combos.a]\nsteps = [{ combo = 'b' }]", 2, "there is no combo 'b'"),
        ("[combos.a]\nsteps = [{ model = 'x/y', combo = 'b' }]", 2, "either a model or a combo"),
        ("[combos.a]\nsteps = [{ model = 'x/y', timeout = 0 }]", 2, "timeout must be above 0"),
        ("[combos.a]\nsteps = [{ model = 'x/y', weight = -1 }]", 2, "weight must be above 0"),
        ("[combos.a]\nsteps = [{ model = 'x/y', retries = 9 }]", 2, "retries must be 0 to 5"),
        ("[combos.a]\nsteps = ['x*']", 2, "only PREFIX/*"),
        ("[combos.auto]\nsteps = ['x/y']", 1, "built in"),
        ("[combos.\"a b\"]\nsteps = ['x/y']", 1, "must have 1 to 100"),
        ("[aliases]\na = 1", 2, "must be the name of a model or combo"),
        ("[aliases]\nb = 'a'\na = 'a'", 3, "leads to itself"),
        ("[fallback]\na = 'b'", 2, "is a list of models and combos"),
        ("[fallback]\na = []", 2, "at least one step"),
        ("[nodes.n]\nformat = 'openai_chat'\nbase_url = 'http://x'\nstrategy = 'nope'", 4, "is not one of"),
    ],
)
def test_mistakes_name_their_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        check_file(read(tmp_path, text))
    assert f"omniroute.toml:{line}: " in wrong.value.message
    assert words in wrong.value.message


def test_nesting_ends_somewhere() -> None:
    chain = {f"c{n}": {"steps": [f"c{n + 1}"] if n < 9 else ["lab/one"]} for n in range(10)}
    deep = world(LAB, combos=chain)
    assert any("nested more than 5 deep" in text for _, text in deep.problems)
    assert [t.name for t in resolve(deep, "c6").targets] == ["lab/one"]
