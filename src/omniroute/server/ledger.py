"""The gateway's Recorder port: tries under way are known, those that end are priced at that moment, counted and kept."""

from __future__ import annotations

from collections.abc import Callable

from omniroute.catalog.catalog import Catalogue
from omniroute.core.ids import Clock
from omniroute.core.ledger import LedgerRow
from omniroute.gateway.ports import Running
from omniroute.ir.caps import Price
from omniroute.telemetry.cost import charge
from omniroute.telemetry.recorder import Recorder
from omniroute.telemetry.traffic import Traffic

_UNKNOWN = Price()
_RESERVE_AFTER = 0.1
_REFRESH_AFTER = 10.0
_AT_ONCE = 50


class Ledger:
    """Between the gateway and telemetry's recorder.

    A try that lasts is reserved: an ``open`` row is written for it after 0.1 s and written anew every 10 s, until the final row
    takes its place. So a killed process loses what the last 0.1 s brought, and the figures of what then ran are those of its
    last reservation. :meth:`reserve` has to be called every 0.1 s.
    """

    def __init__(self, recorder: Recorder, catalogue: Callable[[], Catalogue], traffic: Traffic, clock: Clock) -> None:
        self._recorder = recorder
        self._catalogue = catalogue
        self._traffic = traffic
        self._clock = clock
        self._young: dict[int, Running] = {}
        self._reserved: dict[int, tuple[float, Running]] = {}

    def begin(self, running: Running) -> None:
        running.row_id = row_id = self._recorder.new_id()
        self._young[row_id] = running

    def record(self, row: LedgerRow) -> None:
        if self._young.pop(row.id, None) is None:
            self._reserved.pop(row.id, None)
        self._price(row)
        self._traffic.count(row)
        self._recorder.record(row)

    def running(self) -> int:
        """Tries under way."""
        return len(self._young) + len(self._reserved)

    def reserve(self) -> None:
        """Write down the tries that have lasted since they began or were last written; the most due ones, not all at once."""
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
            row = running.so_far()
            self._price(row)
            self._recorder.record(row)

    def _price(self, row: LedgerRow) -> None:
        model = self._catalogue().model(row.provider, row.model)
        charge(row, _UNKNOWN if model is None else model.price)
