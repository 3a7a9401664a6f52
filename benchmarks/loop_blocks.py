"""What stops the event loop for more than 5 ms while requests are served: asyncio's own debug mode says it, nothing is asserted.

    python benchmarks/loop_blocks.py                   each dialect passed through and to its neighbour, whole and streamed
    python benchmarks/loop_blocks.py --requests 2000   more of each

The server runs on asyncio's selector loop, since uvloop calls protocols past its debug mode; debug mode makes every callback
dearer. So the figures are an upper limit, and on a busy machine they hold what other processes took away.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import runpy
import sys
import tempfile
from pathlib import Path
from typing import Any

import uvloop

from measure import drive
from rig import Server, running_server, running_upstream, upstream_formats
from scenarios import Scenario, label

_LONGEST = 0.005
_CONNECTIONS = 8


class _Noted(logging.Handler):
    """Writes the name and seconds of each slow callback to a file, one JSON array a line."""

    def __init__(self, file: Path) -> None:
        super().__init__(logging.WARNING)
        self._file = file.open("a", buffering=1)

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.args, tuple) and len(record.args) == 2 and isinstance(record.args[1], float):
            self._file.write(json.dumps([str(record.args[0]), record.args[1]]) + "\n")


def _debugged_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.SelectorEventLoop()
    loop.set_debug(True)
    loop.slow_callback_duration = _LONGEST
    return loop


def _serve(file: Path, option: str, module: str, *arguments: str) -> None:
    """As ``python -m`` does, on a debugged loop."""
    if option != "-m":
        raise SystemExit(__doc__)
    sys.path[0] = str(Path.cwd())
    sys.argv[1:] = arguments
    uvloop.new_event_loop = _debugged_loop  # type: ignore[assignment]
    logger = logging.getLogger("asyncio")
    logger.addHandler(_Noted(file))
    logger.propagate = False
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _scenarios() -> list[Scenario]:
    formats = upstream_formats()
    pairs = [(each, each) for each in formats] + list(zip(formats, formats[1:] + formats[:1], strict=True))
    return [
        Scenario(f"{label(*pair)} {name}", *pair, "closed", stream, "chunks=100;size=28", connections=_CONNECTIONS)
        for pair in pairs
        for name, stream in (("json", False), ("burst 100", True))
    ]


def _read(file: Path) -> list[tuple[str, float]]:
    return [tuple(json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []


async def _measure(server: Server, file: Path, requests: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    known = len(_read(file))
    print(f"start: {known} callbacks over {_LONGEST * 1000:g} ms")
    for scenario in _scenarios():
        sample = await drive(scenario, server.target(), seconds=60, most=requests)
        slow = _read(file)[known:]
        known += len(slow)
        place, longest = max(slow, key=lambda one: one[1], default=("", 0.0))
        found[scenario.name] = {
            "requests": sample.figures["requests"], "slow": len(slow), "longest_ms": longest * 1000, "place": place,
            "problems": sample.problems,
        }  # fmt: skip
        print(f"{scenario.name:<32}{sample.figures['requests']:>7.0f} requests {len(slow):>5} over {_LONGEST * 1000:g} ms, "
              f"longest {longest * 1000:6.1f} ms  {place[:90]}", flush=True)  # fmt: skip
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=400, help="of each scenario")
    parser.add_argument("--save", type=Path, metavar="FILE", help="the figures as JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="omniroute-bench-") as folder, running_upstream() as upstream:
        file = Path(folder, "slow.jsonl")
        with running_server(upstream, wrap=(sys.executable, __file__, "--serve", str(file))) as server:
            found = uvloop.run(_measure(server, file, given.requests))
    if given.save:
        given.save.write_text(json.dumps(found, indent=1) + "\n")
    return 1 if any(one["problems"] for one in found.values()) else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        _serve(Path(sys.argv[2]), *sys.argv[3:])
    else:
        raise SystemExit(main())
