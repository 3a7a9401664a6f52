"""Cursor streams: envelopes and messages against readers of their own, what messages mean, and what must never pass for an end."""

from __future__ import annotations

import gzip
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute._fast.codec import Bridge, Collector
from omniroute._fast.connect import Envelopes
from omniroute._fast.cursor import CursorDecoder
from omniroute._fast.openai_chat import OpenAIChatEncoder
from unit.fast.streams import VECTORS, read_chat, run, tapped
from upstream.cursor_dialect import called, envelope, failure, field, said, thought, trailer, varint

STREAMS = {path.stem: path.read_bytes() for path in sorted((VECTORS / "cursor").iterdir())}


def gathered(stream: bytes, cuts: Any = (), *, limit: int = 1 << 20) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    collector = Collector()
    bridge = Bridge(CursorDecoder(), collector, limit=limit)
    assert run(bridge, stream, cuts) == b""
    return collector.blocks, tapped(bridge)


def text_of(stream: bytes) -> str:
    return "".join(block["text"] for block in gathered(stream)[0] if block["type"] == "text")


def as_chat(stream: bytes, cuts: Any = ()) -> dict[str, Any]:
    bridge = Bridge(CursorDecoder(), OpenAIChatEncoder("chatcmpl-ours", "shown/model", 1700000000, True, None))
    return read_chat(run(bridge, stream, cuts))


# -- envelopes ----------------------------------------------------------------------------------------------------------------


def reference(data: bytes) -> tuple[list[bytes], bool]:
    """The messages at the front of ``data`` and whether one is damaged, read with struct and gzip."""
    found: list[bytes] = []
    while len(data) >= 5:
        flags, length = struct.unpack(">BI", data[:5])
        if flags > 3:
            return found, True
        if len(data) < 5 + length:
            break
        payload = data[5 : 5 + length]
        if flags & 1 and payload:
            try:
                payload = gzip.decompress(payload)
            except (OSError, EOFError):
                return found, True
        found.append(payload)
        if flags & 2:
            break
        data = data[5 + length :]
    return found, False


payloads = st.binary(max_size=40)
envelopes = st.lists(st.builds(envelope, payloads, st.sampled_from([0, 0, 0, 2]), zipped=st.booleans()), max_size=5).map(b"".join)


@given(envelopes, st.binary(max_size=20), st.lists(st.integers(0, 400), max_size=6))
def test_messages_are_those_of_the_reference(whole: bytes, rest: bytes, cuts: list[int]) -> None:
    data = whole + rest
    places = [0, *sorted(cut for cut in cuts if cut <= len(data)), len(data)]
    splitter = Envelopes()
    found = [
        message
        for begin, end in zip(places, [*places[1:], len(data)], strict=True)
        for _, message in splitter.feed(data[begin:end])
    ]
    expected, damaged = reference(data)
    assert found + [message for _, message in splitter.finish()] == expected
    assert splitter.damaged == damaged


def test_several_gzip_members_are_not_one_message() -> None:
    splitter = Envelopes()
    assert splitter.feed(envelope(gzip.compress(b"a") + gzip.compress(b"b"), 1)) == []
    assert splitter.damaged


@pytest.mark.parametrize("zipped", [False, True])
def test_a_message_that_would_be_too_large_is_an_error(zipped: bool) -> None:
    """A few kilobytes may stand for gigabytes: no more than the limit is ever made of them."""
    stream = said("short") + envelope(bytes(300_000), zipped=zipped)
    blocks, tap = gathered(stream, limit=1000)
    assert [block["text"] for block in blocks] == ["short"]
    assert tap["error"] == (502, "upstream_bad_answer", "An event of the upstream's stream is larger than allowed.")
    assert gathered(stream, range(1, len(stream), 2), limit=1000) == (blocks, tap)


def test_a_length_is_not_waited_for_that_is_too_large() -> None:
    splitter = Envelopes()
    assert splitter.feed(b"\x00\xff\xff\xff\xff") == []
    assert splitter.oversized


# -- messages -----------------------------------------------------------------------------------------------------------------


@given(st.sampled_from(sorted(STREAMS)), st.lists(st.integers(0, 1200), max_size=12))
def test_cuts_make_no_difference(name: str, cuts: list[int]) -> None:
    stream = STREAMS[name]
    cuts = [cut for cut in cuts if cut <= len(stream)]
    assert gathered(stream, cuts) == gathered(stream)
    assert as_chat(stream, cuts) == as_chat(stream)


@given(st.lists(st.text(max_size=20), max_size=6), st.booleans())
def test_every_text_arrives(texts: list[str], thinks: bool) -> None:
    stream = b"".join(map(thought if thinks else said, texts)) + trailer()
    blocks = gathered(stream)[0]
    assert "".join(block["text"] for block in blocks) == "".join(texts)
    assert {block["type"] for block in blocks} <= {"thinking" if thinks else "text"}
    assert as_chat(stream)["reasoning" if thinks else "content"] == "".join(texts)


@given(
    st.dictionaries(st.text(max_size=5), st.text(max_size=8) | st.integers() | st.none(), max_size=4),
    st.integers(1, 9),
    st.booleans(),
)
def test_every_argument_arrives(value: dict[str, Any], size: int, nested: bool) -> None:
    written = json.dumps(value, ensure_ascii=False)
    parts = [written[i : i + size] for i in range(0, len(written), size)]
    stream = b"".join(called("t1", "f", part, nested=nested) for part in parts) + trailer()
    (block,) = gathered(stream)[0]
    assert (block["id"], block["name"], json.loads(block["arguments"])) == ("t1", "f", value)


unknown = st.builds(
    lambda number, value: field(number, value), st.integers(30, 2**29 - 1), st.integers(0, 2**64 - 1) | st.binary(max_size=9)
)


@given(st.lists(unknown, max_size=4), st.lists(unknown, max_size=4))
def test_fields_nobody_knows_are_passed_over(before: list[bytes], after: list[bytes]) -> None:
    inner = b"".join(before) + field(1, "Hi") + b"".join(after)
    stream = envelope(b"".join(before) + field(2, inner) + b"".join(after) + b"\x35abcd\x3912345678") + trailer()
    assert text_of(stream) == "Hi"


@given(st.binary(max_size=60))
def test_any_message_is_an_answer_or_an_error(noise: bytes) -> None:
    for message in (noise, field(1, noise), field(2, noise), field(2, field(25, noise)), field(1, field(27, noise))):
        _, tap = gathered(envelope(message) + trailer())
        assert tap["stopped"] != bool(tap["error"][0])
        as_chat(envelope(message) + trailer())


@pytest.mark.parametrize(
    "message",
    [
        b"\x08",  # a number that is missing
        b"\x0a\x05abc",  # text beyond the end
        b"\x0b\x0c",  # a group
        b"\x00\x01",  # field 0
        b"\x08" + b"\xff" * 9 + b"\x02",  # more than 64 bits
        b"\x08" + b"\xff" * 11,
        b"\x0d\x01\x02",  # four bytes that are three
        field(2, b"\x0a\x05abc"),
        field(2, field(25, b"\x0a\x05abc")),
        field(1, b"\x1a\x05abc"),
        field(1, field(27, b"\x0a\x05abc")),
        field(1, field(27, field(1, b"\x0a\x05abc"))),
    ],
)
def test_what_is_no_message_is_an_error(message: bytes) -> None:
    tap = gathered(said("Hi") + envelope(message) + trailer())[1]
    assert tap["error"] == (502, "upstream_bad_answer", "A message of the upstream's stream cannot be read.")


def test_numbers_have_64_bits() -> None:
    assert text_of(envelope(field(7, 2**64 - 1) + field(2, field(1, "Hi"))) + trailer()) == "Hi"
    assert varint(2**64 - 1) == b"\xff" * 9 + b"\x01"


def test_calls_follow_each_other_and_text_may_follow_them() -> None:
    stream = called("t1", "f", '{"a":1}', last=True) + called("t2", "g", "{}", last=True) + said("Done.") + trailer()
    blocks, tap = gathered(stream)
    assert [(block["type"], block.get("arguments")) for block in blocks] == [("tool", '{"a":1}'), ("tool", "{}"), ("text", None)]
    assert tap["stop"] == "tool"


def test_a_thought_is_signed_once() -> None:
    proof = envelope(field(2, field(25, field(2, "c2ln"))))
    blocks = gathered(proof + thought("Hm.") + proof + proof + said("x") + proof + thought("Ah.") + proof + trailer())[0]
    assert [block.get("signature") for block in blocks if block["type"] == "thinking"] == ["c2ln", "c2ln"]


# -- ends and errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rest", "over"),
    [
        (b"", True),
        (called("t2", "g", '{"b":'), False),
        (called("t2", "g", '{"b":') + called("t2", "g", "1}", last=True), True),
        (said("More"), False),
        (said("More")[:-1], True),
    ],
)
def test_a_complete_call_that_was_the_last_is_an_end_until_something_follows(rest: bytes, over: bool) -> None:
    """Then the service waits for results that come with the next request: silence or a closed stream is no failure."""
    tap = gathered(called("t1", "f", '{"a":1}', last=True) + rest)[1]
    assert (tap["stopped"], tap["error"][0]) == (over, 0 if over else 502)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("resource_exhausted", 429), ("unauthenticated", 401), ("permission_denied", 403), ("unavailable", 503), ("internal", 500),
        ("invalid_argument", 400), ("failed_precondition", 400), ("out_of_range", 400), ("not_found", 404), ("aborted", 409),
        ("already_exists", 409), ("deadline_exceeded", 504), ("canceled", 499), ("unknown", 500), ("something_new", 500),
    ],
)  # fmt: skip
def test_an_error_has_its_code_and_status(code: str, status: int) -> None:
    for stream in (trailer(failure(code, "m")), envelope(json.dumps({"error": failure(code, "m")}).encode())):
        assert gathered(stream)[1]["error"] == (status, code, "m")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (failure("internal", "Error", word="ERROR_X", title="T", detail="D"), "T: D (ERROR_X)"),
        (failure("internal", "Error", word="ERROR_X"), "Error (ERROR_X)"),
        (failure("internal", "Error", word="ERROR_X", detail='a "b"'), 'a "b" (ERROR_X)'),
        (failure("internal", ""), "The upstream reported an error without a message."),
        ({"code": "internal", "details": "odd"}, "The upstream reported an error without a message."),
        ({"code": "internal", "message": "m", "details": [5, {}, {"debug": 7}, {"debug": {"details": []}}]}, "m"),
    ],
)
def test_an_error_says_what_it_says_to_people(error: dict[str, Any], message: str) -> None:
    assert gathered(trailer(error))[1]["error"][2] == message


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (b"", "ended before"),
        (said("Hi"), "ended before"),
        (said("Hi") + trailer()[:-1], "ended before"),
        (said("Hi") + envelope(b"", 4), "damaged"),
        (said("Hi") + envelope(b"no gzip", 1), "damaged"),
        (said("Hi") + envelope(b"{}x", 2), "end of the upstream's stream cannot be read"),
        (said("Hi") + envelope(b"", 2), "end of the upstream's stream cannot be read"),
    ],
)
def test_what_is_no_end_is_an_error(stream: bytes, message: str) -> None:
    tap = gathered(stream)[1]
    assert (tap["error"][0], tap["stopped"]) == (502, False)
    assert message in tap["error"][2]


def test_nothing_is_read_behind_the_end() -> None:
    assert text_of(said("Hi") + trailer() + said("more") + b"\xff") == "Hi"


def test_json_that_is_no_error_says_nothing() -> None:
    assert text_of(envelope(b'{"note":"x"}') + said("Hi") + trailer()) == "Hi"
