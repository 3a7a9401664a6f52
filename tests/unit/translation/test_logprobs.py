"""Log probabilities go wherever the client's dialect has a place for them, in finished answers and in streams."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute._fast.codec import Collector
from omniroute.translation.format import StreamMeta, registry
from omniroute.translation.response import answer_as_stream, stream_as_answer
from omniroute.translation.stream import bridge_for, gathering_bridge

META = StreamMeta(id="x", model="m", created=1)
TOP = [{"token": "Hi", "logprob": -0.25, "bytes": None}, {"token": "Yo", "logprob": -2.5, "bytes": None}]
ENTRY = {"token": "Hi", "logprob": -0.25, "bytes": None, "top_logprobs": TOP}
ANSWERS: dict[str, dict[str, Any]] = {
    "openai_chat": {
        "id": "a",
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi"},
                "finish_reason": "stop",
                "logprobs": {"content": [ENTRY]},
            }
        ],
    },
    "openai_responses": {
        "id": "a",
        "model": "m",
        "status": "completed",
        "output": [
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "Hi", "annotations": [], "logprobs": [ENTRY]}],
            }
        ],
    },
    "gemini": {
        "candidates": [
            {
                "content": {"role": "model", "parts": [{"text": "Hi"}]},
                "finishReason": "STOP",
                "logprobsResult": {
                    "chosenCandidates": [{"token": "Hi", "tokenId": 5, "logProbability": -0.25}],
                    "topCandidates": [
                        {"candidates": [{"token": "Hi", "logProbability": -0.25}, {"token": "Yo", "logProbability": -2.5}]}
                    ],
                },
            }
        ]
    },
    "ollama": {"model": "m", "message": {"role": "assistant", "content": "Hi"}, "done": True, "logprobs": [ENTRY]},
}


def logprobs_of(client: str, answer: dict[str, Any]) -> list[tuple[str, float, list[tuple[str, float]]]]:
    if client == "gemini":
        result = answer["candidates"][0]["logprobsResult"]
        pairs = zip(result["chosenCandidates"], result["topCandidates"], strict=True)
        return [
            (one["token"], one["logProbability"], [(t["token"], t["logProbability"]) for t in step["candidates"]])
            for one, step in pairs
        ]
    if client == "openai_chat":
        entries = answer["choices"][0]["logprobs"]["content"]
    elif client == "openai_responses":
        entries = answer["output"][0]["content"][0]["logprobs"]
    else:
        entries = answer["logprobs"]
    return [(e["token"], e["logprob"], [(t["token"], t["logprob"]) for t in e["top_logprobs"]]) for e in entries]


@pytest.mark.parametrize("client", ANSWERS)
@pytest.mark.parametrize("upstream", ANSWERS)
def test_every_pair_that_has_a_place_for_them(client: str, upstream: str) -> None:
    formats = registry()
    response = formats[upstream].decode_response(json.dumps(ANSWERS[upstream]).encode())
    written = json.loads(formats[client].encode_response(response, META))
    assert logprobs_of(client, written) == [("Hi", -0.25, [("Hi", -0.25), ("Yo", -2.5)])]


@pytest.mark.parametrize("upstream", ANSWERS)
@pytest.mark.parametrize(
    "nonsense", [None, 5, "x", {}, [5], [{"token": 1}], [{"token": "a", "logprob": "b"}], [{"token": "a", "logprob": True}]]
)
def test_nonsense_is_left_out(upstream: str, nonsense: Any) -> None:
    answer = json.loads(json.dumps(ANSWERS[upstream]))
    if upstream == "openai_chat":
        answer["choices"][0]["logprobs"] = {"content": nonsense}
    elif upstream == "openai_responses":
        answer["output"][0]["content"][0]["logprobs"] = nonsense
    elif upstream == "gemini":
        answer["candidates"][0]["logprobsResult"] = {"chosenCandidates": nonsense, "topCandidates": nonsense}
    else:
        answer["logprobs"] = nonsense
    assert registry()[upstream].decode_response(json.dumps(answer).encode()).logprobs == ()


def test_the_bytes_of_a_token_stay() -> None:
    answer = json.loads(json.dumps(ANSWERS["openai_chat"]))
    answer["choices"][0]["logprobs"]["content"][0]["bytes"] = [240, 159]
    formats = registry()
    response = formats["openai_chat"].decode_response(json.dumps(answer).encode())
    written = json.loads(formats["openai_responses"].encode_response(response, META))
    assert written["output"][0]["content"][0]["logprobs"][0]["bytes"] == [240, 159]


# -- streams -----------------------------------------------------------------------------------------------------------

SAID = ["He", "l\u00e9\n", "\U0001f600", ' "o"']


def entry(token: str, number: int) -> dict[str, Any]:
    other = {"token": "x", "logprob": -3.5, "bytes": None}
    return {"token": token, "logprob": -0.5 - number, "bytes": list(token.encode()), "top_logprobs": [other] * (number % 3)}


def gemini_result(entries: list[dict[str, Any]]) -> dict[str, Any]:
    def candidate(one: dict[str, Any]) -> dict[str, Any]:
        return {"token": one["token"], "logProbability": one["logprob"]}

    return {
        "topCandidates": [{"candidates": [candidate(top) for top in one["top_logprobs"]]} for one in entries],
        "chosenCandidates": [candidate(one) for one in entries],
    }


def events_of(upstream: str, chunks: list[tuple[str, list[dict[str, Any]]]]) -> list[dict[str, Any]]:
    """A stream of ``upstream`` that says these texts with these entries."""
    if upstream == "openai_chat":
        head = {"id": "a", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        told = [
            {**head, "choices": [{"index": 0, "delta": {"content": text}, "logprobs": {"content": entries, "refusal": None}}]}
            for text, entries in chunks
        ]
        return [*told, {**head, "choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]}]
    if upstream == "gemini":
        told = [
            {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "logprobsResult": gemini_result(entries)}]}
            for text, entries in chunks
        ]
        return [*told, {"candidates": [{"content": {"role": "model", "parts": [{"text": ""}]}, "finishReason": "STOP"}]}]
    if upstream == "ollama":
        told = [
            {"model": "m", "message": {"role": "assistant", "content": text}, "logprobs": entries, "done": False}
            for text, entries in chunks
        ]
        return [*told, {"model": "m", "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}]
    place = {"item_id": "i", "output_index": 0, "content_index": 0}
    response = {"id": "a", "object": "response", "created_at": 1, "model": "m", "status": "in_progress", "output": []}
    return [
        {"type": "response.created", "sequence_number": 0, "response": response},
        *(
            {"type": "response.output_text.delta", "sequence_number": 1, **place, "delta": text, "logprobs": entries}
            for text, entries in chunks
        ),
        {"type": "response.completed", "sequence_number": 9, "response": {**response, "status": "completed"}},
    ]


def written(upstream: str, events: list[dict[str, Any]]) -> bytes:
    if upstream == "ollama":
        return b"".join(json.dumps(event).encode() + b"\n" for event in events)
    text = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    return text + b"data: [DONE]\n\n" if upstream == "openai_chat" else text


def told(client: str, stream: bytes) -> tuple[list[tuple[str, float, int]], list[tuple[str, bool]]]:
    """What a client reads: (token, number, count of likely ones) in order, and each text with whether entries came with it."""
    lines = stream.decode().splitlines()
    raw = lines if client == "ollama" else [line.removeprefix("data: ") for line in lines if line.startswith("data: {")]
    found: list[tuple[str, float, int]] = []
    texts: list[tuple[str, bool]] = []
    for event in (json.loads(line) for line in raw if line):
        text, entries = "", []
        if client == "openai_chat" and event.get("choices"):
            choice = event["choices"][0]
            text, entries = choice["delta"].get("content") or "", (choice.get("logprobs") or {}).get("content") or []
        elif client == "openai_responses" and event["type"] == "response.output_text.delta":
            text, entries = event["delta"], event["logprobs"]
        elif client == "ollama":
            text, entries = event["message"]["content"], event.get("logprobs") or []
        elif client == "gemini":
            candidate = event["candidates"][0]
            text = candidate["content"]["parts"][0].get("text", "")
            result = candidate.get("logprobsResult") or {"chosenCandidates": [], "topCandidates": []}
            entries = [
                {"token": one["token"], "logprob": one["logProbability"], "top_logprobs": step["candidates"]}
                for one, step in zip(result["chosenCandidates"], result["topCandidates"], strict=True)
            ]
        found += [(one["token"], one["logprob"], len(one["top_logprobs"])) for one in entries]
        if text:
            texts.append((text, bool(entries)))
    return found, texts


def through(client: str, upstream: str, raw: bytes, cut: int = 1 << 20) -> bytes:
    formats = registry()
    bridge = bridge_for(formats[client], formats[upstream], META, hide_usage=False)
    return b"".join(bridge.feed(raw[i : i + cut]) for i in range(0, len(raw), cut)) + bridge.finish()


PAIRS = [(client, upstream) for client in ANSWERS for upstream in ANSWERS if client != upstream]


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
@pytest.mark.parametrize("cut", [1, 7, 1 << 20])
def test_streams_tell_them_with_their_text(client: str, upstream: str, cut: int) -> None:
    entries = [entry(token, i) for i, token in enumerate(SAID)]
    raw = written(upstream, events_of(upstream, [(token, [one]) for token, one in zip(SAID, entries, strict=True)]))
    found, texts = told(client, through(client, upstream, raw, cut))
    assert found == [(one["token"], one["logprob"], len(one["top_logprobs"])) for one in entries]
    assert texts == [(token, True) for token in SAID]


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_entries_of_characters_still_to_come_are_kept(client: str, upstream: str) -> None:
    """A token may end inside a character: its text is empty then, or the last one's."""
    chunks = [("a", [entry("a", 1)]), ("", [entry("\\xf0", 2)]), ("b", [entry("b", 3)]), ("", [entry("c", 4)])]
    stream = through(client, upstream, written(upstream, events_of(upstream, chunks)))
    found, texts = told(client, stream)
    if client == "openai_responses":  # an item's text is not said twice: the last ones stand in its end alone
        lines = [line.removeprefix("data: ") for line in stream.decode().splitlines()]
        [done] = [json.loads(line) for line in lines if line.startswith('{"type":"response.output_text.done"')]
        found = [(one["token"], one["logprob"], 0) for one in done["logprobs"]]
    assert [one[0] for one in found] == ["a", "\\xf0", "b", "c"]
    assert "".join(text for text, _ in texts) == "ab"


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_a_stream_without_them_has_none(client: str, upstream: str) -> None:
    raw = written(upstream, events_of(upstream, [(token, []) for token in SAID]))
    found, texts = told(client, through(client, upstream, raw))
    assert found == []
    assert texts == [(token, False) for token in SAID]


def test_the_finished_parts_of_a_responses_stream_have_all_of_them() -> None:
    entries = [entry(token, i) for i, token in enumerate(SAID)]
    raw = written("openai_chat", events_of("openai_chat", [(token, [one]) for token, one in zip(SAID, entries, strict=True)]))
    stream = through("openai_responses", "openai_chat", raw).decode().splitlines()
    events = [json.loads(line.removeprefix("data: ")) for line in stream if line.startswith("data: {")]
    [done] = [event for event in events if event["type"] == "response.output_text.done"]
    [part] = [event["part"] for event in events if event["type"] == "response.content_part.done"]
    [final] = [event["response"] for event in events if event["type"] == "response.completed"]
    assert done["logprobs"] == part["logprobs"] == final["output"][0]["content"][0]["logprobs"] == entries


@pytest.mark.parametrize("upstream", ANSWERS)
@pytest.mark.parametrize("client", ANSWERS)
def test_a_gathered_stream_keeps_them(client: str, upstream: str) -> None:
    formats = registry()
    entries = [entry(token, i) for i, token in enumerate(SAID)]
    collector = Collector()
    bridge = gathering_bridge(formats[upstream], collector, META)
    raw = written(upstream, events_of(upstream, [(token, [one]) for token, one in zip(SAID, entries, strict=True)]))
    bridge.feed(raw)
    bridge.finish()
    answer = stream_as_answer(collector, bridge, formats[client], formats[upstream], META)
    assert [(one.token, one.logprob) for one in answer.response.logprobs] == [(one["token"], one["logprob"]) for one in entries]
    if client != upstream:
        assert [one[0] for one in logprobs_of(client, json.loads(answer.body))] == SAID


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_a_replayed_answer_keeps_them(client: str, upstream: str) -> None:
    formats = registry()
    stream = answer_as_stream(json.dumps(ANSWERS[upstream]).encode(), formats[client], formats[upstream], META).body
    assert told(client, stream) == ([("Hi", -0.25, 2)], [("Hi", True)])


def test_two_choices_keep_theirs_apart() -> None:
    events = [
        {"candidates": [
            {"index": i, "content": {"parts": [{"text": word}]}, "logprobsResult": gemini_result([entry(word, i)])}
            for i, word in enumerate(("one", "two"))
        ]},
        {"candidates": [{"index": i, "content": {"parts": []}, "finishReason": "STOP"} for i in range(2)]},
    ]  # fmt: skip
    stream = through("openai_chat", "gemini", written("gemini", events)).decode().splitlines()
    choices = [json.loads(line[6:])["choices"][0] for line in stream if line.startswith("data: {")]
    found = {c["index"]: [e["token"] for e in c["logprobs"]["content"]] for c in choices if c.get("logprobs")}
    assert found == {0: ["one"], 1: ["two"]}


JUNK = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["token", "logprob", "bytes", "top_logprobs", "logProbability", "candidates", "x"]), inner, max_size=5
        )
    ),
    max_leaves=20,
)


@given(JUNK, st.sampled_from(PAIRS))
def test_nonsense_in_a_stream_is_left_out_and_the_stream_stays_whole(junk: Any, pair: tuple[str, str]) -> None:
    client, upstream = pair
    events = events_of(upstream, [("a", []), ("b", [])])
    for event in events:
        if upstream == "openai_chat":
            event["choices"][0]["logprobs"] = {"content": junk}
        elif upstream == "gemini":
            event["candidates"][0]["logprobsResult"] = {"chosenCandidates": junk, "topCandidates": junk}
        else:
            event["logprobs"] = junk
    _, texts = told(client, through(client, upstream, written(upstream, events)))
    assert "".join(text for text, _ in texts) == "ab"
