"""Cursor's chat as a scripted upstream speaks it: protobuf messages in Connect envelopes, and a JSON trailer.

Written from the Connect protocol's specification, from protobuf's description of its encoding, and from published listings of the
messages, independently of the product's own codecs.
"""

from __future__ import annotations

import gzip
import itertools
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from upstream.dialects import arguments_of, compact
from upstream.script import Script, Text, Thinking, ToolCall, pieces

STREAM_TYPE = "application/connect+proto"
MCP = 19
_CODES = {400: "invalid_argument", 401: "unauthenticated", 403: "permission_denied", 404: "not_found", 429: "resource_exhausted",
          500: "internal", 503: "unavailable"}  # fmt: skip


def varint(value: int) -> bytes:
    head = value & 0x7F
    return bytes([head]) if value < 0x80 else bytes([head | 0x80]) + varint(value >> 7)


def field(number: int, value: int | str | bytes) -> bytes:
    """A number, or what has a length: text, bytes, a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def envelope(payload: bytes, flags: int = 0, *, zipped: bool = False) -> bytes:
    payload = gzip.compress(payload) if zipped else payload
    return struct.pack(">BI", flags | zipped, len(payload)) + payload


def trailer(error: dict[str, Any] | None = None, *, zipped: bool = False) -> bytes:
    """The last envelope of a stream."""
    return envelope(compact({"error": error} if error else {}).encode(), 2, zipped=zipped)


def failure(code: str, message: str = "Error", *, word: str | None = None, title: str = "", detail: str = "") -> dict[str, Any]:
    """A Connect error as the service words it."""
    error: dict[str, Any] = {"code": code, "message": message}
    if word:
        told = {"error": word, "details": {"title": title, "detail": detail, "isRetryable": False}}
        error["details"] = [{"type": "aiserver.v1.ErrorDetails", "value": "CAE", "debug": told}]
    return error


def said(text: str) -> bytes:
    return envelope(field(2, field(1, text)))


def thought(text: str) -> bytes:
    return envelope(field(2, field(25, field(1, text))))


def called(call_id: str, name: str, arguments: str, *, last: bool = False, nested: bool = True) -> bytes:
    """A fragment of a call: in the parameters of the tool, or (older) as raw arguments beside a prefixed name."""
    fields = field(1, MCP) + field(3, f"{call_id}\nmc_of-the-model")
    if nested:
        fields += field(27, field(1, field(1, name) + field(3, arguments) + field(4, "custom")))
        fields += field(9, f"mcp_custom_{name}")
    else:
        fields += field(9, f"mcp_custom_{name}") + field(10, arguments)
    return envelope(field(1, fields + (field(15, 1) if last else b"")))


@dataclass(frozen=True)
class Cursor:
    """``zipped``: every other message is compressed. ``nested``: see :func:`called`."""

    zipped: bool = False
    nested: bool = True

    def stream(self, script: Script) -> list[bytes]:
        """Envelopes up to and with the trailer."""
        parts = [envelope(field(5, field(1, "padding")))]  # StreamStart
        for number, block in enumerate(script.blocks()):
            match block:
                case Thinking():
                    parts += map(thought, block.parts())
                case Text():
                    parts += map(said, block.parts())
                case ToolCall():
                    fragments = pieces(arguments_of(block), script.chunk)
                    call_id = block.id or f"toolu_{number}"
                    for at, fragment in enumerate(fragments):
                        last = at == len(fragments) - 1
                        parts.append(called(call_id, block.name, fragment, last=last, nested=self.nested))
        parts.append(trailer())
        if self.zipped:
            parts = [envelope(part[5:], part[0], zipped=True) if at % 2 else part for at, part in enumerate(parts)]
        return parts

    def error(self, script: Script) -> dict[str, Any]:
        """The body of an error answer, and of the error in a trailer."""
        return failure(script.error_type or _CODES.get(script.status, "internal"), script.message, word=script.code)


# -- what is asked --------------------------------------------------------------------------------------------------------------


def fields_of(raw: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message in order. ValueError for anything that is none."""
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            if at >= len(raw) or shift > 63:
                raise ValueError("a number does not end")
            byte, at = raw[at], at + 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(raw):
        key = number()
        if key & 7 == 0:
            yield key >> 3, number()
            continue
        size = number() if key & 7 == 2 else {1: 8, 5: 4}[key & 7]
        if at + size > len(raw):
            raise ValueError("a field goes beyond its message")
        yield key >> 3, raw[at : at + size]
        at += size


def message(raw: Any) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for number, value in fields_of(raw):
        found.setdefault(number, []).append(value)
    return found


def text(fields: dict[int, list[Any]], number: int) -> str:
    return fields[number][0].decode() if number in fields else ""


@dataclass(frozen=True)
class Turn:
    """``results``: (call id, name, arguments, result or None, failed)."""

    side: int
    text: str
    images: list[bytes]
    bubble: str
    results: list[tuple[str, str, str, str | None, bool]]


@dataclass(frozen=True)
class Asked:
    model: str
    system: str
    conversation: str
    turns: list[Turn]
    tools: list[tuple[str, str, Any]]
    mode: int
    thinking: int
    fields: dict[int, list[Any]]


def asked(body: bytes) -> Asked:
    """A request, read. ValueError when it is none."""
    flags, length = struct.unpack(">BI", body[:5])
    if flags or length != len(body) - 5:
        raise ValueError("not one uncompressed envelope")
    outer = message(body[5:])
    if list(outer) != [1]:
        raise ValueError(f"fields {list(outer)} around the request")
    chat = message(outer[1][0])
    tools = [message(raw) for raw in chat.get(34, ())]
    return Asked(
        model=text(message(chat[5][0]), 1),
        system=text(message(chat[3][0]), 1),
        conversation=text(chat, 23),
        turns=[_turn(message(raw)) for raw in chat.get(1, ())],
        tools=[(text(tool, 1), text(tool, 2), json.loads(text(tool, 3))) for tool in tools],
        mode=chat[46][0],
        thinking=chat.get(49, [0])[0],
        fields=chat,
    )


def _turn(fields: dict[int, list[Any]]) -> Turn:
    results = []
    for raw in fields.get(18, ()):
        result = message(raw)
        told = None
        if 8 in result:
            given = message(result[8][0])
            if given[1] != [MCP] or text(given, 35) != text(result, 1):
                raise ValueError("a result of another call")
            told = text(message(given[28][0]), 2)
        results.append((text(result, 1), text(result, 2), text(result, 5), told, 9 in result))
    images = [message(raw)[1][0] for raw in fields.get(10, ())]
    return Turn(fields[2][0], text(fields, 1), images, text(fields, 13), results)


def complaints(body: bytes) -> list[str]:
    """What is wrong with a request, in words; none = it is taken."""
    try:
        request = asked(body)
    except (ValueError, KeyError, IndexError, struct.error, UnicodeDecodeError) as error:
        return [f"not a request: {error!r}"]
    found = []
    sides = [turn.side for turn in request.turns]
    if not sides or sides[0] != 1 or any(one == other for one, other in itertools.pairwise(sides) if one == 1):
        found.append(f"the sides do not alternate: {sides}")
    headers = [message(raw) for raw in request.fields.get(30, ())]
    if [(text(head, 1), head[3][0]) for head in headers] != [(turn.bubble, turn.side) for turn in request.turns]:
        found.append("the headers are not those of the turns")
    if len({turn.bubble for turn in request.turns}) != len(request.turns):
        found.append("two turns of one id")
    for turn in request.turns:
        if not turn.text.strip() and not turn.images and not turn.results:
            found.append("a turn that says nothing")
        if turn.results and turn.side != 2:
            found.append("results on the side of the user")
        if any(told is None for _, _, _, told, _ in turn.results):
            found.append("a call without its result")
        for _, _, arguments, _, _ in turn.results:
            json.loads(arguments)
    if not request.model or not request.conversation:
        found.append("no model or conversation")
    agentic = bool(request.tools)
    expected = (2, [1], [0]) if agentic else (1, [0], [1])
    if (request.mode, request.fields[27], request.fields[48]) != expected:
        found.append("mode and tools do not agree")
    for name, description, schema in request.tools:
        if not 0 < len(name) <= 64 or not description or schema.get("type") != "object":
            found.append(f"tool {name!r} is not described")
    return found
