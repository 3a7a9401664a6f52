"""Every module can be imported first, alone, without a warning: no hidden order, no import cycle."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions

from structure.source_tree import ROOT, module_name, python_files, tree_of

# Third-party packages are loaded once, then each module of ours is imported in a fork of its own.
_PROGRAM = """
import importlib, os, sys, traceback, warnings
third_party, ours = sys.argv[1].split(), sys.argv[2].split()
for name in third_party:
    importlib.import_module(name)
bad = 0
for name in ours:
    child = os.fork()
    if child == 0:
        warnings.simplefilter("error")
        try:
            importlib.import_module(name)
        except BaseException as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            sys.stderr.write(f"{name}: {type(error).__name__}: {error} ({place.filename}:{place.lineno})\\n")
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)
    bad += os.waitpid(child, 0)[1] != 0
sys.exit(bad != 0)
"""


def _third_party() -> set[str]:
    names: set[str] = set()
    for path in python_files():
        for node in tree_of(path).body:
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module)
    return {name for name in names if name.split(".")[0] not in {*sys.stdlib_module_names, "omniroute"}}


def test_each_module_imports_alone() -> None:
    modules = [name for name in map(module_name, python_files()) if not name.endswith("__main__")]
    run = subprocess.run(
        [sys.executable, "-c", _PROGRAM, " ".join(sorted(_third_party())), " ".join(modules)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, "\n" + run.stderr


def test_what_is_imported_is_declared() -> None:
    """A package that comes along with another one today may not come tomorrow."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[\\[<>=!~; ]", entry)[0].lower() for entry in project["dependencies"]}
    providers = packages_distributions()
    undeclared = {
        name
        for name in (full.split(".")[0] for full in _third_party())
        if not {distribution.lower() for distribution in providers.get(name, [])} & declared
    }
    assert not undeclared
