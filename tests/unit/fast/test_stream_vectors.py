"""Every vector through every codec that can read it, against expectations written from the facts of the formats."""

from __future__ import annotations

import json
from typing import Any

import pytest

from unit.fast.streams import (
    as_anthropic,
    as_chat,
    bridge,
    collect,
    read_anthropic,
    read_chat,
    run,
    tapped,
    translate,
    vector,
    vectors,
)


def text(content: str, citations: list[bytes] | None = None) -> dict[str, Any]:
    return {"type": "text", "text": content, "citations": citations or []}


def thinking(content: str, signature: str | None = None) -> dict[str, Any]:
    return {"type": "thinking", "text": content, "signature": signature}


def tool(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"type": "tool", "id": call_id, "name": name, "arguments": arguments}


NOTHING = (-1, -1, -1, -1, -1)
SIGNATURE = "EqQBCkYIBBgCKkD+/sig=="
CITATION = (
    b'{"type":"web_search_result_location","url":"https://e.test/a","title":"A \\"q\\"","cited_text":"so","encrypted_index":"i"}'
)

# blocks, canonical stop word, usage (input, cached, written, output, reasoning)
EXPECTED: dict[tuple[str, str], tuple[list[dict[str, Any]], str, tuple[int, ...]]] = {
    ("openai_chat", "text"): ([text("Hello, world\n")], "stop", (100, 64, -1, 25, 8)),
    ("openai_chat", "tools_interleaved"): (
        [text("Looking."), tool("call_a", "read_file", '{"path":"a.py"}'), tool("call_b", "list_dir", '{"path":"."}')],
        "tool",
        (50, 0, -1, 30, 0),
    ),
    ("openai_chat", "reasoning"): ([thinking("First, add."), text("4")], "stop", (12, 0, -1, 9, 6)),
    ("openai_chat", "filter_preface"): ([text("Fine.")], "filter", NOTHING),
    ("openai_chat", "always_index_zero"): (
        [tool("fc-1", "weather", '{"city":"Oslo"}'), tool("fc-2", "weather", '{"city":"Rome"}')],
        "tool",
        (7, 0, -1, 8, 0),
    ),
    ("openai_chat", "refusal"): ([{"type": "refusal", "text": "I cannot help."}], "refusal", NOTHING),
    ("openai_chat", "length"): ([text("One two three")], "length", NOTHING),
    ("openai_chat", "unicode"): (
        [text('hé 日本 \U0001f600 line\u2028sep\u2029par\u0085nel"q" \\ \t\u0001\U0001f600 end \ufffd')],
        "stop",
        NOTHING,
    ),
    ("openai_chat", "crlf_comments"): ([text("abc")], "stop", NOTHING),
    ("openai_chat", "multi_line_data"): ([text("joined")], "stop", NOTHING),
    ("openai_chat", "no_done"): ([text("done")], "stop", NOTHING),
    ("openai_chat", "no_final_blank"): ([text("tail")], "stop", NOTHING),
    ("openai_chat", "no_arguments"): ([tool("call_n", "now", "{}")], "tool", NOTHING),
    ("openai_chat", "late_name"): ([tool("call_l", "late", '{"a":1}')], "tool", NOTHING),
    ("openai_chat", "object_arguments"): ([tool("call_o", "set", '{"k":[1,"\u2028\\"x\\""],"s":"y"}')], "tool", NOTHING),
    ("openai_chat", "text_after_tools"): ([text("before"), tool("call_t", "f", "{}"), text("after")], "tool", NOTHING),
    ("openai_chat", "whole_message"): ([text("All at once"), tool("call_w", "f", '{"x":2}')], "tool", (3, 0, -1, 4, 0)),
    ("anthropic", "text"): ([text("Hello, world\n")], "stop", (100, 64, 0, 25, -1)),
    ("anthropic", "tools_parallel"): (
        [text("Looking."), tool("toolu_01A", "read_file", '{"path":"a.py"}'), tool("toolu_01B", "now", "{}")],
        "tool",
        (100, 64, 0, 30, -1),
    ),
    ("anthropic", "thinking"): (
        [thinking("First, add.", SIGNATURE), {"type": "redacted", "data": "EmwKAhgB+opaque/=="}, text("4")],
        "stop",
        (100, 64, 0, 9, 6),
    ),
    ("anthropic", "server_tools"): (
        [text("It is \U0001f600 so.", [CITATION]), tool("toolu_01C", "save", "{}")],
        "tool",
        (100, 64, 0, 40, -1),
    ),
    ("anthropic", "stop_sequence"): ([text("up to")], "stop_sequence", (100, 64, 0, 3, -1)),
    ("anthropic", "refusal"): ([], "refusal", (100, 64, 0, 0, -1)),
    ("anthropic", "max_tokens"): ([text("cut")], "length", (100, 64, 0, 1, -1)),
    ("anthropic", "deviations"): ([text("prefix")], "stop", (104, 64, 0, 5, -1)),
    ("anthropic", "untyped"): ([text("by name")], "stop", (1, -1, -1, 2, -1)),
}
FAILING = {("openai_chat", "error"): 429, ("anthropic", "error"): 529}

CHAT_FINISH = {
    "stop": "stop",
    "stop_sequence": "stop",
    "tool": "tool_calls",
    "length": "length",
    "filter": "content_filter",
    "refusal": "content_filter",
}
ANTHROPIC_STOP = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "tool": "tool_use",
    "length": "max_tokens",
    "filter": "refusal",
    "refusal": "refusal",
}
each = pytest.mark.parametrize(("dialect", "name"), EXPECTED)


def test_every_vector_has_an_expectation() -> None:
    files = {(dialect, name) for dialect in ("openai_chat", "anthropic") for name in vectors(dialect)}
    assert files == EXPECTED.keys() | FAILING.keys()


@each
def test_decoded(dialect: str, name: str) -> None:
    blocks, stop, usage = EXPECTED[dialect, name]
    got = collect(dialect, vector(dialect, name))
    assert (got["blocks"], got["stop"], got["usage"]) == (blocks, stop, usage)
    assert got["error"] == (0, "", "")
    assert got["stopped"]
    assert got["count"] == len(blocks)
    assert got["useful"] == bool(blocks)


@each
def test_to_chat(dialect: str, name: str) -> None:
    blocks, stop, usage = EXPECTED[dialect, name]
    answer = read_chat(translate(dialect, "openai_chat", vector(dialect, name)))
    expected = as_chat({"blocks": blocks})
    assert {key: answer[key] for key in expected} == expected
    refused = any(block["type"] == "refusal" for block in blocks)
    assert answer["finish"] == ("stop" if refused else CHAT_FINISH[stop])
    known = [max(value, 0) for value in usage]
    assert (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]) == (known[0], known[3])
    assert answer["usage"]["total_tokens"] == known[0] + known[3]
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] == known[1]
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == known[4]


@each
def test_to_anthropic(dialect: str, name: str) -> None:
    blocks, stop, usage = EXPECTED[dialect, name]
    answer = read_anthropic(translate(dialect, "anthropic", vector(dialect, name)))
    got = [{key: value for key, value in block.items() if key != "citations"} for block in answer["blocks"]]
    for block in got:
        if block["type"] == "tool_use":
            block["input"] = block["input"] or "{}"
    assert got == as_anthropic({"blocks": blocks}, signed=True)
    assert answer["stop"] == ANTHROPIC_STOP[stop]
    assert answer["stop_sequence"] == ("END" if stop == "stop_sequence" else None)
    counts = answer["usage"]
    if usage[3] >= 0:
        cached, written = max(usage[1], 0), max(usage[2], 0)
        assert counts == {
            "input_tokens": usage[0] - cached - written,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": cached,
            "output_tokens": usage[3],
        }
    else:
        assert counts["input_tokens"] == 11, "the estimate"
        assert counts["output_tokens"] > 0, "estimated from what was sent"


@each
def test_passed_through(dialect: str, name: str) -> None:
    """The same bytes and the same accounting; only a missing end is added."""
    stream = vector(dialect, name)
    joined = bridge(dialect, None)
    out = run(joined, stream)
    terminator = b"data: [DONE]" if dialect == "openai_chat" else b"event: message_stop"
    assert out.startswith(stream)
    assert (out == stream) == (terminator in stream)
    assert terminator in out
    collected = collect(dialect, stream)
    assert tapped(joined) == {key: collected[key] for key in tapped(joined)}


@each
def test_every_cut_position(dialect: str, name: str) -> None:
    """edge-104, edge-105, edge-111: two reads, wherever the border lies, give what one read gives."""
    stream = vector(dialect, name)
    for target in ("openai_chat", "anthropic", None):
        whole = run(bridge(dialect, target), stream)
        for cut in range(1, len(stream)):
            assert run(bridge(dialect, target), stream, [cut]) == whole, (target, cut)


@each
def test_edge_111_single_bytes(dialect: str, name: str) -> None:
    stream = vector(dialect, name)
    for target in ("openai_chat", "anthropic", None):
        assert run(bridge(dialect, target), stream, range(1, len(stream))) == run(bridge(dialect, target), stream)


@pytest.mark.parametrize(("dialect", "name"), FAILING)
def test_edge_115_errors_in_the_stream(dialect: str, name: str) -> None:
    status = FAILING[dialect, name]
    stream = vector(dialect, name)
    message = "Rate limit reached" if dialect == "openai_chat" else "Overloaded"
    chat = read_chat(translate(dialect, "openai_chat", stream))
    assert chat["content"] == "part"
    assert chat["error"]["message"] == message
    assert chat["error"]["type"] == ("rate_limit_error" if status == 429 else "server_error")
    assert chat["error"]["code"] == ("rate_limit_exceeded" if status == 429 else "overloaded")
    anthropic = read_anthropic(translate(dialect, "anthropic", stream))
    assert anthropic["blocks"][0]["text"] == "part"
    assert anthropic["error"] == {"type": "rate_limit_error" if status == 429 else "overloaded_error", "message": message}
    joined = bridge(dialect, None)
    assert run(joined, stream) == stream
    assert joined.error_status == status
    assert joined.error_message == message


def test_output_never_holds_line_separators_or_lone_surrogates() -> None:
    """edge-109: U+2028, U+2029 and U+0085 leave as escapes, and what is no character leaves as U+FFFD."""
    for target in ("openai_chat", "anthropic"):
        out = translate("openai_chat", target, vector("openai_chat", "unicode"))
        assert not {"\u2028", "\u2029", "\x85"} & set(out.decode("utf-8"))
        for row in out.decode().splitlines():
            if row.startswith("data: {"):
                json.dumps(json.loads(row[6:]), ensure_ascii=False).encode("utf-8")


def test_citations_of_the_web_reach_chat_clients() -> None:
    """edge-156: with the range of their text block in characters."""
    answer = read_chat(translate("anthropic", "openai_chat", vector("anthropic", "server_tools")))
    assert answer["annotations"] == [
        {
            "index": 0,
            "type": "url_citation",
            "url_citation": {
                "url": "https://e.test/a",
                "title": 'A "q"',
                "start_index": 0,
                "end_index": len("It is \U0001f600 so."),
            },
        }
    ]


def test_citations_stay_with_their_dialect() -> None:
    answer = read_anthropic(translate("anthropic", "anthropic", vector("anthropic", "server_tools")))
    assert answer["blocks"][0]["citations"] == [json.loads(CITATION)]
