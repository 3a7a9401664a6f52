"""The gateway's Recorder port: tries under way are known, those that end are priced at that moment, counted and kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import msgspec

from omniroute.core.ids import Clock
from omniroute.core.ledger import LedgerRow
from omniroute.gateway.ports import Running
from omniroute.ir.caps import Rates
from omniroute.telemetry.cost import charge
from omniroute.telemetry.recorder import Recorder
from omniroute.telemetry.traffic import Traffic

_UNKNOWN = Rates()
_RESERVE_AFTER = 0.1
_REFRESH_AFTER = 10.0
_AT_ONCE = 50
_MOST_WAITING = 10_000


class Book(Protocol):
    """What models cost. None: it is not known yet, but will be in a moment."""

    def rates(self, provider_id: str, model_id: str, account_id: str | None = None) -> Rates | None: ...


class Priced(NamedTuple):
    """Rates that were used for the first time, and of whom."""

    provider: str
    model: str
    rates: Rates


def _nobody(row: LedgerRow) -> None:
    """Where there are no budgets."""


class Ledger:
    """Between the gateway and telemetry's recorder.

    A try that lasts is reserved: an ``open`` row is written for it after 0.1 s and written anew every 10 s, until the final row
    takes its place. So a killed process loses what the last 0.1 s brought, and the figures of what then ran are those of its
    last reservation. :meth:`reserve` has to be called every 0.1 s.

    A try whose price is not known yet stays ``open`` until it is. ``spent`` is told of every priced row; ``fresh`` are rates not
    used before, for whoever keeps them.
    """

    def __init__(self, recorder: Recorder, book: Callable[[], Book], traffic: Traffic, clock: Clock) -> None:
        self._recorder = recorder
        self._book = book
        self._traffic = traffic
        self._clock = clock
        self.spent: Callable[[LedgerRow], None] = _nobody
        self.fresh: list[Priced] = []
        self._versions: set[str | None] = {None}
        self._unpriced: list[LedgerRow] = []
        self._young: dict[int, Running] = {}
        self._reserved: dict[int, tuple[float, Running]] = {}

    def begin(self, running: Running) -> None:
        running.row_id = row_id = self._recorder.new_id()
        self._young[row_id] = running

    def record(self, row: LedgerRow) -> None:
        if self._young.pop(row.id, None) is None:
            self._reserved.pop(row.id, None)
        rates = self._rates(row)
        if rates is not None or len(self._unpriced) >= _MOST_WAITING:
            self._settle(row, rates or _UNKNOWN)
            return
        self._unpriced.append(row)
        self._recorder.record(msgspec.structs.replace(row, outcome="open"))

    def under_way(self) -> list[Running]:
        """Tries that have begun and not ended."""
        return [*(running for _, running in self._reserved.values()), *self._young.values()]

    def close(self) -> None:
        """What waits for its price is settled without."""
        waiting, self._unpriced = self._unpriced, []
        for row in waiting:
            self._settle(row, self._rates(row) or _UNKNOWN)

    def running(self) -> int:
        """Tries under way."""
        return len(self._young) + len(self._reserved)

    def reserve(self) -> None:
        """Write down the tries that have lasted since they began or were last written; the most due ones, not all at once."""
        if self._unpriced:
            self._price_waiting()
        now = self._clock.monotonic()
        due: list[Running] = []
        for running in self._young.values():
            if len(due) == _AT_ONCE or now - running.began < _RESERVE_AFTER:
                break
            due.append(running)
        for since, running in self._reserved.values():
            if len(due) == _AT_ONCE or now - since < _REFRESH_AFTER:
                break
            due.append(running)
        for running in due:
            self._young.pop(running.row_id, None)
            self._reserved.pop(running.row_id, None)  # it goes to the end of the line
            self._reserved[running.row_id] = (now, running)
            self._recorder.record(self.so_far(running))

    def so_far(self, running: Running) -> LedgerRow:
        """The row of a try under way, priced as far as that can be told."""
        row = running.so_far()
        rates = self._rates(row)
        if rates is not None:
            self._charge(row, rates)
        return row

    def _rates(self, row: LedgerRow) -> Rates | None:
        return self._book().rates(row.provider, row.model, row.account_id)

    def _charge(self, row: LedgerRow, rates: Rates) -> None:
        charge(row, rates.at(row.input_tokens) if rates.tiers else rates.price)
        row.price_version = version = rates.version
        if version not in self._versions:
            self._versions.add(version)
            self.fresh.append(Priced(row.provider, row.model, rates))

    def _settle(self, row: LedgerRow, rates: Rates) -> None:
        self._charge(row, rates)
        self._traffic.count(row)
        self.spent(row)
        self._recorder.record(row)

    def _price_waiting(self) -> None:
        waiting, self._unpriced = self._unpriced, []
        for row in waiting:
            rates = self._rates(row)
            if rates is None:
                self._unpriced.append(row)
            else:
                self._settle(row, rates)
