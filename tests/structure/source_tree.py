"""The source tree as data for the structure tests: modules, their imports, their sizes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "omniroute"

_CIMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+c?import\s+(.+)|c?import\s+([\w.]+))")
_CYTHON_FUNCTION = re.compile(r"^(\s*)(?:def|cdef|cpdef)\s(?!class\b|struct\b|enum\b)[^=]*\(.*")


class Import(NamedTuple):
    """``target`` is dotted, without the leading ``omniroute.``; "" is the package itself."""

    source: Path
    line: int
    target: str


class Function(NamedTuple):
    source: Path
    line: int
    name: str
    lines: int


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def python_files() -> tuple[Path, ...]:
    return tuple(sorted(PACKAGE.rglob("*.py")))


@cache
def cython_files() -> tuple[Path, ...]:
    return tuple(sorted([*PACKAGE.rglob("*.pyx"), *PACKAGE.rglob("*.pxd")]))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def module_name(path: Path) -> str:
    parts = list(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(path: Path) -> str:
    """``gateway`` for anything in that package, "" for the package's own ``__init__`` and ``__main__``."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def imports_of(path: Path) -> Iterator[Import]:
    """Every import of ours, wherever it stands: module level, function level, type checking, cimport."""
    found = _python_imports(path) if path.suffix == ".py" else _cython_imports(path)
    for line, dotted in found:
        if dotted == "omniroute" or dotted.startswith("omniroute."):
            yield Import(path, line, dotted.removeprefix("omniroute").removeprefix("."))


def _python_imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module_name(path).split(".")
                depth = node.level - (path.name == "__init__.py")
                base = ".".join([*parents[: len(parents) - depth], *([base] if base else [])])
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}" if _is_ours(f"{base}.{alias.name}") else base


def _cython_imports(path: Path) -> Iterator[tuple[int, str]]:
    package = module_name(path).rsplit(".", 1)[0]
    for number, text in enumerate(path.read_text().splitlines(), 1):
        match = _CIMPORT.match(text)
        if not match:
            continue
        base = match[1] or match[3]
        if base.startswith("."):
            base = f"{package}{base}" if base != "." else package
        yield number, base


def _is_ours(dotted: str) -> bool:
    path = PACKAGE.parent.joinpath(*dotted.split("."))
    return dotted.startswith("omniroute.") and (
        path.is_dir() or any(path.with_suffix(s).exists() for s in (".py", ".pyx", ".pyi"))
    )


def functions_of(path: Path) -> Iterator[Function]:
    if path.suffix == ".py":
        for node in ast.walk(tree_of(path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield Function(path, node.lineno, node.name, (node.end_lineno or node.lineno) - node.lineno + 1)
    else:
        yield from _cython_functions(path)


def _cython_functions(path: Path) -> Iterator[Function]:
    """By indentation: from the head to the last line that is deeper."""
    lines = path.read_text().splitlines()
    for start, text in enumerate(lines):
        head = _CYTHON_FUNCTION.match(text)
        if not head:
            continue
        end = start
        for number in range(start + 1, len(lines)):
            body = lines[number]
            if body.strip() and len(body) - len(body.lstrip()) <= len(head[1]) and not body.lstrip().startswith(")"):
                break
            if body.strip():
                end = number
        name = re.search(r"(\w+)\s*\(", text)
        yield Function(path, start + 1, name[1] if name else text.strip(), end - start + 1)


@cache
def string_literals(path: Path) -> tuple[tuple[int, str], ...]:
    """(line, value) of every string constant; f-string pieces and docstrings included."""
    if path.suffix == ".py":
        return tuple(
            (node.lineno, node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value)
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))
        )
    return tuple(
        (number, match[1] or match[2] or "")
        for number, text in enumerate(path.read_text().splitlines(), 1)
        for match in re.finditer(r'"([^"\\]*)"|\'([^\'\\]*)\'', text.split("  #")[0])
    )
