"""Gemini streams: every vector through every codec at every cut position, the edge cases by number, the encoder's own rules."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from typing import Any

import pytest
from google.genai import types
from hypothesis import example, given
from hypothesis import strategies as st

from omniroute._fast.codec import Bridge, Collector, Encoder, Replayer
from omniroute._fast.gemini import GeminiDecoder, GeminiEncoder
from omniroute.translation.calls import arguments_object
from omniroute.translation.formats.gemini.array import ArrayFraming
from omniroute.translation.signatures import unwrap
from unit.fast.streams import (
    DECODERS,
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

NOTHING = (-1, -1, -1, -1, -1)
FULL = (100, 64, -1, 25, 8)
PRETTY = json.dumps({"k": [1, "x"]}, indent=2).replace("\n", "\n" + " " * 14)


def text(content: str, citations: list[bytes] | None = None) -> dict[str, Any]:
    return {"type": "text", "text": content, "citations": citations or []}


def thinking(content: str, signature: str | None = None) -> dict[str, Any]:
    return {"type": "thinking", "text": content, "signature": signature}


def tool(name: str, arguments: str, call_id: str | None = None, signature: str | None = None) -> dict[str, Any]:
    built = {"type": "tool", "id": call_id, "name": name, "arguments": arguments}
    return {**built, "signature": signature} if signature else built


def cited(url: str, title: str, start: int, end: int) -> bytes:
    value = {"type": "url_citation", "url": url, "title": title, "start_index": start, "end_index": end}
    return json.dumps(value, separators=(",", ":")).encode()


# blocks (calls without an id of the upstream's have None), canonical stop word, usage (input, cached, written, output, reasoning)
EXPECTED: dict[str, tuple[list[dict[str, Any]], str, tuple[int, ...]]] = {
    "text": ([text("Hello, world\n")], "stop", FULL),
    "thinking": ([thinking("First, add."), text("4")], "stop", FULL),
    "tools_parallel": (
        [
            text("Looking."),
            tool("read_file", '{"path":"a.py"}', signature="c2ln+/8="),
            tool("read_file", '{"path":"b.py"}'),
            tool("now", "{}"),
        ],
        "tool",
        FULL,
    ),
    "tools_chunks": (
        [
            tool("weather", '{"city":"Köln","n":[1,{"x":null}]}', "call_a1", "c2ln"),
            text("and "),
            tool("weather", '{"city":"Rome"}', "call_b2"),
        ],
        "tool",
        FULL,
    ),
    "signed_thought": ([thinking("Hm.", "c2lnMQ=="), tool("f", "{}", "c1", "c2lnMg==")], "tool", FULL),
    "max_tokens": ([text("One two three")], "length", FULL),
    "safety": ([text("Fine.")], "filter", (100, 64, -1, 0, 0)),
    "prompt_blocked": ([], "filter", (9, 0, -1, 0, 0)),
    "bare": ([text("ok")], "stop", (3, 0, -1, 0, 0)),
    "unicode": ([text('hé 日本 \U0001f600 line\u2028sep\u2029par\u0085nel"q" \\ \t\u0001\U0001f600 end \ufffd')], "stop", NOTHING),
    "grounding": (
        [
            text(
                "Zürich hat 400 000 Einwohner.",
                [
                    cited("https://e.test/a", 'A "q"', 0, 6),
                    cited("https://e.test/a", 'A "q"', 11, 18),
                    cited("https://e.test/b", "B", 11, 18),
                ],
            )
        ],
        "stop",
        FULL,
    ),
    "image": ([text("Here: "), {"type": "media", "mime": "image/png", "data": "aGk="}, text("nice")], "stop", FULL),
    "code_execution": ([text("It is 4.")], "stop", FULL),
    "line_feeds": ([text("abc")], "stop", NOTHING),
    "no_final_blank": ([text("tail")], "stop", FULL),
    "spoiled_but_said": ([text("partly")], "stop", FULL),
    "two_candidates": ([text("first!")], "length", FULL),
    "multi_line_data": ([tool("set", PRETTY, "c1")], "tool", NOTHING),
}  # fmt: skip
FAILING = {
    "error": (503, "UNAVAILABLE", "The model is overloaded."),
    "error_list": (429, "RESOURCE_EXHAUSTED", "Quota exceeded."),
    "error_by_word": (403, "PERMISSION_DENIED", "Nope."),
    "malformed": (502, "upstream_bad_answer", "The model ended its answer without content: it could not be completed."),
    "cut": (502, "upstream_truncated", "The upstream's stream ended before the answer was complete."),
}
each = pytest.mark.parametrize("name", EXPECTED)
every = pytest.mark.parametrize("name", [*EXPECTED, *FAILING])
STOPS = {"stop": "STOP", "stop_sequence": "STOP", "tool": "STOP", "length": "MAX_TOKENS", "filter": "SAFETY", "refusal": "SAFETY"}


def to(dialect: str | None) -> Encoder | None:
    if dialect is None:
        return None
    return GeminiEncoder("resp_ours", "shown/model") if dialect == "gemini" else encoder(dialect)


def bridge(dialect: str | None) -> Bridge:
    """From Gemini."""
    return Bridge(GeminiDecoder(), to(dialect))


def collect(stream: bytes, cuts: Iterable[int] = ()) -> dict[str, Any]:
    collector = Collector()
    joined = Bridge(GeminiDecoder(), collector)
    assert run(joined, stream, cuts) == b""
    return {"blocks": collector.blocks, **tapped(joined)}


def without_ids(blocks: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``blocks`` with the ids that ``wanted`` leaves open taken out, once they are known to be different and not empty."""
    ids = [block["id"] for block in blocks if block["type"] == "tool"]
    assert all(ids)
    assert len(set(ids)) == len(ids)
    open_places = {place for place, block in enumerate(wanted) if block.get("id", "") is None}
    return [{**block, "id": None} if place in open_places else block for place, block in enumerate(blocks)]


def chunks_of(stream: bytes) -> list[dict[str, Any]]:
    """The chunks of a stream we wrote: nothing but ``data: {…}`` lines ended by CRLF CRLF, as Google's own clients need it."""
    if not stream:
        return []
    assert stream.endswith(b"\r\n\r\n")
    frames = stream.removesuffix(b"\r\n\r\n").split(b"\r\n\r\n")
    assert all(frame.startswith(b"data: {") and b"\n" not in frame and b"\r" not in frame for frame in frames)
    return [json.loads(frame.removeprefix(b"data: ")) for frame in frames]


def read_gemini(stream: bytes, *, sound: bool = True, number: int = 0) -> dict[str, Any]:
    """The answer in a Gemini stream of ours, every rule of the emitter checked on the way; ``sound``: and Google's types."""
    answer: dict[str, Any] = {"parts": [], "finish": None, "usage": None, "error": None}
    for chunk in chunks_of(stream):
        assert answer["error"] is None, "an error is the last chunk"
        assert number or answer["finish"] is None, "nothing follows the finish chunk"
        if "error" in chunk:
            assert isinstance(chunk["error"]["code"], int)
            answer["error"] = chunk["error"]
            continue
        if sound:
            types.GenerateContentResponse.model_validate(chunk)
        assert (chunk["responseId"], chunk["modelVersion"]) == ("resp_ours", "shown/model")
        (candidate,) = chunk["candidates"]
        if candidate["index"] != number:
            continue
        assert answer["finish"] is None, "nothing of an answer follows its finish"
        assert candidate["content"]["role"] == "model"
        (part,) = candidate["content"]["parts"]
        answer["finish"] = candidate.get("finishReason")
        answer["usage"] = chunk.get("usageMetadata")
        assert (answer["usage"] is None) or answer["finish"] is not None
        last = answer["parts"][-1] if answer["parts"] else {}
        if "text" in part and last.keys() == part.keys():
            answer["parts"][-1] = {**last, "text": last["text"] + part["text"]}
        elif part != {"text": ""}:
            answer["parts"].append(part)
    assert (answer["finish"] is None) == (answer["error"] is not None)
    return answer


def as_parts(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a Gemini client must get of collected blocks."""
    parts: list[dict[str, Any]] = []
    for block in blocks:
        if block["type"] in ("text", "refusal"):
            parts.append({"text": block["text"]})
        elif block["type"] == "thinking":
            parts.append({"text": block["text"], "thought": True})
        elif block["type"] == "media":
            parts.append({"inlineData": {"mimeType": block["mime"], "data": block["data"]}})
        elif block["type"] == "tool":
            call = {"id": block["id"], "name": block["name"], "args": arguments_object(block["arguments"])}
            signed = {"thoughtSignature": block["signature"]} if "signature" in block else {}
            parts.append({"functionCall": call, **signed})
    return parts


def test_every_vector_has_an_expectation() -> None:
    assert set(vectors("gemini")) == EXPECTED.keys() | FAILING.keys()


@each
def test_decoded(name: str) -> None:
    blocks, stop, usage = EXPECTED[name]
    got = collect(vector("gemini", name))
    assert (without_ids(got["blocks"], blocks), got["stop"], got["usage"]) == (blocks, stop, usage)
    assert got["error"] == (0, "", "")
    assert got["stopped"]
    assert got["count"] == len(blocks)
    assert got["useful"] == bool(blocks)


@pytest.mark.parametrize("name", FAILING)
@pytest.mark.parametrize("target", ["openai_chat", "anthropic", "gemini", None])
def test_failing(name: str, target: str | None) -> None:
    joined = bridge(target)
    out = run(joined, vector("gemini", name))
    assert (joined.error_status, joined.error_code, joined.error_message) == FAILING[name]
    assert not joined.stopped
    if target == "openai_chat":
        assert read_chat(out)["error"]["message"] == FAILING[name][2]
    elif target == "anthropic":
        assert read_anthropic(out)["error"]["message"] == FAILING[name][2]
    elif target == "gemini":
        error = read_gemini(out)["error"]
        assert (error["code"], error["message"]) == (FAILING[name][0], FAILING[name][2])


@every
@pytest.mark.parametrize("target", ["collector", "openai_chat", "anthropic", "gemini", None])
def test_cut_anywhere(name: str, target: str | None) -> None:
    stream = vector("gemini", name)
    collected = target == "collector"

    def read(cuts: Iterable[int]) -> Any:
        if collected:
            return collect(stream, cuts)
        joined = bridge(target)
        return run(joined, stream, cuts), tapped(joined)

    whole = read(())
    assert read(range(1, len(stream))) == whole
    for cut in range(1, len(stream)):
        assert read((cut,)) == whole


@each
def test_pass_through_keeps_the_bytes(name: str) -> None:
    stream = vector("gemini", name)
    out = run(bridge(None), stream)
    if name == "line_feeds":  # what another dialect's terminator is doing here does not matter to the client
        assert out.startswith(stream[: stream.index(b"data: [DONE]")])
    elif name == "no_final_blank":
        assert out == stream + b"\n\n"
    else:
        assert out == stream


@each
def test_to_chat(name: str) -> None:
    blocks, stop, usage = EXPECTED[name]
    answer = read_chat(run(bridge("openai_chat"), vector("gemini", name)))
    got = [{"type": "tool", **call} for call in answer["calls"]]
    tools = [{k: v for k, v in block.items() if k != "signature"} for block in blocks if block["type"] == "tool"]
    assert without_ids(got, tools) == tools
    expected = as_chat({"blocks": [block for block in blocks if block["type"] != "tool"]})
    assert {key: answer[key] for key in expected if key != "calls"} == {k: v for k, v in expected.items() if k != "calls"}
    assert answer["finish"] == {"stop": "stop", "tool": "tool_calls", "length": "length", "filter": "content_filter"}[stop]
    known = [max(value, 0) for value in usage]
    assert (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]) == (known[0], known[3])
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == known[4]


@each
def test_to_anthropic(name: str) -> None:
    blocks, stop, usage = EXPECTED[name]
    answer = read_anthropic(run(bridge("anthropic"), vector("gemini", name)))
    note = {"type": "text", "text": "[image attachment omitted: not supported by this model]"}
    expected = as_anthropic({"blocks": [note if block["type"] == "media" else block for block in blocks]}, signed=True)
    got = answer["blocks"]
    for place, block in enumerate(expected):
        if block["type"] == "tool_use":
            assert got[place].pop("id")
            got[place]["input"] = got[place]["input"] or "{}"
            del block["id"]
        elif block.get("signature"):  # it goes back to Google and to nobody else
            wrapped = unwrap(got[place]["signature"])
            assert wrapped is not None
            assert wrapped.vendor == "gemini"
            got[place]["signature"] = wrapped.signature
    assert got == expected
    assert answer["stop"] == {"stop": "end_turn", "tool": "tool_use", "length": "max_tokens", "filter": "refusal"}[stop]
    if usage[3] >= 0:
        assert answer["usage"]["input_tokens"] == usage[0] - max(usage[1], 0)
        assert answer["usage"]["output_tokens"] == usage[3]


@each
def test_to_gemini_and_back(name: str) -> None:
    """Edge 71: signatures of calls stay on their part."""
    blocks, stop, usage = EXPECTED[name]
    out = run(bridge("gemini"), vector("gemini", name))
    again = collect(out)
    uncited = [{**block, "citations": []} if block["type"] == "text" else block for block in blocks]
    compact = [{**b, "arguments": json.dumps(json.loads(b["arguments"]))} if b["type"] == "tool" else b for b in uncited]
    got = [{**b, "arguments": json.dumps(json.loads(b["arguments"]))} if b["type"] == "tool" else b for b in again["blocks"]]
    assert without_ids(got, compact) == compact
    assert again["stop"] == stop
    answer = read_gemini(out)
    assert answer["finish"] == STOPS[stop]
    if usage != NOTHING:
        counts = {
            "promptTokenCount": usage[0],
            "candidatesTokenCount": usage[3] - usage[4],
            "totalTokenCount": usage[0] + usage[3],
        }
        optional = {"cachedContentTokenCount": usage[1], "thoughtsTokenCount": usage[4]}
        assert answer["usage"] == counts | {key: value for key, value in optional.items() if value}


@pytest.mark.parametrize(
    ("dialect", "name"), [(dialect, name) for dialect in ("openai_chat", "anthropic") for name in vectors(dialect)]
)
def test_from_other_dialects(dialect: str, name: str) -> None:
    stream = vector(dialect, name)
    collector = Collector()
    seen = Bridge(DECODERS[dialect](), collector)
    run(seen, stream)
    joined = Bridge(DECODERS[dialect](), to("gemini"))
    out = run(joined, stream)
    answer = read_gemini(out)
    if seen.error_status:
        assert answer["error"]["message"] == seen.error_message
        return
    signed = [block for block in as_parts(collector.blocks) if block.get("text") != ""]
    assert answer["parts"] == signed
    assert "thoughtSignature" not in json.dumps(answer["parts"]), "reasoning of other vendors is signed for them alone"
    assert answer["finish"] == STOPS[seen.stop_reason]
    for cut in range(1, len(stream), 7):
        assert run(Bridge(DECODERS[dialect](), to("gemini")), stream, (cut,)) == out


# -- edges -------------------------------------------------------------------------------------------------------------


def gemini(*chunks: Any) -> bytes:
    """A stream of chunks; a list is the parts of one, bytes go in as they are."""
    out = b""
    for chunk in chunks:
        if isinstance(chunk, bytes):
            out += chunk
            continue
        if isinstance(chunk, list):
            chunk = {"candidates": [{"content": {"parts": chunk, "role": "model"}, "index": 0}]}
        out += b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n"
    return out


def finish(reason: str = "STOP", *parts: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts)}, "finishReason": reason, "index": 0}]}


def test_edge_073_a_signature_on_an_empty_last_text_part_makes_no_block() -> None:
    stream = gemini([{"text": "hi"}], finish("STOP", {"text": "", "thoughtSignature": "c2ln"}))
    assert [b["text"] for b in read_anthropic(run(bridge("anthropic"), stream))["blocks"]] == ["hi"]
    assert read_chat(run(bridge("openai_chat"), stream))["content"] == "hi"


def test_edge_074_thoughts_never_become_text() -> None:
    got = read_chat(run(bridge("openai_chat"), vector("gemini", "thinking")))
    assert (got["reasoning"], got["content"]) == ("First, add.", "4")


def test_edge_076_reasoning_after_text() -> None:
    stream = gemini([{"text": "a"}, {"text": "hm", "thought": True}, {"text": "b"}], finish())
    assert [b["type"] for b in read_anthropic(run(bridge("anthropic"), stream))["blocks"]] == ["text", "thinking", "text"]


def test_edge_090_an_image_in_the_answer() -> None:
    out = run(bridge("openai_chat"), vector("gemini", "image"))
    assert b'"images":[{"index":0,"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}]' in out


def test_edge_113_no_finish_reason_is_a_truncated_answer() -> None:
    joined = bridge("openai_chat")
    assert read_chat(run(joined, gemini([{"text": "One"}])))["error"] is not None
    assert (joined.error_status, joined.error_code) == (502, "upstream_truncated")


def test_edge_114_a_reset_after_the_finish_reason_is_none() -> None:
    joined = bridge("openai_chat")
    out = joined.feed(gemini([{"text": "One"}], finish()))
    assert read_chat(out + joined.fail(502, "x", "reset"))["finish"] == "stop"


def test_edge_115_text_before_an_error_stays() -> None:
    got = read_chat(run(bridge("openai_chat"), vector("gemini", "error")))
    assert got["content"] == "par"
    assert got["error"]["message"] == "The model is overloaded."


def test_edge_121_the_last_counts_win() -> None:
    counts = [{"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": n}} for n in (1, 2, 7)]
    assert collect(gemini([{"text": "x"}], *counts[:2], finish(), counts[2]))["usage"] == (5, 0, -1, 7, 0)


def test_edge_120_usage_after_the_finish_chunk() -> None:
    late = gemini([{"text": "x"}], finish(), {"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 7}})
    assert read_anthropic(run(bridge("anthropic"), late))["usage"]["output_tokens"] == 7
    assert read_chat(run(bridge("openai_chat"), late))["usage"]["completion_tokens"] == 7


def test_edge_125_invented_ids_are_the_same_for_the_same_answer_and_differ_between_answers() -> None:
    def ids(response: str) -> list[str]:
        call = {"functionCall": {"name": "f", "args": {}}}
        stream = gemini({"responseId": response, **finish("STOP", call, call)})
        return [block["id"] for block in collect(stream)["blocks"]]

    assert ids("a") == ids("a")
    assert len({*ids("a"), *ids("b")}) == 4


def test_edge_138_calls_of_one_chunk_and_of_several() -> None:
    for name, count in (("tools_parallel", 3), ("tools_chunks", 2)):
        calls = read_chat(run(bridge("openai_chat"), vector("gemini", name)))["calls"]
        assert len(calls) == count
        assert len({call["id"] for call in calls}) == count


def test_a_call_without_a_name_is_none() -> None:
    got = collect(gemini([{"functionCall": {"args": {"a": 1}}}, {"text": "x"}], finish()))
    assert [block["type"] for block in got["blocks"]] == ["text"]
    assert got["stop"] == "stop"


@pytest.mark.parametrize(
    "reason", ["OTHER", "LANGUAGE", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE"]
)
def test_edge_139_an_answer_that_could_not_be_made(reason: str) -> None:
    assert collect(gemini(finish(reason)))["error"][0] == 502
    assert collect(gemini([{"text": "x"}], finish(reason)))["stop"] == "stop"


@pytest.mark.parametrize("reason", ["RECITATION", "BLOCKLIST", "SPII", "MODEL_ARMOR", "IMAGE_SAFETY", "PROHIBITED_CONTENT"])
def test_edge_140_content_withheld(reason: str) -> None:
    assert collect(gemini(finish(reason)))["stop"] == "filter"


def test_edge_151_a_reason_nobody_knows_is_an_ordinary_end() -> None:
    assert collect(gemini([{"text": "x"}], finish("BRAND_NEW")))["stop"] == "stop"
    assert collect(gemini([{"functionCall": {"name": "f"}}], finish("BRAND_NEW")))["stop"] == "tool"


def test_content_after_the_finish_reason_still_counts() -> None:
    assert read_chat(run(bridge("openai_chat"), gemini([{"text": "a"}], finish(), [{"text": "b"}])))["content"] == "ab"


def test_grounding_without_supports_cites_the_whole_text() -> None:
    cand = {"content": {"parts": [{"text": "héllo"}]}, "finishReason": "STOP"}
    grounded = {
        "candidates": [{**cand, "groundingMetadata": {"groundingChunks": [{"web": {"uri": "https://e.test", "title": "E"}}]}}]
    }
    (annotation,) = read_chat(run(bridge("openai_chat"), gemini(grounded)))["annotations"]
    place = {"start_index": 0, "end_index": 5}
    assert annotation["url_citation"] == {"url": "https://e.test", "title": "E", **place}


def test_grounding_in_bytes_becomes_ranges_in_characters() -> None:
    annotations = read_chat(run(bridge("openai_chat"), vector("gemini", "grounding")))["annotations"]
    spoken = "Zürich hat 400 000 Einwohner."
    found = [(a["url_citation"]["start_index"], a["url_citation"]["end_index"]) for a in annotations]
    assert [spoken[start:end] for start, end in found] == ["Zürich", "400 000", "400 000"]


# -- the encoder -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written", ["", "  ", "{}", '{"a": 1}', "[1]", "null", "3", '"x"', '{"cut', "nul", '{"a":1}x', "{" * 300]
)
def test_edges_020_to_022_arguments_are_always_an_object(written: str) -> None:
    """What arrives in fragments is judged whole."""
    fragments = [written[i : i + 3] for i in range(0, len(written), 3)]
    deltas = [{"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}]}]
    deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": fragment}}]} for fragment in fragments]
    stream = chat(*deltas, "tool_calls")
    (part,) = read_gemini(run(Bridge(DECODERS["openai_chat"](), to("gemini")), stream))["parts"]
    assert part["functionCall"] == {"id": "c", "name": "f", "args": arguments_object(written)}


def test_edge_122_interleaved_calls_come_whole_and_in_order() -> None:
    (one, two) = read_gemini(run(Bridge(DECODERS["openai_chat"](), to("gemini")), vector("openai_chat", "tools_interleaved")))[
        "parts"
    ][-2:]
    assert one["functionCall"] == {"id": "call_a", "name": "read_file", "args": {"path": "a.py"}}
    assert two["functionCall"] == {"id": "call_b", "name": "list_dir", "args": {"path": "."}}


def test_edge_051_names_are_restored() -> None:
    ours = GeminiEncoder("resp_ours", "shown/model", {"f_1": "own.name/ü"})
    delta = {"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f_1", "arguments": "{}"}}]}
    out = run(Bridge(DECODERS["openai_chat"](), ours), chat(delta, "tool_calls"))
    assert read_gemini(out)["parts"][0]["functionCall"]["name"] == "own.name/ü"


def test_edge_145_a_refusal_is_text_and_safety() -> None:
    got = read_gemini(run(Bridge(DECODERS["openai_chat"](), to("gemini")), vector("openai_chat", "refusal")))
    assert (got["parts"], got["finish"]) == ([{"text": "I cannot help."}], "SAFETY")


def test_edge_150_an_empty_answer() -> None:
    (only,) = chunks_of(run(Bridge(DECODERS["openai_chat"](), to("gemini")), chat({"content": ""}, "stop")))
    assert only["candidates"][0]["content"]["parts"] == [{"text": ""}]
    assert only["candidates"][0]["finishReason"] == "STOP"


def test_edge_143_there_is_no_keep_alive() -> None:
    joined = Bridge(DECODERS["openai_chat"](), to("gemini"), comments=True)
    joined.feed(chat({"content": "x"}, done=False))
    assert joined.ping() == b""
    assert bridge(None).ping() == b""


@pytest.mark.parametrize(
    ("status", "code", "word"),
    [(400, 400, "INVALID_ARGUMENT"), (401, 401, "UNAUTHENTICATED"), (402, 402, "FAILED_PRECONDITION"), (429, 429, "RESOURCE_EXHAUSTED"),
     (500, 500, "INTERNAL"), (502, 502, "INTERNAL"), (503, 503, "UNAVAILABLE"), (504, 504, "DEADLINE_EXCEEDED"), (529, 503, "UNAVAILABLE")],
)  # fmt: skip
def test_errors_in_the_stream(status: int, code: int, word: str) -> None:
    for joined in (Bridge(DECODERS["openai_chat"](), to("gemini")), bridge(None)):
        (chunk,) = chunks_of(joined.fail(status, "x", 'it "broke"'))
        assert chunk == {"error": {"code": code, "message": 'it "broke"', "status": word}}
        assert joined.ended


def test_a_replayed_answer_keeps_images_and_signatures() -> None:
    player = Replayer(GeminiEncoder("resp_ours", "shown/model"))
    player.start("x", "y")
    player.thinking("hm", "secret")
    player.media("image/png", "aGk=")
    player.tool("c1", "f", '{"a":1}', "c2ln")
    player.usage(5, 0, 0, 3, 1)
    player.stop("tool")
    got = read_gemini(player.take())
    assert got["parts"] == [
        {"text": "hm", "thought": True},
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
        {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"},
    ]
    assert got["usage"] == {"promptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 1, "totalTokenCount": 8}


def test_redacted_thinking_has_no_form() -> None:
    assert read_gemini(run(Bridge(DECODERS["anthropic"](), to("gemini")), vector("anthropic", "thinking")))["parts"] == [
        {"text": "First, add.", "thought": True},
        {"text": "4"},
    ]


# -- the array ---------------------------------------------------------------------------------------------------------


@every
def test_edge_162_a_stream_as_one_array(name: str) -> None:
    stream = run(bridge("gemini"), vector("gemini", name))
    for size in (1, 5, len(stream) or 1):
        framing = ArrayFraming()
        out = b"".join(framing.feed(stream[at : at + size]) for at in range(0, len(stream), size)) + framing.finish()
        assert framing.finish() == b""
        assert json.loads(out) == chunks_of(stream)


def test_an_empty_stream_is_an_empty_array() -> None:
    assert ArrayFraming().finish() == b"[]"


# -- anything at all ---------------------------------------------------------------------------------------------------

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
odd_part = st.dictionaries(
    st.sampled_from(["text", "thought", "thoughtSignature", "functionCall", "inlineData", "executableCode", "x"]),
    values
    | st.fixed_dictionaries({}, optional={"name": values, "args": values, "id": values, "data": values, "mimeType": values}),
    max_size=3,
)
odd_chunk = st.fixed_dictionaries(
    {},
    optional={
        "candidates": values
        | st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "content": values | st.fixed_dictionaries({"parts": values | st.lists(odd_part, max_size=3)}),
                    "finishReason": values | st.sampled_from(["STOP", "SAFETY", "OTHER"]),
                    "index": values,
                    "groundingMetadata": values,
                },
            ),
            max_size=2,
        ),
        "usageMetadata": values | st.just({"promptTokenCount": -4, "candidatesTokenCount": 1.5}),
        "promptFeedback": values,
        "error": values,
        "responseId": values,
    },
)


@given(chunks=st.lists(odd_chunk, max_size=4), size=st.integers(1, 40))
@example(chunks=[{"candidates": [{"content": {"parts": [{"inlineData": {"data": "x"}}]}}]}], size=3)
def test_no_chunk_breaks_the_decoder(chunks: list[Any], size: int) -> None:
    stream = b"".join(b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in chunks)
    cuts = range(size, len(stream), size)
    for target in ("openai_chat", "anthropic", "gemini"):
        out = run(bridge(target), stream, cuts)
        assert out == run(bridge(target), stream)
        if target == "openai_chat":
            read_chat(out)
        elif target == "anthropic":
            read_anthropic(out)
        else:
            read_gemini(out, sound=False)


@given(data=st.binary(max_size=300))
def test_no_bytes_break_the_decoder(data: bytes) -> None:
    joined = bridge("gemini")
    chunks_of(run(joined, b"data: " + data + b"\n\n"))
    assert joined.error_status


def test_calls_of_an_anthropic_stream_come_whole() -> None:
    call = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
    stream = anthropic(
        {"type": "message_start", "message": {"id": "m", "model": "m", "usage": {"input_tokens": 3, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": call},
        *[
            {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": piece}}
            for piece in ('{"a', '":[1', "]}")
        ],
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 4}},
        {"type": "message_stop"},
    )
    joined = Bridge(DECODERS["anthropic"](), to("gemini"))
    reads = [joined.feed(stream[at : at + 20]) for at in range(0, len(stream), 20)]
    sent = list(itertools.chain.from_iterable(chunks_of(read) for read in reads))
    assert [chunk["candidates"][0]["content"]["parts"] for chunk in sent] == [
        [{"functionCall": {"id": "t1", "name": "f", "args": {"a": [1]}}}],
        [{"text": ""}],
    ]
