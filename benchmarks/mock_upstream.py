"""A model provider that costs almost nothing: prepared bytes over a raw asyncio protocol, for measuring what stands in front.

It answers ``…/chat/completions`` in the OpenAI dialect and ``…/messages`` in the Anthropic one, finished or as SSE, as the
request's ``stream`` says. What it answers is scripted in the query string or behind the model's name:

    mock:chunks=100,size=8,first_ms=0,gap_ms=0

    chunks     content events of a stream (a finished answer has the same text in one piece)
    size       bytes of text per event
    first_ms   wait before the first byte of the answer
    gap_ms     wait between events; 0 sends the whole stream in one write

Run alone it prints its address and serves until SIGINT or SIGTERM: python benchmarks/mock_upstream.py --port 9900
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
from functools import lru_cache
from typing import NamedTuple, cast
from urllib.parse import parse_qsl

import uvloop

_MODEL = re.compile(rb'"model"\s*:\s*"([^"]*)"')
_STREAM = re.compile(rb'"stream"\s*:\s*true')
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.I)


class Script(NamedTuple):
    chunks: int = 100
    size: int = 8
    first_ms: float = 0.0
    gap_ms: float = 0.0

    @classmethod
    def read(cls, words: dict[str, str]) -> Script:
        known = {name: float(words[name]) for name in ("first_ms", "gap_ms") if name in words}
        counts = {name: int(words[name]) for name in ("chunks", "size") if name in words}
        return cls(**counts, **known)


class Answer(NamedTuple):
    """``pieces``: what is written after the head, one per pause. Content events are spread over them."""

    head: bytes
    pieces: tuple[bytes, ...]


@lru_cache(256)
def prepare(dialect: str, stream: bool, script: Script) -> Answer:
    text = ("abcdefgh " * (script.size // 9 + 1))[: script.size]
    if not stream:
        body = (_openai_answer if dialect == "openai" else _anthropic_answer)(text * script.chunks, script)
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        return Answer(head, (body,))
    events = (_openai_stream if dialect == "openai" else _anthropic_stream)(text, script)
    framed = [b"%x\r\n%s\r\n" % (len(event), event) for event in events]
    framed[-1] += b"0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
    return Answer(head, tuple(framed) if script.gap_ms else (b"".join(framed),))


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _openai_answer(text: str, script: Script) -> bytes:
    message = {"role": "assistant", "content": text}
    return _compact(
        {
            "id": "chatcmpl-mock",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": "mock",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": script.chunks, "total_tokens": 10 + script.chunks},
        }
    )


def _openai_stream(text: str, script: Script) -> list[bytes]:
    base = {"id": "chatcmpl-mock", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "mock"}

    def chunk(delta: dict[str, str], finish: str | None) -> bytes:
        return b"data: " + _compact({**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}) + b"\n\n"

    usage = {"prompt_tokens": 10, "completion_tokens": script.chunks, "total_tokens": 10 + script.chunks}
    return [
        chunk({"role": "assistant", "content": ""}, None),
        *[chunk({"content": text}, None)] * script.chunks,
        chunk({}, "stop"),
        b"data: " + _compact({**base, "choices": [], "usage": usage}) + b"\n\n",
        b"data: [DONE]\n\n",
    ]


def _anthropic_answer(text: str, script: Script) -> bytes:
    return _compact(
        {
            "id": "msg_mock",
            "type": "message",
            "role": "assistant",
            "model": "mock",
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 10, "output_tokens": script.chunks},
        }
    )


def _anthropic_stream(text: str, script: Script) -> list[bytes]:
    def event(name: str, **fields: object) -> bytes:
        return b"event: " + name.encode() + b"\ndata: " + _compact({"type": name, **fields}) + b"\n\n"

    message = {
        "id": "msg_mock",
        "type": "message",
        "role": "assistant",
        "model": "mock",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 1},
    }
    return [
        event("message_start", message=message),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *[event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})] * script.chunks,
        event("content_block_stop", index=0),
        event(
            "message_delta",
            delta={"stop_reason": "end_turn", "stop_sequence": None},
            usage={"output_tokens": script.chunks},
        ),
        event("message_stop"),
    ]


class Connection(asyncio.Protocol):
    """One keep-alive connection. Requests on it are answered in order, one at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self._answering = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is not a subclass

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._answering:
            self._next_request()

    def _next_request(self) -> None:
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._received[:end])
        length = _LENGTH.search(head)
        size = end + 4 + (int(length[1]) if length else 0)
        if len(self._received) < size:
            return
        body = bytes(self._received[end + 4 : size])
        del self._received[:size]
        self._answering = True
        self._answer(head.split(b" ", 2)[1].decode(), body)

    def _answer(self, target: str, body: bytes) -> None:
        path, _, query = target.partition("?")
        model = _MODEL.search(body)
        words = dict(parse_qsl(query))
        if model:
            words |= dict(pair.split("=", 1) for pair in model[1].decode().partition(":")[2].split(",") if "=" in pair)
        script = Script.read(words)
        if not path.endswith(("/chat/completions", "/messages")):
            self._write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            self._done()
            return
        dialect = "openai" if path.endswith("/chat/completions") else "anthropic"
        answer = prepare(dialect, _STREAM.search(body) is not None, script)
        self._after(script.first_ms, lambda: self._send(answer, 0, script.gap_ms))

    def _send(self, answer: Answer, index: int, gap_ms: float) -> None:
        piece = answer.pieces[index]
        self._write(answer.head + piece if index == 0 else piece)
        if index + 1 < len(answer.pieces):
            self._after(gap_ms, lambda: self._send(answer, index + 1, gap_ms))
        else:
            self._done()

    def _after(self, wait_ms: float, call: object) -> None:
        assert callable(call)
        if wait_ms:
            self._timer = asyncio.get_running_loop().call_later(wait_ms / 1000, call)
        else:
            call()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _done(self) -> None:
        self._answering = False
        self._next_request()


async def _main(host: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, host, port, backlog=1024)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    print(f"mock upstream on http://{host}:{server.sockets[0].getsockname()[1]}", flush=True)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9900, help="0 picks a free one")
    given = parser.parse_args()
    uvloop.run(_main(given.host, given.port))
