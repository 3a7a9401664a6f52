"""A few seconds of load through every pair of dialects, with the answers checked: does the path hold, not how fast is it.

Exits 1 when an answer is missing, wrong or an error, or when a figure could not be taken. Its numbers are not a measurement.
"""

from __future__ import annotations

import uvloop

from measure import drive, heading, row
from reading import problem_of
from rig import Rig, Target, running_rig, upstream_formats
from scenarios import Scenario, label
from soak import report, soak

_REQUESTS = 60
_CONNECTIONS = 8
_SOAK_SECONDS = 4.0


def _scenarios(formats: list[str]) -> list[Scenario]:
    found = []
    for client in formats:
        for upstream in formats:
            pair = label(client, upstream)
            for name, stream, script in (
                ("json", False, "chunks=20;size=9"),
                ("burst", True, "chunks=20;size=9"),
                ("paced", True, "chunks=5;size=28;gap_ms=2;stamp=1"),
            ):
                if name != "paced" or client == upstream:
                    found.append(Scenario(f"{pair} {name}", client, upstream, "closed", stream, script, connections=_CONNECTIONS))
    first = formats[0]
    script = "chunks=5;size=28;stamp=1"
    found.append(Scenario(f"{label(first, first)} arrivals", first, first, "open", True, script, connections=4, rate=100))
    return found


async def _problem(scenario: Scenario, target: Target) -> tuple[str, str | None]:
    sample = await drive(scenario, target, seconds=0.5 if scenario.loop == "open" else 20, most=_REQUESTS)
    shown = row(scenario.name, target.name, sample.figures)
    if sample.problems:
        return shown, f"{sample.problems}; first answer: {sample.answer[:400]!r}"
    if not sample.figures.get("requests"):
        return shown, "no request was answered"
    if sample.figures["total_p50_ms"] <= 0 or not sample.figures.get("rps"):
        return shown, "no figure was produced"
    return shown, problem_of(scenario, target.dialect(scenario), sample.answer)


async def _main(rig: Rig, formats: list[str]) -> int:
    failed = 0
    target = rig.server.target()
    direct = rig.targets[0]
    scenarios = _scenarios(formats)
    pairs = [(scenario, target) for scenario in scenarios] + [(s, direct) for s in scenarios if s.client == s.upstream]
    print(heading())
    for scenario, where in pairs:
        shown, problem = await _problem(scenario, where)
        print(shown + (f"\n    {problem}" if problem else ""), flush=True)
        failed += problem is not None
    print(f"{len(pairs) - failed} scenarios held, {failed} did not")
    return 1 if failed else 0


async def _soak(rig: Rig) -> int:
    """A few seconds of everything at once; first, since the ledger is compared with the bill from the first request on."""
    soaked = await soak(rig, _SOAK_SECONDS)
    print(report(soaked))
    return 0 if soaked.held else 1


if __name__ == "__main__":
    with running_rig(beside=False) as running:
        status = uvloop.run(_soak(running))
        raise SystemExit(uvloop.run(_main(running, upstream_formats())) or status)
