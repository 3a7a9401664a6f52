"""Cache marks in a body that passes unparsed: no more than the endpoint takes, those nearest to the end staying."""

from __future__ import annotations

from typing import Any

from omniroute._fast.envelope import Envelope
from omniroute.core import json
from omniroute.translation.quirks import Changes

_MARK = "cache_control"
_SIGN = b'"cache_control"'
# from the end of the prompt to its beginning
_FIELDS = ("messages", "system", "tools")


def limit_marks(envelope: Envelope, changes: Changes, most: int) -> Changes:
    """``changes`` and, where the body with them has more than ``most`` marks, those that take the earliest ones away."""
    raw = {key: changes[key] if key in changes else envelope.raw(key) for key in _FIELDS}
    alone = envelope.raw(_MARK)  # one for the whole request
    left = most - (alone is not None and alone != b"null")
    if sum(value.count(_SIGN) for value in raw.values() if value is not None) <= left:
        return changes
    taken = dict(changes)
    for key in _FIELDS:
        value = raw[key]
        if value is None or _SIGN not in value:
            continue
        content = json.loads(value)
        fewer = _Fewer(left)
        fewer.visit(content)
        left = fewer.left
        if fewer.removed:
            taken[key] = json.dumps(content)
    return taken


class _Fewer:
    """Goes through blocks from the last to the first and leaves ``left`` marks."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.removed = False

    def visit(self, value: Any) -> None:
        """A list of blocks, tools or messages, or one of them. Arguments of calls and schemas hold no marks."""
        if isinstance(value, list):
            for item in reversed(value):
                self.visit(item)
            return
        if not isinstance(value, dict):
            return
        if value.get(_MARK) is not None:
            if self.left > 0:
                self.left -= 1
            else:
                del value[_MARK]
                self.removed = True
        self.visit(value.get("content"))
