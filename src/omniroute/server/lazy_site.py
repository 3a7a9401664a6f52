"""The admin API and the pages, put together when they are wanted: model requests need none of it, and it is slow to load."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from omniroute.admin.services import AdminServices
from omniroute.server.exchange import Receive, Scope, Send
from omniroute.server.routes import Asgi


class LazySite:
    """An ASGI application. The first request, or :meth:`load`, loads what is behind it in a thread, while the loop goes on."""

    def __init__(self, services: AdminServices) -> None:
        self._services = services
        self._loading: asyncio.Task[Any] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await cast(Asgi, await self.load())(scope, receive, send)

    async def load(self) -> object:
        """The application behind it. A failure to load is raised to everyone who asks, and not tried again."""
        if self._loading is None:
            self._loading = asyncio.create_task(self._load(), name="site")
        # One who leaves must not take the others' site away.
        return await asyncio.shield(self._loading)

    async def stop(self) -> None:
        """Stop what was loaded; what is being loaded is waited for."""
        if self._loading is not None:
            await asyncio.wait([self._loading])
            if not self._loading.cancelled() and self._loading.exception() is None:
                await self._loading.result().stop()

    async def _load(self) -> Any:
        site: Any = await asyncio.to_thread(_build, self._services)
        await site.start()
        return site


def _build(services: AdminServices) -> object:
    from omniroute.server.site import build_site  # BlackSheep: a third of all that has to be imported

    return build_site(services)
