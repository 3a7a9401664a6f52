"""One client request as the gateway's Exchange: what both ways in have in common, and the one over plain ASGI."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
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


class Incoming(ABC):
    """The head of a request, and how far its answer is. The rest of ``gateway.ports.Exchange`` is its subclasses' part.

    ``gone`` is set when the client has left before its answer was complete, and ``task`` cancelled; ``extra`` are headers for
    whatever is answered; ``client`` is the other end's address, None where there is none. Names in ``headers`` are in small
    letters, ``by_name`` has the first of each.
    """

    __slots__ = (
        "_query",
        "by_name",
        "client",
        "extra",
        "finished",
        "gone",
        "headers",
        "method",
        "path",
        "query_string",
        "request_id",
        "sent",
        "started",
        "task",
    )

    def __init__(
        self,
        method: str,
        path: str,
        query_string: bytes,
        headers: list[tuple[bytes, bytes]],
        client: str | None,
        by_name: dict[bytes, bytes] | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.client = client
        self.extra: Sequence[tuple[str, str]] = ()
        self.started = False
        self.finished = False
        self.gone = False
        self.sent = 0
        self.task: asyncio.Task[Any] | None = None
        # Of a repeated header the first counts.
        self.by_name: dict[bytes, bytes] = dict(reversed(headers)) if by_name is None else by_name
        self.query_string = query_string
        self._query: dict[str, str] | None = None
        given = self.by_name.get(b"x-request-id")
        self.request_id = (None if given is None else _usable_id(given.decode("latin-1"))) or new_id("req")

    def header(self, name: str) -> str | None:
        value = self.by_name.get(name.encode("latin-1"))
        return None if value is None else value.decode("latin-1")

    def query(self, name: str) -> str | None:
        if self._query is None:
            self._query = dict(parse_qsl(self.query_string.decode("latin-1"), keep_blank_values=True))
        return self._query.get(name)

    def forwardable(self, names: frozenset[str]) -> list[tuple[str, str]]:
        known = self.by_name
        encoded = [(name, known.get(name.encode("latin-1"))) for name in names]
        return [(name, value.decode("latin-1")) for name, value in encoded if value is not None]

    def check_declared(self, limit: int) -> None:
        """BodyTooLarge when the head says that the body is."""
        declared = self.by_name.get(b"content-length")
        if declared is not None and declared.isdigit() and int(declared) > limit:
            raise BodyTooLarge(f"The request body of {int(declared)} bytes is larger than the limit of {limit} bytes.")

    def left(self) -> None:
        """The client has gone: stop what is done for it, and with it the upstream call."""
        if not self.finished and self.task is not None:
            self.gone = True
            self.task.cancel()

    # the rest of the port, as the server behind it has it

    @abstractmethod
    async def body(self, limit: int) -> bytes: ...

    @abstractmethod
    async def respond(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None: ...

    @abstractmethod
    async def start(self, status: int, headers: Sequence[tuple[str, str]]) -> None: ...

    @abstractmethod
    async def write(self, data: bytes) -> None: ...

    @abstractmethod
    async def finish(self) -> None: ...

    @property
    def pushes(self) -> bool:
        return False

    def push(self, data: bytes) -> bool:
        raise RuntimeError("this server lets nothing be pushed")

    async def drained(self) -> None:
        raise RuntimeError("this server lets nothing be pushed")

    def release(self) -> None:
        """The handler is done, however it ended: the client may leave."""
        self.finished = True


class AsgiExchange(Incoming):
    """Over plain ASGI. Holds for every ASGI server."""

    __slots__ = ("_receive", "_send", "_watcher")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        super().__init__(
            scope["method"], scope["path"], scope.get("query_string", b""), scope["headers"], client[0] if client else None
        )
        self.task = asyncio.current_task()
        self._receive = receive
        self._send = send
        self._watcher: asyncio.Task[None] | None = None

    async def body(self, limit: int) -> bytes:
        self.check_declared(limit)
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
        self._watcher = asyncio.ensure_future(self._watch())
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _watch(self) -> None:
        """Servers do not abort a handler whose client has left: wait for the word, cancel it, and with it the upstream call."""
        while (await self._receive())["type"] != "http.disconnect":
            continue
        self.left()

    async def respond(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        shown = b"" if self.method == "HEAD" else body
        await self.start(status, [*headers, ("content-length", str(len(body)))])
        self.sent += len(shown)
        await self._end({"type": "http.response.body", "body": shown, "more_body": False})

    async def start(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        self.started = True
        given = (*headers, ("x-request-id", self.request_id), *self.extra)
        raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in given]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def write(self, data: bytes) -> None:
        self.sent += len(data)
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self) -> None:
        await self._end({"type": "http.response.body", "body": b"", "more_body": False})

    async def _end(self, message: dict[str, Any]) -> None:
        self.finished = True
        self._stop_watching()
        await self._send(message)

    def release(self) -> None:
        self.finished = True
        self._stop_watching()

    def _stop_watching(self) -> None:
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
