"""Heads of requests that came before. Clients say the same with each request on a kept connection, and on the next one: only the
length of the body differs.

What is known was read by the parser once, from the very same bytes; so nothing is parsed here, and a head that differs in any
other byte is the parser's. Requests that come in one or a few reads are put together and begun at once, in a lane where one is.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from omniroute._fast.head import cut
from omniroute.gateway.lanes import Caller, Lanes

if TYPE_CHECKING:
    from omniroute.server.wire import LimitedProtocol
    from omniroute.server.wire_exchange import WireExchange

_MOST_KNOWN = 512
_MOST_SEEN = 2048
_LARGEST = 64 * 1024
"""Bytes of a body that are waited for here; the parser takes a larger one piece by piece."""
_SPECIAL = (b"transfer-encoding", b"expect", b"upgrade", b"trailer", b"te")


class Outcome(Enum):
    """``TAKEN``: the request is being served. ``HELD``: more of it must come. ``NEW``: the parser is to read it, and the head may
    be remembered by :meth:`KnownHeads.learn`. ``OTHER``: the parser is to read it."""

    TAKEN = 1
    HELD = 2
    NEW = 3
    OTHER = 4


class Known(NamedTuple):
    """A head, and what it came to. ``found``: the route; ``by_name``: of a repeated header the first."""

    found: Any
    method: str
    path: str
    query_string: bytes
    headers: list[tuple[bytes, bytes]]
    by_name: dict[bytes, bytes]
    caller: Caller


class KnownHeads:
    """For all connections. ``dialects``: path → the dialect of chats in it."""

    def __init__(self, lanes: Lanes, dialects: Mapping[str, str]) -> None:
        self._lanes = lanes
        self._dialects = dialects
        self._known: dict[bytes, Known] = {}
        self._seen: dict[int, None] = {}

    def take(self, connection: LimitedProtocol, data: bytes) -> Outcome:
        """``data`` is all that came of a request, on a connection where nothing else is under way."""
        found = cut(data)
        if found is None:
            return Outcome.OTHER
        head, size, length = found
        known, left = self._known.get(head), length + size - len(data)
        if known is None:
            return Outcome.NEW if left == 0 else Outcome.OTHER
        if left != 0:
            return Outcome.HELD if left > 0 and length <= _LARGEST else Outcome.OTHER
        exchange = connection.again(known)
        body = data[size:]
        if self._lanes.take(exchange, known.caller, body):
            connection.flies(exchange)
        else:
            exchange.fill(body)
            connection.serve(exchange)
        return Outcome.TAKEN

    def learn(self, data: bytes, exchange: WireExchange) -> None:
        """``exchange`` is what the parser made of ``data``, a whole request and nothing else."""
        dialect = self._dialects.get(exchange.path)
        found = cut(data)
        if dialect is None or found is None or not exchange.plain or any(name in exchange.by_name for name in _SPECIAL):
            return
        mark = hash(found[0])
        if mark not in self._seen:  # many heads come once only
            _bound(self._seen, _MOST_SEEN)
            self._seen[mark] = None
            return
        caller = self._lanes.caller(exchange, dialect)
        if caller is not None:
            _bound(self._known, _MOST_KNOWN)
            self._known[found[0]] = Known(
                exchange.found, exchange.method, exchange.path, exchange.query_string, exchange.headers, exchange.by_name, caller
            )


def _bound(entries: dict[Any, Any], most: int) -> None:
    """Room for one more: the oldest goes."""
    if len(entries) >= most:
        del entries[next(iter(entries))]
