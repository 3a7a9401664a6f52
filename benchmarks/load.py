"""Load on loopback: closed loop for throughput, open loop for latency, streams held open; and what came back.

In the open loop requests are sent at fixed times whether or not earlier ones were answered, and every latency counts from the
scheduled time: a server that stalls makes the requests behind the stall slow too, as it would for people (no coordinated
omission). Chunk delays are exact: the mock upstream writes the time of writing into each event.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from typing import NamedTuple, cast

from precise import Timers
from scenarios import Scenario

_STAMP = re.compile(rb"~(\d{18})~")
_CHUNKED_END = b"\r\n0\r\n\r\n"
_CARRY = 19  # bytes of the last read looked at again: one less than a stamp has, at least one less than any terminator
_KEEP = 1 << 20  # bytes of one answer kept as the sample
_STREAMS_A_SECOND = 400
_GOLDEN = 0.618033988749895  # its multiples fall evenly between whole numbers, however many there are
_GRACE = 60.0  # seconds after the last request in which its answer must come


class Job(NamedTuple):
    """Where to and what: ``terminator`` is what a complete stream contains near its end."""

    host: str
    port: int
    request: bytes
    terminator: bytes | None


class Tally:
    """What all connections of one run report to. Times in seconds."""

    def __init__(self, stamped: bool, stamps_each: int) -> None:
        self.stamped = stamped
        self.stamps_each = stamps_each
        self.totals: list[float] = []
        self.firsts: list[float] = []
        self.delays: list[float] = []
        self.late: list[float] = []
        self.chunks = 0
        self.received = 0
        self.problems: dict[str, int] = {}
        self.sample = b""

    def problem(self, what: str) -> None:
        self.problems[what] = self.problems.get(what, 0) + 1


class Client(asyncio.Protocol):
    """One connection: a request, its whole answer, then ``done`` is called and the next may be sent."""

    def __init__(self, job: Job, tally: Tally, done: Callable[[Client], None]) -> None:
        self._job = job
        self._tally = tally
        self._done = done
        self._transport: asyncio.Transport | None = None
        self._busy = False
        self._head = bytearray()
        self._tail = b""
        self._sample: bytearray | None = None
        self._left = -1  # bytes of a body with a length; -1 = the head is not here, -2 = chunked
        self._since = 0.0
        self._first = 0.0
        self._stamps = 0
        self._ok = True
        self._terminated = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is not a subclass

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._busy:
            self._tally.problem("the connection was closed before the answer was complete")
            self._busy = False
            self._done(self)

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        self._busy = False
        if self._transport is not None:
            self._transport.abort()

    def send(self, since: float) -> None:
        """Send the request; its times count from ``since``."""
        assert self._transport is not None
        self._busy = self._ok = True
        self._terminated = False
        self._head.clear()
        self._tail = b""
        self._left = -1
        self._since = since
        self._first = 0.0
        self._stamps = 0
        self._sample = bytearray() if not self._tally.sample else None
        self._transport.write(self._job.request)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        if not self._busy:
            self._tally.problem("bytes nobody asked for")
            return
        if self._sample is not None and len(self._sample) < _KEEP:
            self._sample += data
        self._tally.received += len(data)
        if self._left == -1:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            data = bytes(self._head[end + 4 :])
            self._read_head(bytes(self._head[:end]).lower())
        if data:
            self._read_body(data, now)
        if (self._left == -2 and self._tail.endswith(_CHUNKED_END)) or self._left == 0:
            self._complete(now)

    def _read_head(self, head: bytes) -> None:
        if not head.startswith(b"http/1.1 200"):
            self._ok = False
            self._tally.problem(head[9:40].partition(b"\r\n")[0].decode())
        self._left = -2
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name == b"content-length":
                self._left = int(value)

    def _read_body(self, data: bytes, now: float) -> None:
        if self._left >= 0:
            self._left -= len(data)
        tally = self._tally
        seen = self._tail[-_CARRY:] + data
        self._tail = seen[-max(_CARRY, len(_CHUNKED_END)) :]
        if self._job.terminator is not None and self._job.terminator in seen:
            self._terminated = True
        if tally.stamped:
            for stamp in _STAMP.findall(seen):
                if self._stamps < tally.stamps_each:  # some dialects repeat the whole text at the end
                    tally.delays.append(now - int(stamp) / 1e9)
                    self._stamps += 1
            if not self._first and self._stamps:
                self._first = now
        elif not self._first:
            self._first = now

    def _complete(self, now: float) -> None:
        tally = self._tally
        self._busy = False
        if self._ok and self._job.terminator is not None and not self._terminated:
            self._ok = False
            tally.problem("the stream has no terminator")
        if self._ok and tally.stamped and self._stamps < tally.stamps_each:
            self._ok = False
            tally.problem(f"{self._stamps} chunks instead of {tally.stamps_each}")
        if self._ok:
            tally.totals.append(now - self._since)
            if self._first:
                tally.firsts.append(self._first - self._since)
            tally.chunks += self._stamps or tally.stamps_each
        if self._sample is not None and not tally.sample:
            tally.sample = bytes(self._sample)
        self._done(self)


async def connect(job: Job, tally: Tally, done: Callable[[Client], None]) -> Client:
    assert ip_address(job.host).is_loopback, "load goes to this machine only"
    loop = asyncio.get_running_loop()
    return (await loop.create_connection(lambda: Client(job, tally, done), job.host, job.port))[1]


async def closed_loop(job: Job, tally: Tally, *, connections: int, seconds: float, most: int) -> None:
    """Each connection sends its next request when the last answer is complete, until the time or ``most`` requests are up."""
    finished = asyncio.Event()
    deadline = time.monotonic() + seconds
    open_, left = 0, most

    def next_(client: Client) -> None:
        nonlocal open_, left
        if left > 0 and time.monotonic() < deadline and client.usable:
            left -= 1
            client.send(time.monotonic())
            return
        open_ -= 1
        if not open_:
            finished.set()

    clients = [await connect(job, tally, next_) for _ in range(min(connections, most))]
    open_ = len(clients)
    for client in clients:
        next_(client)
    await _finish(finished, clients, tally, seconds)


async def open_loop(job: Job, tally: Tally, *, rate: float, seconds: float, connections: int) -> None:
    """``rate`` requests a second at fixed times, each on an idle connection or a fresh one."""
    idle: list[Client] = []
    clients: list[Client] = []
    finished = asyncio.Event()
    total = max(1, int(rate * seconds))
    answered = 0
    opening: set[asyncio.Task[None]] = set()

    def done(client: Client) -> None:
        nonlocal answered
        answered += 1
        if client.usable:
            idle.append(client)
        if answered == total:
            finished.set()

    async def send_fresh(due: float) -> None:
        client = await connect(job, tally, done)
        clients.append(client)
        client.send(due)

    for _ in range(connections):
        idle.append(await connect(job, tally, done))
    clients += idle
    timers = Timers()
    start = time.monotonic() + 0.05

    def arrive(index: int) -> None:
        due = start + index / rate
        tally.late.append(time.monotonic() - due)
        while idle and not idle[-1].usable:
            idle.pop()
        if idle:
            idle.pop().send(due)
        else:
            task = asyncio.ensure_future(send_fresh(due))
            opening.add(task)
            task.add_done_callback(opening.discard)
        if index + 1 < total:
            timers.at(start + (index + 1) / rate, lambda: arrive(index + 1))

    timers.at(start, lambda: arrive(0))
    try:
        await _finish(finished, clients, tally, seconds)
    finally:
        timers.close()


async def streams(job: Job, tally: Tally, *, connections: int, gap: float) -> None:
    """That many requests, each run once. They begin one after another, and no two fall into the same beat of ``gap`` seconds."""
    finished = asyncio.Event()
    left = connections

    def done(_client: Client) -> None:
        nonlocal left
        left -= 1
        if not left:
            finished.set()

    clients = [await connect(job, tally, done) for _ in range(connections)]
    timers = Timers()
    start = time.monotonic() + 0.05

    def begin(client: Client, due: float) -> None:
        tally.late.append(time.monotonic() - due)
        client.send(due)

    for index, client in enumerate(clients):
        due = start + index / _STREAMS_A_SECOND + index * _GOLDEN % 1 * gap
        timers.at(due, partial(begin, client, due))
    try:
        await _finish(finished, clients, tally, connections / _STREAMS_A_SECOND)
    finally:
        timers.close()


async def _finish(finished: asyncio.Event, clients: list[Client], tally: Tally, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds + _GRACE):
            await finished.wait()
    except TimeoutError:
        tally.problem("no complete answer in time")
    for client in clients:
        client.close()
    await asyncio.sleep(0)


async def run(scenario: Scenario, job: Job, *, seconds: float, most: int = 1_000_000, connections: int | None = None) -> Tally:
    """One run of the scenario. ``connections`` and ``most`` hold back where the scenario's own would be too much."""
    tally = Tally(scenario.stamped, scenario.chunks if scenario.stream else 0)
    count = min(scenario.connections, connections or scenario.connections)
    if scenario.loop == "closed":
        await closed_loop(job, tally, connections=count, seconds=seconds, most=most)
    elif scenario.loop == "open":
        await open_loop(job, tally, rate=scenario.rate, seconds=seconds, connections=count)
    else:
        await streams(job, tally, connections=count, gap=scenario.words.get("gap_ms", 0.0) / 1000)
    return tally
