"""Under an ASGI server that knows nothing of our own writer: the same answers, and clients that leave are noticed all the same."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import uvicorn

from omniroute.core.ids import SystemClock
from omniroute.server.app import OmniRoute
from omniroute.server.installation import Launch
from omniroute.server.lifecycle import bind
from running.fixtures import Server, Start, nodes
from upstream.script import Script
from upstream.server import ScriptedUpstream

TEXT = "one two three four five six"
CLIENTS = {"chat": "/v1/chat/completions", "messages": "/v1/messages"}
each_client = pytest.mark.parametrize("path", CLIENTS.values(), ids=CLIENTS)
each_model = pytest.mark.parametrize("model", ["oa/m", "an/m"])
each_kind = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


class _Plain(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The signals are those of the test run."""
        yield


@pytest_asyncio.fixture
async def plain(tmp_path: Path, scripted_upstream: ScriptedUpstream) -> AsyncIterator[httpx.AsyncClient]:
    """A client of OmniRoute behind uvicorn's h11 protocol."""
    config = tmp_path / "plain.toml"
    config.write_text(nodes(scripted_upstream))
    launch = Launch(flags={"data_dir": str(tmp_path / "plain")}, environ={}, config=config)
    async with AsyncExitStack() as stack:
        sock = stack.enter_context(bind("127.0.0.1", 0))
        app = await stack.enter_async_context(await OmniRoute.open(launch, SystemClock(), port=sock.getsockname()[1]))
        settings = uvicorn.Config(
            app.front, http="h11", loop="none", ws="none", lifespan="off", log_config=None, access_log=False
        )
        server = _Plain(settings)
        serving = asyncio.ensure_future(server.serve(sockets=[sock]))
        try:
            url = f"http://127.0.0.1:{sock.getsockname()[1]}"
            yield await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=20))
        finally:
            server.should_exit = True
            await serving


def body(model: str, *, stream: bool) -> dict[str, object]:
    return {"model": model, "stream": stream, "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]}


@each_client
@each_model
@each_kind
async def test_answers_are_the_same(
    plain: httpx.AsyncClient, start: Start, scripted_upstream: ScriptedUpstream, path: str, model: str, stream: bool
) -> None:
    scripted_upstream.default = Script(answer=TEXT)
    server: Server = await start(nodes(scripted_upstream))
    headers = {"x-request-id": "the-same"}
    ours = await server.http.post(path, json=body(model, stream=stream), headers=headers)
    theirs = await plain.post(path, json=body(model, stream=stream), headers=headers)
    assert theirs.status_code == ours.status_code == 200
    assert theirs.headers["content-type"] == ours.headers["content-type"]
    assert _timeless(theirs.text) == _timeless(ours.text)


def _timeless(text: str) -> str:
    """Without the second in which an answer was made."""
    return re.sub(r'"created":\d+', '"created":0', text)


@each_client
@each_model
@pytest.mark.parametrize("moment", ["in the stream", "before the first token", "before the answer"])
async def test_a_client_that_leaves_takes_the_upstream_call_with_it(
    plain: httpx.AsyncClient, scripted_upstream: ScriptedUpstream, path: str, model: str, moment: str
) -> None:
    begun = moment == "in the stream"
    scripted_upstream.queue(Script(answer=TEXT * 50, cadence=0.02) if begun else Script(latency=30))
    request = plain.build_request("POST", path, json=body(model, stream=moment != "before the answer"))
    sending = asyncio.ensure_future(plain.send(request, stream=True))
    received = await scripted_upstream.received(1)
    if begun:
        answer = await sending
        await anext(answer.aiter_raw())
        await answer.aclose()
    else:
        sending.cancel()
    await asyncio.wait_for(received.disconnected.wait(), 5)
