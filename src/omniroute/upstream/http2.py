"""One HTTP/2 connection that carries one call at a time: h2 does the protocol, this is its wire, its windows and its reader.

Calls of different accounts never share a connection while they run: an answer that is slow to be read, or one that is given up,
is nobody else's concern.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import cast

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from omniroute.upstream.tunnel import Wired

_WINDOW = 1 << 20  # bytes an answer may be ahead of its reader
_LARGEST_HEAD = 65536


class Broken(ConnectionError):
    """The call cannot come to its end."""


class Http2Connection(Wired, asyncio.Protocol):
    """:meth:`begin`, then :meth:`head`, then :meth:`chunks`; free for the next call when the answer was read to its end."""

    def __init__(self) -> None:
        config = h2.config.H2Configuration(client_side=True, header_encoding=None)
        self._h2 = h2.connection.H2Connection(config)
        self._greeted = False
        self._stream = 0
        self._body = memoryview(b"")
        self._sent = True
        self._ended = True
        self._parts: list[bytes] = []
        self._held = 0  # bytes of the window that the reader has not taken yet
        self._failure: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._progress: Callable[[], object] = _nothing
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.lost = False
        self.calls = 0

    # the wire --------------------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._h2.local_settings = h2.settings.Settings(
            client=True,
            initial_values={
                h2.settings.SettingCodes.ENABLE_PUSH: 0,
                h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW,
                h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE: _LARGEST_HEAD,
                h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 1,
            },
        )
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(_WINDOW)
        self._flush()

    def data_received(self, data: bytes) -> None:
        greeted, self._greeted = self._greeted, True
        try:
            if not greeted and data.startswith(b"HTTP/"):  # h2 would wait for the end of a frame of that length
                raise h2.exceptions.ProtocolError("it answers in HTTP/1")
            for event in self._h2.receive_data(data):
                self._take(event)
        except (h2.exceptions.ProtocolError, UnicodeDecodeError) as error:
            self._fail(Broken(f"not HTTP/2: {error}"))
            self.lost = True
        self._flush()
        if self.lost and self._ended:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._fail(exc or Broken("the connection was closed"))

    def _flush(self) -> None:
        out = self._h2.data_to_send()
        if out and not self.transport.is_closing():
            self.transport.write(out)

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ConnectionTerminated):
            self.lost = True
            last = event.last_stream_id
            if last is not None and last < self._stream:
                self._fail(Broken("the connection was shut down"))
            elif event.error_code:
                self._fail(Broken(f"the connection was shut down with error {int(event.error_code)}"))
        elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            self._send_body()
        elif getattr(event, "stream_id", None) != self._stream or self._ended:
            return
        elif isinstance(event, h2.events.ResponseReceived):
            self._take_head(event.headers or ())
        elif isinstance(event, h2.events.DataReceived):
            self._parts.append(event.data or b"")
            self._held += event.flow_controlled_length or 0
            self._wake()
        elif isinstance(event, h2.events.StreamEnded):
            self._ended = True
            self._wake()
        elif isinstance(event, h2.events.StreamReset):
            self._fail(Broken(f"the stream was reset with error {int(event.error_code or 0)}"))

    def _take_head(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        for name, value in headers:
            if name == b":status":
                self.status = int(value)
            elif not name.startswith(b":"):
                self.headers.append((name.decode("latin-1"), value.decode("latin-1")))
        self._wake()

    def _fail(self, error: BaseException) -> None:
        if not self._ended:
            self._ended = True
            self._failure = error
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _more(self) -> None:
        """Until something came. The waiter lets go when it is cancelled: another call may wait here later."""
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # a call ----------------------------------------------------------------------------------------------------------------

    def begin(self, headers: list[tuple[bytes, bytes]], body: bytes, progress: Callable[[], object]) -> None:
        """Send a request. ``progress`` is called whenever some of the body has left, and when all of it has."""
        self._stream = self._h2.get_next_available_stream_id()
        self._body, self._sent, self._progress = memoryview(body), not body, progress
        self._ended, self._failure, self._parts, self._held = False, None, [], 0
        self.status, self.headers = 0, []
        self.calls += 1
        try:
            self._h2.send_headers(self._stream, headers, end_stream=not body)
            self._send_body()
        except h2.exceptions.ProtocolError as error:
            self._ended = self.lost = True
            raise Broken(f"the connection takes no call: {error}") from error
        self._flush()

    def _send_body(self) -> None:
        """As much of the body as the other side's windows have room for."""
        if self._sent or self._ended:
            return
        while self._body:
            room = min(self._h2.local_flow_control_window(self._stream), self._h2.max_outbound_frame_size, len(self._body))
            if room <= 0:
                break
            self._h2.send_data(self._stream, self._body[:room].tobytes())
            self._body = self._body[room:]
        if not self._body:
            self._h2.end_stream(self._stream)
            self._sent = True
        self._flush()
        self._progress()

    async def head(self) -> None:
        """Wait for status and headers. Broken, or an OSError, when there will be none."""
        while not self.status and not self._ended:
            await self._more()
        if not self.status:
            raise self._failure or Broken("the stream ended without an answer")

    async def chunks(self) -> AsyncIterator[bytes]:
        """What arrived since the last time, until the end. Broken, or an OSError, when the end does not come."""
        stream = self._stream
        while stream == self._stream:
            while self._parts:
                parts, self._parts = self._parts, []
                data = parts[0] if len(parts) == 1 else b"".join(parts)
                if data:
                    yield data
                self._acknowledge()
            if self._ended:
                if self._failure is not None:
                    raise self._failure
                return
            await self._more()
        raise Broken("the connection serves another call")

    def _acknowledge(self) -> None:
        """Give the window back that the reader has made room in."""
        held, self._held = self._held, 0
        if held and not self.lost:
            self._h2.acknowledge_received_data(held, self._stream)
            self._flush()

    def finish(self) -> bool:
        """The reader is done: whether the connection can carry another call. One given up before its end is cancelled."""
        complete = self._ended and self._failure is None and self._sent
        if complete and not self.lost:
            self._parts = []
            self._acknowledge()
            return not self.transport.is_closing()
        self.abort()
        return False

    def abort(self) -> None:
        """Cancel what is under way and close."""
        if not self.lost and not self.transport.is_closing():
            if not self._ended:
                self._h2.reset_stream(self._stream, h2.errors.ErrorCodes.CANCEL)
            self._h2.close_connection()
            self._flush()
        self._ended = True
        self.lost = True
        self.transport.close()


def _nothing() -> None:
    """Nobody waits for progress."""
