"""The only door to orjson: compact UTF-8 bytes out, plain Python objects in."""

from __future__ import annotations

from typing import Any

import orjson

JSONDecodeError = orjson.JSONDecodeError


def dumps(value: Any) -> bytes:
    """Compact JSON with key order kept. Raises TypeError for what JSON cannot hold."""
    return orjson.dumps(value)


def dumps_text(value: Any) -> str:
    """Like :func:`dumps`, as text."""
    return orjson.dumps(value).decode()


def dumps_pretty(value: Any) -> bytes:
    """Indented by two, with a final newline: for people and ``--json`` output."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def loads(data: bytes | bytearray | memoryview | str) -> Any:
    """Parse one JSON text. Raises :data:`JSONDecodeError` (a ValueError) on bad JSON or bad UTF-8."""
    return orjson.loads(data)
