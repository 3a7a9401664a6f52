"""Budgets: what does not fit in one reading is split by responsibility."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from structure.source_tree import PACKAGE, cython_files, functions_of, python_files, relative

MODULE, COMPILED_MODULE, FUNCTION, MEDIAN = 400, 500, 60, 160
COMPOSITION_ROOT = PACKAGE / "server" / "app.py"
COMPOSITION_ROOT_LINES = 200


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def _budget(path: Path) -> int:
    if path == COMPOSITION_ROOT:
        return COMPOSITION_ROOT_LINES
    return MODULE if path.suffix == ".py" else COMPILED_MODULE


def test_modules_fit() -> None:
    offenders = [
        f"{relative(path)}: {_lines(path)} lines, budget {_budget(path)}"
        for path in (*python_files(), *cython_files())
        if _lines(path) > _budget(path)
    ]
    assert not offenders, "\n" + "\n".join(offenders)


def test_functions_fit() -> None:
    offenders = [
        f"{relative(path)}:{function.line} {function.name}: {function.lines} lines, budget {FUNCTION}"
        for path in (*python_files(), *cython_files())
        for function in functions_of(path)
        if function.lines > FUNCTION
    ]
    assert not offenders, "\n" + "\n".join(offenders)


def test_the_median_stays_small() -> None:
    sizes = [_lines(path) for path in python_files() if path.name != "__init__.py"]
    assert median(sizes) < MEDIAN
