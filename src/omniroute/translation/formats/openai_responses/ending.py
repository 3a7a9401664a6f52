"""The last event of a stream whose upstream leaves the output out of it: the items told before are put in, as clients read them
there.
"""

from __future__ import annotations

from typing import Any

from omniroute.core import json

_ITEM = b"response.output_item.done"
_ENDS = (b"response.completed", b"response.incomplete")
_BREAKS = (b"\r\n\r\n", b"\n\n")


class FullEnding:
    """A Framing of whole events (see ``translation.format``): everything but an ending without output keeps its bytes."""

    def __init__(self) -> None:
        self._items: dict[int, Any] = {}

    def feed(self, data: bytes) -> bytes:
        if _ITEM not in data and not any(word in data for word in _ENDS):
            return data
        between = next((word for word in _BREAKS if word in data), _BREAKS[-1])
        return between.join([self._event(event) for event in data.split(between)])

    def finish(self) -> bytes:
        return b""

    def _event(self, event: bytes) -> bytes:
        head, found, raw = event.rpartition(b"data:")
        if not found or (_ITEM not in raw and not any(word in raw for word in _ENDS)):
            return event
        try:
            told = json.loads(raw)
        except ValueError:
            return event
        if not isinstance(told, dict):
            return event
        kind, response = str(told.get("type")).encode(), told.get("response")
        if kind == _ITEM and isinstance(told.get("item"), dict):
            place = told.get("output_index")
            self._items[place if isinstance(place, int) else len(self._items)] = told["item"]
        elif kind in _ENDS and isinstance(response, dict) and not response.get("output") and self._items:
            response["output"] = [self._items[place] for place in sorted(self._items)]
            return b"%bdata: %b" % (head, json.dumps(told))
        return event
