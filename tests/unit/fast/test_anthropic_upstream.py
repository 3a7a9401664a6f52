"""What Anthropic upstreams, and relays that imitate them, send: the numbered edge cases and the deviations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from unit.fast.streams import anthropic, bridge, collect, read_anthropic, read_chat, run, translate, vector

START = {"type": "message_start", "message": {"id": "m", "model": "c", "usage": {"input_tokens": 5, "output_tokens": 1}}}
STOP = {"type": "message_stop"}


def opened(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": {"type": kind, **fields}}


def delta(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def closed(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def ending(stop: str | None, **usage: Any) -> dict[str, Any]:
    return {
        "type": "message_delta",
        "delta": {"stop_reason": stop, "stop_sequence": None},
        "usage": usage or {"output_tokens": 3},
    }


def blocks(*events: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = collect("anthropic", anthropic(*events))["blocks"]
    return found


def test_edge_134_text_in_the_block_start() -> None:
    got = blocks(
        START, opened(0, "text", text="from the start"), delta(0, "text_delta", text=", on"), closed(0), ending("end_turn"), STOP
    )
    assert got == [{"type": "text", "text": "from the start, on", "citations": []}]


def test_edge_134_unknown_events_and_deltas_and_early_pings() -> None:
    events = [
        {"type": "ping"},
        START,
        {"type": "new"},
        opened(0, "text", text=""),
        delta(0, "new_delta", text="no"),
        {"type": "ping"},
    ]
    got = blocks(*events, delta(0, "text_delta", text="yes"), closed(0), ending("end_turn"), STOP)
    assert got == [{"type": "text", "text": "yes", "citations": []}]


def test_edge_134_several_message_deltas() -> None:
    stream = anthropic(
        START, opened(0, "text", text="x"), closed(0), ending(None, output_tokens=2), ending("end_turn", output_tokens=9), STOP
    )
    answer = read_chat(translate("anthropic", "openai_chat", stream))
    assert (answer["finish"], answer["usage"]["completion_tokens"]) == ("stop", 9)


def test_edge_135_server_tools_are_no_calls() -> None:
    answer = read_chat(translate("anthropic", "openai_chat", vector("anthropic", "server_tools")))
    assert [call["id"] for call in answer["calls"]] == ["toolu_01C"], "index 0, although it was block 3 upstream"
    without = anthropic(
        START, opened(0, "server_tool_use", id="s", name="web_search", input={}), closed(0), ending("end_turn"), STOP
    )
    assert read_chat(translate("anthropic", "openai_chat", without))["finish"] == "stop"
    assert collect("anthropic", without)["blocks"] == []


def test_edge_136_no_message_stop() -> None:
    stream = anthropic(START, opened(0, "text", text="x"), closed(0), ending("end_turn"))
    joined = bridge("anthropic", "openai_chat")
    assert read_chat(run(joined, stream))["finish"] == "stop"
    assert joined.error_status == 0
    assert run(bridge("anthropic", None), stream) == stream + anthropic(STOP).replace(b'": "', b'":"')


def test_a_block_that_is_never_stopped() -> None:
    stream = anthropic(START, opened(0, "text", text=""), delta(0, "text_delta", text="x"), ending("end_turn"), STOP)
    assert read_anthropic(translate("anthropic", "anthropic", stream))["blocks"] == [{"type": "text", "text": "x"}]


def test_a_block_that_is_started_twice() -> None:
    got = blocks(START, opened(0, "text", text="a"), opened(0, "text", text="b"), closed(0), ending("end_turn"), STOP)
    assert [block["text"] for block in got] == ["a", "b"]


def test_deltas_without_a_start() -> None:
    events = [
        delta(0, "thinking_delta", thinking="r"),
        delta(1, "text_delta", text="t"),
        delta(2, "input_json_delta", partial_json="{}"),
    ]
    joined = bridge("anthropic", "anthropic")
    answer = read_anthropic(run(joined, anthropic(START, *events[:1], closed(0), *events[1:], ending("end_turn"), STOP)))
    assert [block["type"] for block in answer["blocks"]] == ["thinking", "text"]
    assert joined.skipped == 1, "a call without name and id is none"


def test_input_in_the_block_start() -> None:
    start = opened(0, "tool_use", id="t", name="f", input={"x": [1, "\u2028"]})
    for events in ([], [delta(0, "input_json_delta", partial_json="")]):
        (got,) = blocks(START, start, *events, closed(0), ending("tool_use"), STOP)
        assert json.loads(got["arguments"]) == {"x": [1, "\u2028"]}
    (got,) = blocks(START, start, delta(0, "input_json_delta", partial_json='{"y":2}'), closed(0), ending("tool_use"), STOP)
    assert got["arguments"] == '{"y":2}', "deltas say it all"


def test_a_thinking_block_with_a_signature_only() -> None:
    stream = anthropic(
        START,
        opened(0, "thinking", thinking="", signature=""),
        delta(0, "signature_delta", signature="s+/="),
        closed(0),
        ending("end_turn"),
        STOP,
    )
    assert collect("anthropic", stream)["blocks"] == [{"type": "thinking", "text": "", "signature": "s+/="}]
    assert read_anthropic(translate("anthropic", "anthropic", stream))["blocks"][0]["signature"] == "s+/="
    assert read_chat(translate("anthropic", "openai_chat", stream))["reasoning"] == ""


def test_a_signature_in_the_block_start() -> None:
    (got,) = blocks(START, opened(0, "thinking", thinking="r", signature="sig"), closed(0), ending("end_turn"), STOP)
    assert got == {"type": "thinking", "text": "r", "signature": "sig"}


STOPS = {
    "end_turn": ("stop", "stop"),
    "max_tokens": ("length", "length"),
    "stop_sequence": ("stop_sequence", "stop"),
    "pause_turn": ("pause", "stop"),
    "refusal": ("refusal", "content_filter"),
    "model_context_window_exceeded": ("context", "length"),
    "tool_use": ("stop", "stop"),  # without any call
    "something_new": ("stop", "stop"),
}


@pytest.mark.parametrize("stop", STOPS)
def test_edge_149_stop_reasons(stop: str) -> None:
    canonical, finish = STOPS[stop]
    stream = anthropic(START, opened(0, "text", text="x"), closed(0), ending(stop), STOP)
    assert collect("anthropic", stream)["stop"] == canonical
    assert read_chat(translate("anthropic", "openai_chat", stream))["finish"] == finish


def test_edge_148_a_stop_sequence_keeps_its_value_and_is_never_invented() -> None:
    assert collect("anthropic", vector("anthropic", "stop_sequence"))["stop_sequence"] == "END"
    stream = anthropic(START, opened(0, "text", text="x"), closed(0), ending("stop_sequence"), STOP)
    answer = read_anthropic(translate("anthropic", "anthropic", stream))
    assert (answer["stop"], answer["stop_sequence"]) == ("end_turn", None)


def test_calls_make_the_finish_a_tool_one() -> None:
    call = [opened(0, "tool_use", id="t", name="f", input={}), closed(0)]
    for stop, finish in (
        ("end_turn", "tool_calls"),
        ("stop_sequence", "tool_calls"),
        ("max_tokens", "length"),
        ("refusal", "content_filter"),
    ):
        assert read_chat(translate("anthropic", "openai_chat", anthropic(START, *call, ending(stop), STOP)))["finish"] == finish


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("invalid_request_error", 400),
        ("authentication_error", 401),
        ("billing_error", 402),
        ("permission_error", 403),
        ("not_found_error", 404),
        ("request_too_large", 413),
        ("rate_limit_error", 429),
        ("api_error", 500),
        ("timeout_error", 504),
        ("overloaded_error", 529),
        ("unheard_of", 502),
    ],
)
def test_error_types(kind: str, status: int) -> None:
    joined = bridge("anthropic", "openai_chat")
    answer = read_chat(run(joined, anthropic({"type": "error", "error": {"type": kind, "message": "why"}})))
    assert joined.error_status == status
    assert answer["error"]["message"] == "why"
    assert answer["content"] == ""
    assert not answer["error"]["type"].startswith(("api_", "overloaded", "billing", "not_found_error_"))


@pytest.mark.parametrize(
    "stream",
    [b'data: {"error":{"message":"why"}}\n\n', b'data: {"error":"why"}\n\n', b'event: error\ndata: {"message":"why"}\n\n'],
)
def test_errors_without_a_type(stream: bytes) -> None:
    joined = bridge("anthropic", "openai_chat")
    run(joined, stream)
    assert (joined.error_status, joined.error_message) == (502, "why")


def test_a_done_line_of_a_relay_is_ignored() -> None:
    stream = vector("anthropic", "text")
    cut = stream.index(b"event: message_delta")
    joined = bridge("anthropic", "openai_chat")
    assert read_chat(run(joined, stream[:cut] + b"data: [DONE]\n\n" + stream[cut:]))["content"] == "Hello, world\n"
    assert joined.skipped == 0


def test_usage_of_the_start_holds_until_told_otherwise() -> None:
    start = {
        "type": "message_start",
        "message": {"usage": {"input_tokens": 10, "cache_read_input_tokens": 20, "output_tokens": 1}},
    }
    got = collect("anthropic", anthropic(start, ending("end_turn", cache_creation_input_tokens=5, output_tokens=7), STOP))
    assert got["usage"] == (35, 20, 5, 7, -1)


def test_null_counts_say_nothing() -> None:
    got = collect("anthropic", anthropic(START, ending("end_turn", input_tokens=None, output_tokens=7), STOP))
    assert got["usage"] == (5, -1, -1, 7, -1)


def test_message_stop_alone_ends_an_answer() -> None:
    assert (
        read_chat(translate("anthropic", "openai_chat", anthropic(START, opened(0, "text", text="x"), STOP)))["finish"] == "stop"
    )
