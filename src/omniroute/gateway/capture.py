"""Capturing whole requests and answers: what the client sent, what went upstream, what came back, what the client got.

Off, it costs one look at a flag. On, the client's exchange and the transport of one request are wrapped, and what passes is kept
up to a size for each part; whoever takes the finished recording takes secrets out and stores it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any

from omniroute.core.errors import OmniRouteError
from omniroute.core.ids import Clock
from omniroute.gateway.overhearing import Overhearing
from omniroute.gateway.ports import Exchange
from omniroute.upstream.call import Call, Headers, Reply, Transport


class Part:
    """A body as it passes: its first ``most`` bytes, and how many there were."""

    __slots__ = ("_kept", "_most", "_parts", "size")

    def __init__(self, most: int, data: bytes = b"") -> None:
        self._most = most
        self._parts: list[bytes] = []
        self._kept = 0
        self.size = 0
        if data:
            self.see(data)

    def see(self, data: bytes) -> None:
        self.size += len(data)
        room = self._most - self._kept
        if room > 0:
            some = data[:room]
            self._parts.append(some)
            self._kept += len(some)

    def content(self) -> bytes:
        return b"".join(self._parts)

    @property
    def truncated(self) -> bool:
        return self.size > self._kept


class Message:
    """One of the four: head (``first`` are the members that stand before the headers) and body; ``error``: what broke it off."""

    __slots__ = ("body", "error", "first", "headers")

    def __init__(self, first: dict[str, Any], headers: Sequence[tuple[str, str]], body: Part) -> None:
        self.first = first
        self.headers = list(headers)
        self.body = body
        self.error: str | None = None


class AskedOnce:
    """A call upstream and what came of it."""

    __slots__ = ("answer", "number", "request")

    def __init__(self, number: int, request: Message) -> None:
        self.number = number
        self.request = request
        self.answer: Message | None = None


class Recording:
    """One request with all that belongs to it."""

    __slots__ = ("answer", "at", "key_id", "most", "request", "request_id", "tries")

    def __init__(self, exchange: Exchange, body: bytes, key_id: str | None, at: float, most: int) -> None:
        self.request_id = exchange.request_id
        self.key_id = key_id
        self.at = at
        self.most = most
        # Only the exchange of a server has all the headers; those of other front ends show what can be asked for by name.
        raw: Iterable[tuple[bytes, bytes]] = getattr(exchange, "headers", ())
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw]
        self.request = Message({"method": exchange.method, "path": exchange.path}, headers, Part(most, body))
        self.tries: list[AskedOnce] = []
        self.answer: Message | None = None

    def exchange(self, inner: Exchange) -> Exchange:
        """``inner``, overheard."""
        return _OverheardExchange(self, inner)

    def transport(self, inner: Transport, number: int) -> Transport:
        """``inner`` for the try of that number, overheard."""
        return _OverheardTransport(self, inner, number)


class Captures:
    """Whose requests are captured: ``rules`` are (key id or None for everybody, until when or None). ``sink`` takes a recording
    when its request is over; ``part``: bytes kept of one body."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rules: dict[str | None, float | None] = {}
        self.sink: Callable[[Recording], None] = lambda recording: None
        self.on = False

    def configure(self, rules: Iterable[tuple[str | None, float | None]]) -> None:
        self._rules = dict(rules)
        self.on = bool(self._rules)

    def concerns(self, key_id: str | None) -> bool:
        """Requests of that key are captured now."""
        if not self.on:
            return False
        now = self._clock.now()
        for owner in (None, key_id):
            if owner in self._rules:
                until = self._rules[owner]
                if until is None or until > now:
                    return True
                del self._rules[owner]
                self.on = bool(self._rules)
        return False


class _OverheardExchange(Overhearing):
    """An Exchange that keeps what the client gets."""

    def __init__(self, recording: Recording, inner: Exchange) -> None:
        super().__init__(inner)
        self._recording = recording

    async def respond(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        self._recording.answer = Message({"status": status}, headers, Part(self._recording.most, body))
        await super().respond(status, headers, body)

    async def start(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        self._recording.answer = Message({"status": status}, headers, Part(self._recording.most))
        await super().start(status, headers)

    def see(self, data: bytes) -> None:
        if self._recording.answer is not None:
            self._recording.answer.body.see(data)


class _OverheardTransport:
    """A Transport that keeps its calls and what is answered."""

    __slots__ = ("_inner", "_number", "_recording")

    def __init__(self, recording: Recording, inner: Transport, number: int) -> None:
        self._recording = recording
        self._inner = inner
        self._number = number

    async def send(self, call: Call) -> Reply:
        most = self._recording.most
        request = Message({"method": call.method, "url": call.url}, call.headers, Part(most, call.body))
        asked = AskedOnce(self._number, request)
        self._recording.tries.append(asked)
        try:
            reply = await self._inner.send(call)
        except OmniRouteError as error:
            asked.answer = Message({"status": None}, (), Part(most))
            asked.answer.error = error.message
            raise
        asked.answer = Message({"status": reply.status}, reply.headers, Part(most))
        return _OverheardReply(reply, asked.answer)

    async def close(self) -> None:
        await self._inner.close()

    def describe(self) -> dict[str, object]:
        return self._inner.describe()


class _OverheardReply:
    """A Reply whose body is kept as it is read."""

    __slots__ = ("_answer", "_inner", "connected", "headers", "status")

    def __init__(self, inner: Reply, answer: Message) -> None:
        self.connected = inner.connected
        self._inner = inner
        self._answer = answer
        self.status: int = inner.status
        self.headers: Headers = inner.headers

    def header(self, name: str) -> str | None:
        return self._inner.header(name)

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._inner.chunks():
                self._answer.body.see(chunk)
                yield chunk
        except OmniRouteError as error:
            self._answer.error = error.message
            raise

    def relay(self, sink: Callable[[bytes], object]) -> Awaitable[None] | None:
        def overhear(data: bytes) -> object:
            self._answer.body.see(data)
            return sink(data)

        relayed = self._inner.relay(overhear)
        return None if relayed is None else self._to_its_end(relayed)

    async def _to_its_end(self, relayed: Awaitable[None]) -> None:
        try:
            await relayed
        except OmniRouteError as error:
            self._answer.error = error.message
            raise

    def pause(self) -> None:
        self._inner.pause()

    def resume(self) -> None:
        self._inner.resume()

    async def read(self, limit: int) -> bytes:
        try:
            body = await self._inner.read(limit)
        except OmniRouteError as error:
            self._answer.error = error.message
            raise
        self._answer.body.see(body)
        return body

    async def close(self) -> None:
        await self._inner.close()
