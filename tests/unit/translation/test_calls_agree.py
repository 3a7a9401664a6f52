"""One call, told four ways: as a stream, as a finished answer, as a stream made of that, as an answer gathered from a stream.

Every client dialect, every upstream dialect, free-form and plain calls, of tools that were given and of tools nobody gave.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from omniroute._fast.codec import Collector
from omniroute._fast.envelope import scan
from omniroute.ir.caps import Profile
from omniroute.translation.format import StreamMeta, registry
from omniroute.translation.request import translate_request
from omniroute.translation.response import answer_as_stream, stream_as_answer, translate_answer
from omniroute.translation.stream import bridge_for, gathering_bridge
from unit.fast.streams import events_of

PATCH = '*** Begin\n+ "x" \\ é 𝄞\n*** End'
EMPTY = {"type": "object", "properties": {}}


class Case(NamedTuple):
    """``given``: the request has a tool of the name that is called; ``free``: the upstream calls it in free form."""

    client: str
    upstream: str
    given: bool
    free: bool
    text: str
    space: bool = False


def _asked(client: str, given: bool, space: bool) -> dict[str, Any]:
    name = "apply.patch" if given else "other"
    if client == "openai_responses":
        custom: dict[str, Any] = {"type": "custom", "name": name}
        if space:
            custom = {"type": "namespace", "name": "fn", "tools": [custom]}
        return {"model": "m", "input": "p", "tools": [custom, {"type": "function", "name": "look", "parameters": EMPTY}]}
    plain = [{"type": "function", "function": {"name": "look", "parameters": EMPTY}}]
    said = [{"role": "user", "content": "p"}]
    if client == "openai_chat":
        return {"model": "m", "messages": said, "tools": [{"type": "custom", "custom": {"name": name}}, *plain]}
    if client == "anthropic":
        return {"model": "m", "max_tokens": 9, "messages": said, "tools": [{"name": "look", "input_schema": EMPTY}]}
    if client == "gemini":
        return {"contents": [{"role": "user", "parts": [{"text": "p"}]}], "tools": [{"functionDeclarations": [{"name": "look"}]}]}
    return {"model": "m", "messages": said, "tools": plain}


def _pieces(text: str) -> list[str]:
    return [text[at : at + 4] for at in range(0, len(text), 4)]


def _events(events: list[dict[str, Any]]) -> bytes:
    return b"".join(b"event: %s\ndata: %s\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in events)


def _responses(name: str, free: bool, text: str) -> tuple[bytes, bytes]:
    kind, key = ("custom_tool_call", "input") if free else ("function_call", "arguments")
    word = f"response.{'custom_tool_call_input' if free else 'function_call_arguments'}"
    bare = {
        "id": "i1",
        "type": kind,
        "status": "completed",
        "call_id": "c1",
        "name": name,
    }
    usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    whole = {
        "id": "resp_1",
        "object": "response",
        "model": "up",
        "status": "completed",
        "output": [{**bare, key: text}],
        "usage": usage,
    }
    place = {"output_index": 0, "item_id": "i1"}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**whole, "output": [], "status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**bare, key: ""}},
        *({"type": f"{word}.delta", "delta": piece, **place} for piece in _pieces(text)),
        {"type": f"{word}.done", key: text, **place},
        {"type": "response.output_item.done", "output_index": 0, "item": {**bare, key: text}},
        {"type": "response.completed", "response": whole},
    ]
    return _events(events), json.dumps(whole).encode()


def _chat(name: str, free: bool, text: str) -> tuple[bytes, bytes]:
    kind, key = ("custom", "input") if free else ("function", "arguments")
    head = {"id": "c1", "type": kind}
    deltas: list[dict[str, Any]] = [{"index": 0, **head, kind: {"name": name, key: ""}}]
    deltas += [{"index": 0, kind: {key: piece}} for piece in _pieces(text)]
    chunks: list[Any] = [{"index": 0, "delta": {"tool_calls": [delta]}} for delta in deltas]
    chunks.append({"index": 0, "delta": {}, "finish_reason": "tool_calls"})
    stream = b"".join(b"data: %s\n\n" % json.dumps({"id": "x", "model": "up", "choices": [chunk]}).encode() for chunk in chunks)
    message = {"role": "assistant", "content": None, "tool_calls": [{**head, kind: {"name": name, key: text}}]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    return stream + b"data: [DONE]\n\n", json.dumps({"id": "x", "model": "up", "choices": [choice]}).encode()


def _anthropic(name: str, _free: bool, text: str) -> tuple[bytes, bytes]:
    block = {"type": "tool_use", "id": "c1", "name": name}
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in _pieces(text)]
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "m", "model": "x", "content": [], "usage": {}}},
        {"type": "content_block_start", "index": 0, "content_block": {**block, "input": {}}},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        {"type": "message_stop"},
    ]
    content = [{**block, "input": json.loads(text)}]
    whole = {"id": "m", "type": "message", "role": "assistant", "model": "x", "content": content, "stop_reason": "tool_use"}
    return _events(events), json.dumps(whole).encode()


def _gemini(name: str, _free: bool, text: str) -> tuple[bytes, bytes]:
    parts = [{"functionCall": {"id": "c1", "name": name, "args": json.loads(text)}}]
    candidate = {"index": 0, "content": {"role": "model", "parts": parts}, "finishReason": "STOP"}
    body = json.dumps({"candidates": [candidate], "modelVersion": "u", "responseId": "r"}).encode()
    return b"data: %s\n\n" % body, body


def _ollama(name: str, _free: bool, text: str) -> tuple[bytes, bytes]:
    call = {"id": "c1", "function": {"name": name, "arguments": json.loads(text)}}
    message = {"role": "assistant", "content": "", "tool_calls": [call]}
    body = json.dumps({"model": "u", "message": message, "done": True, "done_reason": "stop"}).encode()
    return body + b"\n", body


ANSWERS: dict[str, Callable[[str, bool, str], tuple[bytes, bytes]]] = {
    "openai_chat": _chat, "openai_responses": _responses, "anthropic": _anthropic, "gemini": _gemini, "ollama": _ollama,
}  # fmt: skip


def _value(text: str) -> Any:
    """JSON as what it says, anything else as it is: white space inside of arguments is the upstream's affair."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _shown(client: str, body: bytes) -> list[Any]:
    """(what kind of call, its name, what it is given) of a finished answer."""
    answer = json.loads(body)
    if client == "openai_chat":
        calls = answer["choices"][0]["message"].get("tool_calls", ())
        return [(call["id"], call["type"], call[call["type"]]["name"], _given(call[call["type"]])) for call in calls]
    if client == "openai_responses":
        items = answer["output"]
        return [(item["call_id"], item["type"], item.get("namespace"), item["name"], _given(item)) for item in items]
    if client == "anthropic":
        return [(block["id"], block["type"], block["name"], block["input"]) for block in answer["content"]]
    if client == "gemini":
        parts = answer["candidates"][0]["content"]["parts"]
        return [part["functionCall"] for part in parts if "functionCall" in part]
    return list(answer["message"].get("tool_calls", ()))


def _given(fields: dict[str, Any]) -> Any:
    return ("free", _value(fields["input"])) if "input" in fields else _value(fields["arguments"])


def _streamed(client: str, stream: bytes) -> list[Any]:
    """The same of a stream, put together as its clients do."""
    if client == "ollama":
        return [call for line in stream.splitlines() for call in json.loads(line)["message"].get("tool_calls", ())]
    events = [json.loads(data) for _, data in events_of(stream.replace(b"\r\n", b"\n")) if data != "[DONE]"]
    if client == "openai_responses":
        (last,) = (event["response"] for event in events if event["type"] == "response.completed")
        done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
        assert done == last["output"]
        return _shown(client, json.dumps(last).encode())
    if client == "gemini":
        return [part["functionCall"] for e in events for part in e["candidates"][0]["content"]["parts"] if "functionCall" in part]
    if client == "anthropic":
        blocks = [dict(event["content_block"]) for event in events if event["type"] == "content_block_start"]
        for index, block in enumerate(blocks):
            deltas = [e["delta"] for e in events if e["type"] == "content_block_delta" and e["index"] == index]
            block["input"] = json.loads("".join(delta["partial_json"] for delta in deltas) or "{}")
        return _shown(client, json.dumps({"content": blocks}).encode())
    calls: list[dict[str, Any]] = []
    for delta in (delta for event in events for choice in event["choices"] for delta in choice["delta"].get("tool_calls", ())):
        if delta["index"] == len(calls):
            calls.append({"id": delta["id"], "type": delta["type"], delta["type"]: dict(delta[delta["type"]])})
            continue
        call = calls[delta["index"]]
        for key, piece in delta[call["type"]].items():
            call[call["type"]][key] += piece
    return _shown(client, json.dumps({"choices": [{"message": {"tool_calls": calls}}]}).encode())


FREE = [PATCH, "", '{"input":"x"}', "{}", "{"]
PLAIN = [{"input": PATCH}, {}, {"input": PATCH, "z": 1}, {"a": 1}, {"input": {"deep": 1}}]


def _cases() -> Iterator[Any]:
    for client in ANSWERS:
        for upstream in ANSWERS:
            if upstream == client:
                continue
            for given in (True, False):
                texts = [(False, json.dumps(value)) for value in PLAIN]
                if upstream in ("openai_chat", "openai_responses"):
                    texts += [(True, text) for text in FREE]
                for free, text in texts:
                    for space in (False, True) if client == "openai_responses" else (False,):
                        case = Case(client, upstream, given, free, text, space)
                        words = ("given" if given else "unknown", "free" if free else "plain", *(["space"] if space else []))
                        yield pytest.param(case, id="-".join((client, upstream, *words, text[:9])))


@pytest.mark.parametrize("case", list(_cases()))
def test_streams_and_finished_answers_tell_of_the_same_call(case: Case) -> None:
    client, upstream = registry()[case.client], registry()[case.upstream]
    asked = json.dumps(_asked(case.client, case.given, case.space)).encode()
    made = translate_request(scan(asked), client, upstream, Profile(model="x"), model="m", stream=False)
    meta = StreamMeta(id="req_1", model="m", created=1, tool_names=made.tool_names, request=made.request)
    known = "fn__apply.patch" if case.space else "apply.patch"
    sent = next((ours for ours, theirs in made.tool_names.items() if theirs == known), known)
    stream, whole = ANSWERS[case.upstream](sent, case.free, case.text)

    finished = _shown(case.client, translate_answer(whole, client, upstream, meta).body)
    assert len(finished) == 1
    live = bridge_for(client, upstream, meta, hide_usage=False)
    assert _streamed(case.client, live.feed(stream) + live.finish()) == finished
    assert _streamed(case.client, answer_as_stream(whole, client, upstream, meta).body) == finished
    collector = Collector()
    gathering = gathering_bridge(upstream, collector, meta)
    assert (gathering.feed(stream), gathering.finish()) == (b"", b"")
    assert _shown(case.client, stream_as_answer(collector, gathering, client, upstream, meta).body) == finished
    if case.client in ("openai_chat", "openai_responses"):
        assert ("custom" in finished[0][1]) is case.given, "free-form for whom it was given as such, a function for all others"
