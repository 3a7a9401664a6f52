"""How bytes flow: pushed or pulled, the client gets the same; a client that does not read holds the upstream back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from running.fixtures import Server, Start, nodes
from upstream.script import Script, Text
from upstream.server import ScriptedUpstream

EVENTS = 1500
EVENT = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}\n\n'
    % (b"x" * 32_000)
)
LAST = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


class Flood:
    """An upstream that writes EVENTS events as fast as they are taken, and counts."""

    def __init__(self) -> None:
        self.written = 0
        self.port = 0

    @asynccontextmanager
    async def run(self) -> AsyncIterator[Flood]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        for _ in range(EVENTS):
            writer.write(EVENT)
            await writer.drain()
            self.written += len(EVENT)
        writer.write(LAST)
        await writer.drain()
        writer.close()


async def test_a_client_that_does_not_read_stops_the_upstream(start: Start) -> None:
    """48 MB are on offer; while the client reads nothing, only what the sockets and one buffer hold is taken. Then all arrives."""
    async with Flood().run() as flood:
        server: Server = await start(f'[nodes.fl]\nformat = "openai_chat"\nbase_url = "http://127.0.0.1:{flood.port}/v1"\n')
        port = int(server.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**16)
        body = json.dumps({"model": "fl/m", "stream": True, "messages": [{"role": "user", "content": "go"}]}).encode()
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        seen = -1
        while seen != flood.written or not seen:
            seen = flood.written
            await asyncio.sleep(0.25)
        assert seen < 20_000_000
        text = 0
        while (line := await reader.readline()) != b"0\r\n":
            if line.startswith(b"data: {"):
                text += len(json.loads(line[6:])["choices"][0]["delta"].get("content", ""))
        writer.close()
        assert text == EVENTS * 32_000
        assert flood.written == EVENTS * len(EVENT)


@pytest.mark.parametrize("model", ["oa/m", "an/m"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_pulled_streams_say_the_same_as_pushed_ones(
    start: Start, scripted_upstream: ScriptedUpstream, path: str, model: str
) -> None:
    """Another ASGI server offers no push: the same events come all the same."""
    server: Server = await start(nodes(scripted_upstream))
    body = {"model": model, "stream": True, "max_tokens": 99, "messages": [{"role": "user", "content": "go"}]}
    scripted_upstream.queue(*[Script(answer=Text("eins zwei drei ☀ vier"))] * 2)
    pushed = await server.http.post(path, json=body, headers={"x-request-id": "req_same"})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=server.app.front), base_url="http://localhost") as other:
        pulled = await other.post(path, json=body, headers={"x-request-id": "req_same"})
    assert pushed.status_code == pulled.status_code == 200

    def said(answer: httpx.Response) -> list[str]:
        """Events without what differs from answer to answer."""
        lines = [line for line in answer.text.splitlines() if line.startswith("data: {")]
        return [
            json.dumps({k: v for k, v in json.loads(line[6:]).items() if k not in ("id", "created", "message")}) for line in lines
        ]

    assert said(pushed) == said(pulled)
    assert "☀" in pulled.text
