"""The only door to orjson: compact UTF-8 bytes out, plain Python objects in. The rest the standard library does."""

from __future__ import annotations

import re
from json import JSONDecoder
from typing import Any

import orjson

JSONDecodeError = orjson.JSONDecodeError
_DECODER = JSONDecoder()
_INDEX = re.compile(r"[0-9]{1,9}")


def dumps(value: Any) -> bytes:
    """Compact JSON with key order kept. Raises TypeError for what JSON cannot hold."""
    return orjson.dumps(value)


def dumps_text(value: Any) -> str:
    """Like :func:`dumps`, as text."""
    return orjson.dumps(value).decode()


def dumps_pretty(value: Any) -> bytes:
    """Indented by two, with a final newline: for people and ``--json`` output."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def value_at(text: str, at: int) -> tuple[Any, int]:
    """The JSON value that begins at ``text[at]``, and where it ends; what follows is not looked at. Raises ValueError."""
    return _DECODER.raw_decode(text, at)


def pointed(value: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) leads to in ``value``; None where it leads nowhere."""
    for step in pointer.split("/")[1:]:
        word = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(word)
        elif isinstance(value, list) and _INDEX.fullmatch(word) and int(word) < len(value):
            value = value[int(word)]
        else:
            return None
    return value


def loads(data: bytes | bytearray | memoryview | str) -> Any:
    """Parse one JSON text. Raises :data:`JSONDecodeError` (a ValueError) on bad JSON or bad UTF-8."""
    return orjson.loads(data)
