"""Who may import whom (docs/architecture.md). Upward imports fail with the offending line."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from structure.source_tree import PACKAGE, Import, cython_files, imports_of, python_files, relative, room_of

_EVERYTHING = ("",)
MAY_IMPORT: Mapping[str, tuple[str, ...]] = {
    "core": (),
    "_fast": (),
    "ir": ("core",),
    "catalog": ("core", "ir.caps"),
    "translation": ("core", "ir", "_fast"),
    "upstream": ("core", "catalog", "_fast"),
    "routing": ("core", "ir", "catalog"),
    "storage": ("core",),
    "telemetry": ("core", "ir"),
    # storage and telemetry are reached through gateway.ports only
    "gateway": ("core", "ir", "catalog", "translation", "upstream", "routing", "_fast"),
    "workbench": ("core", "ir", "catalog", "translation", "gateway", "storage"),
    "operations": ("core", "ir", "catalog", "translation", "gateway", "storage"),
    "admin": ("core", "ir", "catalog", "routing", "storage", "telemetry", "workbench", "operations"),
    "server": _EVERYTHING,
    "cli": ("core", "server", "storage", "operations", "workbench"),
    "": ("cli",),  # python -m omniroute
}


def _within(target: str, room: str) -> bool:
    return room == "" or target == room or target.startswith(f"{room}.")


def _forbidden(edge: Import) -> bool:
    room = room_of(edge.source)
    if edge.target == "" or _within(edge.target, room or "\0"):  # the version, or one's own room
        return False
    return not any(_within(edge.target, allowed) for allowed in MAY_IMPORT[room])


def test_every_room_is_in_the_table() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert rooms <= MAY_IMPORT.keys()


def test_imports_go_down_only() -> None:
    edges = {edge for path in (*python_files(), *cython_files()) for edge in imports_of(path)}
    assert edges, "no import was found at all: the reader of this test is broken"
    offenders = [f"{relative(e.source)}:{e.line} imports omniroute.{e.target}" for e in sorted(edges) if _forbidden(e)]
    assert not offenders, "\n" + "\n".join(offenders)


@pytest.mark.parametrize(
    ("source", "target", "forbidden"),
    [
        ("core/json.py", "ir.request", True),
        ("catalog/schema.py", "ir.caps", False),
        ("catalog/schema.py", "ir.request", True),
        ("translation/format.py", "upstream.call", True),
        ("gateway/ports.py", "storage.db", True),
        ("gateway/ports.py", "gateway.context", False),
        ("_fast/codec.pyx", "core.json", True),
        ("server/app.py", "storage.db", False),
        ("cli/__init__.py", "gateway.pipeline", True),
        ("cli/__init__.py", "", False),
    ],
)
def test_the_rule_itself(source: str, target: str, forbidden: bool) -> None:
    assert _forbidden(Import(PACKAGE / source, 1, target)) is forbidden
