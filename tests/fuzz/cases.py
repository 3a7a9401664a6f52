"""The fuzz targets: what must hold for any bytes. No fuzzer in here, so that the tests run the same functions on the seeds.

An input begins with control bytes (which client, how the stream ends, where it is cut); what follows is under test.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from fuzz.readers import META, STREAMS
from omniroute._fast.codec import Bridge, Collector
from omniroute._fast.envelope import scan
from omniroute._fast.filters import Tee, ThinkTags
from omniroute._fast.http1 import Http1
from omniroute._fast.ndjson import Lines
from omniroute._fast.sse import Splitter
from omniroute.core.errors import BadAnswer, BadRequest, TruncatedStream, UpstreamStatus
from omniroute.ir.caps import Profile
from omniroute.translation.format import Format, registry
from omniroute.translation.ops import Op
from omniroute.translation.request import translate_request
from omniroute.translation.response import answer_as_stream, stream_as_answer, translate_answer
from unit.fast.streams import tapped

VECTORS = Path(__file__).parents[1] / "vectors"
CLIENTS = [*STREAMS, "", "collect"]
"""What stands behind the decoder: an encoder, nothing (pass-through), or the collector."""
FAIL, PING, TAGS, HIDE, COMMENTS, SMALL, CRUMBS = 1, 2, 4, 8, 16, 32, 64
SMALL_LIMIT = 300


class Case(NamedTuple):
    """``check`` raises AssertionError (or anything else) for an input that breaks a rule; ``seeds`` are inputs to begin with."""

    check: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]


def pieces_of(head: bytes, data: bytes) -> list[bytes]:
    """``data`` cut at the places ``head`` names, two bytes each."""
    places = sorted({int.from_bytes(head[i : i + 2], "little") % (len(data) + 1) for i in range(0, len(head), 2)})
    return [data[begin:end] for begin, end in zip([0, *places], [*places, len(data)], strict=True)]


# -- streams ------------------------------------------------------------------------------------------------------------------


def check_stream(upstream: str, given: bytes) -> None:
    """Any bytes from an upstream become a well-formed answer, the same one wherever they are cut."""
    client, flags = CLIENTS[given[0] % len(CLIENTS)] if given else "", given[1] if len(given) > 1 else 0
    if not client and _streamed_only(upstream):
        client = "collect"  # nobody gets such a stream as it is
    data = given[8:]
    whole = _answer(upstream, client, flags, [data])
    assert _answer(upstream, client, flags, pieces_of(given[2:8], data)) == whole, "cuts make a difference"
    if client:
        assert _answer(upstream, client, flags, [apart(upstream, data)]) == whole, "a shape was recognised that differs"
    if flags & CRUMBS:
        crumbs = [data[i : i + 1] for i in range(len(data))]
        assert _answer(upstream, client, flags, crumbs) == whole, "single bytes make a difference"


def apart(upstream: str, data: bytes) -> bytes:
    """The same events with something between them that means nothing: each is then read by itself, not as its predecessor's like."""
    if _streamed_only(upstream):
        return data  # frames: no byte fits between them
    return data.replace(b"\n", b"\n\n") if upstream == "ollama" else data.replace(b"\n\n", b"\n\n: \n")


def _answer(upstream: str, client: str, flags: int, pieces: list[bytes]) -> Any:
    formats = registry()
    collector = Collector()
    through = (*([ThinkTags()] if flags & TAGS else []), *([] if client == "collect" else [Tee(collector)]))
    target = formats.get(client)
    encoder = collector if client == "collect" else target and target.encoder(META.named(target.id_prefix))
    bridge = Bridge(
        formats[upstream].decoder(),
        encoder,
        hide_usage=bool(flags & HIDE and not client),
        comments=bool(flags & COMMENTS),
        limit=SMALL_LIMIT if flags & SMALL else 1 << 20,
        through=through,
    )
    out = b"".join(map(bridge.feed, pieces))
    out += bridge.ping() if flags & PING else b""
    out += bridge.fail(504, "upstream_timeout", "gave \u2028 up") if flags & FAIL else bridge.finish()
    assert bridge.ended
    assert (bridge.finish(), bridge.ping(), bridge.fail(500, "a", "b"), bridge.feed(b"data: {}\n\n{}\n\n")) == (
        b"",
        b"",
        b"",
        b"",
    )
    if client in STREAMS:
        seen = STREAMS[client](out)
        assert seen.error is None or bridge.error_status
        assert seen.error is not None or not bridge.error_status, "an error is told, unless all was said before it"
    elif client == "collect":
        assert out == b""
        _finished(collector, bridge, formats[upstream])
    else:
        out = out.rstrip(b"\r\n")  # a CR that ends a read at the very end may or may not be half of a CRLF
    return out, tapped(bridge), collector.blocks, collector.stop_sequence


def _finished(collector: Collector, bridge: Bridge, upstream: Format) -> None:
    for client in _clients():
        try:
            answer = stream_as_answer(collector, bridge, client, upstream, META)
        except (UpstreamStatus, TruncatedStream):
            return
        assert isinstance(json.loads(answer.body), dict)


def _streamed_only(name: str) -> bool:
    """Whether nobody but a decoder of streams reads it."""
    return registry()[name].streams_only


def _clients() -> list[Format]:
    return [found for found in registry() if not found.egress_only]


def _stream_seeds(upstream: str) -> Iterator[bytes]:
    for path in sorted((VECTORS / upstream).iterdir()):
        data = path.read_bytes()
        for client in range(len(CLIENTS)):
            flags = (0, CRUMBS, FAIL, TAGS, PING | COMMENTS, SMALL)[client % 6]
            yield bytes([client, flags]) + (len(data) // 3).to_bytes(2, "little") * 3 + data


def check_splitter(given: bytes) -> None:
    """Events and lines are those that a reader of the rules finds, wherever the bytes are cut."""
    data = given[8:]
    for kind, rules in ((Splitter, _events), (Lines, _lines)):
        expected = list(rules(data))
        for pieces in ([data], pieces_of(given[:8], data), [data[i : i + 1] for i in range(len(data))]):
            splitter = kind()
            found = [event for piece in pieces for event in splitter.feed(piece)] + splitter.finish()
            assert found == expected, (kind, found, expected)
        limited = [kind(20), kind(20)]
        small = [limited[0].feed(data) + limited[0].finish()]
        small.append([event for piece in pieces_of(given[:8], data) for event in limited[1].feed(piece)] + limited[1].finish())
        assert small[0] == small[1]
        assert limited[0].oversized == limited[1].oversized


def _events(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    name, lines = b"", []
    text = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for row in [*text.split(b"\n"), b""]:
        field, _, value = row.partition(b":")
        value = value.removeprefix(b" ")
        if not row:
            if lines:
                yield name, b"\n".join(lines)
            name, lines = b"", []
        elif field == b"event":
            name = value
        elif field == b"data":
            lines.append(value)


def _lines(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    rows = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    for row in rows[:-1]:
        if row.strip(b" \t\r"):
            yield b"", row.removesuffix(b"\r")
    if rows[-1].strip(b" \t\r"):
        yield b"", rows[-1]


def _splitter_seeds() -> Iterator[bytes]:
    for path in sorted(VECTORS.glob("*/*.*")):
        if path.suffix != ".json":
            yield b"\x07\x00\x21\x00\x90\x00\xf0\x01" + path.read_bytes()[:1500]


# -- requests and finished answers --------------------------------------------------------------------------------------------


def check_envelope(given: bytes) -> None:
    """Accepted is what two independent readers take; a splice changes what it names and nothing else."""
    try:
        envelope = scan(given)
    except ValueError as refused:
        assert not _is_request(given), refused
        return
    value = json.loads(given)
    assert envelope.keys == tuple(value)
    for key in value:
        span = envelope.span(key)
        assert span is not None
        assert envelope.raw(key) == given[span[0] : span[1]]
        assert _same(json.loads(envelope.raw(key) or b""), value[key])
    changes: dict[str, bytes | None] = {"model": b'"m"', "new": b"[1]", **dict.fromkeys(envelope.keys[:2])}
    after = json.loads(envelope.splice(changes))
    expected = {key: value[key] for key in value if changes.get(key, b"") is not None}
    assert _same(after, expected | {key: json.loads(raw) for key, raw in changes.items() if raw is not None})


def _same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _is_request(body: bytes) -> bool:
    """What orjson takes, with a model and a stream switch of the right types, and not deeper than is allowed."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(value, dict) or _depth(body) > 512:
        return False
    return isinstance(value.get("model"), str | None) and isinstance(value.get("stream"), bool | None)


def _depth(body: bytes) -> int:
    """How deep the text opens at most; brackets in strings may only make that larger."""
    depth = deepest = 0
    for byte in body:
        depth += byte in b"[{"
        depth -= byte in b"]}"
        deepest = max(deepest, depth)
    return deepest


def _bodies(folder: str, key: str, source: str) -> Iterator[bytes]:
    for path in sorted((VECTORS / folder).glob(f"{source}_to_*.json")):
        for vector in json.loads(path.read_text()):
            yield json.dumps({"model": "m", **vector[key]} if isinstance(vector[key], dict) else vector[key]).encode()


def _envelope_seeds() -> Iterator[bytes]:
    yield from _bodies("requests", "request", "openai_chat")
    yield from (
        b"{}",
        b'{"model":null,"stream":true,"a":[1.5e9,-0],"a":"\\u00e9\\ud83d\\ude00"}',
        b' {"input":[],"contents":[{}]}',
    )


def check_request(client: str, given: bytes) -> None:
    """Any body is refused in words or becomes a body for every upstream, with and without explanation."""
    formats = registry()
    quirk, body = given[:1], given[1:]
    try:
        envelope = scan(body)
    except ValueError:
        return
    profile = Profile(model="up")
    for upstream in formats:
        if upstream.client_only:
            continue
        ops: list[Op] = []
        explain = ops if quirk and quirk[0] & 1 else None
        try:
            sent = translate_request(envelope, formats[client], upstream, profile, model="m", stream=False, ops=explain)
        except BadRequest as refused:
            assert str(refused)
            continue
        assert all(op.pointer.startswith("/") and op.rule for op in ops)
        if not upstream.binary:
            assert isinstance(json.loads(sent.body), dict)
            scan(sent.body)


def _request_seeds(client: str) -> Iterator[bytes]:
    """Vectors of the format itself, and those of others translated to it."""
    formats = registry()
    bodies = list(_bodies("requests", "request", client))
    for source in ("openai_chat", "anthropic"):
        for body in () if formats[client].client_only or source == client else _bodies("requests", "request", source):
            try:
                bodies.append(translate_request(scan(body), formats[source], formats[client], Profile(model="up")).body)
            except BadRequest:
                continue
    for number, body in enumerate(bodies):
        yield bytes([number & 1]) + body


def check_finished(upstream: str, given: bytes) -> None:
    """Any body of an upstream is a bad answer or one for every client, whole and as a stream."""
    formats = registry()
    for client in _clients():
        try:
            answer = translate_answer(given, client, formats[upstream], META)
            stream = answer_as_stream(given, client, formats[upstream], META)
        except BadAnswer:
            continue
        assert isinstance(json.loads(answer.body), dict | list)
        if client.name != upstream:
            seen = STREAMS[client.name](stream.body)
            assert seen.error is None


def _finished_seeds(upstream: str) -> Iterator[bytes]:
    yield from _bodies("responses", "answer", upstream)
    formats = registry()
    for path in sorted((VECTORS / upstream).iterdir()):
        collector = Collector()
        bridge = Bridge(formats[upstream].decoder(), collector)
        bridge.feed(path.read_bytes())
        bridge.finish()
        if not bridge.error_status:
            yield stream_as_answer(collector, bridge, formats[upstream], formats[upstream], META).body


# -- HTTP ---------------------------------------------------------------------------------------------------------------------


class _Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    def write(self, data: Any) -> None:
        pass

    writelines = write

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading

    def get_write_buffer_size(self) -> int:
        return 0


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def _heard(pieces: list[bytes], bodiless: bool, room: int) -> Any:
    """The answer as a client of the protocol gets it, and how it failed."""
    memory = memoryview(bytearray(room))
    client = Http1(_loop(), memory)
    client.connection_made(_Wire())
    client.begin(b"GET / HTTP/1.1\r\n\r\n", b"", bodiless=bodiless, first_byte=inf, between=inf, total_at=inf)
    for piece in pieces:
        for begin in range(0, len(piece), room):
            part = piece[begin : begin + room]
            client.get_buffer(len(part))[: len(part)] = part
            client.buffer_updated(len(part))
    client.eof_received()
    client.connection_lost(None)

    async def read() -> tuple[bytes, str]:
        body = b""
        try:
            async for part in client.chunks(client.serial):
                body += part
        except ConnectionError as error:
            return body, type(error).__name__
        return body, ""

    found = _loop().run_until_complete(asyncio.wait_for(read(), 10))
    if not client.status:  # of a head that never came whole nothing counts but its failure
        return found
    return client.status, client.headers, client.encoding, client.length, found


def check_http1(given: bytes) -> None:
    """Any bytes are an answer or a failure, the same wherever they are cut and however small the reads are."""
    flags, data = given[0] if given else 0, given[7:]
    bodiless = bool(flags & 1)
    whole = _heard([data], bodiless, 1 << 16)
    assert _heard(pieces_of(given[1:7], data), bodiless, 1 << 16) == whole, "cuts make a difference"
    assert _heard([data], bodiless, 1 + (flags >> 1)) == whole, "small reads make a difference"


def _http1_seeds() -> Iterator[bytes]:
    head = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Type: application/json\r\n"
    answers = [
        head + b"Content-Length: 5\r\n\r\nhello",
        head + b"Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0010\r\n0123456789abcdef\r\n0\r\nx: y\r\n\r\n",
        head + b"content-encoding: gzip\r\nConnection: close\r\n\r\nuntil the end",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: x\r\n\r\n" + head + b"Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 204\r\nkeep-alive: timeout=5\r\n\r\n",
        b"HTTP/1.0 304 Not Modified\r\ncontent-length: 10\r\n\r\n",
        b"HTTP/1.1 429 Too Many Requests\nretry-after: 1\n\n",
        head + b"Content-Length: 5\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    ]
    for number, answer in enumerate(answers):
        yield bytes([number * 7 & 255]) + b"\x11\x00\x40\x00\x55\x00" + answer


def _cases() -> Iterator[tuple[str, Case]]:
    upstreams = [found.name for found in registry() if not found.client_only]
    for name in upstreams:
        yield f"stream-{name}", Case(partial(check_stream, name), partial(_stream_seeds, name))
    yield "sse", Case(check_splitter, _splitter_seeds)
    yield "envelope", Case(check_envelope, _envelope_seeds)
    yield "http1", Case(check_http1, _http1_seeds)
    for found in _clients():
        yield f"request-{found.name}", Case(partial(check_request, found.name), partial(_request_seeds, found.name))
    for name in upstreams:
        if _streamed_only(name):
            continue  # its answers are gathered streams
        yield f"answer-{name}", Case(partial(check_finished, name), partial(_finished_seeds, name))


CASES: dict[str, Case] = dict(_cases())
