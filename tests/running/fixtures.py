"""A real OmniRoute on a real socket, in the test's own loop, before the scripted upstream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest_asyncio
from google import genai

from omniroute.core.ids import SystemClock
from omniroute.server.app import OmniRoute
from omniroute.server.installation import Launch
from omniroute.server.lifecycle import Listener, bind
from upstream.server import ScriptedUpstream


@dataclass
class Server:
    """A running OmniRoute and clients for it."""

    app: OmniRoute
    url: str
    http: httpx.AsyncClient
    closing: AsyncExitStack

    def openai(self, api_key: str = "none") -> openai.AsyncOpenAI:
        client = openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key=api_key, max_retries=0)
        self.closing.push_async_callback(client.close)
        return client

    def anthropic(self, api_key: str = "none") -> anthropic.AsyncAnthropic:
        client = anthropic.AsyncAnthropic(base_url=self.url, api_key=api_key, max_retries=0)
        self.closing.push_async_callback(client.close)
        return client

    def gemini(self, api_key: str = "none") -> genai.Client:
        """Use its ``aio``."""
        client = genai.Client(api_key=api_key, http_options=genai.types.HttpOptions(base_url=self.url))
        self.closing.push_async_callback(client.aio.aclose)
        return client

    async def usage(self) -> list[Any]:
        """The ledger, oldest first, everything written."""
        await self.app._recorder.flush()
        page = await self.app.services.usage.history(limit=1000)
        return list(reversed(page.rows))


@asynccontextmanager
async def serving(data_dir: Path, config: str | None = None, *, port: int = 0, **environ: str) -> AsyncIterator[Server]:
    """OmniRoute over ``data_dir``, configured by TOML text and environment variables. It neither tries again in place nor sits
    out cooldowns unless told to: tests do not sleep."""
    environ = {"OMNIROUTE_COMBO_RETRIES": "0", "OMNIROUTE_COOLDOWN_WAIT": "0", **environ}
    path = None
    if config is not None:
        path = data_dir.parent / "omniroute.toml"
        path.write_text(config)
    launch = Launch(flags={"data_dir": str(data_dir)}, environ=environ, config=path)
    async with AsyncExitStack() as stack:
        sock = stack.enter_context(bind("127.0.0.1", port))
        port = sock.getsockname()[1]
        app = await stack.enter_async_context(await OmniRoute.open(launch, SystemClock(), port=port))
        listener = Listener(app.front, [sock], drain=app.drain, busy=app.busy, settled=app.settled, deadline=5)
        task = asyncio.ensure_future(listener.run(signals=False))
        try:
            async with AsyncExitStack() as closing:
                client = await closing.enter_async_context(httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20))
                yield Server(app, f"http://127.0.0.1:{port}", client, closing)
        finally:
            listener.stop()
            await task


Start = Callable[..., Any]


@pytest_asyncio.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """``await start(config, NAME=value)`` gives a Server that stops with the test."""
    async with AsyncExitStack() as stack:

        async def starting(config: str | None = None, *, data_dir: Path | None = None, **environ: str) -> Server:
            return await stack.enter_async_context(serving(data_dir or tmp_path / "data", config, **environ))

        yield starting


def nodes(upstream: ScriptedUpstream, extra: str = "") -> str:
    """Nodes over the scripted upstream: ``oa/…`` in the Chat dialect, ``an/…`` in the Anthropic one, ``re/…`` in the Responses
    one, ``ge/…`` in Gemini's, ``ol/…`` in Ollama's."""
    return f"""
[nodes.oa]
format = "openai_chat"
base_url = "{upstream.openai_base_url}"
api_key = "upstream-key-oa"
{extra}
[nodes.an]
format = "anthropic"
base_url = "{upstream.anthropic_base_url}"
api_key = "upstream-key-an"
{extra}
[nodes.re]
format = "openai_responses"
base_url = "{upstream.openai_base_url}"
api_key = "upstream-key-re"
{extra}
[nodes.ge]
format = "gemini"
base_url = "{upstream.gemini_base_url}"
api_key = "upstream-key-ge"
{extra}
[nodes.ol]
format = "ollama"
base_url = "{upstream.ollama_base_url}"
{extra}
"""


@pytest_asyncio.fixture
async def server(start: Start, scripted_upstream: ScriptedUpstream) -> Server:
    """OmniRoute with a node per dialect."""
    return await start(nodes(scripted_upstream))
