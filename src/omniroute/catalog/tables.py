"""Strict decoding of tables people write by hand: every mistake becomes a sentence about one key, with a suggestion."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from omniroute.core.errors import ConfigError
from omniroute.core.settings import suggestion

T = TypeVar("T")
Complain = Callable[..., ConfigError]

_TYPES: Mapping[str, str] = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "a table",
    "array": "a list",
    "null": "nothing",
}
_PATH = re.compile(r" - at `\$(.*)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


def complain(message: str, *path: str) -> ConfigError:
    """The error about the key at ``path`` when there is no file whose line could be named."""
    del path  # the message names its key
    return ConfigError(message)


def decode_table(shape: type[T], table: Mapping[str, Any], error: Complain = complain) -> T:
    """``table`` as the strict struct ``shape``. What is raised is ``error(sentence, *path)``, the path leading to the key."""
    try:
        return msgspec.convert(dict(table), shape, strict=True)
    except msgspec.ValidationError as wrong:
        sentence, path = _explain(shape, str(wrong))
        raise error(sentence, *path) from None


def _explain(shape: Any, text: str) -> tuple[str, tuple[str, ...]]:
    at = _PATH.search(text)
    what = text[: at.start()] if at else text
    path = tuple(a or b for a, b in _STEP.findall(at.group(1))) if at else ()
    words = re.findall(r"`([^`]+)`", what)
    name = ".".join(path)
    if what.startswith("Object contains unknown field"):
        inner = _type_at(shape, path)
        known = list(getattr(inner, "__struct_fields__", ()))
        inside = f" in {name}" if name else ""
        return f"unknown key {words[0]!r}{inside}{suggestion(words[0], known)}", (*path, words[0])
    if what.startswith("Object missing required field"):
        return f"{'.'.join((*path, words[0]))} is missing", path
    if what.startswith("Invalid enum value"):
        choices = _choices(_type_at(shape, path))
        given = what.removeprefix("Invalid enum value ")
        return f"{name}: {given} is not one of {', '.join(choices)}" if choices else f"{name}: {given} is not known", path
    if what.startswith("Expected") and len(words) == 2:
        wanted = " or ".join(dict.fromkeys(_TYPES.get(w, w) for w in words[0].split(" | ") if w != "null"))
        return f"{name}: must be {wanted}, not {_TYPES.get(words[1], words[1])}", path
    return (f"{name}: {what}" if name else what), path


def _type_at(shape: Any, path: tuple[str, ...]) -> Any:
    """The declared type at ``path`` inside ``shape``; None where it cannot be told."""
    for step in path:
        if step.isdigit() or step == "...":
            inner = [a for a in get_args(shape) if a is not Ellipsis]
            shape = inner[-1] if inner else None
        elif isinstance(shape, type) and issubclass(shape, msgspec.Struct):
            shape = get_type_hints(shape).get(step)
        else:
            return None
    return shape


def _choices(shape: Any) -> list[str]:
    """The words of a Literal, alone or inside a union."""
    if get_origin(shape) is Literal:
        return [str(word) for word in get_args(shape)]
    return [word for part in get_args(shape) for word in _choices(part)]
