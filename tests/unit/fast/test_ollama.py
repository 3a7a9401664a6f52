"""Ollama streams: every vector through every codec, the edge cases of lines, and the encoder's own rules."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import ollama
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from omniroute._fast.codec import Bridge, Collector, Encoder, Replayer
from omniroute._fast.ndjson import Lines
from omniroute._fast.ollama import OllamaDecoder, OllamaEncoder
from omniroute.translation.calls import arguments_object
from omniroute.translation.format import registry
from unit.fast.streams import (
    VECTORS,
    anthropic,
    as_anthropic,
    as_chat,
    chat,
    encoder,
    read_anthropic,
    read_chat,
    run,
    tapped,
    vector,
    vectors,
)  # fmt: skip

CREATED = "2023-11-14T22:13:20Z"
NOTE = "[image attachment omitted: not supported by this model]"
NOTHING = (-1, -1, -1, -1, -1)


def text(content: str) -> dict[str, Any]:
    return {"type": "text", "text": content, "citations": []}


def thinking(content: str) -> dict[str, Any]:
    return {"type": "thinking", "text": content, "signature": None}


def tool(name: str, arguments: str, call_id: str | None = None) -> dict[str, Any]:
    return {"type": "tool", "id": call_id, "name": name, "arguments": arguments}


# blocks (calls without an id of the upstream's have None), canonical stop word, usage (input, cached, written, output, reasoning)
EXPECTED: dict[str, tuple[list[dict[str, Any]], str, tuple[int, ...]]] = {
    "text": ([text("Hello, world\n")], "stop", (100, -1, -1, 25, -1)),
    "thinking": ([thinking("First, add."), text("4")], "stop", (12, -1, -1, 9, -1)),
    "tools_parallel": (
        [text("Looking."), tool("read_file", '{"path":"a.py"}'), tool("read_file", '{"path":"b.py"}'), tool("now", "{}")],
        "tool",
        (100, -1, -1, 25, -1),
    ),
    "tools_lines": (
        [
            thinking("Hm."),
            tool("weather", '{"city":"Köln","n":[1,{"x":null}]}', "call_a1"),
            text("and "),
            tool("weather", '{"city":"Rome"}', "call_b2"),
            text("then"),
        ],
        "tool",
        (100, -1, -1, 25, -1),
    ),
    "length": ([text("One two three")], "length", (100, -1, -1, 25, -1)),
    "load": ([], "stop", NOTHING),
    "unicode": (
        [text('hé 日本 \U0001f600 line\u2028sep\u2029par\u0085nel"q" \\ \t\u0001\U0001f600 end \ufffd')],
        "stop",
        NOTHING,
    ),
    "crlf_blank": ([text("abc")], "stop", NOTHING),
    "no_final_newline": ([text("tail")], "stop", NOTHING),
    "string_arguments": ([tool("set", '{"k": "v"}'), tool("none", "{}")], "tool", NOTHING),
    "whole": ([text("All at once"), tool("f", '{"x":2}')], "tool", (3, -1, -1, 4, -1)),
    "order": ([thinking("thought"), text("text"), tool("f", "{}")], "tool", (0, -1, -1, 1, -1)),
}
each = pytest.mark.parametrize("name", EXPECTED)


def lines_of(name: str) -> bytes:
    return (VECTORS / "ollama" / f"{name}.ndjson").read_bytes()


def ours(*, generate: bool = False, input_tokens: int = 11, names: dict[str, str] | None = None) -> OllamaEncoder:
    return OllamaEncoder("shown/model", CREATED, input_tokens, names, generate)


def bridge(target: str | None, source: str = "ollama", **options: Any) -> Bridge:
    decoder = registry()[source].decoder()
    found: Encoder | None = None
    if target is not None:
        found = ours(generate=target == "generate", **options) if target in ("ollama", "generate") else encoder(target, **options)
    return Bridge(decoder, found)


def collect(stream: bytes, cuts: Iterable[int] = (), source: str = "ollama") -> dict[str, Any]:
    collector = Collector()
    joined = Bridge(registry()[source].decoder(), collector)
    assert run(joined, stream, cuts) == b""
    return {"blocks": collector.blocks, **tapped(joined)}


def read_lines(stream: bytes, *, generate: bool = False) -> dict[str, Any]:
    """The answer in a stream of ours, every rule of the emitter checked on the way; the SDK's types are the judge."""
    answer: dict[str, Any] = {"content": "", "thinking": "", "calls": [], "done": None, "error": None}
    assert stream.endswith(b"\n")
    kind = ollama.GenerateResponse if generate else ollama.ChatResponse
    for row in stream.decode("utf-8").removesuffix("\n").split("\n"):
        assert answer["done"] is None, "nothing follows the done line"
        assert answer["error"] is None, "nothing follows an error"
        value = json.loads(row)
        if "error" in value:
            assert value.keys() == {"error"}
            answer["error"] = value["error"]
            continue
        kind(**value)
        assert (value["model"], value["created_at"]) == ("shown/model", CREATED)
        message = {"content": value["response"], **value} if generate else value["message"]
        answer["content"] += message["content"]
        answer["thinking"] += message.get("thinking", "")
        if message.get("tool_calls"):
            assert not answer["calls"], "all calls stand in one line"
            assert [call["function"]["index"] for call in message["tool_calls"]] == list(range(len(message["tool_calls"])))
            answer["calls"] = message["tool_calls"]
        else:
            assert "tool_calls" not in message
            assert not answer["calls"] or value["done"], "the calls stand right before the done line"
        if value["done"]:
            answer["done"] = value
    assert (answer["done"] is None) == (answer["error"] is not None)
    return answer


def as_lines(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """What an Ollama client must get of collected blocks."""
    calls = [(b["id"], b["name"], arguments_object(b["arguments"])) for b in blocks if b["type"] == "tool"]
    return {
        "content": "".join(
            NOTE if b["type"] == "media" else b["text"] for b in blocks if b["type"] in ("text", "refusal", "media")
        ),
        "thinking": "".join(b["text"] for b in blocks if b["type"] == "thinking"),
        "calls": calls,
    }


def shown(answer: dict[str, Any]) -> dict[str, Any]:
    calls = [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in answer["calls"]]
    return {"content": answer["content"], "thinking": answer["thinking"], "calls": calls}


def test_every_vector_has_an_expectation() -> None:
    files = {Path(name).stem for name in (VECTORS / "ollama").glob("*.ndjson")}
    assert files == EXPECTED.keys() | {"error", "image"}


@each
def test_edge_141_decoded(name: str) -> None:
    blocks, stop, usage = EXPECTED[name]
    got = collect(lines_of(name))
    invented = [block["id"] for block in got["blocks"] if block["type"] == "tool"]
    assert all(invented)
    assert len(set(invented)) == len(invented)
    wanted = [{**block, "id": got["blocks"][i]["id"]} if block.get("id", "") is None else block for i, block in enumerate(blocks)]
    assert (got["blocks"], got["stop"], got["usage"]) == (wanted, stop, usage)
    assert got["error"] == (0, "", "")
    assert got["stopped"]
    assert got["useful"] == bool(blocks)


@each
def test_to_chat(name: str) -> None:
    _, stop, usage = EXPECTED[name]
    stream = lines_of(name)
    answer = read_chat(run(bridge("openai_chat"), stream))
    expected = as_chat(collect(stream))
    assert {key: answer[key] for key in expected} == expected
    assert answer["finish"] == {"tool": "tool_calls"}.get(stop, stop)
    assert answer["usage"]["prompt_tokens"] == max(usage[0], 0)
    assert answer["usage"]["completion_tokens"] == max(usage[3], 0)


@each
def test_to_anthropic(name: str) -> None:
    _, stop, usage = EXPECTED[name]
    stream = lines_of(name)
    answer = read_anthropic(run(bridge("anthropic"), stream))
    for block in answer["blocks"]:
        if block["type"] == "tool_use":
            block["input"] = block["input"] or "{}"
    assert answer["blocks"] == as_anthropic(collect(stream), signed=False)
    assert answer["stop"] == {"tool": "tool_use", "length": "max_tokens", "stop": "end_turn"}[stop]
    if usage[3] >= 0:
        assert (answer["usage"]["input_tokens"], answer["usage"]["output_tokens"]) == (usage[0], usage[3])


@each
def test_to_lines_again(name: str) -> None:
    _, stop, usage = EXPECTED[name]
    stream = lines_of(name)
    answer = read_lines(run(bridge("ollama"), stream))
    assert shown(answer) == as_lines(collect(stream)["blocks"])
    assert answer["done"]["done_reason"] == ("length" if stop == "length" else "stop")
    if usage[3] >= 0:
        assert (answer["done"]["prompt_eval_count"], answer["done"]["eval_count"]) == (usage[0], usage[3])


@each
def test_to_generate(name: str) -> None:
    stream = lines_of(name)
    answer = read_lines(run(bridge("generate"), stream), generate=True)
    assert shown(answer) == {**as_lines(collect(stream)["blocks"]), "calls": []}


@each
def test_passed_through(name: str) -> None:
    """The same bytes up to the done line and the same accounting; only a missing last line end is added."""
    stream = lines_of(name)
    joined = bridge(None)
    out = run(joined, stream)
    whole = stream.rstrip(b"\r\n") if name == "crlf_blank" else stream.removesuffix(b"\n")
    assert out.rstrip(b"\r\n") == whole
    assert out.endswith((b"}\n", b"}\r\n"))
    collected = collect(stream)
    assert tapped(joined) == {key: collected[key] for key in tapped(joined)}


@each
def test_edge_105_every_cut_position(name: str) -> None:
    stream = lines_of(name)
    for target in ("openai_chat", "anthropic", "ollama", "generate", None):
        whole = run(bridge(target), stream)
        for cut in range(1, len(stream)):
            assert run(bridge(target), stream, [cut]) == whole, (target, cut)


@each
def test_edge_111_single_bytes(name: str) -> None:
    stream = lines_of(name)
    for target in ("openai_chat", "anthropic", "ollama", "generate", None):
        assert run(bridge(target), stream, range(1, len(stream))) == run(bridge(target), stream)


OTHERS = [(dialect.name, name) for dialect in registry() if not dialect.client_only for name in vectors(dialect.name)]


@pytest.mark.parametrize(("dialect", "name"), OTHERS)
def test_from_the_other_dialects(dialect: str, name: str) -> None:
    stream = vector(dialect, name)
    collected = collect(stream, source=dialect)
    for target in ("ollama", "generate"):
        whole = run(bridge(target, dialect), stream)
        answer = read_lines(whole, generate=target == "generate")
        for cut in range(1, len(stream), 7):
            assert run(bridge(target, dialect), stream, [cut]) == whole
        expected = as_lines(collected["blocks"])
        assert (answer["content"], answer["thinking"]) == (expected["content"], expected["thinking"])
        if collected["error"][0]:
            assert answer["error"] == collected["error"][2]
            assert answer["calls"] == []
            continue
        assert shown(answer)["calls"] == ([] if target == "generate" else expected["calls"])
        assert answer["done"]["done_reason"] == ("length" if collected["stop"] in ("length", "context") else "stop")
        usage = collected["usage"]
        assert answer["done"]["prompt_eval_count"] == (usage[0] if usage[0] >= 0 else 11), "or the estimate"
        if usage[3] >= 0:
            assert answer["done"]["eval_count"] == usage[3]
        elif collected["chars"]:
            assert answer["done"]["eval_count"] > 0, "estimated from what was sent"


# -- errors and ends -----------------------------------------------------------------------------------------------------------

ERROR = "an error was encountered while running the model: unexpected EOF"


def test_edge_141_error_line() -> None:
    stream = lines_of("error")
    assert read_chat(run(bridge("openai_chat"), stream))["error"]["message"] == ERROR
    assert read_anthropic(run(bridge("anthropic"), stream))["error"] == {"type": "api_error", "message": ERROR}
    again = read_lines(run(bridge("ollama"), stream))
    assert (again["content"], again["error"]) == ("part", ERROR)
    joined = bridge(None)
    assert run(joined, stream) == stream
    assert (joined.error_status, joined.error_message) == (502, ERROR)


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic"])
def test_edge_115_errors_of_others(dialect: str) -> None:
    answer = read_lines(run(bridge("ollama", dialect), vector(dialect, "error")))
    assert answer["content"] == "part"
    assert answer["error"] in ("Rate limit reached", "Overloaded")


@pytest.mark.parametrize(
    "line", [b"", b'{"message":{"content":"b"},"done":fal', b"\n", b'{"done":false}\n', b'{"done":"true"}\n']
)
@pytest.mark.parametrize("target", ["openai_chat", "anthropic", "ollama", None])
def test_edge_113_no_done_line_is_a_truncated_answer(target: str | None, line: bytes) -> None:
    joined = bridge(target)
    out = run(joined, b'{"message":{"content":"a"},"done":false}\n' + line)
    assert (joined.error_status, joined.error_code) == (502, "upstream_truncated")
    assert not joined.stopped
    assert b"ended before the answer was complete" in out
    if target is None:
        assert json.loads(out.splitlines()[-1]).keys() == {"error"}


def test_edge_108_nothing_follows_the_done_line() -> None:
    stream = lines_of("text")
    for target in ("openai_chat", "ollama", None):
        assert run(bridge(target), stream + b'{"message":{"content":"more"},"done":true}\n') == run(bridge(target), stream)


def test_edge_114_given_up_after_the_done_line_is_the_end() -> None:
    joined = bridge("ollama")
    joined.feed(lines_of("no_final_newline"))
    assert joined.fail(502, "upstream_unreachable", "reset") != b""
    done = bridge("ollama")
    done.feed(lines_of("text"))
    assert done.fail(502, "upstream_unreachable", "reset") == b""


def test_given_up_in_mid_stream() -> None:
    joined = bridge("ollama", "openai_chat")
    out = joined.feed(chat({"content": "a"}, done=False)) + joined.fail(504, "upstream_timeout", 'no "token"\n')
    assert read_lines(out)["error"] == 'no "token"\n'
    assert joined.ping() == b""


def test_edge_143_there_is_no_keep_alive() -> None:
    joined = bridge("ollama", "openai_chat")
    joined.feed(chat({"content": "a"}, done=False))
    assert joined.ping() == b""


@pytest.mark.parametrize("target", ["openai_chat", "ollama", None])
def test_a_line_above_the_limit_is_an_error(target: str | None) -> None:
    found = None if target is None else ours() if target == "ollama" else encoder(target)
    joined = Bridge(OllamaDecoder(), found, limit=1000)
    first = joined.feed(b'{"message":{"content":"a"},"done":false}\n{"message":{"content":"' + b"x" * 2000)
    out = first + joined.finish()
    assert (joined.error_status, joined.error_code) == (502, "upstream_bad_answer")
    assert b"xx" not in out
    assert b"larger than allowed" in out


def test_edge_110_megabytes_in_one_line() -> None:
    content = '0123456789abcdef\n"' * 200_000
    stream = json.dumps({"message": {"content": content}, "done": True}).encode() + b"\n"
    assert read_lines(run(bridge("ollama"), stream, range(65536, len(stream), 65536)))["content"] == content


def test_lines_that_are_no_json_are_counted_and_skipped() -> None:
    joined = bridge("ollama")
    assert shown(read_lines(run(joined, lines_of("order"))))["content"] == "text"
    assert joined.skipped == 2


# -- images, names, arguments --------------------------------------------------------------------------------------------------


def test_edge_090_images() -> None:
    stream = lines_of("image")
    for target in ("ollama", "generate"):  # the SDK cannot read images in answers
        assert read_lines(run(bridge(target), stream), generate=target == "generate")["content"] == "Here:" + NOTE
    blocks = read_anthropic(run(bridge("anthropic"), stream))["blocks"]
    assert [block["text"] for block in blocks] == ["Here:", NOTE]


def test_edge_051_tool_names_are_restored() -> None:
    names = {"read_file": "mcp/read.file — original"}
    answer = read_lines(run(bridge("ollama", names=names), lines_of("tools_parallel")))
    assert [call["function"]["name"] for call in answer["calls"]] == [names["read_file"], names["read_file"], "now"]


def test_edge_122_interleaved_calls() -> None:
    answer = read_lines(run(bridge("ollama", "openai_chat"), vector("openai_chat", "tools_interleaved")))
    assert [(call["id"], call["function"]["arguments"]) for call in answer["calls"]] == [
        ("call_a", {"path": "a.py"}),
        ("call_b", {"path": "."}),
    ]


def test_a_cut_off_answer_has_no_calls() -> None:
    events = [
        {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": '{"a":1}'}},
    ]
    answer = read_lines(run(bridge("ollama", "anthropic"), anthropic(*events)))
    assert answer["calls"] == []
    assert answer["error"] is not None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
TEXTS = ["", " \n", "{}", "null", " [1] ", "3", '"x"', '{"a":', "{a:1}", '{"a":1}}', '{"a":1} x', "NaN", "{'a':1}", '{"a":01}', "tru",
         '{"a":"\\ud800"}', '{"a":"\n"}', '{"a":"\\x"}', "{" * 3, "[" * 201 + "]" * 201, '{"a":' * 200 + "1" + "}" * 200,
         '{"a":' * 201 + "1" + "}" * 201, '{"a":"\u2028 "}', " { } "]  # fmt: skip


@given(st.text() | json_values.map(json.dumps) | st.builds(lambda v, n: json.dumps(v)[:-n], json_values, st.integers(1, 3)))
def test_edge_021_arguments_always_leave_as_an_object(arguments: str) -> None:
    assert _sent(arguments) == arguments_object(arguments)


@pytest.mark.parametrize("arguments", TEXTS)
def test_edge_022_arguments_of_every_kind(arguments: str) -> None:
    """Streamed calls follow the same rules as those of finished answers."""
    assert _sent(arguments) == arguments_object(arguments)


def _sent(arguments: str) -> Any:
    replayer = Replayer(ours())
    replayer.start("i", "m")
    replayer.tool("call_1", "f", arguments)
    replayer.stop("tool")
    (call,) = read_lines(replayer.take())["calls"]
    return call["function"]["arguments"]


# -- splitter and robustness ---------------------------------------------------------------------------------------------------


def _split(*pieces: bytes) -> list[bytes]:
    splitter = Lines()
    found = [data for piece in pieces for _, data in splitter.feed(piece)]
    return found + [data for _, data in splitter.finish()]


def test_edge_104_only_line_feeds_end_lines() -> None:
    stream = "\ufeff{1}\r\n\r\n  \n{2\r3}\n{4\u2028\u0085\x0b\x0c5}\nrest".encode()
    expected = [b"{1}", b"{2\r3}", "{4\u2028\u0085\x0b\x0c5}".encode(), b"rest"]
    assert _split(stream) == expected
    for cut in range(len(stream)):
        assert _split(stream[:cut], stream[cut:]) == expected
    assert _split(*(stream[i : i + 1] for i in range(len(stream)))) == expected


@given(st.lists(st.binary(max_size=60) | st.sampled_from([lines_of(name) for name in EXPECTED]), max_size=6), st.data())
@example([b'{"message":'], None)
def test_any_bytes_give_a_stream_that_ends(pieces: list[bytes], data: st.DataObject | None) -> None:
    stream = b"".join(pieces)
    cuts = [] if data is None or not stream else data.draw(st.lists(st.integers(0, len(stream)), max_size=3))
    for target in ("ollama", "generate"):
        out = run(bridge(target), stream, cuts)
        read_lines(out, generate=target == "generate")
        assert out == run(bridge(target), stream)
    read_chat(run(bridge("openai_chat"), stream, cuts))
    read_anthropic(run(bridge("anthropic"), stream, cuts))
