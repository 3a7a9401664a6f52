"""Requests while they are here: who is being served, may it be charged to its budget, is it captured, is it to be stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar, runtime_checkable

from omniroute.core.errors import Cancelled, Fault, OmniRouteError, RequestError, Scope, Verdict
from omniroute.core.ids import Clock
from omniroute.gateway.capture import Captures, Recording
from omniroute.gateway.context import Context
from omniroute.gateway.heartbeat import opening_bridge
from omniroute.gateway.spending import Reservation, Spending
from omniroute.ir.caps import Rates
from omniroute.routing.resolve import Group, Leaf, resolve

T = TypeVar("T")

BUDGET_HEADER = "x-omniroute-budget"
STOPPED_KIND = "cancelled_by_operator"
_BYTES_PER_TOKEN = 4

RatesOf = Callable[[str, str, str | None], Rates | None]
"""(provider id, model id, account id) → what it costs, None = not known now."""


@runtime_checkable
class Announcing(Protocol):
    """An exchange whose every answer can be given further headers."""

    extra: Any


class Guest:
    """One request that has been admitted; :meth:`close` it. ``stopped`` is why it is to end, None = nobody wants it to.

    ``stop`` is called for one that runs in no task.
    """

    __slots__ = ("_hall", "_reservation", "_task", "context", "recording", "stop", "stopped")

    def __init__(self, hall: Attendance, context: Context) -> None:
        self._hall = hall
        self._reservation: Reservation | None = None
        self._task: asyncio.Task[Any] | None = None
        self.context = context
        self.recording: Recording | None = None
        self.stop: Callable[[RequestError], None] | None = None
        self.stopped: RequestError | None = None

    async def run(self, work: Callable[[Context], Awaitable[T]], context: Context) -> T | None:
        """``work(context)``, which :meth:`cancel` can put an end to. What it had begun to tell its client is then ended in the
        client's dialect, else Cancelled is raised."""
        self._task = task = asyncio.current_task()
        try:
            return await work(context)
        except asyncio.CancelledError:
            if self.stopped is None or task is None:
                raise
            task.uncancel()
            if context.committed:  # whoever wrote the stream has ended it
                return None
            if not context.exchange.started:
                raise self.stopped from None
            await context.exchange.write(opening_bridge(context).fail(*_words(self.stopped)))
            await context.exchange.finish()
            return None
        finally:
            self._task = None

    def cancel(self) -> bool:
        """Put an end to it; False when that was done before, or it has just ended."""
        if self.stopped is not None or (self._task is None and self.stop is None):
            return False
        self.stopped = Cancelled("The operator of this OmniRoute cancelled the request.")
        if self._task is not None:
            self._task.cancel()
        elif self.stop is not None:
            self.stop(self.stopped)
        return True

    def close(self) -> None:
        """The request is over. Harmless when repeated."""
        self._hall.left(self)
        self.stop = self.context.guest = None  # who hold each other would be garbage for the collector
        reservation, self._reservation = self._reservation, None
        if reservation is not None:
            reservation.close()
        recording, self.recording = self.recording, None
        if recording is not None:
            self._hall.captures.sink(recording)

    def charge(self, reservation: Reservation) -> None:
        """The request holds this until it is over; its client is told what budgets have to say."""
        self._reservation = reservation
        exchange = self.context.exchange
        if reservation.warnings and isinstance(exchange, Announcing):
            exchange.extra = (*exchange.extra, (BUDGET_HEADER, "; ".join(reservation.warnings)))


class Attendance:
    """Everybody who is here. ``rates`` tells what models cost, for the estimates of budgets."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.spending = Spending(clock)
        self.captures = Captures(clock)
        self.rates: RatesOf = lambda provider, model, account: None
        self.guests: dict[Guest, None] = {}

    def concerns(self, key_id: str | None) -> bool:
        """More is to be done for requests of that key than to serve them."""
        return self.captures.concerns(key_id) or self.spending.concerns(key_id)

    def enter(self, context: Context) -> Guest:
        """Take note of an admitted request. Raises PaymentRequired or TooManyRequests when a budget has no room for it."""
        guest = context.guest = Guest(self, context)
        key_id = context.grant.id if context.grant is not None else None
        if self.captures.concerns(key_id):
            settings = context.snapshot.settings
            guest.recording = Recording(context.exchange, context.envelope.body, key_id, context.wall, settings.capture_part)
            context.exchange = guest.recording.exchange(context.exchange)
        self.guests[guest] = None
        if self.spending.concerns(key_id):
            try:
                guest.charge(self.spending.admit(key_id, *self._estimate(context)))
            except RequestError:
                guest.close()
                raise
        return guest

    def left(self, guest: Guest) -> None:
        self.guests.pop(guest, None)

    def cancel(self, request_id: str) -> int:
        """Put an end to the requests of that id; returns how many there were."""
        return sum([guest.cancel() for guest in tuple(self.guests) if guest.context.exchange.request_id == request_id])

    def _estimate(self, context: Context) -> tuple[float, int]:
        """(USD, tokens) that a request is likely to take: by its size, by answers of late, by the price of its first target."""
        given = len(context.envelope.body) // _BYTES_PER_TOKEN
        made = self.spending.usual_output()
        try:
            node = resolve(context.snapshot, context.model, context.grant).root
        except OmniRouteError:  # there is no such model; whoever serves it will say so
            return 0.0, given + made
        while isinstance(node, Group):
            node = (*node.members, *node.fallback)[0]
        return self._cost(node, given, made), given + made

    def _cost(self, leaf: Leaf, given: int, made: int) -> float:
        target = leaf.target
        rates = self.rates(target.provider.id, target.model, leaf.accounts[0].id)
        price = target.price if rates is None else rates.at(given)
        if price.basis != "list":
            return 0.0
        return ((price.input or 0.0) * given + (price.output or 0.0) * made) / 1e6


def stopped(context: Context) -> Fault | None:
    """Why the request is being put an end to, as the fault of its try; None when it is not."""
    guest = context.guest
    if guest is None or guest.stopped is None:
        return None
    status, code, message = _words(guest.stopped)
    return Fault(message, kind=STOPPED_KIND, http_status=status, error_code=code, scope=Scope.NOTHING, verdict=Verdict.RETURN)


def _words(error: RequestError) -> tuple[int, str, str]:
    return type(error).status, error.error_code, error.message
