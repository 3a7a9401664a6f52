"""Mixed traffic for minutes while memory is watched: does it stay flat.

python benchmarks/soak.py                   one minute: does the rig hold
python benchmarks/soak.py --minutes 30      the measurement
"""

from __future__ import annotations

import argparse
import asyncio
import time
from statistics import mean
from typing import Any, NamedTuple

import uvloop

from load import run
from procs import cpu_seconds, rss_bytes
from rig import Rig, running_rig
from scenarios import PASS_THROUGH, TRANSLATED, Scenario, arrivals, burst, json_answers, paced

_SETTLED = 0.2  # of the time passes before memory counts
_SAMPLES = 120
_SLICE = 5.0  # seconds of one run of a scenario; then its connections are closed and made anew


class Soaked(NamedTuple):
    """``times`` in seconds from the start, ``sizes`` in MB; a ``cpu_share`` of 1 is one core."""

    times: list[float]
    sizes: list[float]
    requests: int
    problems: dict[str, int]
    cpu_share: float

    @property
    def slope(self) -> float:
        """MB an hour by least squares over the settled part."""
        first = int(len(self.times) * _SETTLED)
        times, sizes = self.times[first:], self.sizes[first:]
        middle, level = mean(times), mean(sizes)
        spread = sum((t - middle) ** 2 for t in times)
        return sum((t - middle) * (s - level) for t, s in zip(times, sizes, strict=True)) / spread * 3600 if spread else 0.0

    @property
    def growth(self) -> float:
        """Mean of the last quarter over the mean of the first, of the settled part, less 1."""
        settled = self.sizes[int(len(self.sizes) * _SETTLED) :]
        quarter = max(1, len(settled) // 4)
        return mean(settled[-quarter:]) / mean(settled[:quarter]) - 1

    def as_record(self) -> dict[str, Any]:
        return {
            "minutes": self.times[-1] / 60,
            "requests": self.requests,
            "problems": self.problems,
            "first_mb": self.sizes[0],
            "last_mb": self.sizes[-1],
            "peak_mb": max(self.sizes),
            "slope_mb_per_hour": self.slope,
            "growth": self.growth,
            "cpu_share": self.cpu_share,
            "times": [round(t, 1) for t in self.times],
            "sizes": [round(s, 2) for s in self.sizes],
        }


def _mix() -> list[Scenario]:
    """About a fifth of a core: short and long bodies, streams fast and slow, passed and translated."""
    return [
        arrivals(*PASS_THROUGH, "1kB", 60),
        arrivals(*TRANSLATED, "50kB", 10),
        paced(*PASS_THROUGH, 20, 20),
        json_answers(*TRANSLATED, "1kB", 2)._replace(loop="open", rate=20.0, connections=4),
        burst(*TRANSLATED, 500, "50kB", 2)._replace(loop="open", rate=4.0, connections=4),
    ]


async def soak(rig: Rig, minutes: float) -> Soaked:
    """Traffic to OmniRoute for that long."""
    target = rig.server.target()
    began, cpu = time.monotonic(), cpu_seconds(target.pid or 0)
    end = began + minutes * 60
    requests, problems = 0, dict[str, int]()

    async def keep(scenario: Scenario) -> None:
        nonlocal requests
        while time.monotonic() < end:
            tally = await run(scenario, target.job(scenario), seconds=min(_SLICE, max(0.5, end - time.monotonic())))
            requests += len(tally.totals)
            for what, count in tally.problems.items():
                problems[what] = problems.get(what, 0) + count

    work = asyncio.gather(*(keep(scenario) for scenario in _mix()))
    times, sizes = [], []
    try:
        while not work.done():
            times.append(time.monotonic() - began)
            sizes.append(rss_bytes(target.pid or 0) / 1e6)
            await asyncio.wait((work,), timeout=minutes * 60 / _SAMPLES)
        await work
    finally:
        work.cancel()
    share = (cpu_seconds(target.pid or 0) - cpu) / (time.monotonic() - began)
    return Soaked(times, sizes, requests, problems, share)


def _say(soaked: Soaked) -> str:
    sizes = soaked.sizes
    return (
        f"{soaked.times[-1] / 60:.1f} minutes, {soaked.requests} requests, problems: {soaked.problems or 'none'}\n"
        f"resident memory {sizes[0]:.1f} MB at first, {sizes[-1]:.1f} at last, {max(sizes):.1f} at most\n"
        f"slope {soaked.slope:+.1f} MB an hour, growth {soaked.growth:+.1%}, {soaked.cpu_share:.0%} of a core"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    given = parser.parse_args()
    with running_rig(beside=False) as rig_:
        done = uvloop.run(soak(rig_, given.minutes))
    print(_say(done))
    raise SystemExit(1 if done.problems else 0)
