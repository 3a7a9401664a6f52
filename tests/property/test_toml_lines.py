"""Every key that the parser finds has a line, and the line holds it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from omniroute.core import json
from omniroute.core.toml_lines import key_lines

_names = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",), exclude_characters="\x7f"), max_size=6)
_texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",), exclude_characters="\x7f\r"), max_size=12)
_scalars = st.one_of(st.integers(-9, 9), st.booleans(), _texts)
_values = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=5)


def _quoted(text: str) -> str:
    return json.dumps_text(text)


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        plain = "'" not in value and all(c == "\t" or ord(c) >= 32 for c in value)
        return f"'{value}'" if plain else _quoted(value)
    return "[\n" + "".join(f"  {_written(item)}, # [ ' \"\n" for item in value) + "]"


def _paths(table: dict[str, Any], base: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in table.items():
        yield (*base, key)
        if isinstance(value, dict):
            yield from _paths(value, (*base, key))


@given(st.dictionaries(_names, st.dictionaries(_names, _values, max_size=3), max_size=4))
def test_all_keys_have_the_line_they_are_written_on(tables: dict[str, dict[str, Any]]) -> None:
    parts: list[str] = []
    for name, table in tables.items():
        parts.append(f"[{_quoted(name)}] # [x]")
        parts += [f"{_quoted(key)} = {_written(value)} # = ''' \"\"\"" for key, value in table.items()]
    text = "\n".join(parts)
    parsed = tomllib.loads(text)
    lines = key_lines(text)
    assert set(lines) == set(_paths(parsed))
    rows = text.split("\n")
    for path, line in lines.items():
        assert _quoted(path[-1]) in rows[line - 1]
