"""The application without a listener, for commands while no server runs."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from omniroute.core.ids import SystemClock
from omniroute.server.app import OmniRoute
from omniroute.server.installation import Launch


@asynccontextmanager
async def offline_app(data_dir: Path, config: Path | None) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """The ASGI application over ``data_dir``, open as long as the block runs."""
    launch = Launch(flags={"data_dir": str(data_dir)}, environ=os.environ, config=config)
    async with await OmniRoute.open(launch, SystemClock()) as app:
        yield app.front
