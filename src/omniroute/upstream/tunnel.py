"""The talk with an outbound proxy before the real one: CONNECT (RFC 9110) and SOCKS5 (RFC 1928, 1929).

The proxy resolves the target's name. Refusals are ConnectionErrors that say what the proxy answered, never the password.
"""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from typing import cast

_HEAD_LIMIT = 16384
_SOCKS_REFUSALS = {
    1: "it failed",
    2: "its rules forbid the target",
    3: "the target's network is unreachable",
    4: "the target is unreachable",
    5: "the target refused the connection",
    6: "the target's time to live ran out",
    7: "it does not connect on behalf of others",
    8: "it does not know that kind of address",
}


class Wired(asyncio.BaseProtocol):
    """A protocol that keeps its transport."""

    __slots__ = ()
    transport: asyncio.Transport


class Talk(Wired, asyncio.Protocol):
    """Bytes that are waited for, until another protocol takes over the transport."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _more(self) -> None:
        if self._closed:
            raise ConnectionError("the outbound proxy closed the connection")
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    async def exactly(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        while len(self._received) < count:
            await self._more()
        data = bytes(self._received[:count])
        del self._received[:count]
        return data

    async def head(self) -> bytes:
        """Everything up to an empty line. What follows belongs to the target, who must not speak first."""
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            if len(self._received) > _HEAD_LIMIT:
                raise ConnectionError("the outbound proxy sent too many headers")
            await self._more()
        return await self.exactly(end + 4)

    def expect_silence(self) -> None:
        """ConnectionError when bytes came that nobody asked for."""
        if self._received:
            raise ConnectionError("the outbound proxy sent more than its answer")


async def http_connect(talk: Talk, host: str, port: int, authorization: bytes) -> None:
    """Ask an HTTP proxy for a tunnel; ``authorization`` is a header line or b""."""
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    talk.transport.write(b"CONNECT %b HTTP/1.1\r\nhost: %b\r\n%b\r\n" % (place.encode(), place.encode(), authorization))
    line = (await talk.head()).split(b"\r\n", 1)[0]
    words = line.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise ConnectionError("the outbound proxy does not speak HTTP")
    if not 200 <= int(words[1]) < 300:
        what = "; check its user and password" if words[1] == b"407" else ""
        raise ConnectionError(f"the outbound proxy answered CONNECT with status {int(words[1])}{what}")
    talk.expect_silence()


async def socks5(talk: Talk, host: str, port: int, user: str | None, password: str) -> None:
    """Ask a SOCKS5 proxy for a connection."""
    talk.transport.write(b"\x05\x01\x00" if user is None else b"\x05\x02\x00\x02")
    version, method = await talk.exactly(2)
    if version != 5:
        raise ConnectionError("the outbound proxy does not speak SOCKS5")
    if method == 2 and user is not None:
        name, secret = user.encode(), password.encode()
        if len(name) > 255 or len(secret) > 255:
            raise ConnectionError("user or password of the outbound proxy is longer than 255 bytes")
        talk.transport.write(b"\x01%c%b%c%b" % (len(name), name, len(secret), secret))
        if (await talk.exactly(2))[1] != 0:
            raise ConnectionError("the outbound proxy refused its user and password")
    elif method != 0:
        raise ConnectionError(
            "the outbound proxy asks for a user and password"
            if method == 0xFF
            else "the outbound proxy asks for a kind of authentication that is not supported"
        )
    talk.transport.write(b"\x05\x01\x00" + _socks_address(host) + port.to_bytes(2, "big"))
    _, reply, _, kind = await talk.exactly(4)
    if reply != 0:
        raise ConnectionError(f"the outbound proxy refused: {_SOCKS_REFUSALS.get(reply, f'code {reply}')}")
    length = {1: 4, 4: 16}.get(kind)
    await talk.exactly((length if length is not None else (await talk.exactly(1))[0]) + 2)
    talk.expect_silence()


def _socks_address(host: str) -> bytes:
    try:
        address = ip_address(host)
    except ValueError:
        name = host.encode("idna")
        return b"\x03%c%b" % (len(name), name)
    return (b"\x01" if address.version == 4 else b"\x04") + address.packed
