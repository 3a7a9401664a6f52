"""Responses a client may go on from: kept in memory, bounded, each behind the key that made it.

Upstreams are treated as stateless. Only where the target speaks the client's own dialect and the response is not one of ours
does a ``previous_response_id`` go through: the upstream that made it knows it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import structlog

from omniroute._fast.envelope import scan
from omniroute.core.errors import NotFound, OmniRouteError
from omniroute.core.ids import Clock
from omniroute.gateway.context import Context
from omniroute.gateway.overhearing import Overhearing
from omniroute.gateway.ports import Exchange
from omniroute.routing.snapshot import KeyGrant
from omniroute.translation.format import History, Stored

log = structlog.get_logger("omniroute.gateway")

_ANONYMOUS = ""


class Conversations:
    """At most ``entries`` responses and ``size`` bytes, each for ``lifetime`` seconds; the longest unused go first."""

    def __init__(self, clock: Clock, *, entries: int = 2000, size: int = 64 * 1024 * 1024, lifetime: float = 6 * 3600.0) -> None:
        self._clock = clock
        self._entries = entries
        self._size = size
        self._lifetime = lifetime
        self._kept: OrderedDict[tuple[str, str], tuple[float, Stored]] = OrderedDict()
        self._bytes = 0

    def put(self, grant: KeyGrant | None, stored: Stored) -> None:
        """Keep one. A response larger than a quarter of the whole is not kept: it would push out everybody else's."""
        if stored.size > self._size // 4:
            return
        key = (_owner(grant), stored.id)
        self._drop(key)
        self._kept[key] = (self._clock.monotonic() + self._lifetime, stored)
        self._bytes += stored.size
        now = self._clock.monotonic()
        while self._kept:
            oldest, (until, _) = next(iter(self._kept.items()))
            if len(self._kept) <= self._entries and self._bytes <= self._size and until > now:
                break
            self._drop(oldest)

    def find(self, grant: KeyGrant | None, response_id: str) -> Stored | None:
        """The response, if this key made it and it is still here."""
        key = (_owner(grant), response_id)
        found = self._kept.get(key)
        if found is None:
            return None
        until, stored = found
        if until <= self._clock.monotonic():
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return stored

    def get(self, grant: KeyGrant | None, response_id: str) -> Stored:
        """Like :meth:`find`; NotFound in the words clients know."""
        stored = self.find(grant, response_id)
        if stored is None:
            raise missing(response_id)
        return stored

    def delete(self, grant: KeyGrant | None, response_id: str) -> None:
        self.get(grant, response_id)
        self._drop((_owner(grant), response_id))

    def describe(self) -> dict[str, int]:
        return {"responses": len(self._kept), "bytes": self._bytes}

    def _drop(self, key: tuple[str, str]) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._bytes -= found[1].size


def _owner(grant: KeyGrant | None) -> str:
    return _ANONYMOUS if grant is None else grant.id


def missing(response_id: str) -> NotFound:
    return NotFound(
        f"Previous response with id {response_id[:100]!r} not found.",
        param="previous_response_id",
        code="previous_response_not_found",
    )


def resume(context: Context, history: History, conversations: Conversations, *, native: bool) -> None:
    """Make a request that goes on from an earlier response whole. ``native``: the target speaks this dialect itself.

    NotFound when nobody knows the response.
    """
    if context.envelope.span("previous_response_id") is None:
        return
    previous = history.previous_id(context.envelope.body)
    if previous is None:
        return
    stored = conversations.find(context.grant, previous)
    if stored is None:
        if native:
            return
        raise missing(previous)
    context.envelope = scan(history.resume(context.envelope.body, stored))


class Remembering(Overhearing):
    """An Exchange that keeps what a later request may go on from."""

    def __init__(self, inner: Exchange, context: Context, history: History, conversations: Conversations) -> None:
        super().__init__(inner)
        self._context = context
        self._history = history
        self._conversations = conversations
        self._tail = bytearray()

    async def respond(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        await super().respond(status, headers, body)
        if status == 200:
            self._keep(body)

    async def finish(self) -> None:
        await super().finish()
        whole = self._history.finished(bytes(self._tail))
        if whole is not None:
            self._keep(whole)

    def see(self, data: bytes) -> None:
        """Only the last event is needed; what is written are whole events."""
        if self._tail or any(word in data for word in self._history.terminal):
            self._tail += data

    def _keep(self, response: bytes) -> None:
        try:
            self._conversations.put(self._context.grant, self._history.remember(self._context.envelope.body, response))
        except OmniRouteError as error:
            log.warning("response not kept", reason=error.message)
