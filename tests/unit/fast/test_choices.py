"""Streams of several answers, and errors behind the end of one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fuzz.readers import META
from fuzz.readers import completions as read_completions
from fuzz.readers import gemini as read_gemini
from omniroute._fast.codec import Bridge, Collector
from omniroute._fast.filters import Tee, ThinkTags
from omniroute._fast.gemini import GeminiDecoder
from omniroute._fast.openai_chat import OpenAIChatDecoder, OpenAIChatEncoder
from omniroute.translation.format import registry
from unit.fast.streams import read_chat, run, tapped

USAGE = {"promptTokenCount": 5, "candidatesTokenCount": 9, "totalTokenCount": 14}


def sse(*bodies: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(body, separators=(",", ":")).encode() + b"\n\n" for body in bodies)


def candidate(index: int, *parts: Any, reason: str | None = None) -> dict[str, Any]:
    said = {"content": {"parts": [{"text": part} if isinstance(part, str) else part for part in parts], "role": "model"}}
    return said | {"index": index} | ({"finishReason": reason} if reason else {})


def choice(index: int, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"index": index, "delta": delta, "finish_reason": finish}


CALL = {"functionCall": {"name": "look", "args": {"at": "it"}}}
GEMINI = sse(
    {"candidates": [candidate(0, "one "), candidate(1, "uno ")], "responseId": "r", "modelVersion": "g"},
    {"candidates": [candidate(1, "due"), candidate(2, {"text": "hm", "thought": True})]},
    {"candidates": [candidate(0, "two", reason="MAX_TOKENS"), candidate(1, CALL)]},
    {"candidates": [candidate(1, reason="STOP"), candidate(2, "tre ", CALL, CALL, reason="STOP")], "usageMetadata": USAGE},
)
CHAT = (
    sse(
        {"id": "c", "model": "m", "choices": [choice(0, role="assistant", content="one ")]},
        {"choices": [choice(1, role="assistant", content="uno ")]},
        {"choices": [choice(2, reasoning_content="hm")]},
        {"choices": [choice(1, content="due"), choice(0, content="two")]},
        {"choices": [choice(1, tool_calls=[{"index": 0, "id": "c1", "function": {"name": "look", "arguments": '{"at": '}}])]},
        {"choices": [choice(0, "length")]},
        {"choices": [choice(1, tool_calls=[{"index": 0, "function": {"arguments": '"it"}'}}])]},
        {"choices": [choice(2, content="tre ")]},
        {"choices": [choice(1, "tool_calls")]},
        {"choices": [choice(2, "stop")]},
        {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 9}},
    )
    + b"data: [DONE]\n\n"
)


def chat_encoder(**more: Any) -> OpenAIChatEncoder:
    return OpenAIChatEncoder("chatcmpl-ours", "shown/model", 1700000000, True, **more)


def calls_of(answer: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(call["name"], json.loads(call["arguments"])) for call in answer["calls"]]


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_gemini_candidates_are_chat_choices(size: int) -> None:
    bridge = Bridge(GeminiDecoder(), chat_encoder())
    out = run(bridge, GEMINI, range(size, len(GEMINI), size))
    answers = [read_chat(out, number) for number in range(3)]
    assert [answer["content"] for answer in answers] == ["one two", "uno due", "tre "]
    assert [answer["reasoning"] for answer in answers] == ["", "", "hm"]
    assert [calls_of(answer) for answer in answers] == [[], [("look", {"at": "it"})], [("look", {"at": "it"})] * 2]
    assert [answer["finish"] for answer in answers] == ["length", "tool_calls", "tool_calls"]
    ids = [call["id"] for answer in answers for call in answer["calls"]]
    assert len(set(ids)) == 3, "calls of different answers are not mistaken for each other"
    assert (answers[0]["usage"]["prompt_tokens"], answers[0]["usage"]["completion_tokens"]) == (5, 9)
    assert out.count(b'"usage":{') == 1
    assert bridge.output_chars > len("one twouno duehmtre "), "arguments count too"
    assert (bridge.error_status, bridge.stop_reason) == (0, "length")


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_chat_choices_are_gemini_candidates(size: int) -> None:
    bridge = Bridge(OpenAIChatDecoder(), registry()["gemini"].encoder(META.named("resp_")))
    out = run(bridge, CHAT, range(size, len(CHAT), size))
    answers = [read_gemini(out, number) for number in range(3)]
    assert [answer.text for answer in answers] == ["one two", "uno due", "tre "]
    assert [answer.reasoning for answer in answers] == ["", "", "hm"]
    assert [[(call.name, call.arguments) for call in answer.calls] for answer in answers] == [[], [("look", {"at": "it"})], []]
    assert [answer.stop for answer in answers] == ["MAX_TOKENS", "STOP", "STOP"]
    assert [answer.usage for answer in answers] == [(5, 9), None, None]


def test_chat_choices_stay_choices_where_the_stream_is_written_anew() -> None:
    out = run(Bridge(OpenAIChatDecoder(), chat_encoder()), CHAT)
    assert [read_chat(out, number)["content"] for number in range(3)] == ["one two", "uno due", "tre "]
    assert calls_of(read_chat(out, 1)) == [("look", {"at": "it"})]


def test_old_completions_have_choices_as_well() -> None:
    out = run(Bridge(GeminiDecoder(), registry()["openai_completions"].encoder(META.named("cmpl-"))), GEMINI)
    answers = [read_completions(out, number) for number in range(3)]
    assert [(answer.text, answer.stop) for answer in answers] == [("one two", "length"), ("uno due", "stop"), ("tre ", "stop")]


@pytest.mark.parametrize("client", ["anthropic", "openai_responses", "ollama"])
def test_a_dialect_of_one_answer_gets_the_first(client: str) -> None:
    format = registry()[client]
    alone = sse({"candidates": [candidate(0, "one ")]}, {"candidates": [candidate(0, "two", reason="MAX_TOKENS")]})
    alone += sse({"usageMetadata": USAGE})
    outs = []
    for stream in (GEMINI, alone):
        outs.append(run(Bridge(GeminiDecoder(), format.encoder(META.named(format.id_prefix))), stream))
    assert outs[0] == outs[1]


def test_who_listens_beside_the_stream_hears_the_first_answer() -> None:
    collector = Collector()
    out = run(Bridge(GeminiDecoder(), chat_encoder(), through=(Tee(collector),)), GEMINI)
    assert collector.blocks[0]["text"] == "one two"
    assert len(collector.blocks) == 1
    assert read_chat(out, 1)["content"] == "uno due"


def test_tagged_thinking_of_every_answer() -> None:
    says = [(0, "<think>a</think>x"), (1, "<thi"), (2, "plain <think>"), (1, "nk>b</th"), (1, "ink> y"), (2, "!")]
    stream = sse(*({"choices": [choice(index, content=text)]} for index, text in says))
    stream += sse(*({"choices": [choice(index, "stop")]} for index in range(3))) + b"data: [DONE]\n\n"
    out = run(Bridge(OpenAIChatDecoder(), chat_encoder(), through=(ThinkTags(),)), stream)
    answers = [read_chat(out, number) for number in range(3)]
    assert [(answer["reasoning"], answer["content"]) for answer in answers] == [("a", "x"), ("b", "y"), ("", "plain <think>!")]


def test_an_answer_that_is_cut_off_is_an_error_even_if_the_first_is_whole() -> None:
    bridge = Bridge(GeminiDecoder(), chat_encoder())
    out = run(bridge, sse({"candidates": [candidate(0, "a", reason="STOP"), candidate(1, "b")]}))
    assert bridge.error_code == "upstream_truncated"
    assert read_chat(out)["error"] is not None


def test_a_further_answer_that_could_not_be_made_is_an_error() -> None:
    bridge = Bridge(GeminiDecoder(), chat_encoder())
    out = run(bridge, sse({"candidates": [candidate(0, "a"), candidate(1, reason="OTHER")]}))
    assert (bridge.error_status, bridge.error_code) == (502, "upstream_bad_answer")
    assert read_chat(out)["error"] is not None


def test_more_answers_than_are_told_apart_are_counted() -> None:
    bridge = Bridge(OpenAIChatDecoder(), chat_encoder())
    stream = sse(*({"choices": [choice(index, content="ab")]} for index in range(200)))
    out = run(bridge, stream + sse(*({"choices": [choice(index, "stop")]} for index in range(200))) + b"data: [DONE]\n\n")
    assert bridge.output_chars == 400
    assert (read_chat(out, 127)["content"], bridge.error_status) == ("ab", 0)
    assert b'"index":128' not in out


# -- errors behind the end ----------------------------------------------------------------------------------------------------

ANTHROPIC = "".join(
    f"event: {body['type']}\ndata: {json.dumps(body)}\n\n"
    for body in (
        {"type": "message_start", "message": {"id": "m", "model": "c", "usage": {"input_tokens": 3, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
    )
).encode()
ANTHROPIC_ERROR = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n\n'
LATE: dict[str, tuple[bytes, bytes, bytes]] = {
    "anthropic": (ANTHROPIC, ANTHROPIC_ERROR, b'event: message_stop\ndata: {"type":"message_stop"}\n\n'),
    "openai_chat": (
        sse({"choices": [choice(0, content="hi")]}, {"choices": [choice(0, "stop")]}),
        sse({"error": {"message": "busy"}}),
        b"data: [DONE]\n\n",
    ),
    "gemini": (sse({"candidates": [candidate(0, "hi", reason="STOP")]}), sse({"error": {"code": 503, "message": "busy"}}), b""),
}


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("upstream", LATE)
def test_an_error_behind_the_end_is_none_to_a_client_of_another_dialect(upstream: str, cut: bool) -> None:
    """Everything was said, and how it ended: nobody would be helped by an answer thrown away, or by a failure on record."""
    whole, error, _ = LATE[upstream]
    stream = whole + (error.rstrip(b"\n") if cut else error)
    for format in (found for found in registry() if not found.egress_only):
        bridge = Bridge(registry()[upstream].decoder(), format.encoder(META.named(format.id_prefix)))
        out = run(bridge, stream)
        assert b"busy" not in out
        assert (bridge.error_status, bridge.stop_reason, bridge.ended) == (0, "stop", True)
        assert out == run(Bridge(registry()[upstream].decoder(), format.encoder(META.named(format.id_prefix))), whole)


@pytest.mark.parametrize("size", [1, 50, 1 << 20])
@pytest.mark.parametrize("upstream", LATE)
def test_an_error_behind_the_end_gives_way_to_the_terminator_in_pass_through(upstream: str, size: int) -> None:
    whole, error, terminator = LATE[upstream]
    for last in (error, error.rstrip(b"\n")):
        bridge = Bridge(registry()[upstream].decoder())
        stream = whole + last
        assert run(bridge, stream, range(size, len(stream), size)) == whole + terminator
        assert (bridge.error_status, bridge.stop_reason) == (0, "stop")


@pytest.mark.parametrize("upstream", LATE)
def test_an_error_before_the_end_is_one(upstream: str) -> None:
    whole, error, _ = LATE[upstream]
    begun = whole[: whole.rindex(b"event: message_delta")] if upstream == "anthropic" else whole[: whole.index(b"\n\n") + 2]
    if upstream == "gemini":
        begun = sse({"candidates": [candidate(0, "hi")]})
    bridge = Bridge(registry()[upstream].decoder(), chat_encoder())
    out = run(bridge, begun + error)
    assert read_chat(out)["error"]["message"] == "busy"
    assert bridge.error_status >= 500
    assert tapped(bridge)["stop"] == ""
