"""A model provider that costs almost nothing: prepared bytes over a raw asyncio protocol, for measuring what stands in front.

It answers in the dialect whose path is asked (``…/chat/completions``, ``…/messages``, ``…/responses``, ``…:generateContent``,
``…/api/chat``), finished or streamed as the request says. What it answers is scripted in the query or behind the model's name:

    mock:chunks=100;size=8;first_ms=0;gap_ms=0

    chunks     content events of a stream (a finished answer has the same text in one piece)
    size       bytes of text per event
    first_ms   wait before the first byte of the answer
    gap_ms     wait between events; 0 sends the stream as fast as it is taken
    stamp      1: each event's text begins with ~NNNNNNNNNNNNNNNNNN~, the monotonic nanoseconds of its writing
    status     an error answer with this status instead
    cut        close the connection after so many events
    stall      go silent after so many events, connection open

``GET /_mock`` tells as JSON: ``answered``, ``broken`` (connections that their peer closed before the answer was out),
``broken_ns`` (monotonic nanoseconds of the last of them) and ``streaming`` (answers under way). ``GET /_mock/bill`` tells per
model what a provider would charge for: ``calls``, ``answered``, ``broken``, ``input_tokens`` and ``output_tokens`` of complete
answers, and ``written``, the content events of all.

    python benchmarks/mock_upstream.py --port 9900            plain; with --tls-port and --certificate FILE (key inside) TLS too
"""

from __future__ import annotations

import argparse
import asyncio
import re
import signal
import ssl
import time
from collections.abc import Callable
from functools import lru_cache, partial
from typing import NamedTuple, cast
from urllib.parse import parse_qsl, unquote

import uvloop

from dialects import DIALECTS, PROMPT_TOKENS, compact
from precise import Timers

STAMP_DIGITS = 18
_HOLE = b"~" + b"#" * STAMP_DIGITS + b"~"
_MODEL = re.compile(rb'"model"\s*:\s*"([^"]*)"')
_STREAM = re.compile(rb'"stream"\s*:\s*(true|false)')
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.I)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:\s*chunked", re.I)
_EDGE = 4096  # the script and ``stream`` stand this close to one end of the body
_ONE_WRITE = 1 << 20
_ENDINGS = (
    ("/chat/completions", "openai_chat"),
    ("/messages", "anthropic"),
    ("/responses", "openai_responses"),
    (":generateContent", "gemini"),
    (":streamGenerateContent", "gemini"),
    ("/api/chat", "ollama"),
)


class Script(NamedTuple):
    chunks: int = 100
    size: int = 8
    first_ms: float = 0.0
    gap_ms: float = 0.0
    stamp: int = 0
    status: int = 200
    cut: int = 0
    stall: int = 0

    @classmethod
    def read(cls, words: dict[str, str]) -> Script:
        return cls(**{name: type(usual)(words[name]) for name, usual in cls._field_defaults.items() if name in words})

    def texts(self) -> list[str]:
        """One per event, two that take turns: some proxies take a model that repeats itself for a broken one."""
        pair = [(words * (self.size // 9 + 1))[: self.size] for words in ("abcdefgh ", "ijklmnop ")]
        if self.stamp:
            pair = [_HOLE.decode() + text[len(_HOLE) :] for text in pair]
        return [pair[turn % 2] for turn in range(self.chunks)]


class Answer(NamedTuple):
    """``pieces``: what is written after the head, one per pause; the first ``before`` of them hold no content."""

    head: bytes
    pieces: tuple[bytes, ...]
    before: int = 0


@lru_cache(64)
def prepare(dialect: str, stream: bool, script: Script) -> Answer:
    spoken = DIALECTS[dialect]
    if script.status != 200:
        body = compact({"error": {"message": f"scripted {script.status}", "type": "scripted", "code": "scripted"}})
        return Answer(_finished_head(body, f"{script.status} Scripted"), (body,))
    texts = script.texts()
    if not stream:
        body = compact(spoken.answer("".join(texts), script.chunks))
        return Answer(_finished_head(body, "200 OK"), (body,))
    events = spoken.events(texts)
    before, content = ([_framed(event) for event in part] for part in (events.before, events.content))
    after = [_framed(event.replace(_HOLE, b"=" * len(_HOLE))) for event in events.after]  # where the whole text is said again
    last = after.pop() + b"0\r\n\r\n"
    pieces = [*before, *content, *after, last]
    ahead = len(before)
    if not script.gap_ms and not script.stamp and not script.cut and not script.stall:
        joined = sum(map(len, pieces))
        if joined <= _ONE_WRITE:
            pieces, ahead = [b"".join(pieces)], 0
    head = (
        f"HTTP/1.1 200 OK\r\ncontent-type: {spoken.stream_type}\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    return Answer(head.encode(), tuple(pieces), ahead)


def _framed(event: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(event), event)


def _finished_head(body: bytes, status: str) -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()


class Bill:
    """What one model has cost so far."""

    __slots__ = ("answered", "broken", "calls", "input_tokens", "output_tokens", "written")

    def __init__(self) -> None:
        self.calls = self.answered = self.broken = self.input_tokens = self.output_tokens = self.written = 0

    def as_record(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.__slots__}


class Tally:
    """What ``GET /_mock`` tells."""

    def __init__(self) -> None:
        self.answered = self.broken = self.broken_ns = self.streaming = 0
        self.bills: dict[str, Bill] = {}

    def bill(self, model: str) -> Bill:
        found = self.bills.get(model)
        if found is None:
            found = self.bills[model] = Bill()
        return found


class Connection(asyncio.Protocol):
    """One keep-alive connection. Requests on it are answered in order, one at a time."""

    def __init__(self, timers: Timers, tally: Tally) -> None:
        self._timers = timers
        self._tally = tally
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._answering = False
        self._writable = True
        self._waiting: Callable[[], None] | None = None
        self._bill = Bill()
        self._written = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is not a subclass

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = self._waiting = None
        if self._answering:
            self._answering = False
            self._tally.streaming -= 1
            self._tally.broken += 1
            self._tally.broken_ns = time.monotonic_ns()
            self._bill.broken += 1
            self._bill.written += self._written

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._answering:
            self._next_request()

    def _next_request(self) -> None:
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._received[:end])
        if _CHUNKED.search(head):  # some proxies resend bodies so; what is in them is small and complete JSON
            size = self._received.find(b"\r\n0\r\n\r\n", end)
            if size < 0:
                return
            size += 7
        else:
            length = _LENGTH.search(head)
            size = end + 4 + (int(length[1]) if length else 0)
        if len(self._received) < size:
            return
        body = self._received[end + 4 : size]
        edges = bytes(body if len(body) <= 2 * _EDGE else body[:_EDGE] + body[-_EDGE:])
        del self._received[:size]
        self._answering = True
        self._tally.streaming += 1
        self._answer(head.split(b" ", 2)[1].decode(), edges)

    def _answer(self, target: str, body: bytes) -> None:
        path, _, query = target.partition("?")
        path = unquote(path)
        dialect = next((name for ending, name in _ENDINGS if path.endswith(ending)), None)
        if dialect is None:
            self._plain(path)
            return
        model = _MODEL.search(body)
        named = model[1].decode() if model else ""
        if dialect == "gemini":
            named, _, verb = path.rpartition("/models/")[2].rpartition(":")
            stream = verb.startswith("stream")
        else:
            asked = _STREAM.search(body)
            stream = asked[1] == b"true" if asked else dialect == "ollama"
        words = dict(parse_qsl(query)) | dict(pair.split("=", 1) for pair in named.partition(":")[2].split(";") if "=" in pair)
        script = Script.read(words)
        answer = prepare(dialect, stream, script)
        self._bill = self._tally.bill(named)
        self._bill.calls += 1
        self._written = 0
        begin = time.monotonic() + script.first_ms / 1000
        if script.first_ms:
            self._timers.at(begin, lambda: self._send(answer, script, 0, begin))
        else:
            self._send(answer, script, 0, begin)

    def _plain(self, path: str) -> None:
        tally = self._tally
        known = {
            "answered": tally.answered,
            "broken": tally.broken,
            "broken_ns": tally.broken_ns,
            "streaming": tally.streaming - 1,
        }
        bills = {model: bill.as_record() for model, bill in tally.bills.items()}
        body = compact(known) if path == "/_mock" else compact(bills) if path == "/_mock/bill" else b""
        self._write(_finished_head(body, "200 OK" if body else "404 Not Found") + body)
        self._over()

    def _send(self, answer: Answer, script: Script, index: int, due: float) -> None:
        """Pieces from ``index`` on, until a pause, a full buffer or the end. ``due`` keeps the cadence free of drift."""
        pieces, gap = answer.pieces, script.gap_ms / 1000
        while self._transport is not None:
            piece = pieces[index]
            if script.stamp:
                piece = piece.replace(_HOLE, b"~%018d~" % time.monotonic_ns())
            self._write(answer.head + piece if index == 0 else piece)
            index += 1
            self._written = max(0, index - answer.before)
            if index == len(pieces):
                self._complete(script)
                return
            if index == script.cut:
                self._bill.written += self._written
                self._tally.streaming -= 1
                self._answering = False
                self._transport.close()
                return
            if index == script.stall:
                return
            if gap:
                due += gap
                self._timers.at(due, partial(self._send, answer, script, index, due))
                return
            if not self._writable:
                self._waiting = partial(self._send, answer, script, index, due)
                return

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _complete(self, script: Script) -> None:
        """The whole answer is written: it is charged for unless it is an error."""
        if script.status == 200:
            self._bill.answered += 1
            self._bill.written += script.chunks
            self._bill.input_tokens += PROMPT_TOKENS
            self._bill.output_tokens += script.chunks
        self._over()

    def _over(self) -> None:
        self._answering = False
        self._tally.streaming -= 1
        self._tally.answered += 1
        self._next_request()


async def _main(given: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    timers, tally = Timers(), Tally()
    context = None
    if given.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(given.certificate)
    server = await loop.create_server(lambda: Connection(timers, tally), given.host, given.port, backlog=2048)
    said = f"http://{given.host}:{server.sockets[0].getsockname()[1]}"
    if context is not None:
        secure = await loop.create_server(
            lambda: Connection(timers, tally), given.host, given.tls_port, ssl=context, backlog=2048
        )
        said += f" https://{given.host}:{secure.sockets[0].getsockname()[1]}"
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    print(f"mock upstream on {said}", flush=True)
    await stop.wait()
    timers.close()
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9900, help="0 picks a free one")
    parser.add_argument("--certificate", help="PEM file with certificate and key")
    parser.add_argument("--tls-port", type=int, default=0)
    uvloop.run(_main(parser.parse_args()))
