"""The compiled modules are there, are built from these sources, and are what their stubs say."""

from __future__ import annotations

import ast
import importlib
import re
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest

from structure.source_tree import PACKAGE, module_name, relative

SOURCES = sorted(PACKAGE.rglob("*.pyx"))
_CIMPORTED = re.compile(r"^\s*from\s+([\w.]+)\s+cimport|^\s*cimport\s+([\w.]+)", re.M)


def _load(source: Path) -> ModuleType:
    return importlib.import_module(module_name(source))


def _inputs(source: Path, seen: frozenset[Path] = frozenset()) -> frozenset[Path]:
    """The source and every declaration file it draws in, however far."""
    seen |= {source}
    for found in _CIMPORTED.finditer(source.read_text()):
        dotted = (found[1] or found[2]).removeprefix(".")
        declaration = PACKAGE.parent.joinpath(*dotted.split(".")).with_suffix(".pxd")
        if not declaration.exists():
            declaration = source.parent / f"{dotted.rsplit('.', 1)[-1]}.pxd"
        if declaration.exists() and declaration not in seen:
            seen |= _inputs(declaration, seen)
    own = source.with_suffix(".pxd")
    return seen | ({own} if own.exists() else frozenset())


def test_there_are_extensions() -> None:
    assert SOURCES


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_compiled_from_the_present_source(source: Path) -> None:
    built = Path(_load(source).__file__ or "")
    assert built.name == f"{source.stem}{sysconfig.get_config_var('EXT_SUFFIX')}"
    stale = [relative(path) for path in _inputs(source) if path.stat().st_mtime > built.stat().st_mtime]
    assert not stale, f"{built.name} is older than {', '.join(stale)}: make test rebuilds it"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_the_stub_is_true(source: Path) -> None:
    module = _load(source)
    stub = ast.parse(source.with_suffix(".pyi").read_text())
    missing = []
    for node in stub.body:
        if isinstance(node, ast.FunctionDef) and not callable(getattr(module, node.name, None)):
            missing.append(node.name)
        elif isinstance(node, ast.ClassDef):
            members = [m.name for m in node.body if isinstance(m, ast.FunctionDef)]
            members += [m.target.id for m in node.body if isinstance(m, ast.AnnAssign) and isinstance(m.target, ast.Name)]
            owner = getattr(module, node.name, None)
            missing += [f"{node.name}.{name}" for name in members if not hasattr(owner, name)]
    assert not missing, f"{source.with_suffix('.pyi').name} promises {missing}"
