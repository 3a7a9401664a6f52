"""Providers are data: no code may know one by name."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from structure.source_tree import PACKAGE, ROOT, cython_files, python_files, relative, string_literals, tree_of

# An id that is also a word of ours. It may stand in code as that word, never beside a provider (second test).
ALSO_A_WORD: Mapping[str, str] = {
    "anthropic": "a wire format",
    "gemini": "a wire format",
    "ollama": "a wire format",
    "kiro": "a wire format",
    "cursor": "a place in a list that is read page by page",
}


def _provider_ids() -> frozenset[str]:
    return frozenset(path.parent.name for path in PACKAGE.glob("catalog/providers/*/provider.toml"))


def _typescript_files() -> Iterator[Path]:
    yield from (path for pattern in ("*.ts", "*.tsx") for path in (ROOT / "dashboard").glob(f"src/**/{pattern}"))


def test_the_catalogue_is_there() -> None:
    assert len(_provider_ids()) >= 50


def test_no_string_is_a_provider_id() -> None:
    forbidden = _provider_ids() - ALSO_A_WORD.keys()
    offenders = [
        f"{relative(path)}:{line} {value!r}"
        for path in (*python_files(), *cython_files(), *_typescript_files())
        for line, value in string_literals(path)
        if value in forbidden
    ]
    assert not offenders, "\n" + "\n".join(offenders)


def _names_a_provider(node: ast.expr) -> bool:
    """``provider``, ``provider.id``, ``attempt.provider_id``, ``account.provider`` …"""
    if isinstance(node, ast.Name):
        return "provider" in node.id
    if isinstance(node, ast.Attribute):
        return "provider" in node.attr or (node.attr in ("id", "prefix", "name") and _names_a_provider(node.value))
    return False


def _comparisons(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(_names_a_provider(side) for side in sides):
                for side in sides:
                    yield from (
                        (node.lineno, inner.value)
                        for inner in ast.walk(side)
                        if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
                    )


def test_no_provider_is_compared_with_a_name() -> None:
    offenders = [
        f"{relative(path)}:{line} compares a provider with {value!r}"
        for path in python_files()
        for line, value in _comparisons(tree_of(path))
        if value in _provider_ids()
    ]
    assert not offenders, "\n" + "\n".join(offenders)


@pytest.mark.parametrize(
    "code", ["provider == 'groq'", "provider.id != 'groq'", "attempt.provider_id in ('groq', 'x')", "'groq' == account.provider"]
)
def test_the_reader_sees_comparisons(code: str) -> None:
    assert (1, "groq") in list(_comparisons(ast.parse(code)))
