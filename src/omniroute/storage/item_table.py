"""Databases of other programs, as editors keep their state: one table of keys and values. Read only, and without a trace."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote


def read_items(path: Path, keys: Sequence[str]) -> dict[str, Any]:
    """The values of ``keys`` that are there, as text or bytes. FileNotFoundError, sqlite3.Error.

    A program that has the file open is not disturbed: nothing is locked for longer than the reading, nothing written.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    rows: dict[str, Any] = {}
    for uri in _uris(path):
        try:
            with closing(sqlite3.connect(uri, uri=True, timeout=1.0)) as connection:
                marks = ",".join("?" * len(keys))
                query = f"SELECT key, value FROM ItemTable WHERE key IN ({marks})"  # noqa: S608 - marks are question marks
                rows = dict(connection.execute(query, list(keys)))
            break
        except sqlite3.OperationalError:
            if "immutable" in uri:
                raise
    return rows


def _uris(path: Path) -> Iterator[str]:
    """Read only; where the journal's shared memory cannot be made for that, the file as it stands."""
    name = quote(str(path))
    yield f"file:{name}?mode=ro"
    yield f"file:{name}?mode=ro&immutable=1"
