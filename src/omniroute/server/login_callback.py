"""Where the browser comes back to after a sign-in: a listener on the port the provider expects, there only while one waits."""

from __future__ import annotations

import asyncio
import base64
import errno
import hashlib
import html
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

import structlog

from omniroute.core.errors import Conflict, OmniRouteError
from omniroute.core.loopback import is_loopback
from omniroute.core.redact import redact_text

Answer = Callable[[str, dict[str, str]], Awaitable[str]]
"""(provider, query of the redirect) → the account that signed in; an OmniRouteError says in a sentence why none did."""

_MAX_HEAD = 32 * 1024
_PATIENCE = 10.0
_FREE_PORT_TRIES = 8
_NO_SIX = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL})
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:0;display:grid;place-items:center;min-height:100vh;"
    "color-scheme:light dark;background:Canvas;color:CanvasText}main{max-width:34rem;padding:2rem}h1{font-size:1.5rem}"
)
_CLOSING = "setTimeout(()=>window.close(),900)"  # does nothing in a window that no page opened
_log = structlog.get_logger("omniroute.server")


class PortTaken(Conflict):
    """Another program listens where the provider would send the browser."""

    code = "login_port_taken"


@dataclass(eq=False)
class _Place:
    """One port with everyone who waits at it."""

    provider: str
    name: str
    port: int
    path: str
    servers: list[asyncio.Server] = field(default_factory=list)
    waiting: int = 0


class CallbackListener:
    """``answer`` is told what a redirect brought; the browser gets one page that says how it ended."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._places: dict[int, _Place] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._opening = asyncio.Lock()

    async def open(self, provider: str, name: str, *, port: int | None, path: str) -> int:
        """Listen on loopback at ``port`` (None: any free one) for one more sign-in; the port. PortTaken when it is another's.

        ``name`` is what the page calls the provider. Each call wants one :meth:`close`.
        """
        async with self._opening:
            place = self._places.get(port) if port is not None else None
            if place is not None and (place.provider, place.path) != (provider, path):
                raise PortTaken(f"a sign-in at {place.name} waits on port {port}: finish or cancel it first")
            if place is None:
                place = await self._bound(_Place(provider, name, port or 0, path))
                self._places[place.port] = place
            place.waiting += 1
            return place.port

    async def close(self, port: int) -> None:
        """One sign-in waits no more. The last one takes the port down; pages that are being sent are finished."""
        place = self._places.get(port)
        if place is None:
            return
        place.waiting -= 1
        if place.waiting <= 0:
            del self._places[port]
            for server in place.servers:
                server.close()

    async def stop(self) -> None:
        """Take everything down, pages in the making included."""
        for place in self._places.values():
            for server in place.servers:
                server.close()
        self._places.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def ports(self) -> tuple[int, ...]:
        """Where it listens now."""
        return tuple(sorted(self._places))

    async def _bound(self, place: _Place) -> _Place:
        """Bind both loopback addresses: a browser may take ``localhost`` for either."""
        for attempt in range(_FREE_PORT_TRIES):
            sockets: list[socket.socket] = []
            try:
                sockets.append(_listening(socket.AF_INET, "127.0.0.1", place.port))
                port = int(sockets[0].getsockname()[1])
                try:
                    sockets.append(_listening(socket.AF_INET6, "::1", port))
                except OSError as error:
                    if error.errno not in _NO_SIX:
                        raise
                for one in sockets:
                    place.servers.append(
                        await asyncio.start_server(lambda r, w: self._meet(place, r, w), sock=one, limit=_MAX_HEAD)
                    )
            except OSError as error:
                for one in sockets:
                    one.close()
                if place.port == 0 and error.errno == errno.EADDRINUSE and attempt + 1 < _FREE_PORT_TRIES:
                    continue
                raise _taken(place, error) from None
            place.port = port
            return place
        raise AssertionError("the last try returns or raises")

    async def _meet(self, place: _Place, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            async with asyncio.timeout(_PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
            writer.write(await self._respond(place, head))
            await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError) as error:
            _log.debug("a visitor of the sign-in listener left", reason=type(error).__name__)
        finally:
            writer.close()

    async def _respond(self, place: _Place, head: bytes) -> bytes:
        lines = head.decode("latin-1").split("\r\n")
        method, _, rest = lines[0].partition(" ")
        try:
            target = urlsplit(rest.partition(" ")[0])
        except ValueError:
            return _page(400, "Not like that", "This is no address.")
        host = next((line.partition(":")[2].strip() for line in lines[1:] if line.lower().startswith("host:")), "")
        if not is_loopback(host if host.endswith("]") else host.rpartition(":")[0] or host):
            return _page(403, "Not here", "This address is for the browser on this machine.")
        if unquote(target.path) != place.path:
            return _page(404, "Nothing here", "This is where a sign-in comes back to; there is nothing else.")
        if method != "GET":
            return _page(405, "Not like that", "A sign-in comes back by GET.")
        query = dict(parse_qsl(target.query, keep_blank_values=True))
        try:
            await self._answer(place.provider, query)
        except OmniRouteError as error:
            return _page(400, "Not signed in", f"{redact_text(error.message)} Go back to OmniRoute to try again.")
        except Exception as error:
            _log.exception("a sign-in failed", provider=place.provider, exc_info=error)
            return _page(500, "Not signed in", "Something went wrong inside OmniRoute; its log has the reason.")
        return _page(200, "Signed in", f"{place.name} is connected. You can close this window and go back to OmniRoute.")


def _listening(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if not hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # on Windows SO_REUSEADDR would share the port with whoever has it
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setblocking(False)
        made.bind((address, port))
        made.listen(16)
    except OSError:
        made.close()
        raise
    return made


def _taken(place: _Place, error: OSError) -> PortTaken:
    if error.errno == errno.EADDRINUSE:
        why = f"port {place.port} on this machine is in use by another program"
    else:
        why = f"port {place.port} on this machine cannot be opened ({error.strerror or error})"
    return PortTaken(
        f"{why}, and {place.name} sends the browser back to that port: free it, or sign in by pasting the address "
        "that the browser ends up at"
    )


def _page(status: int, title: str, text: str) -> bytes:
    """A whole answer. Nothing else on it can run or load, and nobody is told the address with the code in it."""
    closing = f"<script>{_CLOSING}</script>" if status == 200 else ""
    body = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title} · OmniRoute</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{title}</h1><p>{html.escape(text)}</p></main>{closing}</body></html>"
    ).encode()
    reason = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed"}.get(status, "Error")
    policy = (
        f"default-src 'none'; style-src 'sha256-{_hash(_STYLE)}'; script-src 'sha256-{_hash(_CLOSING)}'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    head = (
        f"HTTP/1.1 {status} {reason}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {len(body)}\r\n"
        f"content-security-policy: {policy}\r\n"
        "referrer-policy: no-referrer\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
