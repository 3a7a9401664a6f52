"""What is measured of the process and its traffic, and the metrics page made of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from omniroute import __version__
from omniroute.telemetry.loop_lag import GcPauses, LoopLag
from omniroute.telemetry.metrics import OPENMETRICS, TEXT, Metrics, Sample, seconds
from omniroute.telemetry.traffic import Traffic

_TICK = 0.1
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class Described(Protocol):
    def describe(self) -> Mapping[str, Any]: ...


class Observing:
    """``traffic`` counts tries, ``lag`` and ``pauses`` watch the loop and the collector, ``metrics`` is the page: further parts
    of the product register their families there. ``every_tick`` is called every 0.1 s while it runs."""

    def __init__(self) -> None:
        self.traffic = Traffic()
        self.metrics = Metrics()
        self.lag = LoopLag()
        self.pauses = GcPauses()
        self.traffic.register(self.metrics)
        self._register_process()
        self._ticking: asyncio.Task[None] | None = None

    def start(self, every_tick: Callable[[], None]) -> None:
        """Needs a running event loop."""
        self.lag.start()
        self.pauses.start()
        self._ticking = asyncio.create_task(_tick(every_tick), name="ledger-reservations")

    async def stop(self) -> None:
        self.lag.stop()
        self.pauses.stop()
        if self._ticking is not None:
            self._ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticking
            self._ticking = None

    def watch(
        self, *, in_flight: Callable[[], int], running: Callable[[], int], recorder: Described, upstream: Described
    ) -> None:
        """Register what the server's own parts tell."""
        add = self.metrics.register
        add("omniroute_in_flight_requests", in_flight, help="Model requests being served.")
        add("omniroute_in_flight_attempts", running, help="Tries at a target under way.")
        add("omniroute_journal_pending", lambda: recorder.describe()["waiting"], help="Ledger rows not yet stored.")
        add(
            "omniroute_journal_dropped_total",
            lambda: recorder.describe()["dropped"],
            kind="counter",
            help="Ledger rows lost because the store did not take them in time.",
        )
        add("omniroute_upstream_connections", lambda: _connections(upstream), help="Connections to upstreams, by wire and state.")

    def page(self, accept: str) -> tuple[str, bytes]:
        """(content type, body) of the metrics page in the format the caller asks for."""
        openmetrics = "application/openmetrics-text" in accept
        return OPENMETRICS if openmetrics else TEXT, self.metrics.render(openmetrics=openmetrics).encode()

    def describe(self) -> dict[str, Any]:
        """Members of the health report."""
        return {
            "loop_lag": self.lag.describe(),
            "gc": self.pauses.describe(),
            "memory": {"rss_bytes": resident_bytes()},
            "latency": self.traffic.describe(),
        }

    def _register_process(self) -> None:
        add = self.metrics.register
        started = time.time()
        build = (("version", __version__),)
        add("omniroute_build_info", lambda: (Sample(1, build),), help="The version that runs.")
        add(
            "omniroute_event_loop_lag_seconds",
            lambda: seconds(self.lag.all),
            kind="histogram",
            help="How late the event loop calls what is due.",
        )
        add(
            "omniroute_gc_pause_seconds",
            lambda: seconds(self.pauses.all),
            kind="histogram",
            help="Runs of the garbage collector.",
        )
        add("process_start_time_seconds", lambda: started, help="Unix time of the start.")
        add("process_cpu_seconds_total", time.process_time, kind="counter", help="User and system processor time.")
        add("process_resident_memory_bytes", resident_bytes, help="Resident memory.")
        add("process_open_fds", _open_files, help="Open file descriptors.")


def resident_bytes() -> int:
    """Resident memory of this process; 0 where the kernel does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0


def _open_files() -> Iterator[Sample]:
    """Nothing where the kernel does not tell."""
    try:
        count = len(os.listdir("/proc/self/fd"))
    except OSError:
        return
    yield Sample(count)


def _connections(upstream: Described) -> Iterator[Sample]:
    for wire, told in upstream.describe().items():
        origins = told.get("origins", {}) if isinstance(told, Mapping) else {}
        for state in ("idle", "busy"):
            count = sum(figures.get(state, 0) for figures in origins.values())
            yield Sample(count, (("wire", wire), ("state", state)))


async def _tick(call: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(_TICK)
        call()
