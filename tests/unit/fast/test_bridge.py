"""The bridge itself: pass-through, hidden usage, giving up, keep-alives, names, ids, properties."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from omniroute._fast.anthropic import AnthropicDecoder, AnthropicEncoder
from omniroute._fast.codec import Bridge, Collector
from omniroute._fast.openai_chat import OpenAIChatDecoder, OpenAIChatEncoder
from unit.fast.streams import DECODERS, bridge, chat, encoder, line, read_anthropic, read_chat, run, translate, vector

USAGE_CHUNK = line({"id": "x", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})
CALL = {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "short_name", "arguments": "{}"}}]}


# -- pass-through ----------------------------------------------------------------------------------------------------------


def test_a_read_of_whole_events_is_handed_on_as_it_is() -> None:
    joined = bridge("openai_chat", None)
    read = chat({"content": "x"}, done=False)
    assert joined.feed(read) is read


def test_an_incomplete_event_waits_for_its_rest() -> None:
    joined = bridge("openai_chat", None)
    read = chat({"content": "x"}, {"content": "y"}, done=False)
    border = read.index(b"data:", 5)
    assert joined.feed(read[:-3]) == read[:border]
    assert joined.feed(read[-3:]) == read[border:]


def test_comments_and_unknown_events_survive() -> None:
    stream = b': note\n\nevent: strange\ndata: {"x":1}\n\ndata: no json\n\n' + chat({"content": "x", "extra": [1]}, "stop")
    joined = bridge("openai_chat", None)
    assert run(joined, stream) == stream
    assert joined.skipped == 1


def test_a_comment_is_not_held_back() -> None:
    joined = bridge("openai_chat", None)
    assert joined.feed(b": alive\n") == b": alive\n"


@pytest.mark.parametrize("done", [True, False])
def test_hidden_usage(done: bool) -> None:
    before = (
        line({"id": "", "choices": [], "prompt_filter_results": []}) + b": note\n\n" + chat({"content": "x"}, "stop", done=False)
    )
    inside = line({"choices": [{"delta": {}, "finish_reason": None}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}})
    null = line({"choices": [], "usage": None})
    after = b"data: [DONE]\n\n"
    stream = before + USAGE_CHUNK + inside + null + USAGE_CHUNK + (after if done else b"")
    expected = before + inside + null + after
    for cut in range(len(stream) + 1):
        joined = Bridge(OpenAIChatDecoder(), hide_usage=True)
        assert run(joined, stream, [cut]) == expected, cut
        assert (joined.usage.input, joined.usage.output) == (3, 2), "counted all the same"
    assert run(bridge("openai_chat", None), stream) == before + USAGE_CHUNK + inside + null + USAGE_CHUNK + after


def test_hidden_usage_as_the_last_incomplete_event() -> None:
    joined = Bridge(OpenAIChatDecoder(), hide_usage=True)
    stream = chat("stop", done=False)
    assert run(joined, stream + USAGE_CHUNK[:-2]) == stream + b"data: [DONE]\n\n"
    assert joined.usage.input == 3


@pytest.mark.parametrize("tail", [b"", b"\n", b"\r\n", b"\r"])
def test_a_last_event_without_its_blank_line_is_completed(tail: bytes) -> None:
    stream = chat({"content": "x"}, done=False) + b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}' + tail
    out = run(bridge("openai_chat", None), stream)
    assert out.startswith(stream)
    assert out.endswith(b"data: [DONE]\n\n")
    assert run(bridge("openai_chat", None), out) == out


def test_an_error_passed_through_is_terminated() -> None:
    stream = chat({"content": "x"}, done=False) + line({"error": {"message": "no", "code": 500}})
    for rest in (b"", b"data: [DONE]\n\n", chat({"content": "more"})):
        joined = bridge("openai_chat", None)
        assert run(joined, stream + rest) == stream + b"data: [DONE]\n\n", "clients hang without it"
        assert joined.error_status == 500
    stream = vector("anthropic", "error")
    assert run(bridge("anthropic", None), stream + b"event: ping\ndata: {}\n\n") == stream, "here nothing follows an error"


# -- giving up -------------------------------------------------------------------------------------------------------------

PAIRS = [(source, target) for source in DECODERS for target in (*DECODERS, None)]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_fail_in_mid_stream(source: str, target: str | None) -> None:
    joined = bridge(source, target)
    stream = vector(source, "text")
    out = joined.feed(stream[: stream.index(b"world")])
    out += joined.fail(504, "upstream_timeout", 'no token for "60" s\n\u2028')
    dialect = target or source
    if dialect == "openai_chat":
        assert out.endswith(b"data: [DONE]\n\n")
        body = json.loads(out.split(b"\n\n")[-3].removeprefix(b"data: "))
        assert body == {
            "error": {"message": 'no token for "60" s\n\u2028', "type": "timeout", "param": None, "code": "upstream_timeout"}
        }
    else:
        name, data = out.removesuffix(b"\n\n").split(b"\n\n")[-1].split(b"\n")
        assert name == b"event: error"
        body = json.loads(data.removeprefix(b"data: "))
        assert body == {"type": "error", "error": {"type": "timeout_error", "message": 'no token for "60" s\n\u2028'}}
    if target == "openai_chat":
        assert read_chat(out)["error"] is not None
    if target == "anthropic":
        assert read_anthropic(out)["error"] is not None
    assert joined.ended
    assert (joined.error_status, joined.error_code) == (504, "upstream_timeout")
    assert joined.feed(stream) == joined.finish() == joined.fail(500, "x", "y") == joined.ping() == b""


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_fail_after_the_end_says_nothing(source: str, target: str | None) -> None:
    joined = bridge(source, target)
    joined.feed(vector(source, "text"))
    assert joined.ended
    assert joined.fail(500, "x", "y") == b""
    assert joined.error_status == 0
    assert joined.finish() == b""


def test_fail_before_anything_was_said() -> None:
    assert read_anthropic(bridge("openai_chat", "anthropic").fail(429, "c", "m"))["error"]["type"] == "rate_limit_error"
    assert read_chat(bridge("anthropic", "openai_chat").fail(429, "c", "m"))["error"]["code"] == "c"


TYPES = {
    400: ("invalid_request_error", None, "invalid_request_error"),
    401: ("authentication_error", "invalid_api_key", "authentication_error"),
    402: ("insufficient_quota", None, "billing_error"),
    403: ("permission_error", None, "permission_error"),
    404: ("not_found_error", "model_not_found", "not_found_error"),
    408: ("timeout", None, "timeout_error"),
    413: ("invalid_request_error", None, "request_too_large"),
    429: ("rate_limit_error", "rate_limit_exceeded", "rate_limit_error"),
    500: ("server_error", None, "api_error"),
    502: ("server_error", None, "api_error"),
    503: ("server_error", "overloaded", "overloaded_error"),
    504: ("timeout", None, "timeout_error"),
    529: ("server_error", "overloaded", "overloaded_error"),
}


@pytest.mark.parametrize("status", TYPES)
def test_type_words(status: int) -> None:
    chat_type, chat_code, anthropic_type = TYPES[status]
    error = read_chat(bridge("anthropic", "openai_chat").fail(status, "", "m"))["error"]
    assert error == {"message": "m", "type": chat_type, "param": None, "code": chat_code}
    assert read_anthropic(bridge("openai_chat", "anthropic").fail(status, "", "m"))["error"]["type"] == anthropic_type


def test_another_dialects_type_is_no_code_of_ours() -> None:
    joined = bridge("anthropic", "openai_chat")
    error = read_chat(run(joined, vector("anthropic", "error")))["error"]
    assert error["code"] == "overloaded"
    assert joined.error_code == "overloaded_error"


# -- keep-alives -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_edge_143_pings(source: str, target: str | None) -> None:
    anthropic_ping = b'event: ping\ndata: {"type":"ping"}\n\n'
    expected = b"" if (target or source) == "openai_chat" else anthropic_ping
    assert bridge(source, target).ping() == expected
    allowed = Bridge(DECODERS[source](), None if target is None else encoder(target), comments=True)
    assert allowed.ping() == (expected or b": ping\n\n")


def test_a_ping_never_falls_into_an_event() -> None:
    stream = vector("anthropic", "text")
    cut = stream.index(b", world")
    joined = bridge("anthropic", None)
    out = joined.feed(stream[:cut]) + joined.ping() + joined.feed(stream[cut:]) + joined.finish()
    assert out.replace(b'event: ping\ndata: {"type":"ping"}\n\n', b"") == stream.replace(
        b'event: ping\ndata: {"type":"ping"}\n\n', b""
    )


def test_upstream_pings_reach_anthropic_clients_once_the_answer_began() -> None:
    out = translate("anthropic", "anthropic", vector("anthropic", "text"))
    assert out.count(b"event: ping") == 1, "the one before message_start was due is left out"
    assert b"ping" not in translate("anthropic", "openai_chat", vector("anthropic", "text"))


# -- names and ids ---------------------------------------------------------------------------------------------------------


def test_tool_names_are_restored() -> None:
    names = {"short_name": 'mcp__server__a "long" näme'}
    for target in ("openai_chat", "anthropic"):
        out = run(bridge("openai_chat", target, names=names), chat(CALL, "stop"))
        got = read_chat(out)["calls"][0]["name"] if target == "openai_chat" else read_anthropic(out)["blocks"][0]["name"]
        assert got == names["short_name"]
    assert (
        read_chat(translate("openai_chat", "openai_chat", chat(CALL, "stop"), names={"other": "x"}))["calls"][0]["name"]
        == "short_name"
    )


IDS = {
    "functions.get:0": "functions_get_0",
    "call_ok-1": "call_ok-1",
    "x" * 64: "x" * 64,
    "x" * 65: "x" * 47 + "_" + hashlib.sha256(b"x" * 65).hexdigest()[:16],
    "é": "__",
}


@pytest.mark.parametrize("original", IDS)
def test_ids_are_made_legal(original: str) -> None:
    delta = {"tool_calls": [{"index": 0, "id": original, "function": {"name": "f", "arguments": "{}"}}]}
    assert read_anthropic(translate("openai_chat", "anthropic", chat(delta, "stop")))["blocks"][0]["id"] == IDS[original]
    assert read_chat(translate("openai_chat", "openai_chat", chat(delta, "stop")))["calls"][0]["id"] == original


def test_ids_that_become_equal_are_told_apart() -> None:
    entries = [
        {"index": i, "id": call_id, "function": {"name": "f", "arguments": "{}"}} for i, call_id in enumerate(("a.b", "a:b"))
    ]
    blocks = read_anthropic(translate("openai_chat", "anthropic", chat({"tool_calls": entries}, "stop")))["blocks"]
    assert [b["id"] for b in blocks] == ["a_b", "a_b_" + hashlib.sha256(b"a:b").hexdigest()[:16]]


@pytest.mark.parametrize("target", ["openai_chat", "anthropic"])
def test_constructor_values_are_escaped(target: str) -> None:
    odd = 'a"b\\c\n\u2028\ud800'
    made: Any = OpenAIChatEncoder(odd, odd, 5) if target == "openai_chat" else AnthropicEncoder(odd, odd)
    out = run(Bridge(OpenAIChatDecoder(), made), chat({"content": "x"}, "stop"))
    data = json.loads(next(row for row in out.split(b"\n") if row.startswith(b"data: "))[6:])
    head = data if target == "openai_chat" else data["message"]
    assert head["id"] == head["model"] == 'a"b\\c\n\u2028?'


# -- what the bridge tells -------------------------------------------------------------------------------------------------


def test_usage_is_only_told_if_asked_for() -> None:
    """edge-155."""
    stream = vector("anthropic", "text")
    quiet = run(Bridge(AnthropicDecoder(), OpenAIChatEncoder("chatcmpl-ours", "shown/model", 1700000000, False)), stream)
    assert b"usage" not in quiet
    assert read_chat(quiet)["usage"] is None
    loud = translate("anthropic", "openai_chat", stream)
    assert all(b'"usage":' in row for row in loud.split(b"\n") if row.startswith(b"data: {"))
    assert read_chat(loud)["usage"]["prompt_tokens_details"] == {"cached_tokens": 64}


def test_useful_begins_with_the_first_content() -> None:
    joined = bridge("anthropic", "openai_chat")
    stream = vector("anthropic", "text")
    out = joined.feed(stream[: stream.index(b"event: content_block_start")])
    assert (out, joined.useful) == (b"", False), "nothing is committed before it is certain that an answer comes"
    joined.feed(stream[stream.index(b"event: content_block_start") : stream.index(b"event: content_block_delta")])
    assert not joined.useful
    joined.feed(stream[stream.index(b"event: content_block_delta") :])
    assert joined.useful
    assert (joined.response_id, joined.response_model) == ("msg_01Xy", "claude-sonnet-5")


def test_properties_before_the_first_byte() -> None:
    joined = bridge("openai_chat", "anthropic")
    usage = joined.usage
    assert (usage.input, usage.cached, usage.written, usage.output, usage.reasoning) == (-1,) * 5
    assert (joined.stop_reason, joined.response_id, joined.error_code, joined.error_status) == ("", "", "", 0)
    assert (joined.useful, joined.stopped, joined.ended) == (False, False, False)
    assert (joined.blocks, joined.output_chars, joined.skipped) == (0, 0, 0)


def test_output_chars_are_utf8_bytes_of_the_plain_text() -> None:
    joined = bridge("openai_chat", None)
    texts = ['é\n"', "\U0001f600", "日本"]
    joined.feed(b"".join(line({"choices": [{"delta": {"content": text}}]}) for text in texts))
    assert joined.output_chars == sum(len(text.encode()) for text in texts)


@pytest.mark.parametrize("bad", [None, "text", bytearray(b"x"), 1])
def test_only_bytes_are_fed(bad: Any) -> None:
    with pytest.raises(TypeError):
        bridge("openai_chat", None).feed(bad)


def test_a_collector_writes_nothing_and_stops_at_the_end() -> None:
    collector = Collector()
    joined = Bridge(OpenAIChatDecoder(), collector)
    assert joined.feed(chat({"content": "x"}, "stop") + chat({"content": "y"})) == b""
    assert joined.ended
    assert collector.blocks == [{"type": "text", "text": "x", "citations": []}]


def test_a_collector_keeps_what_came_before_an_error() -> None:
    collector = Collector()
    joined = Bridge(OpenAIChatDecoder(), collector)
    run(joined, chat({"content": "x"}, done=False))
    assert joined.error_status == 502
    assert [block["text"] for block in collector.blocks] == ["x"]


def test_annotations_of_a_chat_upstream_are_collected() -> None:
    collector = Collector()
    annotation = {
        "type": "url_citation",
        "url_citation": {"url": "https://e.test", "title": "T", "start_index": 0, "end_index": 1},
    }
    run(Bridge(OpenAIChatDecoder(), collector), chat({"content": "x"}, {"annotations": [annotation]}, "stop"))
    assert [json.loads(raw) for raw in collector.blocks[0]["citations"]] == [annotation]  # type: ignore[attr-defined]
