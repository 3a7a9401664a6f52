"""Listening, draining and stopping: uvicorn's server under our own signals."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator

import structlog
import uvicorn

from omniroute.core.errors import ConfigError
from omniroute.server.routes import Front
from omniroute.server.wire import LimitedProtocol

log = structlog.get_logger("omniroute.server")

_KEEP_ALIVE = 75
_BACKLOG = 2048


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, or ConfigError with one sentence: taken, not permitted, no such address."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror:
        raise ConfigError(f"The address {host!r} cannot be resolved; use --host with an address of this machine.") from None
    family, kind, protocol, _, address = found[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise ConfigError(_bind_problem(host, port, error)) from None
    sock.setblocking(False)
    return sock


def bind_all(host: str, port: int) -> list[socket.socket]:
    """Sockets for ``host``; plain loopback gets its IPv6 twin too, since many clients try ``localhost`` as ::1 and give up."""
    first = bind(host, port)
    if host not in ("127.0.0.1", "localhost"):
        return [first]
    twin = "::1" if first.family == socket.AF_INET else "127.0.0.1"
    try:
        return [first, bind(twin, first.getsockname()[1])]
    except ConfigError as error:
        log.debug("no second loopback address", address=twin, reason=error.message)
        return [first]


def _bind_problem(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is already in use; stop the other program or choose another port with --port."
    if error.errno == errno.EACCES:
        return f"Listening on port {port} is not permitted; choose a port above 1023 with --port."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine; choose another with --host."
    return f"Cannot listen on {host}:{port}: {error.strerror}."


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are ours: uvicorn would raise them again after shutdown and turn a clean stop into a death by signal."""
        yield


class Listener:
    """Serves ``front`` on the sockets until stopped.

    The first SIGTERM or SIGINT calls ``drain`` (readiness goes to 503, new model requests are refused), waits for
    ``settled()`` or ``deadline`` seconds, then closes. A second signal closes at once.
    """

    def __init__(
        self,
        front: Front,
        socks: list[socket.socket],
        *,
        drain: Callable[[], None],
        busy: Callable[[], int],
        settled: Callable[[], Awaitable[None]],
        deadline: float,
    ) -> None:
        config = uvicorn.Config(
            front,
            http=LimitedProtocol,
            loop="none",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=2,
            proxy_headers=False,
        )
        self._server = _Server(config)
        self._socks = socks
        self._drain = drain
        self._busy = busy
        self._settled = settled
        self._forced = asyncio.Event()
        self._deadline = deadline
        self._stopping = asyncio.Event()
        self._signals = 0

    async def run(self, *, signals: bool = True) -> None:
        """Serve until a signal or :meth:`stop`; returns when everything is closed."""
        loop = asyncio.get_running_loop()
        handled = (signal.SIGTERM, signal.SIGINT) if signals else ()
        for number in handled:
            loop.add_signal_handler(number, self._signalled)
        serving = asyncio.ensure_future(self._server.serve(sockets=self._socks))
        waiting = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                await self._wind_down()
            self._server.should_exit = True
            await serving
        finally:
            waiting.cancel()
            for number in handled:
                loop.remove_signal_handler(number)

    def stop(self) -> None:
        """Begin an orderly stop, as the first signal does."""
        self._stopping.set()

    def _signalled(self) -> None:
        self._signals += 1
        if self._signals > 1:
            self._server.force_exit = True
            self._forced.set()
        self._stopping.set()

    async def _wind_down(self) -> None:
        self._drain()
        if self._busy():
            log.info("waiting for open requests", open=self._busy(), seconds=self._deadline)
        waits = [asyncio.ensure_future(self._settled()), asyncio.ensure_future(self._forced.wait())]
        await asyncio.wait(waits, timeout=self._deadline, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if self._busy():
            log.warning("requests broken off at shutdown", open=self._busy())
