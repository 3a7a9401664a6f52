"""Fixtures: name this module in ``pytest_plugins`` of the test root's conftest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack

import pytest
import pytest_asyncio

from upstream.authority import Authority
from upstream.server import ScriptedUpstream


@pytest_asyncio.fixture
async def scripted_upstream() -> AsyncIterator[ScriptedUpstream]:
    """A fresh scripted upstream on an ephemeral loopback port, gone after the test."""
    async with ScriptedUpstream().run() as upstream:
        yield upstream


@pytest_asyncio.fixture
async def second_upstream() -> AsyncIterator[ScriptedUpstream]:
    """Another one, for tests of fallback."""
    async with ScriptedUpstream().run() as upstream:
        yield upstream


@pytest.fixture
def authority() -> Iterator[Callable[[str], Authority]]:
    """Starts the authorization server of the provider named; each is gone after the test."""
    with ExitStack() as running:
        yield lambda provider: running.enter_context(Authority(provider).run())
