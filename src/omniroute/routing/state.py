"""What routing remembers between requests, seen from its two sides: the readers' (:class:`View`) and the keeper's
(:class:`StatePort`).

Health is written against the port alone. ``MemoryState`` keeps everything in this process; a shared backend answers reads from a
replica of its own, so that no method ever waits, and sends what is written behind the request.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar

import msgspec

from omniroute.routing.quota import Window

if TYPE_CHECKING:
    from omniroute.catalog.account import Account
    from omniroute.routing.resolve import Target

T = TypeVar("T")

Reason = Literal["paused", "sign_in", "cooldown", "breaker", "exhausted", "reserve", "rate", "concurrency", "model_limit"]
ScopeKey = tuple[str, ...]
"""("provider", provider id) · ("account", account id) · ("model", account id, model id)"""


class Block(msgspec.Struct, frozen=True):
    """Why an account cannot take a request now. ``until``: unix seconds when that ends by itself, None = not known or never.

    ``detail`` is a sentence for people, without names of keys or accounts. ``kind`` of a cooldown: the class of the fault that it
    follows.
    """

    reason: Reason
    key: ScopeKey
    until: float | None
    detail: str
    kind: str | None = None


class View(Protocol):
    """What strategies and plans may see of Health; reading changes nothing."""

    def blocked(self, target: Target, account: Account, now: float) -> Block | None:
        """Why ``account`` cannot serve ``target`` now; None = it can."""

    def in_flight(self, account_id: str) -> int:
        """Requests under way."""

    def uses(self, account_id: str, model: str | None, now: float) -> int:
        """Requests begun within the last hour, of one model or of all."""

    def uses_of(self, accounts: Sequence[Account], model: str, now: float) -> int:
        """The same of ``model`` at all of ``accounts`` together."""

    def ttft(self, target_name: str) -> tuple[float, float] | None:
        """Median and 95th percentile of the seconds to the first token, from recent requests; None when there were too few."""

    def windows(self, account_id: str) -> tuple[Window, ...]:
        """Known quota windows, as last seen (see :meth:`Window.at`)."""

    def affinity(self, session: str, provider_id: str, now: float) -> str | None:
        """The account that holds the session's prompt cache while that is warm."""


class Table(Protocol[T]):
    """State of one kind by id. Values are frozen and small; the least recently written goes first when there are too many."""

    def get(self, key: str, /) -> T | None: ...
    def put(self, key: str, value: T) -> None: ...
    def swap(self, key: str, old: T | None, new: T | None) -> bool:
        """Compare and set: only when the value is still ``old`` (None = absent); ``new`` None removes it."""

    def drop(self, key: str) -> bool:
        """Forget; whether there was anything."""

    def items(self) -> Iterable[tuple[str, T]]: ...
    def __len__(self) -> int: ...


class Counters(Protocol):
    """Whole numbers by id that several requests change at once; one at zero is forgotten."""

    def add(self, key: str, by: int) -> int:
        """The new value."""

    def get(self, key: str) -> int: ...
    def items(self) -> Iterable[tuple[str, int]]: ...


class Moments(Protocol):
    """The latest moments by id, for limits that look back."""

    def append(self, key: str, moment: float, keep: int) -> None:
        """Add one; the newest ``keep`` stay."""

    def back(self, key: str, count: int) -> float | None:
        """The ``count``-th newest moment (1 = the newest), None when there are fewer."""

    def drop(self, key: str) -> bool: ...


class StatePort(Protocol):
    """Where Health keeps what it knows. A name always stands for the same kind of value."""

    def table(self, name: str, kind: type[T], most: int) -> Table[T]: ...
    def counters(self, name: str) -> Counters: ...
    def moments(self, name: str, most: int) -> Moments: ...


class MemoryState:
    """Everything in this process."""

    def __init__(self) -> None:
        self._tables: dict[str, _MemoryTable[Any]] = {}
        self._counters: dict[str, _MemoryCounters] = {}
        self._moments: dict[str, _MemoryMoments] = {}

    def table(self, name: str, kind: type[T], most: int) -> Table[T]:
        return self._tables.setdefault(name, _MemoryTable(most))

    def counters(self, name: str) -> Counters:
        return self._counters.setdefault(name, _MemoryCounters())

    def moments(self, name: str, most: int) -> Moments:
        return self._moments.setdefault(name, _MemoryMoments(most))


class _MemoryTable(Generic[T]):
    __slots__ = ("_entries", "_most", "get")

    def __init__(self, most: int) -> None:
        self._entries: OrderedDict[str, T] = OrderedDict()
        self._most = most
        self.get = self._entries.get  # the hottest read of routing: no frame of our own

    def put(self, key: str, value: T) -> None:
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)

    def swap(self, key: str, old: T | None, new: T | None) -> bool:
        if self._entries.get(key) != old:
            return False
        if new is not None:
            self.put(key, new)
        elif old is not None:
            del self._entries[key]
        return True

    def drop(self, key: str) -> bool:
        return self._entries.pop(key, None) is not None

    def items(self) -> Iterable[tuple[str, T]]:
        return list(self._entries.items())

    def __len__(self) -> int:
        return len(self._entries)


class _MemoryCounters:
    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[str, int] = {}

    def add(self, key: str, by: int) -> int:
        values = self._values
        value = values.get(key, 0) + by
        if value > 0:
            values[key] = value
            return value
        values.pop(key, None)
        return 0

    def get(self, key: str) -> int:
        return self._values.get(key, 0)

    def items(self) -> Iterable[tuple[str, int]]:
        return list(self._values.items())


class _MemoryMoments:
    __slots__ = ("_logs", "_most")

    def __init__(self, most: int) -> None:
        self._logs: OrderedDict[str, deque[float]] = OrderedDict()
        self._most = most

    def append(self, key: str, moment: float, keep: int) -> None:
        log = self._logs.get(key)
        if log is None or log.maxlen != keep:
            log = self._logs[key] = deque(log or (), maxlen=keep)
        log.append(moment)
        self._logs.move_to_end(key)
        if len(self._logs) > self._most:
            self._logs.popitem(last=False)

    def back(self, key: str, count: int) -> float | None:
        log = self._logs.get(key)
        return log[-count] if log is not None and len(log) >= count else None

    def drop(self, key: str) -> bool:
        return self._logs.pop(key, None) is not None
