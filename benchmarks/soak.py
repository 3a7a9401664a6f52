"""Mixed traffic for minutes: does memory stay flat, does anything pile up, does the ledger agree with the upstream's bill.

    python benchmarks/soak.py --minutes 30      the measurement (make soak)
    python benchmarks/soak.py --seconds 5       does the rig hold: all checks but the one of memory

Short and long bodies, finished and streamed, passed and translated, beside clients that leave and upstreams that fail. Ends with
status 1 when a request went wrong that should not, memory is not flat, something is left over, or the ledger is not right.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import uvloop

from bill import billed, connections, differences, health, ledger, quiet, settled
from load import run
from misuse import MISUSES, Ends, Misuse, misuse
from procs import cores, cpu_seconds, open_files, pin, rss_bytes
from rig import Rig, running_rig
from scenarios import PASS_THROUGH, TRANSLATED, Scenario, arrivals, burst, json_answers, paced

_SETTLED = 1 / 3  # of the time passes before memory counts: caches fill and the allocator takes its room
_LONGEST_WARMUP = 900.0
_EVERY = 10.0  # seconds between two looks; a short run has thirty of them all the same
_LOOKS = 30
_SLICE = 5.0  # seconds of one run of a scenario; then its connections are closed and made anew
FLAT = 0.05
_SHORTEST = 120.0  # seconds; of less nothing can be said about memory
_STRAY_TASKS = 10  # an idle server has a few tasks more or fewer, by what its timers do


class Look(NamedTuple):
    """The server at one moment: seconds from the start, MB, counts."""

    at: float
    mb: float
    tasks: int
    in_flight: int
    upstream_open: int
    upstream_busy: int
    files: int


class Soaked(NamedTuple):
    """``looks`` in the order of time, ``before`` and ``after`` at rest; a ``cpu_share`` of 1 is one core. ``problems`` are of
    requests, ``faults`` are sentences about the server."""

    looks: list[Look]
    before: Look
    after: Look
    requests: int
    ends: dict[str, dict[str, int]]
    problems: dict[str, int]
    faults: list[str]
    cpu_share: float

    @property
    def seconds(self) -> float:
        return self.looks[-1].at

    @property
    def _settled(self) -> list[Look]:
        warm = min(self.seconds * _SETTLED, _LONGEST_WARMUP)
        return [look for look in self.looks if look.at >= warm]

    @property
    def slope(self) -> float:
        """MB an hour by least squares over the settled part."""
        looks = self._settled
        middle, level = mean(look.at for look in looks), mean(look.mb for look in looks)
        spread = sum((look.at - middle) ** 2 for look in looks)
        return sum((look.at - middle) * (look.mb - level) for look in looks) / spread * 3600 if spread else 0.0

    @property
    def growth(self) -> float:
        """Mean of the last quarter over the mean of the first, of the settled part, less 1."""
        sizes = [look.mb for look in self._settled]
        quarter = max(1, len(sizes) // 4)
        return mean(sizes[-quarter:]) / mean(sizes[:quarter]) - 1

    @property
    def flat(self) -> bool | None:
        """None when the run was too short to tell."""
        return None if self.seconds < _SHORTEST else abs(self.growth) <= FLAT

    @property
    def held(self) -> bool:
        return not self.problems and not self.faults and self.flat is not False

    def as_record(self) -> dict[str, Any]:
        return {
            "minutes": self.seconds / 60,
            "requests": self.requests,
            "ends": self.ends,
            "problems": self.problems,
            "faults": self.faults,
            "first_mb": self.looks[0].mb,
            "last_mb": self.looks[-1].mb,
            "peak_mb": max(look.mb for look in self.looks),
            "slope_mb_per_hour": self.slope,
            "growth": self.growth,
            "flat": self.flat,
            "cpu_share": self.cpu_share,
            "before": self.before._asdict(),
            "after": self.after._asdict(),
            "times": [round(look.at, 1) for look in self.looks],
            "sizes": [round(look.mb, 2) for look in self.looks],
            "tasks": [look.tasks for look in self.looks],
            "upstream_open": [look.upstream_open for look in self.looks],
            "files": [look.files for look in self.looks],
        }


def _mix() -> list[Scenario]:
    """About a fifth of a core: short and long bodies, streams fast and slow, passed and translated."""
    return [
        arrivals(*PASS_THROUGH, "1kB", 60),
        arrivals(*TRANSLATED, "50kB", 10)._replace(script="chunks=9;size=28;stamp=1"),
        paced(*PASS_THROUGH, 20, 20),
        json_answers(*TRANSLATED, "1kB", 2)._replace(loop="open", rate=20.0, connections=4),
        burst(*TRANSLATED, 500, "50kB", 2)._replace(loop="open", rate=4.0, connections=4),
        json_answers("openai_responses", "anthropic", "50kB", 2)._replace(
            loop="open", rate=5.0, connections=2, script="chunks=101;size=8"
        ),
        burst("openai_chat", "gemini", 102, "1kB", 2)._replace(loop="open", rate=5.0, connections=2),
    ]


async def soak(rig: Rig, seconds: float) -> Soaked:
    """Traffic to OmniRoute for that long."""
    server, target = rig.server, rig.server.target()
    began, cpu = time.monotonic(), cpu_seconds(server.pid)
    end = began + seconds
    sent, problems = dict[str, int](), dict[str, int]()
    ends = {kind.name: Ends() for kind in MISUSES}
    bills = await billed(rig.upstream), await ledger(server)
    before = await _look(rig, began)

    async def keep(scenario: Scenario) -> None:
        while (left := end - time.monotonic()) > 0:
            tally = await run(scenario, target.job(scenario), seconds=min(_SLICE, max(0.5, left)))
            sent[scenario.name] = sent.get(scenario.name, 0) + len(tally.totals)
            for what, count in tally.problems.items():
                problems[f"{scenario.name}: {what}"] = problems.get(f"{scenario.name}: {what}", 0) + count

    regular = _mix()
    kept = [keep(scenario) for scenario in regular]
    work = asyncio.gather(*kept, *(misuse(kind, target, ends[kind.name], end) for kind in MISUSES))
    looks: list[Look] = []
    try:
        while not work.done():
            looks.append(await _look(rig, began))
            await asyncio.wait((work,), timeout=min(_EVERY, seconds / _LOOKS))
        await work
    finally:
        work.cancel()
    share = (cpu_seconds(server.pid) - cpu) / (time.monotonic() - began)
    faults = quiet(await settled(server))
    after = await _look(rig, began)
    if after.tasks > before.tasks + _STRAY_TASKS:
        faults.append(f"{after.tasks} tasks at rest after it, {before.tasks} before it")
    problems |= _wrong_ends(MISUSES, ends)
    if not any(bills):  # a server that has served others cannot be checked by sums
        faults += await _ledger_faults(rig, regular, sent, ends)
    counts = {name: one.counts for name, one in ends.items()}
    total = sum(sent.values()) + sum(one.sent for one in ends.values())
    return Soaked(looks, before, after, total, counts, problems, faults, share)


async def _look(rig: Rig, began: float) -> Look:
    told = await health(rig.server)
    pool = connections(told)
    return Look(
        at=time.monotonic() - began,
        mb=rss_bytes(rig.server.pid) / 1e6,
        tasks=told["tasks"],
        in_flight=told["in_flight"],
        upstream_open=pool["open"],
        upstream_busy=pool["busy"],
        files=open_files(rig.server.pid),
    )


def _wrong_ends(kinds: tuple[Misuse, ...], ends: dict[str, Ends]) -> dict[str, int]:
    """Requests that ended as they should not, by what happened."""
    return {
        f"{kind.name}: {how}": count for kind in kinds for how, count in ends[kind.name].counts.items() if how not in kind.ends
    }


async def _ledger_faults(rig: Rig, regular: list[Scenario], sent: dict[str, int], ends: dict[str, Ends]) -> list[str]:
    bills, rows = await billed(rig.upstream), await ledger(rig.server)
    found = [fault for scenario in regular for fault in differences(scenario, sent[scenario.name], rows, bills, whole=True)]
    for kind in MISUSES:
        found += differences(kind.scenario, ends[kind.name].sent, rows, bills, whole=False)
    return found


def report(soaked: Soaked) -> str:
    """What was found, in lines."""
    looks, after = soaked.looks, soaked.after
    word = {True: "flat", False: "NOT FLAT", None: "too short to tell"}[soaked.flat]
    sizes = [look.mb for look in looks]
    lines = [
        f"{soaked.seconds / 60:.1f} minutes, {soaked.requests} requests, problems: {soaked.problems or 'none'}",
        *(f"  {name}: {', '.join(f'{count} {how}' for how, count in counts.items())}" for name, counts in soaked.ends.items()),
        f"resident memory {sizes[0]:.1f} MB at first, {sizes[-1]:.1f} at last, {max(sizes):.1f} at most, {after.mb:.1f} at rest",
        f"slope {soaked.slope:+.1f} MB an hour, growth {soaked.growth:+.1%}: {word}; {soaked.cpu_share:.0%} of a core",
        f"tasks {soaked.before.tasks} before, {max(look.tasks for look in looks)} at most, {after.tasks} at rest; "
        f"upstream connections {max(look.upstream_open for look in looks)} at most, {after.upstream_open} at rest; "
        f"open files {soaked.before.files} before, {max(look.files for look in looks)} at most, {after.files} at rest",
        *(f"fault: {fault}" for fault in soaked.faults),
        "the ledger and the rest hold" if not soaked.faults else f"{len(soaked.faults)} faults",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, default=30.0)
    length.add_argument("--seconds", type=float)
    parser.add_argument("--save", type=Path, metavar="FILE", help="the record as JSON")
    given = parser.parse_args()
    pin(cores()[0])
    with running_rig(beside=False) as rig_:
        done = uvloop.run(soak(rig_, given.seconds or given.minutes * 60))
    print(report(done))
    if given.save:
        given.save.write_text(json.dumps(done.as_record(), indent=1) + "\n")
    raise SystemExit(0 if done.held else 1)
