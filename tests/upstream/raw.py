"""A server that says exactly the bytes a test gives it: for everything below the level of an HTTP library."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class Connection:
    """One accepted connection. ``gone`` is set when the client has left."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def say(self, *parts: bytes) -> None:
        """Write each part on its own."""
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()
            await asyncio.sleep(0)

    async def hang(self) -> None:
        """Say nothing more until the client leaves."""
        while await self.reader.read(65536):
            continue
        self.gone.set()

    async def reset(self) -> None:
        """End with a TCP RST, after what was written has left."""
        await asyncio.sleep(0.01)
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@dataclass
class RawRequest:
    """A request as it came. ``line`` is the request line."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: Connection

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


Answer = Callable[[Connection], Coroutine[Any, Any, None]]


class RawServer:
    """``answers`` are used up in order, the last one for ever. A connection stays open until its answer closes it."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[RawRequest] = []
        self.connections: list[Connection] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        """For a server that runs with TLS: certificates are for names."""
        return f"https://localhost:{self.port}"

    @asynccontextmanager
    async def run(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for connection in self.connections:
                connection.writer.transport.abort()
            # let each handler see its connection end
            await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer, len(self.connections) + 1)
        self.connections.append(connection)
        try:
            while (request := await self._read(connection)) is not None:
                self.requests.append(request)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                await answer(connection)
                if writer.is_closing():
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the client left, which is what some tests are about
        finally:
            connection.gone.set()
            writer.close()

    async def _read(self, connection: Connection) -> RawRequest | None:
        try:
            head = await connection.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        line, *rest = head.decode("latin-1").split("\r\n")
        headers = [(name, value.strip()) for name, _, value in (entry.partition(":") for entry in rest if entry)]
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        body = await connection.reader.readexactly(length)
        return RawRequest(line, headers, body, connection)


def head(status: str = "200 OK", **headers: str) -> bytes:
    """A response head; underscores in header names become dashes."""
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def whole(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    """A complete response with its length."""
    return head(status, content_length=str(len(body)), **headers) + body


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


LAST_CHUNK = b"0\r\n\r\n"


def say(*parts: bytes) -> Answer:
    """Say it and stay connected."""

    async def answer(connection: Connection) -> None:
        await connection.say(*parts)

    return answer


def say_and_close(*parts: bytes) -> Answer:
    async def answer(connection: Connection) -> None:
        await connection.say(*parts)
        connection.writer.close()

    return answer


def say_and_reset(*parts: bytes) -> Answer:
    async def answer(connection: Connection) -> None:
        await connection.say(*parts)
        await connection.reset()

    return answer


def say_and_hang(*parts: bytes) -> Answer:
    async def answer(connection: Connection) -> None:
        await connection.say(*parts)
        await connection.hang()

    return answer


def relay_to(port: int) -> Answer:
    """What a proxy does after CONNECT: carry bytes both ways until one side ends."""

    async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()

    async def answer(connection: Connection) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await connection.say(b"HTTP/1.1 200 Connection established\r\n\r\n")
        sides = [asyncio.create_task(carry(connection.reader, writer)), asyncio.create_task(carry(reader, connection.writer))]
        await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
        for side in sides:
            side.cancel()
        await asyncio.gather(*sides, return_exceptions=True)
        writer.transport.abort()
        connection.writer.close()

    return answer
