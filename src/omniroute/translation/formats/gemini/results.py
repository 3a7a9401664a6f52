"""Results of function calls: Gemini wants an object, everybody else sends text."""

from __future__ import annotations

from typing import Any

from omniroute.core import json
from omniroute.ir.request import Text, ToolResult

_WRAPPERS = ("output", "result", "content")


def decode_output(response: dict[str, Any]) -> tuple[str, bool]:
    """(text, whether it is an error). A string under one of the usual names is taken out, anything else is JSON text.

    Some clients repeat the function's name beside it.
    """
    bare = {key: value for key, value in response.items() if key != "name"}
    if len(bare) == 1:
        key, value = next(iter(bare.items()))
        if key == "error":
            return value if isinstance(value, str) else json.dumps_text(value), True
        if key in _WRAPPERS and isinstance(value, str):
            return value, False
    return (json.dumps_text(response) if response else ""), False


def encode_output(result: ToolResult) -> dict[str, Any]:
    """JSON objects as they are, other JSON containers and plain text under ``output``, errors under ``error``."""
    text = "\n".join(part.text for part in result.content if isinstance(part, Text))
    if result.is_error:
        return {"error": text}
    value = _container(text)
    return value if isinstance(value, dict) else {"output": text if value is None else value}


def _container(text: str) -> Any:
    """The object or array ``text`` is, None for any other text and for one nested deeper than our writer goes."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        value = json.loads(text)
        json.dumps([[[[[[[[value]]]]]]]])
    except (json.JSONDecodeError, TypeError):
        return None
    return value
