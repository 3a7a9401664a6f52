"""What remembering a try costs: µs of the event loop's and of the writing threads' processor time, per row.

``python benchmarks/bench_ledger.py [--rows N] [--batch N] [--age N]``: ``age`` rows are in the ledger already, as in a data
directory that has been in use.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from omniroute.catalog.load import load_catalogue
from omniroute.catalog.prices import PriceBook
from omniroute.catalog.reference import Reference
from omniroute.core.ids import SystemClock, new_id
from omniroute.gateway.report import Report
from omniroute.ir.response import Usage
from omniroute.routing.plan import FIRST_CHOICE
from omniroute.server import ledger
from omniroute.storage.db import Database
from omniroute.storage.usage import UsageRepository
from omniroute.telemetry.recorder import Recorder
from omniroute.telemetry.traffic import Traffic

_USAGE = Usage(input=1200, cached=800, output=340, reasoning=90)
_TIMES = 5


def _tries(count: int) -> list[Report]:
    """Reports of finished tries, each of a request of its own, as the gateway makes them."""
    catalogue = load_catalogue()
    provider = next(p for p in catalogue.providers if any(m.price.basis == "list" for m in p.models))
    model = next(m for m in provider.models if m.price.basis == "list")
    attempt: Any = SimpleNamespace(
        target=SimpleNamespace(provider=provider, model=model.id),
        account=SimpleNamespace(id=new_id("acc")),
        combo=None,
        reason=FIRST_CHOICE,
    )
    snapshot = SimpleNamespace(settings=SimpleNamespace(enable_request_logs=False), catalogue=catalogue)
    clock = SystemClock()
    reports = []
    for _ in range(count):
        context: Any = SimpleNamespace(
            exchange=SimpleNamespace(request_id=new_id("req"), sent=4096), format=SimpleNamespace(name="anthropic"),
            grant=SimpleNamespace(id="key_5f0a"), envelope=SimpleNamespace(body=b"x" * 2048), stream=True, session_id="session-1",
            agent_id=None, received=clock.monotonic(), wall=clock.now(), attempts=1, failures=0, decision="prefix",
            snapshot=snapshot, queued=0.0, upstream=None,
        )  # fmt: skip
        report = Report(context, attempt, "openai_chat", clock)
        report.answered(_USAGE, "stop")
        reports.append(report)
    return reports


async def _run(folder: Path, rows: int, batch: int, age: int) -> tuple[float, float, float]:
    """(record and settle, loop in all, other threads) in µs per row."""
    clock = SystemClock()
    catalogue = load_catalogue()
    async with await Database.open(folder, clock=clock) as db:
        usage = UsageRepository(db)
        recorder = Recorder(usage.insert_batch, clock=clock, capacity=1_000_000)
        prices = PriceBook(catalogue, {}, {}, frozenset(), lambda: Reference(()))
        book = ledger.Ledger(recorder, lambda: prices, Traffic(), clock)
        while age > 0:
            for report in _tries(min(age, 10_000)):
                report.settle(book)
            await recorder.flush()
            age -= 10_000
        reports = _tries(rows)
        settling = 0.0
        process, loop = time.process_time(), time.thread_time()
        for start in range(0, rows, batch):
            began = time.thread_time()
            for report in reports[start : start + batch]:
                report.settle(book)
            settling += time.thread_time() - began
            await recorder.flush()
        loop = time.thread_time() - loop
        process = time.process_time() - process
        stored = recorder.describe()["written"]
        await recorder.close()
    if stored < rows:
        raise SystemExit(f"only {stored} of {rows} rows were stored")
    return settling / rows * 1e6, loop / rows * 1e6, (process - loop) / rows * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=100, help="rows between two writes: requests per second / 10")
    parser.add_argument("--age", type=int, default=0, help="rows that are there before")
    given = parser.parse_args()
    found = []
    for _ in range(_TIMES):
        with tempfile.TemporaryDirectory(prefix="omniroute-ledger-") as folder:
            found.append(asyncio.run(_run(Path(folder), given.rows, given.batch, given.age)))
    settle, loop, thread = (min(column) for column in zip(*found, strict=True))
    print(f"record and settle {settle:.1f} µs/row, event loop in all {loop:.1f} µs/row, database threads {thread:.1f} µs/row")


if __name__ == "__main__":
    main()
