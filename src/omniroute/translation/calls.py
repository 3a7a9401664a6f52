"""Tool call arguments: JSON text in one half of the world, an object in the other."""

from __future__ import annotations

from typing import Any

from omniroute.core import json

# Our JSON writer refuses more than 254 levels; a call that deep travels as text, with room for what surrounds it.
_DEEPEST = 200
_SPACE = " \t\r\n"  # JSON's, as the compiled half knows it; Python's own idea of white space has more


def _too_deep(text: str) -> bool:
    if text.count("{") + text.count("[") <= _DEEPEST:
        return False
    depth = 0
    quoted = escaped = False
    for char in text:
        if quoted:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                quoted = False
        elif char == '"':
            quoted = True
        elif char in "{[":
            depth += 1
            if depth > _DEEPEST:
                return True
        elif char in "}]":
            depth -= 1
    return False


def arguments_object(text: str) -> dict[str, Any]:
    """The arguments as an object, never an error: nothing → {}, not JSON → {"_raw": text}, not an object → {"value": …}."""
    if not text.strip(_SPACE):
        return {}
    if _too_deep(text):
        return {"_raw": text}
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return {"_raw": text}
    if isinstance(value, dict):
        return value
    return {} if value is None else {"value": value}


def arguments_text(value: Any) -> str:
    """Arguments as JSON text, whatever shape they came in: text stays as it is, an object becomes compact JSON, None "{}"."""
    if isinstance(value, str):
        return value if value.strip(_SPACE) else "{}"
    return "{}" if value is None else json.dumps_text(value)


def unwrap_input(arguments: str) -> str:
    """The free-form input of a custom tool that travelled as a function of one ``input`` string; else the text itself.

    No arguments at all are an empty input."""
    value = arguments_object(arguments)
    if not value and arguments.strip(_SPACE)[:1] in ("", "{"):
        return ""
    if len(value) == 1 and isinstance(value.get("input"), str):
        inner: str = value["input"]
        return inner
    return arguments
