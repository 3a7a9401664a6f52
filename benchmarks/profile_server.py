"""Where the server's processor time goes: one scenario, the server under a profiler, the top functions per request.

    python benchmarks/profile_server.py 'chat json 1kB c16'
    python benchmarks/profile_server.py 'chat paced 50x10ms' --per chunk --top 30
    python benchmarks/profile_server.py 'chat burst 500 c16' --perf

cProfile sees every Python call and makes each dearer. What a request costs without it is measured first; the difference, spread
evenly over the calls, is taken off again: the first column is an estimate of the real time, the second what the profiler saw.
perf (Linux) samples machine code, ours compiled by Cython included, and adds next to nothing, but knows no Python functions.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import pstats
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

from measure import Sample, drive
from procs import cores, pin, thread_seconds
from rig import HERE, Server, running_server, running_upstream, upstream_formats
from scenarios import Scenario, chosen, matrix

_SYMBOL = re.compile(r"^\s*([\d.]+)%\s+(\S+)\s+\[[.k]\]\s+(.+?)(?:\s+-)*\s*$")
_OBJECT = re.compile(r"^\s*([\d.]+)%\s+(\S+)\s*$")
_SITE = re.compile(r".*/(?:site-packages|lib/python3\.\d+|src)/")


class Row(NamedTuple):
    """Microseconds and calls for one request or chunk: ``own`` as estimated without the profiler, ``seen`` and ``total`` (with
    callees) with it."""

    own: float
    seen: float
    total: float
    calls: float
    place: str


async def _load(scenario: Scenario, server: Server, seconds: float) -> Sample:
    """Runs of the scenario until the time is up, as one sample with the requests of all."""
    target, began, requests = server.target(), time.monotonic(), 0.0
    while True:
        sample = await drive(scenario, target, seconds=seconds)
        if sample.problems:
            raise SystemExit(f"{scenario.name}: {sample.problems}")
        requests += sample.figures["requests"]
        if time.monotonic() - began >= seconds:
            return sample._replace(figures={**sample.figures, "requests": requests})


def _units(scenario: Scenario, sample: Sample, per: str) -> float:
    return sample.figures["requests"] * (scenario.chunks if per == "chunk" else 1)


def _place(file: str, line: int, function: str) -> str:
    if file == "~":
        return function
    return f"{_SITE.sub('', file)}:{line} {function}"


Stats = Mapping[tuple[str, int, str], tuple[int, int, float, float, Mapping[tuple[str, int, str], tuple[int, int, float, float]]]]


def _rows(file: Path, units: float, cost: float) -> list[Row]:
    """One per function. What the profiler added, per call, counts half to the called and half to the caller."""
    stats: Stats = pstats.Stats(str(file)).stats  # type: ignore[attr-defined]
    seen = sum(entry[2] for entry in stats.values())
    calls = sum(entry[1] for entry in stats.values())
    added = max(0.0, seen - cost * units / 1e6) / calls
    made: dict[tuple[str, int, str], int] = {}
    for entry in stats.values():
        for caller, figures in entry[4].items():
            made[caller] = made.get(caller, 0) + figures[0]
    found = []
    for where, (_, times, own, total, _) in stats.items():
        estimate = own - added * (times + made.get(where, 0)) / 2
        scale = 1e6 / units
        found.append(Row(max(0.0, estimate) * scale, own * scale, total * scale, times / units, _place(*where)))
    return sorted(found, reverse=True)


def _python_profile(scenario: Scenario, seconds: float, per: str, top: int, cost: float) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="omniroute-profile-") as folder, running_upstream() as upstream:
        file = Path(folder, "server.prof")
        with running_server(upstream, wrap=(sys.executable, str(HERE / "profiled.py"), str(file))) as server:
            _run(_load(scenario, server, 0.5))
            os.kill(server.pid, signal.SIGUSR1)
            sample = _run(_load(scenario, server, seconds))
            os.kill(server.pid, signal.SIGUSR2)
            deadline = time.monotonic() + 10
            while not file.exists() or not file.stat().st_size:
                if time.monotonic() > deadline:
                    raise SystemExit("the profiler wrote nothing")
                _run(_load(scenario, server, 0.1))  # the signal is seen when the loop wakes
            time.sleep(0.5)
        rows = _rows(file, _units(scenario, sample, per), cost)
    yield f"cProfile: {sum(row.seen for row in rows):.0f} µs a {per} with the profiler"
    yield f"{'own µs':>9}{'seen':>9}{'with callees':>14}{'calls':>8}  function"
    for row in rows[:top]:
        yield f"{row.own:>9.2f}{row.seen:>9.2f}{row.total:>14.2f}{row.calls:>8.2f}  {row.place}"


def _report(perf: str, data: str, sort: str) -> list[str]:
    reading = [perf, "report", "--stdio", "-i", data, "--sort", sort]
    return subprocess.run(reading, capture_output=True, text=True, check=True).stdout.splitlines()


def _machine_profile(scenario: Scenario, seconds: float, per: str, top: int, _cost: float) -> Iterator[str]:
    perf = shutil.which("perf")
    if perf is None:
        raise SystemExit("perf is not installed")
    with tempfile.TemporaryDirectory(prefix="omniroute-profile-") as folder, running_upstream() as upstream:
        data = str(Path(folder, "perf.data"))
        with running_server(upstream) as server:
            _run(_load(scenario, server, 0.5))
            recording = [perf, "record", "-q", "-F", "1999", "-o", data, "-p", str(server.pid)]
            recorder = subprocess.Popen(recording, stderr=subprocess.DEVNULL)
            try:
                time.sleep(0.3)
                sample = _run(_load(scenario, server, seconds))
            finally:
                recorder.send_signal(signal.SIGINT)
                recorder.wait()
        objects = [match for line in _report(perf, data, "dso") if (match := _OBJECT.match(line))]
        symbols = [match for line in _report(perf, data, "dso,symbol") if (match := _SYMBOL.match(line))]
    cost = sample.figures["chunk_us" if per == "chunk" else "cpu_us"]
    yield f"perf: {cost:.1f} µs of processor time a {per}"
    yield f"{'share':>7}{'µs':>9}  where"
    for match in objects[:8]:
        yield f"{float(match[1]):>6.1f}%{cost * float(match[1]) / 100:>9.2f}  [{match[2]}]"
    for match in symbols[:top]:
        yield f"{float(match[1]):>6.1f}%{cost * float(match[1]) / 100:>9.2f}  {match[2]} {match[3]}"


def _run(work: Any) -> Any:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _unprofiled(scenario: Scenario, seconds: float, per: str) -> tuple[float, list[str]]:
    """Microseconds a request or chunk, and whose they are: the thread of the event loop, or another."""
    with running_upstream() as upstream, running_server(upstream) as server:
        _run(_load(scenario, server, 0.5))
        before = thread_seconds(server.pid)
        sample: Sample = _run(_load(scenario, server, seconds))
        after = thread_seconds(server.pid)
    units = _units(scenario, sample, per)
    used = {name: (spent - before.get(name, 0.0)) * 1e6 / units for name, spent in after.items()}
    shown = [
        f"{cost:>9.2f}  {'event loop' if name.endswith(f' {server.pid}') else 'another thread'}"
        for name, cost in sorted(used.items(), key=lambda item: -item[1])
        if cost >= 0.005 * sum(used.values())
    ]
    return sum(used.values()), shown


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", help="by name, see suite.py --list")
    parser.add_argument("--perf", action="store_true", help="sample machine code instead of counting Python calls")
    parser.add_argument("--per", choices=("request", "chunk"), default="request")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--top", type=int, default=25)
    given = parser.parse_args()
    found = chosen(matrix(upstream_formats()), "full", (given.scenario,))
    if not found:
        parser.error(f"no scenario is named like {given.scenario!r}; see suite.py --list")
    pin(cores()[0])
    cost, threads = _unprofiled(found[0], min(given.seconds, 2.0), given.per)
    print(f"{found[0].name}: {cost:.1f} µs of processor time a {given.per} without a profiler", flush=True)
    print("\n".join(threads))
    lines = _machine_profile if given.perf else _python_profile
    for line in lines(found[0], given.seconds, given.per, given.top, cost):
        print(line)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
