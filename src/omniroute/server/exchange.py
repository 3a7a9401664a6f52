"""One client request over plain ASGI, as the gateway's Exchange. Holds for every ASGI server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from omniroute.core.errors import BodyTooLarge
from omniroute.core.ids import new_id
from omniroute.gateway.ports import ClientGone

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_ID_LENGTH = 128


class AsgiExchange:
    """Implements ``gateway.ports.Exchange``. ``gone`` is set when the client has left before its answer was complete;
    ``extra`` are headers for whatever is answered."""

    __slots__ = (
        "_extra",
        "_headers",
        "_push",
        "_query",
        "_receive",
        "_send",
        "_task",
        "_watcher",
        "finished",
        "gone",
        "method",
        "path",
        "request_id",
        "scope",
        "sent",
        "started",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, extra: Sequence[tuple[bytes, bytes]] = ()) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.started = False
        self.finished = False
        self.gone = False
        self.sent = 0
        self._headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))  # of a repeated header the first counts
        self._query: dict[str, str] | None = None
        self._receive = receive
        self._send = send
        self._extra = extra
        self._push = (scope.get("extensions") or {}).get("omniroute.push")
        self._task = asyncio.current_task()
        self._watcher: asyncio.Task[None] | None = None
        self.request_id = _usable_id(self.header("x-request-id")) or new_id("req")

    def header(self, name: str) -> str | None:
        value = self._headers.get(name.encode("latin-1"))
        return None if value is None else value.decode("latin-1")

    def query(self, name: str) -> str | None:
        if self._query is None:
            self._query = dict(parse_qsl(self.scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True))
        return self._query.get(name)

    def forwardable(self, names: frozenset[str]) -> list[tuple[str, str]]:
        found = []
        for name in names:
            value = self.header(name)
            if value is not None:
                found.append((name, value))
        return found

    async def body(self, limit: int) -> bytes:
        declared = self.header("content-length")
        if declared is not None and declared.isdigit() and int(declared) > limit:
            raise BodyTooLarge(f"The request body of {declared} bytes is larger than the limit of {limit} bytes.")
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > limit:
                raise BodyTooLarge(f"The request body is larger than the limit of {limit} bytes.")
            parts.append(chunk)
            if not message.get("more_body", False):
                break
        if self._push is not None:
            self._push.watch(self._left)
        else:
            self._watcher = asyncio.ensure_future(self._watch())
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _watch(self) -> None:
        """Servers do not abort a handler whose client has left: wait for the word, cancel it, and with it the upstream call."""
        while (await self._receive())["type"] != "http.disconnect":
            continue
        self._left()

    def _left(self) -> None:
        if not self.finished and self._task is not None:
            self.gone = True
            self._task.cancel()

    async def respond(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        whole = [*headers, ("content-length", str(len(body)))]
        shown = b"" if self.method == "HEAD" else body
        self.sent += len(shown)
        if self._push is not None:
            self.started = self.finished = True
            self._stop_watching()
            self._push.respond(status, self._raw(whole), shown)
            return
        await self._start(status, whole)
        await self._end({"type": "http.response.body", "body": shown, "more_body": False})

    async def start(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        await self._start(status, headers)

    async def _start(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": self._raw(headers)})

    def _raw(self, headers: Sequence[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
        raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
        raw.append((b"x-request-id", self.request_id.encode("latin-1")))
        raw += self._extra
        return raw

    async def write(self, data: bytes) -> None:
        self.sent += len(data)
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    @property
    def pushes(self) -> bool:
        return self._push is not None

    def push(self, data: bytes) -> bool:
        self.sent += len(data)
        return self._push.write(data)  # type: ignore[no-any-return,union-attr]

    async def drained(self) -> None:
        await self._push.drained()  # type: ignore[union-attr]

    async def finish(self) -> None:
        await self._end({"type": "http.response.body", "body": b"", "more_body": False})

    async def _end(self, message: dict[str, Any]) -> None:
        self.finished = True
        self._stop_watching()
        await self._send(message)

    def release(self) -> None:
        """Stop watching; called when the handler is done, however it ended."""
        self.finished = True
        self._stop_watching()

    def _stop_watching(self) -> None:
        if self._push is not None:
            self._push.unwatch()
        if self._watcher is not None:
            self._watcher.cancel()


def ensure_request_id(scope: Scope) -> str:
    """The request's id for handlers that read headers themselves: the caller's if usable, else a fresh one put in its place."""
    given = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), None)
    usable = _usable_id(given)
    if usable is not None:
        return usable
    fresh = new_id("req")
    scope["headers"] = [(n, v) for n, v in scope["headers"] if n != b"x-request-id"] + [(b"x-request-id", fresh.encode())]
    return fresh


def _usable_id(value: str | None) -> str | None:
    """A caller's request id is taken over when it is short and printable ASCII, so that it can go into headers and logs."""
    if value and len(value) <= _ID_LENGTH and value.isascii() and value.isprintable() and " " not in value:
        return value
    return None
