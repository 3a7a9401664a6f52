"""Responses streams, read and written: the dialect's own vectors, and every other dialect's vectors for its clients."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from omniroute._fast.codec import Bridge, Collector, Encoder
from omniroute._fast.openai_responses import OpenAIResponsesDecoder, OpenAIResponsesEncoder
from omniroute.translation.signatures import PREFIX, unwrap
from unit.fast.responses_grammar import read_responses
from unit.fast.streams import DECODERS, as_anthropic, as_chat, encoder, read_anthropic, read_chat, run, tapped, vector, vectors

DIALECT = "openai_responses"
SOURCES = [(dialect, name) for dialect in ("openai_chat", "anthropic") for name in vectors(dialect)]
FAILING = {("openai_chat", "error"), ("anthropic", "error")}


def text(content: str, citations: list[bytes] | None = None) -> dict[str, Any]:
    return {"type": "text", "text": content, "citations": citations or []}


def thinking(content: str, signature: str | None = None) -> dict[str, Any]:
    return {"type": "thinking", "text": content, "signature": signature}


def tool(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"type": "tool", "id": call_id, "name": name, "arguments": arguments}


NOTHING = (-1, -1, -1, -1, -1)
USAGE = (100, 64, 0, 25, 8)
PATCH = '*** Begin "Patch"\n+café \\ x\n*** End'
CITATION = b'{"type":"url_citation","start_index":6,"end_index":10,"url":"https://e.test/a","title":"A \\"q\\""}'

# blocks, canonical stop word, usage (input, cached, written, output, reasoning)
EXPECTED: dict[str, tuple[list[dict[str, Any]], str, tuple[int, ...]]] = {
    "text": ([text("Hello, world\n")], "stop", USAGE),
    "reasoning": ([thinking("First, add.\n\nThen say.", "gAAAAABo-enc=="), text("4")], "stop", USAGE),
    "tools_parallel": (
        [text("Looking."), tool("call_a", "read_file", '{"path":"a.py"}'), tool("call_b", "now", "{}")],
        "tool",
        USAGE,
    ),
    "custom_tool": ([tool("call_c", "apply_patch", '{"input":' + json.dumps(PATCH) + "}")], "tool", USAGE),
    "arguments_done_only": ([tool("call_d", "write", '{"a":1}')], "tool", USAGE),
    "item_done_only": ([thinking("", "gAAA-only"), text("only done"), tool("call_e", "write", '{"b":[2]}')], "tool", USAGE),
    "terminal_only": ([text("all at the end"), {"type": "refusal", "text": "but no"}], "refusal", USAGE),
    "refusal": ([{"type": "refusal", "text": "I cannot help."}], "refusal", USAGE),
    "length": ([text("One two three")], "length", USAGE),
    "filter": ([text("Fine.")], "filter", NOTHING),
    "hosted_search": ([text("It is \U0001f600 so.", [CITATION]), tool("call_s", "save", "{}")], "tool", USAGE),
    "raw_reasoning": ([thinking("We add."), text("4")], "stop", NOTHING),
    "unicode": ([text('hé 日本 \U0001f600 line\u2028sep\u2029par\u0085nel"q" \\ \t\u0001')], "stop", USAGE),
    "crlf_comments": ([text("abc")], "stop", NOTHING),
}
CHAT_FINISH = {"stop": "stop", "tool": "tool_calls", "length": "length", "filter": "content_filter", "refusal": "stop"}
ANTHROPIC_STOP = {"stop": "end_turn", "tool": "tool_use", "length": "max_tokens", "filter": "refusal", "refusal": "refusal"}
each = pytest.mark.parametrize("name", EXPECTED)


def responses_encoder(**options: Any) -> OpenAIResponsesEncoder:
    return OpenAIResponsesEncoder("resp_ours", "shown/model", 1700000000, **options)


def joined(source: str, target: str | None, **options: Any) -> Bridge:
    decoder = OpenAIResponsesDecoder() if source == DIALECT else DECODERS[source]()
    if target is None:
        return Bridge(decoder, None)
    made: Encoder = responses_encoder(**options) if target == DIALECT else encoder(target, **options)
    return Bridge(decoder, made)


def translate(source: str, target: str | None, stream: bytes, cuts: Iterable[int] = (), **options: Any) -> bytes:
    return run(joined(source, target, **options), stream, cuts)


def collect(source: str, stream: bytes) -> dict[str, Any]:
    collector = Collector()
    bridge = Bridge(OpenAIResponsesDecoder() if source == DIALECT else DECODERS[source](), collector)
    assert run(bridge, stream) == b""
    return {"blocks": collector.blocks, **tapped(bridge)}


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


def completed(*output: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": {"id": "resp_up", "status": "completed", "output": list(output), **fields}}


# -- read ------------------------------------------------------------------------------------------------------------------


def test_every_vector_has_an_expectation() -> None:
    assert set(vectors(DIALECT)) == EXPECTED.keys() | {"failed", "error"}


@each
def test_edge_080_131_132_decoded(name: str) -> None:
    blocks, stop, usage = EXPECTED[name]
    got = collect(DIALECT, vector(DIALECT, name))
    assert (got["blocks"], got["stop"], got["usage"]) == (blocks, stop, usage)
    assert got["error"] == (0, "", "")
    assert (got["id"], got["model"]) == ("resp_68af", "gpt-5.2-2025-12-11")
    assert got["stopped"]


@each
def test_to_chat(name: str) -> None:
    blocks, stop, usage = EXPECTED[name]
    answer = read_chat(translate(DIALECT, "openai_chat", vector(DIALECT, name)))
    expected = as_chat({"blocks": blocks})
    assert {key: answer[key] for key in expected} == expected
    assert answer["finish"] == CHAT_FINISH[stop]
    assert (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]) == (max(usage[0], 0), max(usage[3], 0))


@each
def test_to_anthropic(name: str) -> None:
    blocks, stop, usage = EXPECTED[name]
    answer = read_anthropic(translate(DIALECT, "anthropic", vector(DIALECT, name)))
    expected = as_anthropic({"blocks": blocks}, signed=True)
    for got, block in zip(answer["blocks"], expected, strict=True):
        if block["type"] == "thinking" and block["signature"]:
            found = unwrap(got["signature"])
            assert found is not None
            assert (found.vendor, found.signature) == (DIALECT, block["signature"])
            got["signature"] = block["signature"]
        if block["type"] == "tool_use":
            got["input"] = got["input"] or "{}"
    assert answer["blocks"] == expected
    assert answer["stop"] == ANTHROPIC_STOP[stop]
    if usage[3] >= 0:
        assert (answer["usage"]["input_tokens"], answer["usage"]["cache_read_input_tokens"]) == (36, 64)
        assert answer["usage"]["output_tokens"] == 25


@each
def test_passed_through(name: str) -> None:
    """The very bytes up to the terminal event, and the same accounting."""
    stream = vector(DIALECT, name)
    bridge = joined(DIALECT, None)
    assert run(bridge, stream) == stream.removesuffix(b"data: [DONE]\n\n")
    collected = collect(DIALECT, stream)
    assert tapped(bridge) == {key: collected[key] for key in tapped(bridge)}


@each
def test_edge_104_105_every_cut_position(name: str) -> None:
    stream = vector(DIALECT, name)
    for target in ("openai_chat", "anthropic", None):
        whole = translate(DIALECT, target, stream)
        for cut in range(1, len(stream)):
            assert translate(DIALECT, target, stream, [cut]) == whole, (target, cut)
        assert translate(DIALECT, target, stream, range(1, len(stream))) == whole


@pytest.mark.parametrize(("name", "status", "code", "message"), [
    ("failed", 429, "rate_limit_exceeded", "Rate limit reached"),
    ("error", 500, "server_error", "Overloaded"),
])  # fmt: skip
def test_edge_115_133_errors_in_the_stream(name: str, status: int, code: str, message: str) -> None:
    stream = vector(DIALECT, name)
    chat = read_chat(translate(DIALECT, "openai_chat", stream))
    assert (chat["content"], chat["error"]["message"]) == ("part", message)
    anthropic = read_anthropic(translate(DIALECT, "anthropic", stream))
    assert anthropic["error"] == {"type": "rate_limit_error" if status == 429 else "api_error", "message": message}
    bridge = joined(DIALECT, None)
    assert run(bridge, stream) == stream
    assert (bridge.error_status, bridge.error_code, bridge.error_message) == (status, code, message)


@pytest.mark.parametrize("until", [b"response.output_item.added", b"response.output_text.done", b"response.completed"])
def test_edge_113_a_cut_answer_never_looks_finished(until: bytes) -> None:
    stream = vector(DIALECT, "text").partition(b"event: " + until)[0]
    for target in ("openai_chat", "anthropic", None):
        bridge = joined(DIALECT, target)
        out = run(bridge, stream)
        assert (bridge.error_status, bridge.error_code, bridge.stopped) == (502, "upstream_truncated", False)
        assert b"ended before the answer was complete" in out
    last = out.rpartition(b"event: ")[2]
    assert last.startswith(b"response.failed\n")
    event = json.loads(last.split(b"data: ")[1])
    assert (event["response"]["id"], event["response"]["status"]) == ("resp_68af", "failed")
    assert event["sequence_number"] == stream.count(b"event: ")


def test_an_error_before_anything_is_known_is_a_bare_one() -> None:
    out = joined(DIALECT, None).fail(503, "overloaded", "No.")
    assert out.startswith(b"event: error\n")
    assert json.loads(out.split(b"data: ")[1]) == {
        "type": "error",
        "sequence_number": 0,
        "param": None,
        "code": "server_error",
        "message": "No.",
    }


def test_edge_131_arguments_told_three_times_count_once() -> None:
    item = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": '{"x":1}', "status": "completed"}
    place = {"item_id": "fc_1", "output_index": 0}
    stream = sse(
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "arguments": ""}},
        {"type": "response.function_call_arguments.delta", **place, "delta": '{"x":'},
        {"type": "response.function_call_arguments.delta", **place, "delta": "1}"},
        {"type": "response.function_call_arguments.done", **place, "arguments": '{"x":1}'},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        completed(item),
    )
    assert collect(DIALECT, stream)["blocks"] == [tool("c", "f", '{"x":1}')]


def test_deltas_of_a_call_that_was_never_added_wait_for_its_name() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "late", "arguments": '{"x":1}'}
    stream = sse(
        {"type": "response.function_call_arguments.delta", "output_index": 3, "delta": '{"x":1}'},
        {"type": "response.output_item.done", "output_index": 3, "item": item},
        completed(),
    )
    assert collect(DIALECT, stream)["blocks"] == [tool("c", "late", '{"x":1}')]


def test_a_call_without_any_id_gets_one() -> None:
    item = {"type": "function_call", "name": "f", "arguments": "{}"}
    stream = sse(
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.output_item.done", "output_index": 1, "item": item},
        completed(),
    )
    blocks = collect(DIALECT, stream)["blocks"]
    assert len({block["id"] for block in blocks}) == 2
    assert all(block["id"].startswith("call_") for block in blocks)


def test_events_without_output_index_belong_to_the_item_that_is_open() -> None:
    stream = sse(
        {"type": "response.output_item.added", "item": {"type": "message", "id": "m1"}},
        {"type": "response.output_text.delta", "delta": "one"},
        {"type": "response.output_item.done", "item": {"type": "message", "content": [{"type": "output_text", "text": "one"}]}},
        {"type": "response.output_item.done", "item": {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}},
        completed(),
    )
    assert collect(DIALECT, stream)["blocks"] == [text("one"), tool("c", "f", "{}")]


def test_several_content_parts_are_several_blocks() -> None:
    content = [{"type": "output_text", "text": "a"}, {"type": "output_text", "text": "b"}]
    stream = sse(
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "a"},
        {"type": "response.output_item.done", "output_index": 0, "item": {"type": "message", "content": content}},
        completed(),
    )
    assert collect(DIALECT, stream)["blocks"] == [text("a"), text("b")]


def test_items_that_interleave_are_told_apart_by_their_index() -> None:
    def arguments(index: int, delta: str) -> dict[str, Any]:
        return {"type": "response.function_call_arguments.delta", "output_index": index, "delta": delta}

    calls = [{"type": "function_call", "call_id": f"c{i}", "name": f"f{i}", "arguments": ""} for i in range(2)]
    stream = sse(
        *({"type": "response.output_item.added", "output_index": i, "item": call} for i, call in enumerate(calls)),
        arguments(0, '{"a"'),
        arguments(1, '{"b"'),
        arguments(0, ":1}"),
        arguments(1, ":2}"),
        completed(),
    )
    assert collect(DIALECT, stream)["blocks"] == [tool("c0", "f0", '{"a":1}'), tool("c1", "f1", '{"b":2}')]
    answer = read_anthropic(translate(DIALECT, "anthropic", stream))
    assert [block["input"] for block in answer["blocks"]] == ['{"a":1}', '{"b":2}']


def test_generated_images_are_media() -> None:
    item = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "aGk=", "output_format": "webp"}
    stream = sse({"type": "response.output_item.done", "output_index": 0, "item": item}, completed())
    assert collect(DIALECT, stream)["blocks"] == [{"type": "media", "mime": "image/webp", "data": "aGk="}]


def test_nonsense_is_counted_and_skipped() -> None:
    bridge = joined(DIALECT, "openai_chat")
    noise = b"data: hello\n\ndata: [1]\n\ndata: {\n\n" + sse(
        {"type": "response.output_item.added", "output_index": 0, "item": 7},
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "function_call", "call_id": "c", "name": "f"}},
        {"type": "response.output_text.delta", "output_index": 0, "delta": "text of a call"},
        {"type": "response.brand_new", "x": [1]},
        {"type": "vendor.event"},
    )
    answer = read_chat(run(bridge, noise + sse(completed())))
    assert [call["name"] for call in answer["calls"]] == ["f"]
    assert answer["content"] == ""
    assert bridge.skipped == 5


@pytest.mark.parametrize(("details", "word"), [
    ({"reason": "max_output_tokens"}, "length"),
    ({"reason": "content_filter"}, "filter"),
    ({"reason": "steered"}, "length"),
    (None, "length"),
])  # fmt: skip
def test_edge_133_incomplete(details: Any, word: str) -> None:
    final = {"id": "r", "status": "incomplete", "incomplete_details": details, "output": []}
    assert collect(DIALECT, sse({"type": "response.incomplete", "response": final}))["stop"] == word


# -- written ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dialect", "name"), [source for source in SOURCES if source not in FAILING])
def test_other_dialects_become_items(dialect: str, name: str) -> None:
    """Every rule of the grammar, and the content that a collector of the same stream finds."""
    stream = vector(dialect, name)
    collected = collect(dialect, stream)
    reader = read_responses(translate(dialect, DIALECT, stream, input_tokens=11))
    got: list[dict[str, Any]] = []
    for item in reader.response["output"]:
        if item["type"] == "message":
            got += [{"said": part.get("text", part.get("refusal")), "type": part["type"]} for part in item["content"]]
        elif item["type"] == "reasoning":
            proof = unwrap(item["encrypted_content"]) if "encrypted_content" in item else None
            shown = "".join(part["text"] for part in item["summary"])
            if proof is not None:
                assert proof.vendor == dialect
                assert proof.text == shown
            got.append({"thought": shown, "proof": (proof.signature or proof.redacted) if proof else None})
        else:
            got.append({"call": (item["call_id"], item["name"], item["arguments"])})
    expected: list[dict[str, Any]] = []
    for block in collected["blocks"]:
        if block["type"] in ("text", "refusal"):
            kind = "output_text" if block["type"] == "text" else "refusal"
            expected += [{"said": block["text"], "type": kind}] if block["text"] else []
        elif block["type"] == "thinking":
            expected.append({"thought": block["text"], "proof": block["signature"]})
        elif block["type"] == "redacted":
            expected.append({"thought": "", "proof": block["data"]})
        else:
            expected.append({"call": (block["id"], block["name"], block["arguments"])})
    assert got == expected
    cut = {"length": "max_output_tokens", "filter": "content_filter"}
    reason = cut.get(collected["stop"])
    if collected["stop"] == "refusal" and not any(item.get("type") == "refusal" for item in got):
        reason = "content_filter"
    assert reader.response["incomplete_details"] == ({"reason": reason} if reason else None)
    usage = reader.response["usage"]
    if collected["usage"][3] >= 0:
        assert (usage["input_tokens"], usage["output_tokens"]) == (collected["usage"][0], collected["usage"][3])
        assert usage["input_tokens_details"]["cached_tokens"] == max(0, collected["usage"][1])
    else:
        assert (usage["input_tokens"], usage["output_tokens"]) == (11, (collected["chars"] + _names(collected) + 3) // 4)


def _names(collected: dict[str, Any]) -> int:
    return sum(len(block["name"]) for block in collected["blocks"] if block["type"] == "tool")


@pytest.mark.parametrize(("dialect", "name"), SOURCES)
def test_edge_105_111_written_alike_at_every_cut_position(dialect: str, name: str) -> None:
    stream = vector(dialect, name)
    whole = translate(dialect, DIALECT, stream)
    for cut in range(1, len(stream)):
        assert translate(dialect, DIALECT, stream, [cut]) == whole, cut
    assert translate(dialect, DIALECT, stream, range(1, len(stream))) == whole


def test_deltas_leave_with_the_read_that_brought_them() -> None:
    """H13: nothing that is known is held back."""
    bridge = joined("openai_chat", DIALECT)
    chunk = b'data: {"id":"x","choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n'
    assert b'"delta":"one"' in bridge.feed(chunk % b"one")
    assert bridge.feed(chunk % b"two").count(b"event: ") == 1


@pytest.mark.parametrize(("dialect", "code"), [("openai_chat", "rate_limit_exceeded"), ("anthropic", "server_error")])
def test_edge_115_failed(dialect: str, code: str) -> None:
    """What was open stays unfinished, what was finished stands in the failed response."""
    reader = read_responses(translate(dialect, DIALECT, vector(dialect, "error")))
    assert reader.failed is not None
    assert reader.failed["code"] == code
    assert reader.response["output"] == []
    assert reader.items[0]["content"][0]["text"] == "part"


def test_codes_that_agents_act_on_are_kept() -> None:
    stream = b'data: {"error":{"message":"Too long","type":"invalid_request_error","code":"context_length_exceeded"}}\n\n'
    reader = read_responses(translate("openai_chat", DIALECT, stream))
    assert reader.failed == {"code": "context_length_exceeded", "message": "Too long"}


def test_edge_122_calls_that_interleave_are_told_one_after_the_other() -> None:
    reader = read_responses(translate("openai_chat", DIALECT, vector("openai_chat", "tools_interleaved")))
    assert [item["type"] for item in reader.response["output"]] == ["message", "function_call", "function_call"]
    assert [item["arguments"] for item in reader.response["output"][1:]] == ['{"path":"a.py"}', '{"path":"."}']


def test_edge_156_citations_of_the_web() -> None:
    """Anthropic's mean their text block; its length is counted in characters."""
    reader = read_responses(translate("anthropic", DIALECT, vector("anthropic", "server_tools")))
    annotation = {"type": "url_citation", "url": "https://e.test/a", "title": 'A "q"', "start_index": 0}
    assert reader.response["output"][0]["content"][0]["annotations"] == [{**annotation, "end_index": len("It is \U0001f600 so.")}]


def test_chat_annotations_keep_their_range() -> None:
    cited = {"url": "https://e.test/b", "title": "B", "start_index": 2, "end_index": 4}
    delta = {"content": "text", "annotations": [{"type": "url_citation", "url_citation": cited}]}
    chunk = {"id": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": "stop"}]}
    reader = read_responses(translate("openai_chat", DIALECT, f"data: {json.dumps(chunk)}\n\n".encode()))
    assert reader.response["output"][0]["content"][0]["annotations"] == [{"type": "url_citation", **cited}]


def test_edge_051_names_are_restored_and_long_ids_shortened() -> None:
    call = {"index": 0, "id": "c" * 80, "function": {"name": "short_1", "arguments": "{}"}}
    chunk = {"id": "x", "choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    stream = f"data: {json.dumps(chunk)}\n\n".encode()
    names = {"short_1": 'the.long "name"'}
    (item,) = read_responses(translate("openai_chat", DIALECT, stream, tool_names=names)).response["output"]
    assert item["name"] == 'the.long "name"'
    assert len(item["call_id"]) == 64
    assert item["call_id"].startswith("c" * 40)


def test_edge_060_calls_of_a_namespace_are_split_again() -> None:
    call = {"index": 0, "id": "c", "function": {"name": "ns__f", "arguments": '{"a":1}'}}
    chunk = {"id": "x", "choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    options = {"tools": {"ns__f": ("f", "ns", False)}, "finish": lambda name, arguments: ("", "", b"", None)}
    reader = read_responses(translate("openai_chat", DIALECT, f"data: {json.dumps(chunk)}\n\n".encode(), **options))
    (item,) = reader.response["output"]
    assert (item["name"], item["namespace"], item["arguments"]) == ("f", "ns", '{"a":1}')


def test_blank_arguments_are_an_empty_object() -> None:
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": " \n"}}
    chunk = {"id": "x", "choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    (item,) = read_responses(translate("openai_chat", DIALECT, f"data: {json.dumps(chunk)}\n\n".encode())).response["output"]
    assert item["arguments"] == "{}"


def test_edge_150_an_empty_answer_has_no_items() -> None:
    reader = read_responses(translate("openai_chat", DIALECT, b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'))
    assert reader.response["output"] == []
    assert reader.response["status"] == "completed"


def test_the_request_is_repeated_in_every_response_object() -> None:
    out = translate(
        "openai_chat", DIALECT, vector("openai_chat", "text"), echo=b'{"tools":[{"x":"a\xe2\x80\xa8b"}],"store":false}'
    )
    assert out.count(b'"tools":[{"x":"a\\u2028b"}],"store":false}}\n\n') == 3
    read_responses(out)


def test_keep_alives_are_comments_where_they_are_allowed() -> None:
    assert joined("openai_chat", DIALECT).ping() == b""
    decoder = DECODERS["openai_chat"]()
    assert Bridge(decoder, responses_encoder(), comments=True).ping() == b": ping\n\n"


def test_wrapped_proofs_are_the_products_own() -> None:
    reader = read_responses(translate("anthropic", DIALECT, vector("anthropic", "thinking")))
    proofs = [item["encrypted_content"] for item in reader.response["output"] if item["type"] == "reasoning"]
    assert len(proofs) == 2
    assert all(proof.startswith(PREFIX) for proof in proofs)
