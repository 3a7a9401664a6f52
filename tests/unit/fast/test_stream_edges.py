"""The numbered edge cases of the format facts that concern streams of these two dialects."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from omniroute._fast.codec import Bridge
from omniroute._fast.openai_chat import OpenAIChatDecoder
from unit.fast.streams import anthropic, bridge, chat, collect, encoder, line, read_anthropic, read_chat, run, translate


def call(index: int | None = 0, call_id: str | None = None, name: str | None = None, arguments: Any = None) -> dict[str, Any]:
    """One entry of tool_calls; None leaves a field out."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    entry = {key: value for key, value in (("index", index), ("id", call_id)) if value is not None}
    return {"tool_calls": [{**entry, "function": function}]}


def calls(*deltas: Any) -> list[tuple[str, str, str]]:
    """The calls an Anthropic client gets of a Chat stream, whose blocks must obey the grammar."""
    answer = read_anthropic(translate("openai_chat", "anthropic", chat(*deltas, "stop")))
    assert answer["stop"] == "tool_use"
    return [(b["id"], b["name"], b["input"]) for b in answer["blocks"] if b["type"] == "tool_use"]


def kinds(*deltas: Any) -> list[str]:
    answer = read_anthropic(translate("openai_chat", "anthropic", chat(*deltas)))
    return [block["type"] for block in answer["blocks"]]


# -- framing ---------------------------------------------------------------------------------------------------------------

HELLO = b'{"choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":"stop"}]}'
FRAMINGS = {
    "edge-104-lf": b"data: " + HELLO + b"\n\n",
    "edge-104-crlf": b"data: " + HELLO + b"\r\n\r\n",
    "edge-104-cr": b"data: " + HELLO + b"\r\r",
    "edge-104-mixed": b"data: " + HELLO + b"\r\n\n",
    "edge-106-no-space": b"data:" + HELLO + b"\n\n",
    "edge-106-comments": b": a\n:b\n\ndata: " + HELLO + b"\n: c\n\n",
    "edge-106-fields": b"event: message\nid: 1\nretry: 3\ndata: " + HELLO + b"\n\n",
    "edge-106-blank-data": b"data:\n\ndata: \n\ndata: " + HELLO + b"\n\n",
    "edge-106-multi-line": b"data: " + HELLO.replace(b',"fin', b'\ndata: ,"fin') + b"\n\n",
    "edge-107-no-blank-line": b"data: " + HELLO + b"\n",
    "edge-107-no-line-end": b"data: " + HELLO,
    "edge-108-done-spaces": b"data: " + HELLO + b"\n\ndata:   [DONE]  \n\n",
    "edge-108-done-twice": b"data: " + HELLO + b"\n\ndata: [DONE]\n\ndata: [DONE]\n\n",
    "edge-108-more-data": b"data: " + HELLO + b"\n\ndata: [DONE]\n\ndata: " + HELLO + b"\n\n",
    "mark": b"\xef\xbb\xbfdata: " + HELLO + b"\n\n",
    "space-inside": b"data: " + HELLO.replace(b":", b" : ").replace(b",", b" ,\t") + b"\n\n",
}


@pytest.mark.parametrize("stream", FRAMINGS.values(), ids=FRAMINGS)
def test_framing(stream: bytes) -> None:
    answer = read_anthropic(translate("openai_chat", "anthropic", stream))
    assert answer["blocks"] == [{"type": "text", "text": "hello"}]
    assert answer["stop"] == "end_turn"


def test_edge_108_pass_through_ends_once() -> None:
    stream = FRAMINGS["edge-108-more-data"]
    assert run(bridge("openai_chat", None), stream) == stream[: stream.index(b"[DONE]") + 8]


def test_edge_109_separators_in_the_text_stay() -> None:
    text = "a\u2028b\u2029c\x85d"
    stream = (
        b"data: " + json.dumps({"choices": [{"delta": {"content": text}}]}, ensure_ascii=False).encode() + b"\n\n" + chat("stop")
    )
    out = translate("openai_chat", "anthropic", stream)
    assert read_anthropic(out)["blocks"][0]["text"] == text
    assert b"\\u2028b\\u2029c\\u0085d" in out


def test_edge_110_megabytes_in_one_event() -> None:
    text = '0123456789abcdef\n"' * 200_000
    stream = chat({"content": text}, "stop")
    cuts = range(65536, len(stream), 65536)
    assert read_anthropic(run(bridge("openai_chat", "anthropic"), stream, cuts))["blocks"][0]["text"] == text


def test_events_that_are_no_json_are_counted_and_skipped() -> None:
    joined = bridge("openai_chat", "anthropic")
    noise = (
        b'data: hello\n\ndata: {\n\ndata: [1]\n\ndata: {"a":}\n\ndata: {} {}\n\ndata: {"choices":[{"delta":{"content":"lost\n\n'
    )
    answer = read_anthropic(run(joined, noise + chat({"content": "kept"}, "stop")))
    assert answer["blocks"] == [{"type": "text", "text": "kept"}]
    assert joined.skipped == 6


def test_too_deep_is_not_json() -> None:
    deep = b'data: {"x":' + b"[" * 600 + b"]" * 600 + b',"choices":[{"delta":{"content":"deep"}}]}\n\n'
    joined = bridge("openai_chat", "anthropic")
    assert read_anthropic(run(joined, deep + chat({"content": "flat"}, "stop")))["blocks"] == [{"type": "text", "text": "flat"}]
    assert joined.skipped == 1


@pytest.mark.parametrize("target", ["openai_chat", "anthropic", None])
def test_an_event_above_the_limit_is_an_error(target: str | None) -> None:
    joined = Bridge(OpenAIChatDecoder(), None if target is None else encoder(target), limit=1000)
    out = joined.feed(chat({"content": "a"}, done=False)) + joined.feed(b"data: " + b"x" * 2000) + joined.finish()
    assert (joined.error_status, joined.error_code) == (502, "upstream_bad_answer")
    assert b'"content":"a"' in out or b'"text":"a"' in out or b'"content": "a"' in out
    assert b"xx" not in out
    assert b"larger than allowed" in out
    assert joined.ended


# -- start, end, usage -----------------------------------------------------------------------------------------------------


def test_edge_112_chunks_without_choices() -> None:
    stream = (
        line({"id": "", "model": "", "choices": [], "prompt_filter_results": []})
        + line({"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 0}})
        + line({"choices": None})
        + line({})
        + chat({"content": "x"}, "stop")
    )
    answer = read_anthropic(translate("openai_chat", "anthropic", stream))
    assert answer["start"]["usage"]["input_tokens"] == 4, "known before the first block: the figure, not the estimate"
    assert [block["text"] for block in answer["blocks"]] == ["x"]


@pytest.mark.parametrize(
    ("stream", "stop"),
    [
        (chat({"content": "x"}, "stop", done=False), "end_turn"),
        (chat({"content": "x"}), "end_turn"),
        (chat(call(0, "c", "f", "{}")), "tool_use"),
        (chat({"content": "x"}, "length", done=False), "max_tokens"),
    ],
    ids=["finish-only", "done-only", "done-only-with-call", "length"],
)
def test_edge_113_either_marker_ends_an_answer(stream: bytes, stop: str) -> None:
    assert read_anthropic(translate("openai_chat", "anthropic", stream))["stop"] == stop


@pytest.mark.parametrize(
    "stream", [b"", b": ping\n\n", chat({"content": "par"}, done=False), chat(call(0, "c", "f", '{"a'), done=False)]
)
def test_edge_113_a_cut_answer_never_looks_finished(stream: bytes) -> None:
    for target in ("openai_chat", "anthropic", None):
        joined = bridge("openai_chat", target)
        out = run(joined, stream)
        assert joined.error_status == 502
        assert joined.error_code == "upstream_truncated"
        assert not joined.stopped
        assert joined.ended
        assert b"ended before the answer was complete" in out
        assert b'"finish_reason":"stop"' not in out
        assert b"message_stop" not in out


@pytest.mark.parametrize("target", ["openai_chat", "anthropic", None])
@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic"])
def test_of_an_event_cut_in_the_middle_nothing_is_handed_on(dialect: str, target: str | None) -> None:
    whole = chat({"content": "ONE"}, {"content": "TWO"}) if dialect == "openai_chat" else _anthropic_text("ONE", "TWO")
    joined = bridge(dialect, target)
    out = run(joined, whole[: whole.index(b"TWO") + 2])
    assert joined.error_code == "upstream_truncated"
    assert b"ONE" in out
    assert b"TW" not in out


def _anthropic_text(*texts: str, stop: str = "end_turn") -> bytes:
    return anthropic(
        {"type": "message_start", "message": {"id": "m", "model": "c", "usage": {"input_tokens": 5, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}} for text in texts),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    )


def test_edge_114_giving_up_after_the_terminal_marker_finishes() -> None:
    for target in ("openai_chat", "anthropic"):
        joined = bridge("openai_chat", target)
        out = joined.feed(chat({"content": "x"}, "stop", done=False))
        out += joined.fail(502, "upstream_unreachable", "connection reset")
        assert joined.error_status == 0
        (read_chat if target == "openai_chat" else read_anthropic)(out)
        assert b"reset" not in out


ERRORS = {
    "object": ({"error": {"message": "Slow down", "type": "rate_limit_error", "code": "rate_limit_exceeded"}}, 429),
    "quota": ({"error": {"message": "Slow down", "type": "insufficient_quota", "code": "insufficient_quota"}}, 429),
    "number": ({"error": {"message": "Slow down", "code": 503}}, 503),
    "text": ({"error": "Slow down"}, 502),
    "detail": ({"detail": "Slow down"}, 502),
    "message": ({"message": "Slow down", "code": 1}, 502),
    "list": ({"error": [{"message": "Slow down", "type": "server_error"}]}, 500),
    "nested": ({"type": "error", "error": {"type": "overloaded_error", "message": "Slow down"}}, 529),
    "with-choices": ({"error": {"message": "Slow down", "code": 429}, "choices": [{"delta": {}, "finish_reason": "error"}]}, 429),
    "length": ({"error": {"message": "Slow down", "code": "context_length_exceeded"}}, 400),
}


@pytest.mark.parametrize(("body", "status"), ERRORS.values(), ids=ERRORS)
def test_edge_115_errors_of_any_shape(body: dict[str, Any], status: int) -> None:
    stream = chat({"content": "before"}, line(body), {"content": "after"}, "stop")
    joined = bridge("openai_chat", "anthropic")
    answer = read_anthropic(run(joined, stream))
    assert answer["blocks"] == [{"type": "text", "text": "before"}]
    assert answer["error"]["message"] == "Slow down"
    assert joined.error_status == status
    assert read_chat(translate("openai_chat", "openai_chat", stream))["error"]["message"] == "Slow down"


def test_an_event_named_error_is_one() -> None:
    joined = bridge("openai_chat", "anthropic")
    run(joined, b'event: error\ndata: {"code":"rate_limit_exceeded","message":"no"}\n\n')
    assert (joined.error_status, joined.error_code, joined.error_message) == (429, "rate_limit_exceeded", "no")


@pytest.mark.parametrize("value", [None, False, "", {}], ids=repr)
def test_empty_error_members_are_none(value: Any) -> None:
    stream = line({"error": value, "choices": [{"index": 0, "delta": {"content": "fine"}, "finish_reason": "stop"}]})
    assert read_anthropic(translate("openai_chat", "anthropic", stream))["blocks"][0]["text"] == "fine"


def test_a_finish_of_error_is_an_error() -> None:
    joined = bridge("openai_chat", "anthropic")
    run(joined, chat({"content": "x"}, "error"))
    assert joined.error_status == 502


def test_long_upstream_messages_are_cut() -> None:
    joined = bridge("openai_chat", "anthropic")
    run(joined, line({"error": {"message": "m" * 10_000, "type": "server_error"}}))
    assert joined.error_message == "m" * 2048


def test_edge_119_no_usage_at_all() -> None:
    answer = read_anthropic(translate("openai_chat", "anthropic", chat({"content": "a" * 40}, "stop")))
    assert answer["usage"]["input_tokens"] == 11
    assert answer["usage"]["output_tokens"] == 10
    asked = read_chat(translate("anthropic", "openai_chat", anthropic({"type": "message_stop"})))
    assert asked["usage"]["total_tokens"] == 0


USAGE = {"prompt_tokens": 100, "completion_tokens": 25, "prompt_tokens_details": {"cached_tokens": 64}}
FULL = {"input_tokens": 36, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 64, "output_tokens": 25}
USAGES = {
    "before": [line({"choices": [], "usage": USAGE}), {"content": "x"}, "stop"],
    "with": [{"content": "x"}, line({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": USAGE})],
    "after": [{"content": "x"}, "stop", line({"choices": [], "usage": USAGE})],
    "in-the-choice": [{"content": "x"}, line({"choices": [{"delta": {}, "finish_reason": "stop", "usage": USAGE}]})],
    "edge-121-cumulative": [
        line({"choices": [{"delta": {"content": "x"}}], "usage": {"prompt_tokens": 100, "completion_tokens": 1}}),
        line({"choices": [{"delta": {}}], "usage": {"prompt_tokens": 100, "completion_tokens": 12}}),
        line({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": USAGE}),
    ],
    "null-in-between": [
        line({"choices": [{"delta": {"content": "x"}}], "usage": None}),
        "stop",
        line({"choices": [], "usage": USAGE}),
    ],
}


@pytest.mark.parametrize("parts", USAGES.values(), ids=USAGES)
def test_edge_120_usage_anywhere(parts: list[Any]) -> None:
    assert read_anthropic(translate("openai_chat", "anthropic", chat(*parts)))["usage"] == FULL


def test_usage_arithmetic_never_goes_below_zero() -> None:
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": -3,
        "prompt_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 2},
    }
    answer = read_anthropic(
        translate("openai_chat", "anthropic", chat({"content": "x"}, "stop", line({"choices": [], "usage": usage})))
    )
    assert answer["usage"]["input_tokens"] == 0
    assert answer["usage"]["output_tokens"] == 1, "a negative count says nothing, so what was sent is estimated"


def test_usage_is_late_and_the_client_does_not_wait_for_done() -> None:
    joined = bridge("openai_chat", "anthropic")
    out = joined.feed(chat({"content": "x"}, "stop", done=False))
    assert b"message_delta" not in out
    assert not joined.ended
    out = joined.feed(line({"choices": [], "usage": USAGE}))
    assert b"message_delta" in out
    assert b"message_stop" in out
    assert joined.ended
    assert joined.feed(b"data: [DONE]\n\n") == b""
    assert joined.finish() == b""


def test_a_repeated_finish_counts_once() -> None:
    assert kinds({"content": "x"}, "stop", "stop") == ["text"]
    answer = read_anthropic(translate("openai_chat", "anthropic", chat(call(0, "c", "f", "{}"), "tool_calls", "stop")))
    assert answer["stop"] == "tool_use"


def test_an_empty_finish_reason_is_none() -> None:
    stream = line({"choices": [{"delta": {"content": "a"}, "finish_reason": ""}]}) + chat({"content": "b"}, "stop")
    assert read_anthropic(translate("openai_chat", "anthropic", stream))["blocks"] == [{"type": "text", "text": "ab"}]


def test_content_after_the_finish_is_kept() -> None:
    answer = read_anthropic(
        translate("openai_chat", "anthropic", chat({"content": "a"}, "stop", {"content": "b"}, call(0, "c", "f", "{}")))
    )
    assert [block["type"] for block in answer["blocks"]] == ["text", "text", "tool_use"]
    assert answer["stop"] == "tool_use"


def test_edge_151_an_unknown_finish_is_a_stop() -> None:
    assert read_anthropic(translate("openai_chat", "anthropic", chat({"content": "x"}, "eos_token")))["stop"] == "end_turn"
    assert read_anthropic(translate("openai_chat", "anthropic", chat(call(0, "c", "f", "{}"), "eos_token")))["stop"] == "tool_use"


@pytest.mark.parametrize("stay", ["length", "content_filter"])
def test_finishes_that_calls_do_not_change(stay: str) -> None:
    stop = read_anthropic(translate("openai_chat", "anthropic", chat(call(0, "c", "f", "{}"), stay)))["stop"]
    assert stop == ("max_tokens" if stay == "length" else "refusal")


def test_a_tool_finish_without_a_call_is_a_stop() -> None:
    assert read_anthropic(translate("openai_chat", "anthropic", chat({"content": "x"}, "tool_calls")))["stop"] == "end_turn"


def test_edge_150_an_empty_answer_has_one_empty_block() -> None:
    for stream in (chat("stop"), chat(), chat({"role": "assistant", "content": ""}, "stop")):
        assert read_anthropic(translate("openai_chat", "anthropic", stream))["blocks"] == [{"type": "text", "text": ""}]
    answer = read_chat(translate("anthropic", "openai_chat", anthropic({"type": "message_stop"})))
    assert (answer["content"], answer["finish"]) == ("", "stop")


# -- calls -----------------------------------------------------------------------------------------------------------------


def test_edge_122_interleaved_calls_are_put_in_sequence() -> None:
    got = calls(
        call(0, "a", "f", ""),
        call(1, "b", "g", ""),
        call(1, arguments='{"y":'),
        call(0, arguments='{"x":"}'),
        call(1, arguments="2}"),
        call(0, arguments='"}'),
    )
    assert got == [("a", "f", '{"x":"}"}'), ("b", "g", '{"y":2}')]


def test_edge_122_the_first_call_streams_and_ends_as_soon_as_it_may() -> None:
    joined = bridge("openai_chat", "anthropic")
    joined.feed(chat(call(0, "a", "f", '{"x"'), done=False))
    assert b"partial_json" in joined.feed(chat(call(0, arguments=":[1]"), done=False))
    assert joined.feed(chat(call(1, "b", "g", '{"y"'), done=False)) == b"", "queued behind an unfinished call"
    out = joined.feed(chat(call(0, arguments="}"), done=False))
    assert out.count(b"content_block_stop") == 2, "event and type: the first call is complete and another one waits"
    assert b'{\\"y\\"' in out
    assert b":2}" in joined.feed(chat(call(1, arguments=":2}"), done=False)), "the second one streams now"


def test_edge_122_chat_clients_may_get_them_interleaved() -> None:
    stream = chat(
        call(0, "a", "f", '{"x":'), call(1, "b", "g", '{"y":'), call(0, arguments="1}"), call(1, arguments="2}"), "tool_calls"
    )
    answer = read_chat(translate("openai_chat", "openai_chat", stream))
    assert answer["calls"] == [{"id": "a", "name": "f", "arguments": '{"x":1}'}, {"id": "b", "name": "g", "arguments": '{"y":2}'}]


@pytest.mark.parametrize("names", [("f", "g"), ("f", "f")])
@pytest.mark.parametrize("index", [0, None])
def test_edge_123_same_index_other_id(names: tuple[str, str], index: int | None) -> None:
    got = calls(call(index, "a", names[0], '{"x":1}'), call(index, "b", names[1], '{"x":2}'))
    assert got == [("a", names[0], '{"x":1}'), ("b", names[1], '{"x":2}')]


def test_edge_123_same_index_in_one_delta() -> None:
    both = {"tool_calls": call(0, "a", "f", "{}")["tool_calls"] + call(0, "b", "f", "{}")["tool_calls"]}
    assert calls(both) == [("a", "f", "{}"), ("b", "f", "{}")]


@pytest.mark.parametrize("name", ["f", ""])
def test_edge_124_repeated_id_and_name(name: str) -> None:
    stream = chat(
        call(0, "a", "f", ""), call(0, "a", name, '{"x":'), call(0, "a", name, "1}"), call(0, "a", name, ""), "tool_calls"
    )
    assert read_chat(translate("openai_chat", "openai_chat", stream))["calls"] == [
        {"id": "a", "name": "f", "arguments": '{"x":1}'}
    ]
    assert calls(call(0, "a", "f", ""), call(0, "a", name, '{"x":1}')) == [("a", "f", '{"x":1}')]


def test_a_fresh_id_on_every_fragment_is_still_one_call() -> None:
    assert calls(call(0, "a", "f", '{"x"'), call(0, "b", "f", ":1"), call(0, "c", None, "}")) == [("a", "f", '{"x":1}')]


def test_edge_125_an_id_is_invented_once() -> None:
    stream = chat(call(0, None, "f", '{"x":'), call(0, None, None, "1}"), call(1, "", "g", "{}"), "tool_calls")
    first = read_chat(translate("openai_chat", "openai_chat", stream))["calls"]
    assert [(c["name"], c["arguments"]) for c in first] == [("f", '{"x":1}'), ("g", "{}")]
    ids = [c["id"] for c in first]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{8,64}", invented) for invented in ids)
    assert len(set(ids)) == 2
    assert [b["id"] for b in collect("openai_chat", stream)["blocks"]] == ids, "derived from the stream, so always the same"
    other = collect("openai_chat", stream.replace(b"chatcmpl-up", b"chatcmpl-other"))["blocks"]
    assert not {b["id"] for b in other} & set(ids), "but not the same in another answer"


def test_two_calls_never_share_an_id() -> None:
    got = calls(call(0, "same", "f", "{}"), call(1, "same", "g", "{}"))
    assert [(name, arguments) for _, name, arguments in got] == [("f", "{}"), ("g", "{}")]
    assert got[0][0] == "same"
    assert got[1][0] != "same"


@pytest.mark.parametrize(
    "deltas",
    [
        [call(0, "a"), call(0, None, "f", '{"x":1}')],
        [call(0, "a", "", ""), call(0, None, None, '{"x":'), call(0, None, "f", "1}")],
        [call(0, "a", None, '{"x":1}'), call(0, None, "f")],
    ],
)
def test_edge_125_the_start_waits_for_the_name(deltas: list[dict[str, Any]]) -> None:
    assert calls(*deltas) == [("a", "f", '{"x":1}')]
    joined = bridge("openai_chat", "anthropic")
    assert b"tool_use" not in joined.feed(chat(*deltas[:-1], done=False))


def test_a_call_that_never_gets_a_name() -> None:
    assert calls(call(0, "a", None, '{"x":1}'), call(1, "b", "g", "{}")) == [("b", "g", "{}"), ("a", "tool_0", '{"x":1}')]
    assert kinds({"content": "x"}, call(0, "a"), "stop") == ["text"], "without arguments there was no call"


@pytest.mark.parametrize("empty", [[], None])
def test_edge_126_empty_tool_calls_change_nothing(empty: Any) -> None:
    deltas = [{"content": "a", "tool_calls": empty}, {"content": "b", "tool_calls": empty}]
    answer = read_anthropic(translate("openai_chat", "anthropic", chat(*deltas, {"tool_calls": empty}, "stop")))
    assert answer["blocks"] == [{"type": "text", "text": "ab"}]


def test_edge_127_arguments_as_object() -> None:
    arguments = {"a": [1, {"b": "c\n\u2028"}], "d": "\U0001f600"}
    ((_, _, got),) = calls(call(0, "a", "f", arguments))
    assert json.loads(got) == arguments
    out = translate("openai_chat", "openai_chat", chat(call(0, "a", "f", arguments), "stop"))
    assert json.loads(read_chat(out)["calls"][0]["arguments"]) == arguments


def test_edge_127_the_whole_call_said_again_at_the_end() -> None:
    assert calls(call(0, "a", "f", '{"x":'), call(0, None, None, "1}"), call(0, "a", "f", '{"x":1}')) == [("a", "f", '{"x":1}')]


@pytest.mark.parametrize("arguments", [None, ""])
def test_edge_128_no_arguments(arguments: str | None) -> None:
    stream = chat(call(0, "a", "f", arguments), call(1, "b", "g", '{"x":1}'), "stop")
    assert [c["arguments"] for c in read_chat(translate("openai_chat", "openai_chat", stream))["calls"]] == ["{}", '{"x":1}']
    answer = read_anthropic(translate("openai_chat", "anthropic", stream))
    assert [block["input"] for block in answer["blocks"]] == ["", '{"x":1}'], "no delta means {}"


def test_edge_129_roles_and_empty_content_make_no_blocks() -> None:
    assert kinds(
        {"role": "assistant", "content": ""}, {"role": "assistant", "content": None}, call(0, "a", "f", "{}"), "stop"
    ) == ["tool_use"]
    out = translate(
        "openai_chat", "openai_chat", chat({"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}, "stop")
    )
    assert read_chat(out)["content"] == "ab"


def test_edge_130_text_after_calls() -> None:
    stream = chat({"content": "a"}, call(0, "c", "f", "{}"), {"content": "b"}, "stop")
    answer = read_anthropic(translate("openai_chat", "anthropic", stream))
    assert [block["type"] for block in answer["blocks"]] == ["text", "tool_use", "text"]
    assert answer["stop"] == "tool_use"


def test_text_between_the_fragments_of_a_call_loses_nothing() -> None:
    stream = chat(call(0, "c", "f", '{"x":'), {"content": "aside"}, call(0, None, None, "1}"), {"content": "end"}, "stop")
    answer = read_anthropic(translate("openai_chat", "anthropic", stream))
    assert [block.get("input", block.get("text")) for block in answer["blocks"]] == ['{"x":1}', "aside", "end"]


def test_a_deprecated_function_call() -> None:
    stream = chat({"function_call": {"name": "f", "arguments": ""}}, {"function_call": {"arguments": '{"x":1}'}}, "function_call")
    (got,) = read_chat(translate("openai_chat", "openai_chat", stream))["calls"]
    assert (got["name"], got["arguments"]) == ("f", '{"x":1}')


def test_custom_calls_become_an_input_member() -> None:
    entry = {"tool_calls": [{"index": 0, "id": "a", "type": "custom", "custom": {"name": "f", "input": 'say "hi"\n'}}]}
    more = {"tool_calls": [{"index": 0, "custom": {"input": "{not json"}}]}
    ((_, _, arguments),) = calls(entry, more)
    assert json.loads(arguments) == {"input": 'say "hi"\n{not json'}


def test_more_calls_than_anyone_makes() -> None:
    joined = bridge("openai_chat", "anthropic")
    run(joined, chat(*(call(i, f"id{i}", "f", "{}") for i in range(5000)), "stop"))
    assert joined.blocks == 4096
    assert joined.skipped == 5000 - 4096


# -- reasoning, refusal, parts ---------------------------------------------------------------------------------------------


def test_edge_76_reasoning_after_text() -> None:
    stream = chat({"reasoning_content": "r"}, {"content": "t"}, {"reasoning_content": "s"}, "stop")
    answer = read_anthropic(translate("openai_chat", "anthropic", stream))
    assert [block["type"] for block in answer["blocks"]] == ["thinking", "text", "thinking"]
    assert all(block["signature"] == "" for block in answer["blocks"] if block["type"] == "thinking"), "never an invented one"


def test_edge_77_both_reasoning_fields() -> None:
    stream = chat({"reasoning": "same", "reasoning_content": "same"}, {"reasoning": "only"}, {"content": "x"}, "stop")
    assert read_anthropic(translate("openai_chat", "anthropic", stream))["blocks"][0]["thinking"] == "sameonly"


def test_edge_78_empty_reasoning() -> None:
    assert kinds({"reasoning_content": "", "content": "a"}, {"reasoning_content": "", "content": "b"}, "stop") == ["text"]


def test_edge_79_think_tags_are_text() -> None:
    stream = chat({"content": "<think>"}, {"content": "x</think>y"}, "stop")
    assert read_anthropic(translate("openai_chat", "anthropic", stream))["blocks"][0]["text"] == "<think>x</think>y"


def test_edge_145_refusals() -> None:
    stream = chat({"refusal": "No"}, {"refusal": "."}, "stop")
    answer = read_anthropic(translate("openai_chat", "anthropic", stream))
    assert (answer["blocks"], answer["stop"]) == ([{"type": "text", "text": "No."}], "refusal")
    again = read_chat(translate("openai_chat", "openai_chat", stream))
    assert (again["refusal"], again["content"], again["finish"]) == ("No.", "", "stop")


def test_content_as_parts() -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "so"}]
    blocks = read_anthropic(translate("openai_chat", "anthropic", chat({"content": parts}, "stop")))["blocks"]
    assert [(block.get("thinking"), block.get("text")) for block in blocks] == [("hm", None), (None, "so")]


def test_only_one_choice_is_translated() -> None:
    stream = chat(
        [{"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"content": "zzzz"}}],
        [{"index": 1, "delta": {"content": "zzzz"}, "finish_reason": "stop"}],
        [{"index": 0, "delta": {"content": "b"}, "finish_reason": "stop"}],
    )
    joined = bridge("openai_chat", "anthropic")
    assert read_anthropic(run(joined, stream))["blocks"] == [{"type": "text", "text": "ab"}]
    assert joined.output_chars == 10, "all of it costs"


def test_a_surrogate_pair_cut_in_two_deltas() -> None:
    def raw(content: str) -> bytes:
        return b'data: {"choices":[{"delta":{"content":"' + content.encode() + b'"}}]}\n\n'

    stream = raw("a\\ud83d") + raw("\\ude00b\\\\ud83d") + raw("\\ud83d") + raw("c") + raw("\\ude00") + chat("stop")
    assert (
        read_anthropic(translate("openai_chat", "anthropic", stream))["blocks"][0]["text"] == "a\U0001f600b\\ud83d\ufffdc\ufffd"
    )


@pytest.mark.parametrize(
    "bad", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82", b"\x80", b"\\udc00", b"\\ud800x"]
)
def test_what_is_no_character_is_replaced(bad: bytes) -> None:
    stream = b'data: {"choices":[{"delta":{"content":"a' + bad + b'b"}}]}\n\n' + chat("stop")
    for target in ("openai_chat", "anthropic"):
        out = translate("openai_chat", target, stream)
        text = read_chat(out)["content"] if target == "openai_chat" else read_anthropic(out)["blocks"][0]["text"]
        assert re.fullmatch("a\ufffd+x?b", text)


@pytest.mark.parametrize("bad", [b"\x01", b"\x1f", b"\t"])
def test_raw_control_characters_become_escapes(bad: bytes) -> None:
    stream = b'data: {"choices":[{"delta":{"content":"a' + bad + b'b"}}]}\n\n' + chat("stop")
    assert read_anthropic(translate("openai_chat", "anthropic", stream))["blocks"][0]["text"] == f"a{bad.decode()}b"


def test_broken_escapes_become_text() -> None:
    stream = b'data: {"choices":[{"delta":{"content":"a\\q\\u12G4\\x"}}]}\n\n' + chat("stop")
    assert read_anthropic(translate("openai_chat", "anthropic", stream))["blocks"][0]["text"] == "a\\q\\u12G4\\x"
