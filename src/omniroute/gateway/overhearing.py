"""An Exchange around another one, for those that want to see or change a part of what passes."""

from __future__ import annotations

from collections.abc import Sequence

from omniroute.gateway.ports import Exchange


class Overhearing:
    """Everything is passed on at once and unchanged. ``see`` is told the bytes of a streamed body before they go."""

    def __init__(self, inner: Exchange) -> None:
        self._inner = inner

    def see(self, data: bytes) -> None:
        """The next bytes of a streamed body."""

    @property
    def request_id(self) -> str:
        return self._inner.request_id

    @property
    def method(self) -> str:
        return self._inner.method

    @property
    def path(self) -> str:
        return self._inner.path

    @property
    def started(self) -> bool:
        return self._inner.started

    @property
    def sent(self) -> int:
        return self._inner.sent

    @property
    def pushes(self) -> bool:
        return self._inner.pushes

    def header(self, name: str) -> str | None:
        return self._inner.header(name)

    def query(self, name: str) -> str | None:
        return self._inner.query(name)

    def forwardable(self, names: frozenset[str]) -> list[tuple[str, str]]:
        return self._inner.forwardable(names)

    async def body(self, limit: int) -> bytes:
        return await self._inner.body(limit)

    async def respond(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        await self._inner.respond(status, headers, body)

    async def start(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        await self._inner.start(status, headers)

    async def write(self, data: bytes) -> None:
        self.see(data)
        await self._inner.write(data)

    def push(self, data: bytes) -> bool:
        self.see(data)
        return self._inner.push(data)

    async def drained(self) -> None:
        await self._inner.drained()

    async def finish(self) -> None:
        await self._inner.finish()
