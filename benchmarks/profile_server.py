"""Where the server's processor time goes: one scenario, the server under cProfile or perf, the top functions per request.

    python benchmarks/profile_server.py 'chat json 1kB c16'
    python benchmarks/profile_server.py 'chat paced 50x10ms' --per chunk --top 30
    python benchmarks/profile_server.py 'chat burst 500 c16' --perf

cProfile counts every Python call and makes each dearer: read its shares, not its sum; what a request costs without a profiler is
printed first.
perf (Linux) samples machine code, ours compiled by Cython included, and adds next to nothing.
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
from procs import cores, pin
from rig import HERE, Server, running_server, running_upstream, upstream_formats
from scenarios import Scenario, chosen, matrix

_SYMBOL = re.compile(r"^\s*([\d.]+)%\s+(\S+)\s+\[[.k]\]\s+(.+?)(?:\s+-)*\s*$")
_SITE = re.compile(r".*/(?:site-packages|lib/python3\.\d+|src)/")


class Row(NamedTuple):
    """Microseconds and calls for one request or chunk."""

    own: float
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


def _rows(file: Path, units: float) -> list[Row]:
    stats: Mapping[tuple[str, int, str], tuple[int, int, float, float, Any]] = pstats.Stats(str(file)).stats  # type: ignore[attr-defined]
    found = [
        Row(own * 1e6 / units, total * 1e6 / units, calls / units, _place(*where))
        for where, (_, calls, own, total, _) in stats.items()
    ]
    return sorted(found, reverse=True)


def _python_profile(scenario: Scenario, seconds: float, per: str, top: int) -> Iterator[str]:
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
        rows = _rows(file, _units(scenario, sample, per))
    yield f"cProfile: {sum(row.own for row in rows):.0f} µs of profiled time a {per}"
    yield f"{'own µs':>9}{'with callees':>14}{'calls':>8}  function"
    for row in rows[:top]:
        yield f"{row.own:>9.2f}{row.total:>14.2f}{row.calls:>8.2f}  {row.place}"


def _machine_profile(scenario: Scenario, seconds: float, per: str, top: int) -> Iterator[str]:
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
        reading = [perf, "report", "--stdio", "-i", data, "--sort", "dso,symbol", "--percent-limit", "0.2"]
        report = subprocess.run(reading, capture_output=True, text=True, check=True).stdout
    cost = sample.figures["chunk_us" if per == "chunk" else "cpu_us"]
    yield f"perf: {cost:.1f} µs of processor time a {per}"
    yield f"{'share':>7}{'µs':>9}  where"
    symbols = [match for line in report.splitlines() if (match := _SYMBOL.match(line))]
    by_object: dict[str, float] = {}
    for match in symbols:
        by_object[match[2]] = by_object.get(match[2], 0.0) + float(match[1])
    for name, share in sorted(by_object.items(), key=lambda item: -item[1])[:8]:
        yield f"{share:>6.1f}%{cost * share / 100:>9.2f}  [{name}]"
    for match in symbols[:top]:
        yield f"{float(match[1]):>6.1f}%{cost * float(match[1]) / 100:>9.2f}  {match[2]} {match[3]}"


def _run(work: Any) -> Any:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _unprofiled(scenario: Scenario, seconds: float, per: str) -> str:
    with running_upstream() as upstream, running_server(upstream) as server:
        _run(_load(scenario, server, 0.5))
        sample = _run(_load(scenario, server, seconds))
    cost = sample.figures["chunk_us" if per == "chunk" else "cpu_us"]
    return f"{scenario.name}: {cost:.1f} µs of processor time a {per} without a profiler"


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
    profile = _machine_profile if given.perf else _python_profile
    print(_unprofiled(found[0], min(given.seconds, 2.0), given.per), flush=True)
    for line in profile(found[0], given.seconds, given.per, given.top):
        print(line)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
