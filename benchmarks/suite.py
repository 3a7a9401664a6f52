"""The benchmark suite: OmniRoute beside nginx and a direct run, in turn, with everything on that a user has on.

    python benchmarks/suite.py                     what the bars need: about 20 minutes on a quiet machine
    python benchmarks/suite.py --quick             the same in about 3 minutes, fewer scenarios and rounds
    python benchmarks/suite.py --full              the whole matrix: hours
    python benchmarks/suite.py --only 'json 1kB' --rounds 10
    python benchmarks/suite.py --save after.json --baseline before.json
    python benchmarks/suite.py --soak 30 --docs    docs/performance.md, its plots and its history from this run

Figures are ratios within one run; between runs only ratios compare. Load and mock upstream are kept on other cores than what is
measured, where there are two or more. Only loopback is ever asked.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import resource
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import uvloop

import compare
import page
from bars import judge
from measure import as_record, heading, measure, row, summary
from peers import PEERS, running_peer
from probes import probe_all, start_up
from procs import cores, pin, rss_bytes
from rig import ROOT, Rig, running_rig, running_upstream, upstream_formats
from scenarios import LEVELS, Level, Scenario, chosen, matrix
from soak import soak

# rounds, seconds a run
_EFFORT: dict[Level, tuple[int, float]] = {"quick": (3, 0.7), "bars": (6, 1.5), "full": (6, 1.5)}
_PEER_SCENARIOS = tuple(
    f"{pair} {kind}" for pair in ("chat", "anthropic>chat") for kind in ("json 1kB c16", "burst 100 c16", "burst 500 c16")
)
_OPEN_SECONDS = 2.0  # of arrivals at least: a tail needs its requests


def _say(text: str) -> None:
    print(text, flush=True)


def about(given: argparse.Namespace) -> dict[str, Any]:
    """Where and how the figures were taken."""
    command = [shutil.which("git") or "git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    model = next((line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit.strip(),
        "command": shlex.join(["python", "benchmarks/suite.py", *sys.argv[1:]]),
        "note": given.note,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cpu": model or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


@contextmanager
def _running(given: argparse.Namespace, scenarios: list[Scenario]) -> Iterator[Rig]:
    """The rig and the peers that were asked for."""
    with ExitStack() as stack:
        rig = stack.enter_context(running_rig(aiohttp=any(scenario.tls for scenario in scenarios)))
        targets, missing = list(rig.targets), list(rig.missing)
        for name in given.peers:
            target, problem = stack.enter_context(running_peer(name, rig.upstream))
            targets += [target] if target else []
            missing += [problem] if problem else []
        yield rig._replace(targets=tuple(targets), missing=tuple(missing))


async def _measure_all(rig: Rig, scenarios: list[Scenario], given: argparse.Namespace, record: dict[str, Any]) -> None:
    rounds, seconds = _EFFORT[given.level]
    rounds, seconds = given.rounds or rounds, given.seconds or seconds
    _say(heading())
    for scenario in scenarios:
        length = max(seconds, _OPEN_SECONDS) if scenario.loop == "open" else seconds
        measured = await measure(scenario, rig.targets, rounds=rounds, seconds=length, say=_say)
        for name, figures in measured.rounds.items():
            if figures:
                _say(row(scenario.name, name, summary(figures)["min"]))
        record["scenarios"][scenario.name] = as_record(measured)


def run(given: argparse.Namespace) -> dict[str, Any]:
    """Everything that was asked for, as one record."""
    pin(cores()[0])
    scenarios = [] if given.probes_only else chosen(matrix(upstream_formats()), given.level, tuple(given.only))
    record: dict[str, Any] = {"about": about(given), "scenarios": {}, "probes": {}, "missing": []}
    with _running(given, scenarios) as rig:
        record["missing"] = list(rig.missing)
        for sentence in rig.missing:
            _say(f"missing: {sentence}")
        probing = given.probes_only or not given.only
        if probing:
            time.sleep(1)
            record["probes"]["idle_mb"] = rss_bytes(rig.server.pid) / 1e6
            _say(f"omniroute: {record['probes']['idle_mb']:.1f} MB after start")
            # before any load: memory that load has left behind would hide what open streams take
            record["probes"] |= uvloop.run(probe_all(rig, _say))
        uvloop.run(_measure_all(rig, scenarios, given, record))
        if probing:
            record["probes"]["after_load_mb"] = rss_bytes(rig.server.pid) / 1e6
        if given.soak:
            _say(f"soak: {given.soak:g} minutes")
            record["soak"] = uvloop.run(soak(rig, given.soak * 60)).as_record()
    if probing:
        with running_upstream() as upstream:
            record["probes"]["start"] = start_up(upstream)
    record["bars"] = [verdict._asdict() for verdict in judge(record)]
    record["about"]["load_after"] = round(os.getloadavg()[0], 2)
    return record


def bars_table(record: dict[str, Any]) -> str:
    lines = [f"{'figure':<50}{'bar':<27}{'measured':>9}  {'':<6}remark"]
    for bar in record["bars"]:
        word = {True: "pass", False: "MISS", None: "-"}[bar["passed"]]
        lines.append(f"{bar['figure']:<50}{bar['bar']:<27}{bar['value'] or '-':>9}  {word:<6}{bar['remark']}")
    return "\n".join(lines)


def _problems(record: dict[str, Any]) -> int:
    """How many scenarios OmniRoute did not serve without a fault."""
    failed = [name for name, one in record["scenarios"].items() if "omniroute" in one["problems"]]
    for name in failed:
        _say(f"{name}: {record['scenarios'][name]['problems']['omniroute']}")
    return len(failed)


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    level = parser.add_mutually_exclusive_group()
    for name in LEVELS:
        level.add_argument(f"--{name}", dest="level", action="store_const", const=name)
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="of any level, by name or by a part of it")
    parser.add_argument("--list", action="store_true", help="name the scenarios and end")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0.0, help="of one run of a scenario against one target")
    parser.add_argument("--probes", dest="probes_only", action="store_true", help="start-up, memory and disconnects only")
    parser.add_argument("--soak", type=float, default=0.0, metavar="MINUTES", help="mixed traffic at the end")
    peers = "measure these beside it (default: all, see benchmarks/peers.py), on a few scenarios unless --only says which"
    parser.add_argument("--peers", nargs="*", metavar="NAME", help=peers)
    parser.add_argument("--peers-from", type=Path, metavar="FILE", help="a saved run with peers to show beside this one")
    parser.add_argument("--soak-from", type=Path, metavar="FILE", help="a saved soak (soak.py --save) to show with this run")
    routing = "results of simulate_routing.py --json to show with this run"
    parser.add_argument("--routing-from", type=Path, metavar="FILE", help=routing)
    parser.add_argument("--save", type=Path, metavar="FILE", help="the record as JSON")
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="a saved record to print ratios to")
    parser.add_argument("--note", default="", help="said beside the figures: 'quiet machine', 'shared, busy machine'")
    parser.add_argument("--docs", action="store_true", help="write docs/performance.md and its plots, add to the history")
    parser.add_argument("--render", type=Path, metavar="FILE", help="the page from a saved record, without a run")
    parser.set_defaults(level="bars")
    given = parser.parse_args()
    if given.peers is not None and not given.only:
        given.only = list(_PEER_SCENARIOS)
    given.peers = list(PEERS) if given.peers == [] else given.peers or []
    if unknown := set(given.peers) - PEERS.keys():
        parser.error(f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    return given


def main() -> int:
    given = _parsed()
    if given.list:
        for scenario in matrix(upstream_formats()):
            _say(f"{scenario.level:<7}{scenario.name}")
        return 0
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a thousand streams need more than two thousand files
    record = json.loads(given.render.read_text()) if given.render else run(given)
    beside = {"peers": given.peers_from, "soak": given.soak_from, "routing": given.routing_from}
    added = {name: json.loads(file.read_text()) for name, file in beside.items() if file is not None}
    if added:
        record |= added
        record["bars"] = [verdict._asdict() for verdict in judge(record)]
    if given.save:
        given.save.write_text(json.dumps(record, indent=1) + "\n")
    _say("\n" + bars_table(record))
    if given.baseline:
        _say("\n" + compare.table(record, json.loads(given.baseline.read_text())))
    if given.docs or given.render:
        page.write(record, keep=given.docs)
    return 1 if _problems(record) else 0


if __name__ == "__main__":
    raise SystemExit(main())
