"""Conversations that go on from an earlier response: what to keep of one, and how the next request becomes whole again.

Pure functions over bodies; who keeps what for how long is not decided here.
"""

from __future__ import annotations

from typing import Any

import msgspec

from omniroute.core import json
from omniroute.core.errors import BadRequest
from omniroute.translation import read
from omniroute.translation.answers import answer_object, bad_answer, string
from omniroute.translation.format import History
from omniroute.translation.formats.openai_responses.compaction import as_stream, ask, bare, compacted, triggered
from omniroute.translation.formats.openai_responses.input import input_items

TERMINAL = (b"event: response.completed\n", b"event: response.incomplete\n")
_PAGE = 20
_LARGEST_PAGE = 100
# Of the items an answer consists of: given by the server, meaningless to another upstream.
_SERVER_FIELDS = frozenset({"id", "status"})
_WRITTEN = ("message", "function_call", "custom_tool_call", "reasoning")


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """One response and what led to it.

    ``response`` is its body, ``input`` the items of its request as a JSON array (earlier turns included), ``output`` its items
    as a next request would send them.
    """

    id: str
    response: bytes
    input: bytes
    output: bytes

    @property
    def size(self) -> int:
        """Bytes it takes to keep."""
        return len(self.response) + len(self.input) + len(self.output)


def wants_storage(request_body: bytes) -> bool:
    """Whether the client lets its response be stored: everything but ``store: false``."""
    return read.request_object(request_body).get("store") is not False


def remember(request_body: bytes, response_body: bytes) -> Stored:
    """What to keep of a finished exchange. ``request_body`` is the whole request: one that went on from an earlier response
    after :func:`resume`. Raises BadRequest or BadAnswer for bodies that are none, BadAnswer for a response without id."""
    items = input_items(read.request_object(request_body))
    response = answer_object(response_body)
    response_id, output = string(response, "id"), response.get("output")
    if not response_id or not isinstance(output, list):
        raise bad_answer("The response has no id or no output.")
    said = [_as_input(item) for item in output if isinstance(item, dict)]
    return Stored(
        id=response_id,
        response=response_body,
        input=json.dumps([_with_id(item, f"{response_id}_{position}") for position, item in enumerate(items)]),
        output=json.dumps([item for item in said if item is not None]),
    )


def _with_id(item: Any, tail: str) -> Any:
    """Every stored item has an id, by which lists of them are paged."""
    if not isinstance(item, dict) or item.get("id"):
        return item
    return {"id": f"in_{tail.removeprefix('resp_')}", **item}


def _as_input(item: dict[str, Any]) -> dict[str, Any] | None:
    kind = item.get("type")
    if kind not in _WRITTEN:
        return item
    if kind == "reasoning" and not item.get("encrypted_content") and not item.get("summary") and not item.get("content"):
        return None
    return {key: value for key, value in item.items() if key not in _SERVER_FIELDS}


def previous_id(body: bytes) -> str | None:
    """The ``previous_response_id`` of a request, None if it has none. Raises BadRequest."""
    fields = read.request_object(body)
    found = read.text(fields, "previous_response_id", "")
    if found is not None and fields.get("conversation") is not None:
        raise BadRequest("previous_response_id and conversation exclude each other.", param="conversation")
    return found


def resume(body: bytes, stored: Stored) -> bytes:
    """The request with everything before it put in front of its input, and without ``previous_response_id``.

    Instructions and tools are not inherited: a request states its own. Raises BadRequest.
    """
    fields = read.request_object(body)
    fields.pop("previous_response_id", None)
    before = [_without_ours(item) for item in json.loads(stored.input)]
    news = input_items(fields) if fields.get("input") is not None else []
    fields["input"] = before + json.loads(stored.output) + news
    return json.dumps(fields)


def _without_ours(item: Any) -> Any:
    if isinstance(item, dict) and str(item.get("id", "")).startswith("in_"):
        return {key: value for key, value in item.items() if key != "id"}
    return item


def finished_response(written: bytes) -> bytes | None:
    """The response object in the terminal event of a stream, if ``written`` (whole events) holds it; None for a failed one."""
    for word in TERMINAL:
        start = written.rfind(word)
        if start < 0:
            continue
        line = written[start:].split(b"\n", 2)[1]
        try:
            event = json.loads(line.removeprefix(b"data:").strip())
        except json.JSONDecodeError:
            continue
        response = event.get("response") if isinstance(event, dict) else None
        if isinstance(response, dict):
            return json.dumps(response)
    return None


def input_page(stored: Stored, *, after: str | None = None, limit: int = _PAGE, ascending: bool = False) -> bytes:
    """A page of the input items, newest first unless ``ascending``, at most 100: the answer of ``…/input_items``.

    Raises BadRequest when ``after`` is none of them.
    """
    items = json.loads(stored.input)
    if not ascending:
        items.reverse()
    if after is not None:
        places = [place for place, item in enumerate(items) if isinstance(item, dict) and item.get("id") == after]
        if not places:
            raise BadRequest(f"There is no input item {after[:80]!r}.", param="after")
        items = items[places[0] + 1 :]
    page = items[: max(1, min(limit, _LARGEST_PAGE))]
    ids = [item.get("id") for item in page if isinstance(item, dict)]
    fields = {"object": "list", "data": page, "first_id": ids[0] if ids else None, "last_id": ids[-1] if ids else None}
    return json.dumps({**fields, "has_more": len(page) < len(items)})


def deleted(response_id: str) -> bytes:
    """The answer to a deletion."""
    return json.dumps({"id": response_id, "object": "response", "deleted": True})


HISTORY = History(
    terminal=TERMINAL,
    wants_storage=wants_storage,
    previous_id=previous_id,
    resume=resume,
    remember=remember,
    finished=finished_response,
    page=input_page,
    deleted=deleted,
    triggered=triggered,
    ask=ask,
    bare=bare,
    compacted=compacted,
    as_stream=as_stream,
)
