"""From load to figures: one run of a scenario against one target, and rounds of such runs over all targets in turn.

Figures drift from minute to minute on a shared machine. So the targets take turns within each round, each figure is kept for
every round, and what is reported is the minimum (what the work costs) and the median (what one usually sees) over the rounds.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from load import run
from procs import cpu_seconds, rss_bytes
from reading import problem_of
from rig import Target
from scenarios import Scenario

Figures = dict[str, float]
PERCENTILES = ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p999"))
_GENTLE_CONNECTIONS = 2
_GENTLE_REQUESTS = 12
_SAMPLE_SECONDS = 0.1


class Sample(NamedTuple):
    """One run. ``figures``: times in ms (``total_``, ``first_``, ``delay_`` with a percentile), ``cpu_us`` a request,
    ``chunk_us`` a chunk, ``rps``, ``requests``, ``rss_peak_mb``, ``late_p99_ms`` of the load generator itself."""

    figures: Figures
    problems: dict[str, int]
    answer: bytes


def percentile(ordered: Sequence[float], fraction: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * fraction))]


async def drive(scenario: Scenario, target: Target, *, seconds: float, most: int = 1_000_000) -> Sample:
    """Run the scenario once against the target."""
    connections = None
    if target.gentle:
        connections, most = _GENTLE_CONNECTIONS, min(most, _GENTLE_REQUESTS)
    peak = asyncio.ensure_future(_peak(target.pid))
    before, started = (cpu_seconds(target.pid) if target.pid else math.nan), time.monotonic()
    try:
        tally = await run(scenario, target.job(scenario), seconds=seconds, most=most, connections=connections)
    finally:
        peak.cancel()
    elapsed = time.monotonic() - started
    cpu = (cpu_seconds(target.pid) - before) * 1e6 if target.pid else math.nan
    figures: Figures = {"requests": len(tally.totals)}
    if tally.totals:
        figures["rps"] = len(tally.totals) / elapsed
        if not math.isnan(cpu):
            figures["cpu_us"] = cpu / len(tally.totals)
            if tally.chunks:
                figures["chunk_us"] = cpu / tally.chunks
    for name, values in (("total", tally.totals), ("first", tally.firsts), ("delay", tally.delays)):
        values.sort()
        if values:
            figures |= {f"{name}_{word}_ms": percentile(values, fraction) * 1000 for fraction, word in PERCENTILES}
    if tally.late:
        figures["late_p99_ms"] = percentile(sorted(tally.late), 0.99) * 1000
    await asyncio.gather(peak, return_exceptions=True)
    if not peak.cancelled() and peak.exception() is None and peak.result():
        figures["rss_peak_mb"] = peak.result() / 1e6
    return Sample(figures, tally.problems, tally.sample)


async def _peak(pid: int | None) -> int:
    """The largest resident memory seen until cancelled; 0 when there is nothing to look at."""
    highest = 0
    try:
        while pid is not None:
            highest = max(highest, rss_bytes(pid))
            await asyncio.sleep(_SAMPLE_SECONDS)
    except asyncio.CancelledError:
        pass  # the run is over
    return highest


class Measured(NamedTuple):
    """``rounds``: the figures of each round by target; ``problems`` by target."""

    scenario: Scenario
    rounds: dict[str, list[Figures]]
    problems: dict[str, dict[str, int]]


async def measure(
    scenario: Scenario, targets: Sequence[Target], *, rounds: int, seconds: float, say: Callable[[str], None]
) -> Measured:
    """Rounds of runs; the first target of a round is another one each time. Answers are checked once per target."""
    taking = [target for target in targets if target.takes(scenario)]
    found = Measured(scenario, {target.name: [] for target in taking}, {})
    for target in taking:  # connections, caches and memory are warm before anything counts
        warm = await drive(scenario, target, seconds=min(0.3, seconds), most=50)
        wrong = problem_of(scenario, target.dialect(scenario), warm.answer)
        if wrong or warm.problems:
            found.problems[target.name] = warm.problems | ({wrong: 1} if wrong else {})
            say(f"{scenario.name}: {target.name}: {found.problems[target.name]}")
    taking = [target for target in taking if target.name not in found.problems]
    for turn in range(rounds):
        for place in range(len(taking)):
            target = taking[(turn + place) % len(taking)]
            sample = await drive(scenario, target, seconds=seconds)
            if sample.problems:
                found.problems[target.name] = sample.problems
                say(f"{scenario.name}: {target.name}: {sample.problems}")
            found.rounds[target.name].append(sample.figures)
    return found


def summary(rounds: Sequence[Figures]) -> dict[str, dict[str, float]]:
    """``{"min": …, "median": …}`` of each figure over the rounds (``rps``: the highest is the ``min``'s counterpart, ``max``)."""
    names = {name for figures in rounds for name in figures}
    found: dict[str, dict[str, float]] = {"min": {}, "median": {}, "max": {}}
    for name in sorted(names):
        values = [figures[name] for figures in rounds if name in figures]
        found["min"][name] = min(values)
        found["median"][name] = median(values)
        found["max"][name] = max(values)
    return found


def as_record(measured: Measured) -> dict[str, Any]:
    """For the results file."""
    scenario = measured.scenario
    return {
        "client": scenario.client,
        "upstream": scenario.upstream,
        "loop": scenario.loop,
        "stream": scenario.stream,
        "script": scenario.script,
        "body": scenario.body,
        "connections": scenario.connections,
        "rate": scenario.rate,
        "tls": scenario.tls,
        "targets": {
            name: {**summary(rounds), "rounds": [_rounded(each) for each in rounds], "rounds_run": len(rounds)}
            for name, rounds in measured.rounds.items()
            if rounds
        },
        "problems": measured.problems,
    }


def _rounded(figures: Figures) -> Figures:
    return {name: round(value, 4) for name, value in figures.items()}


_COLUMNS = (
    ("req/s", "rps", 0), ("CPU µs", "cpu_us", 0), ("µs/chunk", "chunk_us", 1), ("p50 ms", "total_p50_ms", 2),
    ("p99 ms", "total_p99_ms", 2), ("first p50", "first_p50_ms", 2), ("first p99", "first_p99_ms", 2),
    ("delay p50", "delay_p50_ms", 3), ("delay p99", "delay_p99_ms", 3),
)  # fmt: skip


def heading() -> str:
    return f"{'scenario':<38}{'target':<11}" + "".join(f"{title:>10}" for title, _, _ in _COLUMNS)


def row(name: str, target: str, figures: Mapping[str, float]) -> str:
    cells = [f"{figures[key]:>10.{digits}f}" if key in figures else f"{'-':>10}" for _, key, digits in _COLUMNS]
    return f"{name:<38}{target:<11}" + "".join(cells)
