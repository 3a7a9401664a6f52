"""What recording costs: requests per second and processor time per request of a server with and without telemetry, in turns.

``python benchmarks/recording.py [--rounds N] [--seconds S]``. Both servers stand in front of the mock upstream; each round loads
first one, then the other. The bar: the medians differ by 5 % at most. Processor time (all threads of the server, those that write
the database too) is what counts on a machine that has other work.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from pathlib import Path

from measure import drive
from rig import Server, running_server, running_upstream
from scenarios import Scenario, burst, json_answers

BAR = 0.05
_WARM_UP = 1.0


async def loaded(server: Server, scenario: Scenario, seconds: float) -> tuple[float, float]:
    """(requests per second, µs of processor time per request)"""
    sample = await drive(scenario, server.target(), seconds=seconds)
    if sample.problems:
        raise SystemExit(f"{scenario.name}: {sample.problems}")
    return sample.figures["rps"], sample.figures["cpu_us"]


def compare(scenario: Scenario, recorded: Server, unrecorded: Server, rounds: int, seconds: float) -> float:
    """Print a line; gives back how much more processor time a recorded request takes, as a share."""
    found: dict[str, list[tuple[float, float]]] = {"on": [], "off": []}
    servers = {"on": recorded, "off": unrecorded}
    for server in servers.values():
        asyncio.run(loaded(server, scenario, _WARM_UP))
    for _ in range(rounds):
        for name, server in servers.items():
            found[name].append(asyncio.run(loaded(server, scenario, seconds)))
    rate = {name: statistics.median(rps for rps, _ in each) for name, each in found.items()}
    cost = {name: statistics.median(us for _, us in each) for name, each in found.items()}
    share = cost["on"] / cost["off"] - 1
    print(
        f"{scenario.name:<32} on {rate['on']:.0f}/s {cost['on']:.0f} µs, off {rate['off']:.0f}/s {cost['off']:.0f} µs: "
        f"{1 - rate['on'] / rate['off']:+.1%} throughput, {share:+.1%} processor time"
    )
    return share


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0)
    given = parser.parse_args()
    wrap = (sys.executable, str(Path(__file__).with_name("unrecorded.py")))
    scenarios = (json_answers("openai_chat", "openai_chat", "1kB"), burst("openai_chat", "openai_chat", 100))
    scenarios += (json_answers("anthropic", "openai_chat", "1kB"),)
    with running_upstream() as upstream, running_server(upstream) as on, running_server(upstream, wrap=wrap) as off:
        worst = max(compare(scenario, on, off, given.rounds, given.seconds) for scenario in scenarios)
    if worst > BAR:
        raise SystemExit(f"recording costs {worst:.1%}, the bar is {BAR:.0%}")


if __name__ == "__main__":
    main()
