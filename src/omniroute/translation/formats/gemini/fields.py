"""Gemini's JSON is protobuf JSON: every field may be spelled in camelCase or snake_case, bytes in either base64 alphabet."""

from __future__ import annotations

import re
from typing import Any

from omniroute.translation import read

NAME = "gemini"
_SNAKE = re.compile(r"_([a-z0-9])")
_URL_SAFE = str.maketrans("-_", "+/")


def camel(fields: dict[str, Any]) -> dict[str, Any]:
    """The object with its own keys in camelCase; what is inside of it stays as it is. The camelCase spelling wins."""
    if "_" not in "".join(fields):
        return fields
    result: dict[str, Any] = {}
    for key, value in fields.items():
        spelled = _SNAKE.sub(lambda found: found[1].upper(), key) if "_" in key[1:] else key
        if spelled == key or spelled not in fields:
            result[spelled] = value
    return result


def objects(fields: dict[str, Any], key: str, path: str) -> list[dict[str, Any]]:
    """A list of objects (or a single one), each with camelCase keys; [] when there is none."""
    value = fields.get(key)
    if isinstance(value, dict):
        return [camel(value)]
    items = read.array(fields, key, path) or []
    for position, item in enumerate(items):
        if not isinstance(item, dict):
            read.wrong(f"{read.at(path, key)}[{position}]", "an object", item)
    return [camel(item) for item in items]


def inner(fields: dict[str, Any], key: str, path: str) -> dict[str, Any]:
    """An object field with camelCase keys, {} when there is none."""
    return camel(read.obj(fields, key, path) or {})


def plain_base64(data: str) -> str:
    """``data`` in the usual base64 alphabet, padded."""
    if "-" in data or "_" in data:
        data = data.translate(_URL_SAFE)
    return data + "=" * (-len(data) % 4) if len(data) % 4 != 1 else data
