"""Closed-loop load on loopback, and what it cost: req/s, p50, p99, CPU microseconds of the server per request.

    python benchmarks/load.py                       mock upstream and server are started here, every scenario runs once
    python benchmarks/load.py --only burst --requests 5000 --connections 64

Each connection sends its next request when the last answer is complete, so the number of requests in flight is bounded by
--connections, their total by --requests and the time by --seconds. Only addresses of this machine are accepted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from ipaddress import ip_address
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import uvloop

from rig import Rig, cpu_seconds, running_rig


class Scenario(NamedTuple):
    """``prefix`` is the node that serves it; None goes to the mock upstream directly, for scale."""

    name: str
    dialect: str
    prefix: str | None
    script: str
    stream: bool

    def request(self, host: str) -> bytes:
        model = f"mock:{self.script}" if self.prefix is None else f"{self.prefix}/mock:{self.script}"
        body: dict[str, object] = {"model": model, "messages": [{"role": "user", "content": "Say something."}]}
        path = "/v1/chat/completions"
        if self.dialect == "anthropic":
            path = "/v1/messages"
            body["max_tokens"] = 4096
        if self.stream:
            body["stream"] = True
        content = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
        return head.encode() + content


_JSON = "chunks=100,size=8"
_PACED = "chunks=20,size=8,gap_ms=5"
SCENARIOS: Sequence[Scenario] = (
    Scenario("direct json", "openai", None, _JSON, stream=False),
    Scenario("direct burst", "openai", None, _JSON, stream=True),
    Scenario("openai>openai json", "openai", "bench-chat", _JSON, stream=False),
    Scenario("openai>openai burst", "openai", "bench-chat", _JSON, stream=True),
    Scenario("openai>openai paced", "openai", "bench-chat", _PACED, stream=True),
    Scenario("anthropic>anthropic json", "anthropic", "bench-messages", _JSON, stream=False),
    Scenario("anthropic>anthropic burst", "anthropic", "bench-messages", _JSON, stream=True),
    Scenario("openai>anthropic json", "openai", "bench-messages", _JSON, stream=False),
    Scenario("openai>anthropic burst", "openai", "bench-messages", _JSON, stream=True),
    Scenario("anthropic>openai json", "anthropic", "bench-chat", _JSON, stream=False),
    Scenario("anthropic>openai burst", "anthropic", "bench-chat", _JSON, stream=True),
)


class Result(NamedTuple):
    """Times in milliseconds. ``cpu_us`` is None where it cannot be read; ``sample`` is one whole answer."""

    requests: int
    errors: int
    seconds: float
    p50: float
    p99: float
    first_p50: float
    cpu_us: float | None
    sample: bytes


class Tally:
    """Shared by the connections of one run: hands out requests, collects times."""

    def __init__(self, requests: int, deadline: float) -> None:
        self.left = requests
        self.deadline = deadline
        self.times: list[float] = []
        self.first: list[float] = []
        self.errors = 0
        self.sample = b""

    def take(self) -> bool:
        if self.left <= 0 or time.perf_counter() >= self.deadline:
            return False
        self.left -= 1
        return True


class Client(asyncio.Protocol):
    """One connection: request, whole answer, next request. ``finished`` resolves when there is nothing left to send."""

    def __init__(self, request: bytes, tally: Tally) -> None:
        self._request = request
        self._tally = tally
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._length: int | None = None  # of the whole answer; None = not known, -1 = chunked
        self._sent_at = 0.0
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is not a subclass
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.finished.done():
            self._tally.errors += 1
            self.finished.set_result(None)

    def _next(self) -> None:
        assert self._transport is not None
        if not self._tally.take():
            self.finished.set_result(None)
            self._transport.close()
            return
        self._received.clear()
        self._length = None
        self._sent_at = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self._received:
            self._tally.first.append(time.perf_counter() - self._sent_at)
        self._received += data
        if self._length is None:
            self._read_head()
        if self._length == -1:
            complete = self._received.endswith(b"\r\n0\r\n\r\n")
        else:
            complete = self._length is not None and len(self._received) >= self._length
        if complete:
            self._tally.times.append(time.perf_counter() - self._sent_at)
            if not self._received.startswith(b"HTTP/1.1 200"):
                self._tally.errors += 1
            if not self._tally.sample:
                self._tally.sample = bytes(self._received)
            self._next()

    def _read_head(self) -> None:
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        for line in bytes(self._received[:end]).lower().split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name == b"content-length":
                self._length = end + 4 + int(value)
            elif name == b"transfer-encoding":
                self._length = -1


async def run(scenario: Scenario, rig: Rig, *, connections: int, requests: int, seconds: float) -> Result:
    """One scenario, closed loop. Raises TimeoutError when an answer does not end well after ``seconds``."""
    base = urlsplit(rig.upstream if scenario.prefix is None else rig.server)
    assert ip_address(base.hostname or "").is_loopback, "load goes to this machine only"
    tally = Tally(requests, time.perf_counter() + seconds)
    request = scenario.request(base.netloc)
    cpu_before, started = cpu_seconds(rig.pid), time.perf_counter()
    loop = asyncio.get_running_loop()
    clients = [
        (await loop.create_connection(lambda: Client(request, tally), base.hostname, base.port))[1]
        for _ in range(min(connections, requests))
    ]
    async with asyncio.timeout(seconds + 30):
        await asyncio.gather(*(client.finished for client in clients))
    elapsed, cpu_after = time.perf_counter() - started, cpu_seconds(rig.pid)
    done = len(tally.times)
    cpu = None if cpu_before is None or cpu_after is None or not done else (cpu_after - cpu_before) * 1e6 / done
    p50, p99, first = (_percentile(t, q) * 1000 for t, q in ((tally.times, 0.5), (tally.times, 0.99), (tally.first, 0.5)))
    return Result(done, tally.errors, elapsed, p50, p99, first, None if scenario.prefix is None else cpu, tally.sample)


def _percentile(values: list[float], fraction: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * fraction))] if values else 0.0


def header() -> str:
    return f"{'scenario':<28}{'requests':>9}{'errors':>8}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'first ms':>10}{'CPU us/req':>12}"


def row(name: str, result: Result) -> str:
    cpu = "-" if result.cpu_us is None else f"{result.cpu_us:.0f}"
    rate = result.requests / result.seconds
    return (
        f"{name:<28}{result.requests:>9}{result.errors:>8}{rate:>9.0f}{result.p50:>9.2f}{result.p99:>9.2f}"
        f"{result.first_p50:>10.2f}{cpu:>12}"
    )


async def _main(given: argparse.Namespace) -> int:
    print(header())
    errors = 0
    with running_rig() as rig:
        for scenario in SCENARIOS:
            if given.only in scenario.name:
                warm_up = await run(scenario, rig, connections=4, requests=50, seconds=5)
                result = await run(scenario, rig, connections=given.connections, requests=given.requests, seconds=given.seconds)
                print(row(scenario.name, result), flush=True)
                errors += warm_up.errors + result.errors
    return 1 if errors else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="TEXT", help="scenarios whose name contains this")
    parser.add_argument("--connections", type=int, default=16, choices=range(1, 1025), metavar="1-1024")
    parser.add_argument("--requests", type=int, default=2000, help="per scenario")
    parser.add_argument("--seconds", type=float, default=10.0, help="per scenario, at most")
    raise SystemExit(uvloop.run(_main(parser.parse_args())))
