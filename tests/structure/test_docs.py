"""The documents speak of the tree as it is: settings, links, make targets, commands, version."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import omniroute
from omniroute.core.settings import SETTINGS
from structure.source_tree import PACKAGE, ROOT, relative

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.M | re.S)
_HEADING = re.compile(r"^#+\s+(.*)$", re.M)
# Words of .env.example that belong to other programs.
_FOREIGN_VARIABLES = frozenset({"HTTPS_PROXY", "NO_PROXY"})


def _anchors(page: Path) -> set[str]:
    return {
        re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        for heading in _HEADING.findall(_FENCE.sub("", page.read_text()))
    }


def _links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in _LINK.findall(_FENCE.sub("", page.read_text())):
            if not target.startswith(("http://", "https://", "mailto:")):
                yield page, target


def test_links_lead_somewhere() -> None:
    dead = []
    for page, target in _links():
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in _anchors(there)):
            dead.append(f"{relative(page)} -> {target}")
    assert not dead, "\n" + "\n".join(dead)


def test_the_settings_tables_are_current() -> None:
    spec = importlib.util.spec_from_file_location("settings_table", ROOT / "docs" / "settings_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert module.rendered(page) == page, "run: make docs"


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    words = [word for setting in SETTINGS.values() for word in (setting.name, *setting.env)]
    assert not [word for word in words if f"`{word}`" not in page]


def test_variables_of_the_example_exist() -> None:
    example = (ROOT / ".env.example").read_text()
    named = set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", example, re.M))
    assert named, "the example names no variable"
    known = {variable for setting in SETTINGS.values() for variable in setting.env} | _FOREIGN_VARIABLES
    providers = (tomllib.loads(path.read_text()) for path in PACKAGE.glob("catalog/providers/*/provider.toml"))
    known |= {variable for provider in providers for variable in provider.get("env_keys", ())}
    assert not named - known


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    named = {word for page in PAGES for word in re.findall(r"(?<![\w-])make ([a-z]+)\b", _code(page))}
    assert named <= targets


def test_commands_exist() -> None:
    from omniroute.cli import main

    missing = []
    for page in PAGES:
        for line in re.findall(r"(?:^|[`/\s])omniroute((?: [a-z][a-z-]*)+)", _code(page)):
            command: click.Command = main
            for word in line.split():
                if not isinstance(command, click.Group):
                    break
                found = command.get_command(click.Context(command), word)
                if found is None:
                    missing.append(f"{relative(page)}: omniroute{line}")
                    break
                command = found
    assert not missing, "\n" + "\n".join(missing)


def _code(page: Path) -> str:
    """What stands in code: fenced blocks (without comments) and inline spans, one per line."""
    text = page.read_text()
    fenced = re.sub(r"#.*", "", "\n".join(_FENCE.findall(text)))
    return fenced + "\n" + "\n".join(re.findall(r"`([^`\n]+)`", _FENCE.sub("", text)))


def test_models_named_in_the_documents_are_in_the_catalogue() -> None:
    listed = set()
    for path in PACKAGE.glob("catalog/providers/*/provider.toml"):
        prefix = tomllib.loads(path.read_text()).get("prefix", path.parent.name)
        models = tomllib.loads((path.parent / "models.toml").read_text())
        listed |= {f"{prefix}/{model['id']}" for model in models.get("models", models.get("model", []))}
    named = {word for page in PAGES for word in re.findall(r"\b(?:demo|groq|openai|anthropic)/[\w.-]+\b", page.read_text())}
    assert named
    assert not named - listed


def test_the_changelog_knows_this_version() -> None:
    assert f"## [{omniroute.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_no_page_is_empty(page: Path) -> None:
    assert len(page.read_text()) > 200
