"""A scripted service behind HTTP/2, on a socket in the test's own loop: what Cursor's chat looks like from outside.

h2 speaks the protocol; what is answered, and how that goes wrong, is the test's business.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from upstream.cursor_dialect import STREAM_TYPE, Cursor
from upstream.dialects import compact
from upstream.script import Fault, Script

Frames = list[bytes]


@dataclass(eq=False)
class Heard:
    """One request. ``cancelled`` is set when the client reset its stream or left before the end."""

    headers: list[tuple[str, str]]
    connection: int
    body: bytes = b""
    received: bytearray = field(default_factory=bytearray)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    answered: bool = False

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    @property
    def path(self) -> str | None:
        return self.header(":path")


class Http2Service:
    """Answers what ``queue`` was given, ``default`` afterwards. ``refusals``: what the next connections are told instead."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, dialect: Cursor | None = None, window: int | None = None) -> None:
        self.requests: list[Heard] = []
        self.default = Script()
        self.dialect = dialect or Cursor()
        self.connections = 0
        self.open: set[_Served] = set()
        self.port = 0
        self.window = window
        self._tls = tls
        self._queue: list[Script] = []
        self._arrived = asyncio.Condition()

    @property
    def url(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"

    @property
    def last(self) -> Heard:
        return self.requests[-1]

    def queue(self, *scripts: Script) -> None:
        self._queue += scripts

    def reset(self) -> None:
        self.requests.clear()
        self._queue.clear()
        self.dialect = Cursor()

    async def heard(self, count: int) -> Heard:
        """Wait until ``count`` requests are here."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= count)
        return self.requests[count - 1]

    @asynccontextmanager
    async def run(self) -> AsyncIterator[Http2Service]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Served(self), "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for connection in tuple(self.open):
                connection.transport.abort()
            await asyncio.sleep(0)

    async def answer(self, heard: Heard, stream: _Stream) -> None:
        self.requests.append(heard)
        async with self._arrived:
            self._arrived.notify_all()
        script = self._queue.pop(0) if self._queue else self.default
        if script.latency:
            await asyncio.sleep(script.latency)
        if script.fault is Fault.STALL_BEFORE_HEADERS:
            await heard.cancelled.wait()
        elif script.fault is Fault.RESET_BEFORE_HEADERS:
            stream.reset()
        elif script.fault is Fault.CLOSE_BEFORE_HEADERS:
            stream.hang_up()
        elif script.status >= 400:
            body = compact(self.dialect.error(script)).encode()
            stream.head(script.status, "application/json", dict(script.headers))
            await stream.data(body)
            stream.end()
        else:
            stream.head(200, script.content_type or STREAM_TYPE, dict(script.headers))
            await self._stream(heard, script, stream)
        heard.answered = True

    async def _stream(self, heard: Heard, script: Script, stream: _Stream) -> None:
        parts = [bytes(script.body)] if isinstance(script.body, bytes) else self.dialect.stream(script)
        if script.fault is Fault.SLOW_DRIP:
            parts = [bytes([byte]) for byte in b"".join(parts)]
        broken = script.fault not in (None, Fault.SLOW_DRIP)
        for part in parts[: script.fault_after] if broken else parts:
            await stream.data(part)
            await asyncio.sleep(script.cadence)
        if script.fault is Fault.RESET_MID_STREAM:
            stream.reset()
        elif script.fault is Fault.CUT_BETWEEN_EVENTS:
            stream.hang_up()
        elif script.fault in (Fault.STALL_MID_STREAM, Fault.STALL_AFTER_HEADERS):
            await heard.cancelled.wait()
        else:
            stream.end()


class _Stream:
    """One answer on its way."""

    def __init__(self, served: _Served, number: int, heard: Heard) -> None:
        self._served = served
        self._number = number
        self._heard = heard

    def head(self, status: int, kind: str, headers: dict[str, str]) -> None:
        said = [(":status", str(status)), ("content-type", kind), *headers.items()]
        self._try(lambda: self._served.h2.send_headers(self._number, said))

    async def data(self, data: bytes) -> None:
        """As fast as the client's windows allow."""
        while data and not self._heard.cancelled.is_set():
            room = min(self._served.h2.local_flow_control_window(self._number), self._served.h2.max_outbound_frame_size)
            if room <= 0:
                await self._served.room()
                continue
            part, data = data[:room], data[room:]
            self._try(lambda part=part: self._served.h2.send_data(self._number, part))  # type: ignore[misc]

    def end(self) -> None:
        self._try(lambda: self._served.h2.end_stream(self._number))

    def reset(self) -> None:
        self._try(lambda: self._served.h2.reset_stream(self._number, 2))

    def hang_up(self) -> None:
        self._served.transport.close()

    def _try(self, act: Callable[[], Any]) -> None:
        if not self._heard.cancelled.is_set():
            act()
            self._served.flush()


class _Served(asyncio.Protocol):
    def __init__(self, service: Http2Service) -> None:
        self._service = service
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self._streams: dict[int, Heard] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._service.connections += 1
        self._number = self._service.connections
        self._service.open.add(self)
        if self._service.window is not None:
            self.h2.local_settings.initial_window_size = self._service.window
            self.h2.local_settings.acknowledge()
        self.h2.initiate_connection()
        self.flush()

    def flush(self) -> None:
        out = self.h2.data_to_send()
        if out and not self.transport.is_closing():
            self.transport.write(out)

    async def room(self) -> None:
        self._room.clear()
        await self._room.wait()

    def data_received(self, data: bytes) -> None:
        try:
            events = self.h2.receive_data(data)
        except h2.exceptions.ProtocolError:
            self.transport.close()
            return
        for event in events:
            if isinstance(event, h2.events.RequestReceived):
                self._streams[event.stream_id] = Heard(list(event.headers), self._number)  # type: ignore[arg-type]
            elif isinstance(event, h2.events.DataReceived):
                self._streams[event.stream_id].received += event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                heard = self._streams[event.stream_id]
                heard.body = bytes(heard.received)
                task = asyncio.ensure_future(self._service.answer(heard, _Stream(self, event.stream_id, heard)))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            elif isinstance(event, h2.events.StreamReset):
                self._streams[event.stream_id].cancelled.set()
            elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
                self._room.set()
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._service.open.discard(self)
        self._room.set()
        for heard in self._streams.values():
            if not heard.answered:
                heard.cancelled.set()
