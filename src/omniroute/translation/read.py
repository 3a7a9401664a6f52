"""Typed reading of client JSON: every mistake is a BadRequest that names the field by its path (``messages[2].content``).

``null`` counts as absent for optional fields, as every official SDK sends it so.
"""

from __future__ import annotations

from typing import Any, NoReturn

from omniroute.core import json
from omniroute.core.errors import BadRequest

_WORDS = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", int: "an integer", float: "a number"}
_EXACT = 2**53


def request_object(body: bytes) -> dict[str, Any]:
    """The body as an object, or BadRequest for anything that is not one."""
    try:
        value = json.loads(body)
    except json.JSONDecodeError as error:
        raise BadRequest(f"The request body is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadRequest(f"The request body must be a JSON object, not {word(value)}.")
    return value


def lenient_object(body: bytes) -> dict[str, Any]:
    """The body as an object, {} for anything that is not one."""
    try:
        value = json.loads(body)
    except json.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def word(value: Any) -> str:
    """What ``value`` is, in JSON's words."""
    return "null" if value is None else _WORDS.get(type(value), type(value).__name__)


def at(path: str, key: str) -> str:
    """The path of ``key`` inside the object at ``path``."""
    return f"{path}.{key}" if path else key


def wrong(path: str, expected: str, value: Any) -> NoReturn:
    """Refuse ``value`` at ``path``."""
    raise BadRequest(f"{path} must be {expected}, not {word(value)}.", param=path)


def missing(path: str) -> NoReturn:
    raise BadRequest(f"{path} is required.", param=path)


def need_object(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        wrong(path, "an object", value)
    return value


def need_text(fields: dict[str, Any], key: str, path: str) -> str:
    value = fields.get(key)
    if value is None:
        missing(at(path, key))
    if not isinstance(value, str):
        wrong(at(path, key), "a string", value)
    return value


def text(fields: dict[str, Any], key: str, path: str) -> str | None:
    value = fields.get(key)
    if value is not None and not isinstance(value, str):
        wrong(at(path, key), "a string", value)
    return value


def flag(fields: dict[str, Any], key: str, path: str) -> bool | None:
    value = fields.get(key)
    if value is not None and not isinstance(value, bool):
        wrong(at(path, key), "a boolean", value)
    return value


def integer(fields: dict[str, Any], key: str, path: str, *, low: int | None = None) -> int | None:
    """A whole number, also when spelled 5.0. ``low`` is the smallest value accepted."""
    value = fields.get(key)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        wrong(at(path, key), "an integer", value)
    if low is not None and value < low:
        where = at(path, key)
        raise BadRequest(f"{where} must be at least {low}, not {value}.", param=where)
    return value


def number(fields: dict[str, Any], key: str, path: str) -> float | None:
    value = fields.get(key)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        wrong(at(path, key), "a number", value)
    return value


def array(fields: dict[str, Any], key: str, path: str) -> list[Any] | None:
    value = fields.get(key)
    if value is not None and not isinstance(value, list):
        wrong(at(path, key), "an array", value)
    return value


def obj(fields: dict[str, Any], key: str, path: str) -> dict[str, Any] | None:
    value = fields.get(key)
    if value is not None and not isinstance(value, dict):
        wrong(at(path, key), "an object", value)
    return value


def choice(value: str | None, allowed: tuple[str, ...], path: str) -> None:
    """Refuse a word outside ``allowed`` (None passes)."""
    if value is not None and value not in allowed:
        raise BadRequest(f"{path} must be one of {', '.join(allowed)}, not {value[:60]!r}.", param=path)


def texts(value: Any, path: str) -> tuple[str, ...]:
    """A string, a list of strings or null, as a tuple."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        wrong(path, "a string or an array of strings", value)
    for position, item in enumerate(value):
        if not isinstance(item, str):
            wrong(f"{path}[{position}]", "a string", item)
    return tuple(value)
