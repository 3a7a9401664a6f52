"""CodeWhisperer streams: the framing against a reader of its own, what events mean, and what must never pass for an end."""

from __future__ import annotations

import json
import struct
import zlib
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from omniroute._fast.codec import Bridge, Collector
from omniroute._fast.eventstream import Frames
from omniroute._fast.kiro import KiroDecoder
from omniroute._fast.openai_chat import OpenAIChatEncoder
from unit.fast.streams import VECTORS, read_chat, run, tapped
from upstream.kiro_dialect import event, exception, frame, header

STREAMS = {path.stem: path.read_bytes() for path in sorted((VECTORS / "kiro").iterdir())}


def said(text: str) -> bytes:
    return event("assistantResponseEvent", {"content": text})


def call(**fields: Any) -> bytes:
    return event("toolUseEvent", {"toolUseId": "t1", "name": "f", **fields})


def gathered(stream: bytes, cuts: Any = (), *, limit: int = 1 << 20) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    collector = Collector()
    bridge = Bridge(KiroDecoder(), collector, limit=limit)
    assert run(bridge, stream, cuts) == b""
    return collector.blocks, tapped(bridge)


def text_of(stream: bytes) -> str:
    return "".join(block["text"] for block in gathered(stream)[0] if block["type"] == "text")


def as_chat(stream: bytes, cuts: Any = ()) -> dict[str, Any]:
    bridge = Bridge(KiroDecoder(), OpenAIChatEncoder("chatcmpl-ours", "shown/model", 1700000000, True, None))
    return read_chat(run(bridge, stream, cuts))


# -- framing ------------------------------------------------------------------------------------------------------------------


def reference(data: bytes) -> tuple[list[tuple[bytes, bytes]], bool]:
    """The frames at the front of ``data`` and whether one is damaged, read with zlib and struct."""
    found: list[tuple[bytes, bytes]] = []
    while len(data) >= 12:
        total, headers, check = struct.unpack(">III", data[:12])
        if zlib.crc32(data[:8]) != check or total < 16 or headers > total - 16:
            return found, True
        if len(data) < total:
            break
        if zlib.crc32(data[: total - 4]) != struct.unpack(">I", data[total - 4 : total])[0]:
            return found, True
        name = b""
        for key, value in _headers(data[12 : 12 + headers]):
            name = value if key in (b":event-type", b":exception-type", b":error-code") else name
        found.append((name, data[12 + headers : total - 4]))
        data = data[total:]
    return found, False


_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


def _headers(raw: bytes) -> list[tuple[bytes, bytes]]:
    found = []
    while len(raw) >= 2 and len(raw) >= raw[0] + 2:
        name, kind, raw = raw[1 : raw[0] + 1], raw[raw[0] + 1], raw[raw[0] + 2 :]
        if kind in (6, 7):
            if len(raw) < 2:
                break
            size = 2 + int.from_bytes(raw[:2], "big")
        elif kind in _SIZES:
            size = _SIZES[kind]
        else:
            break
        if len(raw) < size:
            break
        if kind == 7:
            found.append((name, raw[2:size]))
        raw = raw[size:]
    return found


names = st.sampled_from([":event-type", ":message-type", ":error-code", "x", ""])
values = st.text(max_size=6) | st.binary(max_size=6) | st.booleans() | st.integers(-(2**63), 2**63 - 1)
headers = st.lists(st.builds(header, names, values), max_size=4).map(b"".join) | st.binary(max_size=20)
frames = st.lists(st.builds(frame, headers, st.binary(max_size=40)), max_size=4).map(b"".join)


@given(frames, st.binary(max_size=30), st.lists(st.integers(0, 400), max_size=6))
def test_frames_are_those_of_the_reference(whole: bytes, rest: bytes, cuts: list[int]) -> None:
    data = whole + rest
    places = [0, *sorted(cut for cut in cuts if cut <= len(data)), len(data)]
    splitter = Frames()
    found = [entry for begin, end in pairwise(places) for entry in splitter.feed(data[begin:end])]
    assert (found + splitter.finish(), splitter.damaged) == reference(data)


@given(st.sampled_from(sorted(STREAMS)), st.integers(0, 1 << 16), st.integers(1, 255))
def test_a_byte_that_changed_is_never_taken(name: str, at: int, change: int) -> None:
    """Whatever byte it is: what came before stands, and nothing after it is believed."""
    data = bytearray(STREAMS[name])
    intact, damaged = reference(bytes(data))
    at %= len(data)
    data[at] ^= change
    splitter = Frames()
    found = splitter.feed(bytes(data))
    assert found == intact[: len(found)]
    assert splitter.damaged or splitter.oversized or damaged or len(found) < len(intact) or at >= sum(map(_size, intact))


def _size(entry: tuple[bytes, bytes]) -> int:
    return len(entry[1]) + 16


def test_a_frame_that_would_be_too_large_is_not_waited_for() -> None:
    prelude = struct.pack(">II", 0xFFFFFFF0, 0)
    splitter = Frames()
    assert splitter.feed(prelude + struct.pack(">I", zlib.crc32(prelude))) == []
    assert (splitter.oversized, splitter.damaged) == (True, False)
    _, tap = gathered(said("Hi") + prelude + struct.pack(">I", zlib.crc32(prelude)))
    assert tap["error"][:2] == (502, "upstream_bad_answer")


@pytest.mark.parametrize("cuts", [(), range(1, 400, 3)], ids=["at once", "in crumbs"])
def test_the_limit_holds_wherever_the_stream_is_cut(cuts: Any) -> None:
    stream = said("short") + said("x" * 300)
    blocks, tap = gathered(stream, [cut for cut in cuts if cut < len(stream)], limit=200)
    assert [block["text"] for block in blocks] == ["short"]
    assert tap["error"] == (502, "upstream_bad_answer", "An event of the upstream's stream is larger than allowed.")


# -- events -------------------------------------------------------------------------------------------------------------------


@given(st.sampled_from(sorted(STREAMS)), st.lists(st.integers(0, 3000), max_size=12))
def test_cuts_make_no_difference(name: str, cuts: list[int]) -> None:
    stream = STREAMS[name]
    cuts = [cut for cut in cuts if cut <= len(stream)]
    assert gathered(stream, cuts) == gathered(stream)
    assert as_chat(stream, cuts) == as_chat(stream)


@given(st.lists(st.text(max_size=20), max_size=6))
@example(["\ud83d".encode("utf-16", "surrogatepass").decode("utf-16", "replace"), "\u2028", '"\\'])
def test_every_text_arrives(texts: list[str]) -> None:
    stream = b"".join(map(said, texts)) + event("messageStopEvent", {})
    assert text_of(stream) == as_chat(stream)["content"] == "".join(texts)


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=8) | st.integers() | st.none(), max_size=4), st.integers(1, 9))
def test_every_input_arrives(value: dict[str, Any], size: int) -> None:
    written = json.dumps(value, ensure_ascii=False)
    parts = [written[i : i + size] for i in range(0, len(written), size)]
    stream = call() + b"".join(call(input=part) for part in parts) + call(stop=True)
    (block,) = gathered(stream)[0]
    assert (block["id"], block["name"], json.loads(block["arguments"])) == ("t1", "f", value)


def test_calls_follow_each_other_and_text_may_follow_them() -> None:
    stream = (
        call(input='{"a":1}', stop=True) + event("toolUseEvent", {"toolUseId": "t2", "name": "g", "stop": True}) + said("Done.")
    )
    blocks, tap = gathered(stream)
    assert [(block["type"], block.get("arguments")) for block in blocks] == [("tool", '{"a":1}'), ("tool", "{}"), ("text", None)]
    assert tap["stop"] == "tool"


@pytest.mark.parametrize(
    ("word", "stop"),
    [
        ("END_TURN", "stop"),
        ("MAX_TOKENS", "length"),
        ("MODEL_CONTEXT_WINDOW_EXCEEDED", "context"),
        ("CONTENT_FILTERED", "filter"),
        ("PAUSE_TURN", "pause"),
        ("TOOL_USE", "stop"),
        ("SOMETHING_NEW", "stop"),
    ],
)
def test_why_it_ended(word: str, stop: str) -> None:
    assert gathered(said("Hi") + event("metadataEvent", {"stopReason": word}))[1]["stop"] == stop


@pytest.mark.parametrize(
    ("percentage", "tokens"),
    [
        (0, 0),
        (0.0005, 1),
        (3.25, 6500),
        (12.3456789, 24692),
        (100, 200000),
        (100.5, 201000),
        (-1, -1),
        (1e-7, -1),
        (1.5e-7, 0),
        (250, -1),
    ],
)
def test_a_share_of_the_window_is_an_estimate_of_the_input(percentage: float, tokens: int) -> None:
    usage = gathered(said("Hi") + event("contextUsageEvent", {"contextUsagePercentage": percentage}))[1]["usage"]
    assert usage == (tokens, -1, -1, -1, -1)


def test_told_counts_win_over_shares_whatever_comes_first() -> None:
    share = event("contextUsageEvent", {"contextUsagePercentage": 50})
    told = event("metadataEvent", {"tokenUsage": {"uncachedInputTokens": 7, "cacheReadInputTokens": 2, "outputTokens": 3}})
    for stream in (said("Hi") + share + told, said("Hi") + told + share):
        assert gathered(stream)[1]["usage"] == (9, 2, -1, 3, -1)


def test_the_client_is_told_an_estimate_and_the_tap_is_not() -> None:
    decoder = KiroDecoder()
    decoder.input_estimate = 12
    bridge = Bridge(decoder, OpenAIChatEncoder("chatcmpl-ours", "shown/model", 1700000000, True, None))
    usage = read_chat(run(bridge, said("x" * 40)))["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (12, 10)
    assert tapped(bridge)["usage"] == (-1, -1, -1, -1, -1)


# -- ends and errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (b"", (502, "upstream_truncated")),
        (event("meteringEvent", {"usage": 1}), (502, "upstream_truncated")),
        (said("Hi") + said("there")[:-1], (502, "upstream_truncated")),
        (said("Hi") + said("there")[:-1] + b"?", (502, "upstream_bad_answer")),
        (call(input='{"a":'), (502, "upstream_truncated")),
        (b"HTTP is not what this is", (502, "upstream_bad_answer")),
        (exception("ThrottlingException", "m"), (429, "ThrottlingException")),
        (exception("ThrottlingException", "m", "MONTHLY_REQUEST_COUNT"), (429, "MONTHLY_REQUEST_COUNT")),
        (exception("ServiceQuotaExceededException", "m"), (429, "ServiceQuotaExceededException")),
        (exception("ValidationException", "m"), (400, "ValidationException")),
        (exception("ContentLengthExceededException", "m"), (400, "CONTENT_LENGTH_EXCEEDS_THRESHOLD")),
        (exception("ExpiredTokenException", "m"), (401, "ExpiredTokenException")),
        (exception("AccessDeniedException", "m"), (403, "AccessDeniedException")),
        (exception("ResourceNotFoundException", "m"), (404, "ResourceNotFoundException")),
        (exception("ServiceUnavailableException", "m"), (503, "ServiceUnavailableException")),
        (exception("SomethingNewException", "m"), (502, "SomethingNewException")),
    ],
)
def test_what_is_no_end_is_an_error(stream: bytes, error: tuple[int, str]) -> None:
    tap = gathered(stream)[1]
    assert (tap["error"][:2], tap["stopped"]) == (error, False)
    if error[0] != 502:
        assert tap["error"][2] == "m"


def test_an_error_behind_the_end_is_nobodys_concern() -> None:
    stream = said("Hi") + event("metadataEvent", {"stopReason": "END_TURN"}) + exception("InternalServerException", "late")
    blocks, tap = gathered(stream)
    assert ([block["text"] for block in blocks], tap["error"][0], tap["stop"]) == (["Hi"], 0, "stop")


def test_an_answer_that_outgrew_its_room_is_cut_short_not_failed() -> None:
    _, tap = gathered(said("Hi") + exception("ContentLengthExceededException", "m"))
    assert (tap["error"][0], tap["stop"]) == (0, "length")


def test_events_of_other_kinds_say_nothing() -> None:
    stream = frame(header(":event-type", "newEvent"), b'{"content":"x"}') + frame(b"", b'{"content":"x"}') + said("Hi")
    assert text_of(stream) == "Hi"
    assert text_of(frame(header(":event-type", "assistantResponseEvent"), b"no json") + said("Hi")) == "Hi"
    assert text_of(frame(header(":event-type", "assistantResponseEvent"), b'{"content":5}') + said("Hi")) == "Hi"
