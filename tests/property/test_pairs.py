"""Every vector of every format through every ordered pair: streams, finished answers, replays and requests must agree."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

import pytest

from fuzz.readers import META, STREAMS, Call, Seen, value_of, whole
from omniroute._fast.codec import Bridge, Collector
from omniroute._fast.envelope import scan
from omniroute.core.errors import BadRequest
from omniroute.ir.caps import Profile
from omniroute.ir.request import ChatRequest, Media, Part, Refusal, Text, ToolCall, ToolResult
from omniroute.translation.calls import arguments_object
from omniroute.translation.format import Format, registry
from omniroute.translation.normalise import normalise
from omniroute.translation.ops import Op
from omniroute.translation.request import translate_request
from omniroute.translation.response import answer_as_stream, stream_as_answer, translate_answer
from unit.fast.streams import VECTORS
from unit.translation.ollama_validator import ollama_complaints
from unit.translation.responses_rules import responses_complaints
from unit.translation.test_code_assist import code_assist_complaints
from unit.translation.test_gemini_requests import gemini_complaints
from unit.translation.validators import anthropic_complaints, chat_complaints
from upstream.cursor_dialect import complaints as cursor_complaints
from upstream.kiro_dialect import complaints as kiro_complaints

UPSTREAMS = [found.name for found in registry() if not found.client_only]
CLIENTS = [found.name for found in registry() if not found.egress_only]
STREAMED_ONLY = [found.name for found in registry() if found.streams_only]
SOURCES = [(name, path.stem, path.read_bytes()) for name in UPSTREAMS for path in sorted((VECTORS / name).iterdir())]
SMALL = 700
each_source = pytest.mark.parametrize(
    ("upstream", "stream"), [pytest.param(name, data, id=f"{name}-{stem}") for name, stem, data in SOURCES]
)
pairs = pytest.mark.parametrize(
    ("upstream", "stream", "client"),
    [pytest.param(name, data, client, id=f"{name}-{stem}-to-{client}") for name, stem, data in SOURCES for client in CLIENTS],
)


class Gathered(NamedTuple):
    """An upstream's stream, gathered. ``counts``: (input, output) when the upstream stated both."""

    collector: Collector
    bridge: Bridge
    counts: tuple[int, int] | None


def streamed(upstream: str, client: str, stream: bytes, cuts: tuple[int, ...] = ()) -> bytes:
    target = registry()[client]
    bridge = Bridge(registry()[upstream].decoder(), target.encoder(META.named(target.id_prefix)))
    out = b"".join(bridge.feed(stream[begin:end]) for begin, end in zip((0, *cuts), (*cuts, len(stream)), strict=True))
    return out + bridge.finish()


def gathered(upstream: str, stream: bytes) -> Gathered:
    collector = Collector()
    bridge = Bridge(registry()[upstream].decoder(), collector)
    assert (bridge.feed(stream), bridge.finish()) == (b"", b"")
    usage = bridge.usage
    stated = usage.input >= 0 and usage.output >= 0
    return Gathered(collector, bridge, (usage.input, usage.output) if stated else None)


def finished(found: Gathered, client: Format, upstream: Format) -> dict[str, Any]:
    body = json.loads(stream_as_answer(found.collector, found.bridge, client, upstream, META).body)
    assert isinstance(body, dict)
    return body


def same(one: Seen, other: Seen, stream: bytes, *, stated: bool) -> None:
    """Two views of one answer. Ids the upstream did not give are made up, and so are counts."""
    assert [(call.name, call.arguments) for call in one.calls] == [(call.name, call.arguments) for call in other.calls]
    for call, again in zip(one.calls, other.calls, strict=True):
        assert call.id == again.id or not _given(call, stream), "an id of the upstream's changed"
        assert (call.id is None) == (again.id is None)
    assert (one.text, one.reasoning, one.stop, one.error) == (other.text, other.reasoning, other.stop, other.error)
    if stated:
        assert one.usage == other.usage


def _given(call: Call, stream: bytes) -> bool:
    return call.id is not None and call.id.encode() in stream


@pairs
def test_streams_answers_and_replays_agree(upstream: str, stream: bytes, client: str) -> None:
    source, target = registry()[upstream], registry()[client]
    seen = STREAMS[client](streamed(upstream, client, stream))
    found = gathered(upstream, stream)
    if found.bridge.error_status:
        assert seen.error == found.bridge.error_message
        assert seen.stop is None
        return
    stated = found.counts is not None
    if seen.usage is not None and found.counts is not None:
        assert seen.usage == found.counts
    same(seen, whole(client, finished(found, target, source)), stream, stated=stated)
    media = any(block["type"] == "media" for block in found.collector.blocks)
    if client != upstream and upstream not in STREAMED_ONLY and not (media and upstream == "ollama"):  # finished, it shows none
        body = stream_as_answer(found.collector, found.bridge, source, source, META).body
        same(seen, whole(client, json.loads(translate_answer(body, target, source, META).body)), stream, stated=stated)
        same(seen, STREAMS[client](answer_as_stream(body, target, source, META).body), stream, stated=stated)


@pairs
def test_nothing_of_the_content_is_lost(upstream: str, stream: bytes, client: str) -> None:
    seen = STREAMS[client](streamed(upstream, client, stream))
    found = gathered(upstream, stream)
    blocks: list[dict[str, Any]] = found.collector.blocks
    shown = {"openai_completions": ("text", "refusal")}.get(client, ("text", "refusal", "thinking"))
    assert seen.text.replace(NOTE, "") == "".join(block["text"] for block in blocks if block["type"] in shown[:2])
    assert seen.reasoning == "".join(block["text"] for block in blocks if block["type"] in shown[2:])
    if client not in ("openai_completions", "ollama_generate") and not found.bridge.error_status:  # no half a call is told
        calls = [block for block in blocks if block["type"] == "tool"]
        expected = [(block["name"], value_of(block["arguments"])) for block in calls]
        assert [(call.name, call.arguments) for call in seen.calls] == expected
        for block, call in zip(calls, seen.calls, strict=True):
            assert call.id in (None, block["id"])


NOTE = "[image attachment omitted: not supported by this model]"


@each_source
def test_every_cut_of_the_small_ones(upstream: str, stream: bytes) -> None:
    if len(stream) > SMALL:
        cuts = range(1, len(stream), 97)
    else:
        cuts = range(1, len(stream))
    for client in CLIENTS:
        expected = streamed(upstream, client, stream)
        for cut in cuts:
            assert streamed(upstream, client, stream, (cut,)) == expected, (client, cut)


# -- requests -----------------------------------------------------------------------------------------------------------------

COMPLAINTS = {
    "openai_chat": chat_complaints,
    "anthropic": anthropic_complaints,
    "openai_responses": responses_complaints,
    "gemini": gemini_complaints,
    "code_assist": code_assist_complaints,
    "ollama": ollama_complaints,
    "kiro": kiro_complaints,
}
PROFILE = Profile(model="up")


def translated(client: str, upstream: str, body: bytes, ops: list[Op]) -> bytes:
    formats = registry()
    return translate_request(scan(body), formats[client], formats[upstream], PROFILE, model="m", stream=False, ops=ops).body


def _written() -> Iterator[tuple[str, str, bytes]]:
    """Each request vector once, whatever target it was written for: (format, id, body)."""
    found: dict[bytes, tuple[str, str, bytes]] = {}
    for path in sorted((VECTORS / "requests").glob("*.json")):
        client = path.stem.split("_to_")[0]
        for vector in json.loads(path.read_text()):
            fields = {"model": "m", **({"max_tokens": 1000} if client == "anthropic" else {}), **vector["request"]}
            body = json.dumps(fields).encode()
            found.setdefault(client.encode() + body, (client, vector["id"], body))
    yield from found.values()


def _requests() -> list[tuple[str, str, bytes]]:
    """All vectors, and for formats without any of their own those of others as they are sent there."""
    known = list(_written())
    for target in UPSTREAMS:
        if target in STREAMED_ONLY or any(client == target for client, _, _ in known):
            continue
        for client, name, body in _written():
            try:
                known.append((target, f"{client}-{name}", translated(client, target, body, [])))
            except BadRequest:
                continue  # nothing is sent of it
    return known


REQUESTS = _requests()
request_pairs = pytest.mark.parametrize(
    ("client", "body", "upstream"),
    [
        pytest.param(client, body, upstream, id=f"{client}-{name}-to-{upstream}")
        for client, name, body in REQUESTS
        for upstream in UPSTREAMS
        if upstream != client
    ],
)


@request_pairs
def test_requests_are_what_the_other_side_accepts(client: str, body: bytes, upstream: str) -> None:
    try:
        raw = translated(client, upstream, body, [])
    except BadRequest:
        return
    if registry()[upstream].binary:
        assert cursor_complaints(raw) == []
        return
    sent = json.loads(raw)
    if upstream == "openai_responses":  # its judge knows no hosted tools
        sent["tools"] = [tool for tool in sent.get("tools", ()) if tool["type"] in ("function", "custom")] or None
        if sent["tools"] is None:
            del sent["tools"]
            sent.pop("tool_choice", None)
    assert [found for found in COMPLAINTS[upstream](sent) if not _of_the_client(found)] == []


def _of_the_client(complaint: str) -> bool:
    """Options of its own that an Ollama client sets for Ollama pass, known to us or not."""
    return complaint.startswith("unknown option")


class Essence(NamedTuple):
    """What a request says whatever its format: texts of one side in a row are one, white space aside."""

    messages: list[Any]
    tools: list[Any]
    tool_choice: Any
    max_tokens: int | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    stop: tuple[str, ...]
    seed: int | None
    response_format: Any
    user: str | None


def essence(client: str, body: bytes) -> Essence:
    """Read from a body after all repairs of the client's own format."""
    asked = registry()[client].decode_request(body)
    request = normalise(asked, PROFILE, client).request
    form = request.response_format
    return Essence(
        _said(request),
        sorted((tool.name, tool.description, json.dumps(tool.schema or {}, sort_keys=True)) for tool in request.tools),
        _choice(request),
        request.max_tokens,
        request.temperature,
        request.top_p,
        request.top_k,
        request.stop,
        request.seed,
        form and (form.kind, form.schema),
        request.user,
    )


def _choice(request: ChatRequest) -> str | None:
    """Whether to call: parallel calls aside, "one of these" the same as "that one" where there is only one."""
    choice = request.tool_choice
    if choice is None or choice.mode in (None, "auto"):
        return None
    if choice.mode == "required" and len(choice.allowed or request.tools) == 1:
        return choice.allowed[0] if choice.allowed else request.tools[0].name
    return choice.name or choice.mode


def _said(request: ChatRequest) -> list[Any]:
    said: list[Any] = []
    for role, part in [("system", text) for text in request.system] + [(m.role, p) for m in request.messages for p in m.parts]:
        side = "assistant" if role == "assistant" else "system" if role in ("system", "developer") else "user"
        kind, what = "Text" if isinstance(part, Refusal) else type(part).__name__, _plain(part)
        if kind == "Text" and said and said[-1][:2] == [side, kind]:
            said[-1][2] += what
        elif kind != "Thinking":  # private: it stays with its vendor
            said.append([side, kind, what])
    return _runs(said)


def _runs(said: list[Any]) -> list[Any]:
    """Text in front of what else stands in its turn, results in front of that: where most formats have them."""
    order = {"ToolResult": 0, "Text": 1}
    out: list[Any] = []
    for _, group in groupby(said, key=lambda entry: entry[0]):
        entries = sorted(group, key=lambda entry: order.get(entry[1], 2))
        for entry in entries:
            if entry[1] == "Text" and out and out[-1][:2] == entry[:2]:
                out[-1] = [*entry[:2], out[-1][2] + entry[2]]
            else:
                out.append(entry)
    return out


def _plain(part: Part) -> Any:
    if isinstance(part, Text | Refusal):
        return "".join(part.text.split())
    if isinstance(part, ToolCall):
        return part.name, arguments_object(part.arguments)
    if isinstance(part, ToolResult):
        return "".join(str(_plain(inner)) for inner in part.content).removeprefix("Error:")
    if isinstance(part, Media):
        return part.kind, part.data, part.url, part.text
    return ""


@request_pairs
def test_requests_come_back_equal_but_for_what_was_declared(client: str, body: bytes, upstream: str) -> None:
    if registry()[client].client_only or upstream in STREAMED_ONLY:
        return
    ops: list[Op] = []
    try:
        sent = translated(client, upstream, body, ops)
    except BadRequest:
        return
    before, after = essence(client, body), essence(client, translated(upstream, client, sent, ops))
    touched = {op.pointer.split("/")[1] for op in ops}
    for field in Essence._fields:
        if getattr(before, field) != getattr(after, field):
            assert touched & {field, *RELATED.get(field, ())}, (field, getattr(before, field), getattr(after, field), ops)


RELATED = {
    "messages": ("system", "response_format", "tools"),
    "tool_choice": ("tools",),
    "tools": ("tool_choice",),
    "max_tokens": ("reasoning",),
}
