"""The event splitter: what ends a line, what is an event, and that the cut positions never matter."""

from __future__ import annotations

import pytest

from omniroute._fast.sse import Splitter


def split(stream: bytes, size: int = 0, limit: int = 1 << 26) -> list[tuple[bytes, bytes]]:
    splitter = Splitter(limit)
    step = size or max(len(stream), 1)
    events = []
    for at in range(0, len(stream), step):
        events += splitter.feed(stream[at : at + step])
    return events + splitter.finish()


CASES = {
    "lf": (b"data: a\n\ndata: b\n\n", [(b"", b"a"), (b"", b"b")]),
    "cr": (b"data: a\r\rdata: b\r\r", [(b"", b"a"), (b"", b"b")]),
    "crlf": (b"data: a\r\n\r\ndata: b\r\n\r\n", [(b"", b"a"), (b"", b"b")]),
    "mixed": (b"data: a\r\n\ndata: b\n\rdata: c\r\r\n", [(b"", b"a"), (b"", b"b"), (b"", b"c")]),
    "mark": (b"\xef\xbb\xbfdata: a\n\n", [(b"", b"a")]),
    "mark-inside-is-data": (b"data: \xef\xbb\xbf\n\n", [(b"", b"\xef\xbb\xbf")]),
    "almost-a-mark": (b"\xef\xbbdata: a\n\n", []),
    "comment": (b": hello\n:\n\ndata: a\n: in between\n\n", [(b"", b"a")]),
    "no-space": (b"data:a\n\n", [(b"", b"a")]),
    "two-spaces": (b"data:  a\n\n", [(b"", b" a")]),
    "joined": (b"data: a\ndata:b\ndata\ndata: c\n\n", [(b"", b"a\nb\n\nc")]),
    "named": (b"event: x\ndata: a\n\ndata: b\n\n", [(b"x", b"a"), (b"", b"b")]),
    "name-after-data": (b"data: a\nevent: late\n\n", [(b"late", b"a")]),
    "name-alone": (b"event: x\n\ndata: b\n\n", [(b"", b"b")]),
    "other-fields": (b"id: 1\nretry: 5\nfoo: bar\ndatax: n\ndata: a\n\n", [(b"", b"a")]),
    "empty-data": (b"data:\n\ndata\n\n", [(b"", b""), (b"", b"")]),
    "blank-lines": (b"\n\n\r\n\rdata: a\n\n\n\n", [(b"", b"a")]),
    "no-blank-line": (b"data: a\n\ndata: b\n", [(b"", b"a"), (b"", b"b")]),
    "no-line-end": (b"data: a\n\ndata: b", [(b"", b"a"), (b"", b"b")]),
    "separators-are-data": ("data: a\u2028b\u2029c\u0085d\vx\fy\n\n".encode(), [(b"", "a\u2028b\u2029c\u0085d\vx\fy".encode())]),
    "nothing": (b"", []),
}


@pytest.mark.parametrize(("stream", "expected"), CASES.values(), ids=CASES)
def test_events(stream: bytes, expected: list[tuple[bytes, bytes]]) -> None:
    assert split(stream) == expected


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize(("stream", "expected"), CASES.values(), ids=CASES)
def test_pieces_make_no_difference(stream: bytes, expected: list[tuple[bytes, bytes]], size: int) -> None:
    assert split(stream, size) == expected


def test_every_single_cut() -> None:
    stream = b"".join(case for case, _ in CASES.values() if case.endswith((b"\n\n", b"\r\r")) and b"\xef" not in case)
    expected = split(stream)
    assert len(expected) > 15
    for cut in range(len(stream) + 1):
        splitter = Splitter()
        assert splitter.feed(stream[:cut]) + splitter.feed(stream[cut:]) + splitter.finish() == expected, cut


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_edge_110_an_event_of_many_megabytes(end: bytes) -> None:
    body = b"x" * (8 << 20)
    assert split(b"data: " + body + end + end, 65536) == [(b"", body)]


@pytest.mark.parametrize(
    "stream", [b"data: x\r" * 40000 + b"\r", b"data: x\n" * 40000 + b"\n", b":\r" * 160000], ids=["cr", "lf", "comments"]
)
def test_many_lines_are_all_seen(stream: bytes) -> None:
    events = split(stream)
    assert [len(data) for _, data in events] == ([40000 * 2 - 1] if stream.startswith(b"data") else [])


def test_the_limit_ends_the_stream() -> None:
    splitter = Splitter(100)
    assert splitter.feed(b"data: " + b"a" * 90 + b"\n\n") == [(b"", b"a" * 90)]
    assert splitter.feed(b"data: " + b"a" * 60) == []
    assert not splitter.oversized
    assert splitter.feed(b"a" * 60) == []
    assert splitter.oversized
    assert splitter.feed(b"\n\ndata: b\n\n") == []
    assert splitter.finish() == []


def test_the_limit_holds_within_one_read() -> None:
    splitter = Splitter(100)
    assert splitter.feed(b"data: a\n\ndata: " + b"b" * 200 + b"\n\ndata: c\n\n") == [(b"", b"a")]
    assert splitter.oversized


def test_comments_do_not_count_towards_the_limit() -> None:
    splitter = Splitter(100)
    assert splitter.feed(b": ping\n" * 100 + b"data: a\n\n") == [(b"", b"a")]
