"""Rules of the house that a linter does not know."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from structure.source_tree import python_files, relative, room_of, string_literals, tree_of

_READ_ONLY_ANNOTATIONS = frozenset({"Mapping", "Sequence", "Collection", "Set", "AbstractSet", "Final"})
_MUTABLE_MAKERS = frozenset({"list", "dict", "set", "bytearray", "defaultdict", "deque", "OrderedDict", "Counter"})
_MUTABLE_LITERALS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_PRIVATE_TABLE = re.compile(r"_[A-Z][A-Z0-9_]*")
_WRITERS = frozenset(
    {"append", "extend", "insert", "add", "update", "setdefault", "pop", "popitem", "remove", "discard", "clear", "sort"}
)
_VAGUE = re.compile(r"^_?(?:utils?|helpers?|common|misc|new|legacy|v2)$|_(?:utils?|helpers?|new|legacy|v2)$")
_SQL = re.compile(
    r"\s*(?:SELECT\s.+\sFROM|INSERT\s+(?:OR\s+\w+\s+)?INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+TABLE|PRAGMA)\b", re.I | re.S
)


def _head(annotation: ast.expr) -> str:
    node = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _mutable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return isinstance(value.func, (ast.Name, ast.Attribute)) and _head(value.func) in _MUTABLE_MAKERS
    return isinstance(value, _MUTABLE_LITERALS)


def _read_only(annotation: ast.expr) -> bool:
    return _head(annotation) in _READ_ONLY_ANNOTATIONS


def _module_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        if isinstance(statement, (ast.If, ast.Try, ast.With, ast.For)):
            yield from _module_level([child for child in ast.iter_child_nodes(statement) if isinstance(child, ast.stmt)])


def _mutables(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Containers at module level that code could write to, and ``global`` anywhere."""
    written = set(_written_names(tree))
    for statement in _module_level(tree.body):
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign) and not _read_only(statement.annotation):
            targets = [statement.target]
        else:
            continue
        for name in map(ast.unparse, targets):
            if _mutable(statement.value) and name != "__all__" and (name in written or not _PRIVATE_TABLE.fullmatch(name)):
                yield statement.lineno, name
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield node.lineno, f"global {', '.join(node.names)}"


def _written_names(tree: ast.Module) -> Iterator[str]:
    """Names whose content is changed somewhere: ``X[k] = v``, ``del X[k]``, ``X |= …``, ``X.append(…)``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, (ast.Store, ast.Del)) and isinstance(node.value, ast.Name):
            yield node.value.id
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _WRITERS:
            yield ast.unparse(node.func.value)


def test_no_module_holds_mutable_state() -> None:
    """A constant table says so in its annotation: Mapping, Sequence or Final; or it is a tuple or frozenset.

    A private one in capitals may do without, as long as its module never writes to it.
    """
    offenders = [f"{relative(path)}:{line} {name}" for path in python_files() for line, name in _mutables(tree_of(path))]
    assert not offenders, "\n" + "\n".join(offenders)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("CACHE = {}", True),
        ("_TABLE = {'a': 1}", False),
        ("_TABLE = {}\ndef f(k):\n    _TABLE[k] = 1", True),
        ("_SEEN = set()\ndef f(k):\n    _SEEN.add(k)", True),
        ("_table = {'a': 1}", True),
        ("cache: dict[str, int] = {}", True),
        ("TABLE: Mapping[str, int] = {'a': 1}", False),
        ("ORDER = ('a', 'b')", False),
        ("try:\n    seen = set()\nexcept OSError: ...", True),
        ("def f():\n    global n\n    n = 1", True),
        ("def f():\n    seen = set()", False),
        ("__all__ = ['f']", False),
    ],
)
def test_the_reader_of_mutables(code: str, found: bool) -> None:
    assert bool(list(_mutables(ast.parse(code)))) is found


def _as_script(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)


def test_only_the_command_line_prints() -> None:
    offenders = [
        f"{relative(path)}:{node.lineno}"
        for path in python_files()
        if room_of(path) != "cli"
        for statement in tree_of(path).body
        if not _as_script(statement)
        for node in ast.walk(statement)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not offenders, offenders


def test_sql_lives_in_storage() -> None:
    offenders = [
        f"{relative(path)}:{line} {value.strip()[:60]!r}"
        for path in python_files()
        if room_of(path) != "storage"
        for line, value in string_literals(path)
        if _SQL.match(value)
    ]
    assert not offenders, "\n" + "\n".join(offenders)


def test_module_names_say_what_is_inside() -> None:
    assert not [relative(path) for path in python_files() if _VAGUE.search(path.stem)]


def test_json_has_one_door() -> None:
    offenders = [
        f"{relative(path)}:{node.lineno}"
        for path in python_files()
        if relative(path) != "src/omniroute/core/json.py"
        for node in ast.walk(tree_of(path))
        if (isinstance(node, ast.Import) and {"json", "orjson"} & {alias.name for alias in node.names})
        or (isinstance(node, ast.ImportFrom) and node.module in ("json", "orjson"))
    ]
    assert not offenders, offenders
