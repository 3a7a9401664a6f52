"""A system prompt in every dialect and position: where it stands, what keeps its bytes, and that it arrives at every target."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omniroute._fast.envelope import scan
from omniroute.ir.caps import Profile
from omniroute.ir.request import Text
from omniroute.translation.format import registry
from omniroute.translation.request import read_request, translate_request
from omniroute.translation.system_prompt import Position, SystemPrompt

FORMATS = registry()
POSITIONS: tuple[Position, ...] = ("prepend", "append", "replace")
USER = {"role": "user", "content": "hi"}
# what each dialect's client sends: with system text of its own, and without
BODIES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "anthropic": ({"model": "m", "max_tokens": 9, "system": "OWN", "messages": [USER]}, {"model": "m", "max_tokens": 9, "messages": [USER]}),
    "openai_chat": ({"model": "m", "messages": [{"role": "system", "content": "OWN"}, USER]}, {"model": "m", "messages": [USER]}),
    "openai_responses": ({"model": "m", "instructions": "OWN", "input": "hi"}, {"model": "m", "input": "hi"}),
    "openai_completions": ({"model": "m", "prompt": "hi", "system": "OWN"}, {"model": "m", "prompt": "hi"}),
    "gemini": (
        {"systemInstruction": {"parts": [{"text": "OWN"}]}, "contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
        {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    ),
    "ollama": ({"model": "m", "messages": [{"role": "system", "content": "OWN"}, USER]}, {"model": "m", "messages": [USER]}),
    "ollama_generate": ({"model": "m", "prompt": "hi", "system": "OWN"}, {"model": "m", "prompt": "hi"}),
}  # fmt: skip
STREAMED_ONLY = [found.name for found in FORMATS if found.streams_only]
EXPECTED = {"prepend": ["NEW", "OWN"], "append": ["OWN", "NEW"], "replace": ["NEW"]}


def put(name: str, body: dict[str, Any] | bytes, position: Position = "prepend") -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    envelope = scan(raw)
    return envelope.splice(FORMATS[name].put_system(envelope, SystemPrompt("NEW", position)))


def system_of(name: str, body: bytes) -> list[str]:
    """The system text as our own reader finds it, in order."""
    request = read_request(scan(body), FORMATS[name], model="m", stream=False)
    texts = [part.text for part in request.system]
    for message in request.messages:
        if message.role in ("system", "developer"):
            texts += [part.text for part in message.parts if isinstance(part, Text)]
    return " ".join(texts).split()


def test_every_dialect_is_tried() -> None:
    assert set(BODIES) == {found.name for found in FORMATS if not found.egress_only}


@pytest.mark.parametrize("name", sorted(BODIES))
@pytest.mark.parametrize("position", POSITIONS)
def test_it_stands_where_it_was_told_to(name: str, position: Position) -> None:
    with_own, without = BODIES[name]
    assert system_of(name, put(name, with_own, position)) == EXPECTED[position]
    assert system_of(name, put(name, without, position)) == ["NEW"]


@pytest.mark.parametrize("source", sorted(BODIES))
@pytest.mark.parametrize(
    "target", sorted(found.name for found in FORMATS if not found.client_only and found.name not in STREAMED_ONLY)
)
def test_it_arrives_at_every_target(source: str, target: str) -> None:
    body = put(source, BODIES[source][0])
    client, upstream = FORMATS[source], FORMATS[target]
    sent = translate_request(scan(body), client, upstream, Profile(model="up"), model="m", stream=False).body
    assert system_of(target, sent) == ["NEW", "OWN"]


@pytest.mark.parametrize("source", sorted(BODIES))
@pytest.mark.parametrize("target", STREAMED_ONLY)
def test_it_arrives_where_no_client_reads(source: str, target: str) -> None:
    body = put(source, BODIES[source][0])
    sent = translate_request(scan(body), FORMATS[source], FORMATS[target], Profile(model="up"), model="m", stream=False).body
    assert [sent.count(word) for word in (b"NEW", b"OWN")] == [1, 1]
    assert sent.index(b"NEW") < sent.index(b"OWN")
    assert FORMATS[target].binary or sent.index(b"OWN") < sent.rindex(b"hi")


def test_blocks_keep_their_cache_marks_and_messages_their_bytes() -> None:
    own = {"type": "text", "text": "OWN", "cache_control": {"type": "ephemeral"}}
    found = json.loads(put("anthropic", {"model": "m", "max_tokens": 9, "system": [own], "messages": [USER]}))
    assert found["system"] == [{"type": "text", "text": "NEW"}, own]
    odd = b'{"model":"m","messages":[ {"role":"user" ,"content":"\\u00e9 1.50", "n":1.50} ]}'
    assert (
        put("openai_chat", odd)
        == b'{"model":"m","messages":[{"role":"system","content":"NEW"},{"role":"user" ,"content":"\\u00e9 1.50", "n":1.50}]}'
    )


def test_in_place_of_all_system_messages_late_ones_too() -> None:
    late = [{"role": "developer", "content": "OWN"}, USER, {"role": "system", "content": "OWN"}]
    assert json.loads(put("openai_chat", {"model": "m", "messages": late}, "replace"))["messages"] == [
        {"role": "system", "content": "NEW"},
        USER,
    ]
    items = [{"role": "developer", "content": "OWN"}, {"role": "user", "content": "hi"}]
    found = json.loads(put("openai_responses", {"model": "m", "input": items}, "replace"))
    assert (found["instructions"], found["input"]) == ("NEW", items[1:])


def test_behind_the_leading_system_messages_only() -> None:
    messages = [{"role": "system", "content": "OWN"}, USER, {"role": "system", "content": "LATE"}]
    found = json.loads(put("openai_chat", {"model": "m", "messages": messages}, "append"))["messages"]
    assert [message["content"] for message in found] == ["OWN", "NEW", "hi", "LATE"]


def test_googles_other_spelling_is_used_where_the_client_does() -> None:
    found = json.loads(put("gemini", {"system_instruction": {"parts": {"text": "OWN"}}, "contents": []}, "append"))
    assert found == {"system_instruction": {"parts": [{"text": "OWN"}, {"text": "NEW"}]}, "contents": []}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("openai_chat", {"model": "m", "messages": "nonsense"}),
        ("openai_chat", {"model": "m"}),
        ("anthropic", {"model": "m", "system": 7, "messages": []}),
        ("openai_responses", {"model": "m", "instructions": [], "input": []}),
        ("gemini", {"systemInstruction": 7, "contents": []}),
        ("gemini", {"systemInstruction": {"parts": 7}, "contents": []}),
        ("ollama", {"model": "m", "messages": []}),
        ("ollama", {"model": "m"}),
        ("ollama_generate", {"model": "m"}),
        ("ollama_generate", {"model": "m", "prompt": ""}),
    ],
)
def test_what_cannot_take_one_stays_as_it_is(name: str, body: dict[str, Any]) -> None:
    raw = json.dumps(body).encode()
    assert put(name, raw) == raw


def test_items_that_are_no_messages_are_left_alone() -> None:
    body = {"model": "m", "messages": [7, {"role": ["system"]}, "x"]}
    assert json.loads(put("openai_chat", body, "replace"))["messages"][1:] == body["messages"]
