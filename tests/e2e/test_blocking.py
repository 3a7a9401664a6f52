"""Nothing that serves a request stops the event loop: no file, no sleep, no database, no lock, no look-up of a name."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster, BlockingError, blockbuster_ctx

from omniroute.gateway.prepare import Preparation
from running.fixtures import Server
from upstream.script import Script, Text, Thinking, ToolCall
from upstream.server import ScriptedUpstream

CLIENTS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "hi"}]},
    "/v1/messages": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 99},
    "/v1/responses": {"input": "hi"},
}
NODES = ("oa", "an", "re", "ge", "ol")
ANSWER = Script([Thinking("Let me see."), Text("Here it is."), ToolCall("look", {"at": "it"})])


@pytest.fixture
def caught(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The blocking calls that our code made on the event loop, also those whose error something took for a failed request."""
    found: list[str] = []

    def told(error: BlockingError, name: str) -> None:
        found.append(name)
        Exception.__init__(error, f"Blocking call to {name}")

    monkeypatch.setattr(BlockingError, "__init__", told)
    with blockbuster_ctx("omniroute") as guard:
        assert isinstance(guard, BlockBuster)
        yield found


async def ask(server: Server, path: str, node: str, *, stream: bool) -> int:
    answer = await server.http.post(path, json={"model": f"{node}/m", "stream": stream, **CLIENTS[path]})
    return answer.status_code


@pytest.mark.parametrize("path", CLIENTS)
async def test_no_request_blocks_the_loop(
    server: Server, scripted_upstream: ScriptedUpstream, path: str, caught: list[str]
) -> None:
    scripted_upstream.default = ANSWER
    for node in NODES:
        for stream in (False, True):
            assert await ask(server, path, node, stream=stream) == 200
    scripted_upstream.queue(Script(status=400, message="no"))
    assert await ask(server, path, "oa", stream=True) == 400
    assert (await server.http.get("/v1/models")).status_code == 200
    assert (await server.http.get("/readyz")).status_code == 200
    assert len(await server.usage()) == 2 * len(NODES) + 1
    assert caught == []


BLOCKING: dict[str, Callable[[], object]] = {
    "time.sleep": lambda: time.sleep(0),
    "io.TextIOWrapper.read": lambda: Path(__file__).read_text(),
    "os.stat": lambda: os.stat(__file__),
    "sqlite3.Cursor.execute": lambda: sqlite3.connect(":memory:").cursor().execute("SELECT 1"),
}


@pytest.mark.parametrize("name", BLOCKING)
async def test_the_guard_sees_what_would_block(
    server: Server, caught: list[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A call of that kind in the middle of a request does not go unseen."""
    prepare = Preparation.prepare

    async def blocking(*arguments: Any, **named: Any) -> Any:
        BLOCKING[name]()
        return await prepare(*arguments, **named)

    monkeypatch.setattr(Preparation, "prepare", blocking)
    await ask(server, "/v1/chat/completions", "oa", stream=True)
    assert name in caught
