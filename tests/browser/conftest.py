"""One Chromium for all, a server and a visitor for each test. Every visitor's complaints fail the test."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from browser.chromium import NoChromium, launched
from browser.visitor import DESK, PASSWORD, Serve, Visit, Visitor, visit
from running.fixtures import Server, serving
from upstream.server import ScriptedUpstream


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with AsyncExitStack() as stack:
        try:
            browser = await stack.enter_async_context(launched())
        except NoChromium as missing:
            if os.environ.get("CI"):
                pytest.fail(str(missing), pytrace=False)
            pytest.skip(str(missing))
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream().run() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    """``await serve(config)``: a server whose admin password is PASSWORD, or, with ``fresh=True``, one nobody has visited."""
    async with AsyncExitStack() as stack:

        async def starting(config: str | None = None, *, fresh: bool = False, **environ: str) -> Server:
            password = {} if fresh else {"INITIAL_PASSWORD": PASSWORD}
            return await stack.enter_async_context(serving(tmp_path / "data", config, **password, **environ))

        yield starting


@pytest_asyncio.fixture(loop_scope="session")
async def visiting(chromium: Browser) -> AsyncIterator[Visit]:
    """``await visiting(server)``: a visitor, logged in unless told otherwise. Complaints of its pages fail the test."""
    visitors: list[Visitor] = []

    async def coming(server: Server, *, logged_in: bool = True, size: tuple[int, int] = DESK) -> Visitor:
        visitor = await visit(chromium, server.url, size=size)
        visitors.append(visitor)
        if logged_in:
            await visitor.log_in()
        return visitor

    yield coming
    complaints: list[str] = []
    for visitor in visitors:
        complaints += visitor.watch.unexpected()
        await visitor.context.close()
    assert not complaints, "\n".join(complaints)
