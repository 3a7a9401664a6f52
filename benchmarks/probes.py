"""Figures that are not a scenario: start-up, memory of open streams, how fast a client's leaving is seen, a stalled reader."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any, cast

from asking import get_json
from load import Job
from procs import cores, process, rss_bytes
from rig import HERE, Rig, Target, Upstream, prepared_server, running_server
from scenarios import PASS_THROUGH, TRANSLATED, Loop, Scenario

_FEW, _MANY = 200, 1000
_BIG = "chunks=800;size=65536"
_BIG_BYTES = 800 * 65536
_TRIES = 8


class Raw(asyncio.Protocol):
    """One connection whose reading can be stopped. ``first`` resolves with the first bytes, ``lost`` when it is closed."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.received = 0
        self.tail = b""
        self.first: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        self.tail = (self.tail + data)[-64:]
        if not self.first.done():
            self.first.set_result(None)
        if self.tail.endswith(b"\r\n0\r\n\r\n") and not self.ended.done():
            self.ended.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        for future in (self.first, self.ended):
            if not future.done():
                future.set_exception(exc or ConnectionError("the connection was closed"))
                future.exception()


async def _open(job: Job) -> Raw:
    client = (await asyncio.get_running_loop().create_connection(Raw, job.host, job.port))[1]
    client.transport.write(job.request)
    return client


def _scenario(pair: tuple[str, str], script: str, *, stream: bool = True, loop: Loop = "streams") -> Scenario:
    return Scenario("probe", *pair, loop, stream, script)


async def _mock_state(upstream: Upstream) -> dict[str, int]:
    state: dict[str, int] = await get_json(upstream.port, "/_mock")
    return state


async def open_streams(target: Target) -> dict[str, float]:
    """kB of resident memory per open, silent stream beyond the first 200."""
    assert target.pid is not None
    job = target.job(_scenario(PASS_THROUGH, "chunks=8;size=28;stall=2"))
    clients: list[Raw] = []
    try:
        sizes = {}
        for count in (_FEW, _MANY):
            while len(clients) < count:
                fresh = [await _open(job) for _ in range(50)]
                clients += fresh
                await asyncio.wait_for(asyncio.gather(*(client.first for client in fresh)), 30)
            await asyncio.sleep(0.3)
            sizes[count] = rss_bytes(target.pid)
    finally:
        for client in clients:
            client.transport.abort()
    await asyncio.sleep(1)
    return {
        "kb_per_stream": (sizes[_MANY] - sizes[_FEW]) / 1000 / (_MANY - _FEW),
        "rss_1000_mb": sizes[_MANY] / 1e6,
        "rss_after_mb": rss_bytes(target.pid) / 1e6,
    }


async def disconnects(target: Target, upstream: Upstream) -> dict[str, dict[str, float]]:
    """ms from a client's closing to the upstream's seeing it, by the moment of leaving."""
    moments = {
        "in a passed stream": (_scenario(PASS_THROUGH, "chunks=100;size=28;gap_ms=20"), True),
        "in a translated stream": (_scenario(TRANSLATED, "chunks=100;size=28;gap_ms=20"), True),
        "before the first token": (_scenario(PASS_THROUGH, "chunks=8;size=28;first_ms=5000"), False),
        "before a finished answer": (_scenario(PASS_THROUGH, "chunks=8;size=28;first_ms=5000", stream=False), False),
    }
    return {name: await _leave(target.job(scenario), upstream, wait) for name, (scenario, wait) in moments.items()}


async def _leave(job: Job, upstream: Upstream, wait_for_first: bool) -> dict[str, float]:
    times = []
    for _ in range(_TRIES):
        before = await _mock_state(upstream)
        client = await _open(job)
        if wait_for_first:
            await client.first
        else:
            while (await _mock_state(upstream))["streaming"] <= before["streaming"]:
                continue  # each question is a round trip: no further wait is needed
        left = time.monotonic_ns()
        client.transport.abort()
        deadline = time.monotonic() + 5
        while (state := await _mock_state(upstream))["broken"] == before["broken"]:
            if time.monotonic() > deadline:
                return {"p50_ms": float("inf"), "max_ms": float("inf")}
            await asyncio.sleep(0.005)
        times.append(max(0, state["broken_ns"] - left) / 1e6)
    return {"p50_ms": median(times), "max_ms": max(times)}


async def stalled_reader(target: Target) -> dict[str, float]:
    """MB of resident memory that a client adds which stops reading a 50 MB stream, and while it catches up."""
    assert target.pid is not None
    warm = await _open(target.job(_scenario(PASS_THROUGH, "chunks=20;size=65536")))
    await asyncio.wait_for(warm.ended, 30)
    warm.transport.abort()
    before = rss_bytes(target.pid)
    client = await _open(target.job(_scenario(PASS_THROUGH, _BIG)))
    await client.first
    client.transport.pause_reading()
    stalled = draining = 0
    for _ in range(20):
        await asyncio.sleep(0.1)
        stalled = max(stalled, rss_bytes(target.pid))
    client.transport.resume_reading()
    while not client.ended.done():
        await asyncio.wait((client.ended,), timeout=0.05)
        draining = max(draining, rss_bytes(target.pid))
    await client.ended
    client.transport.abort()
    if client.received < _BIG_BYTES:
        raise SystemExit(f"{target.name}: the 50 MB stream ended after {client.received} bytes")
    return {"stalled_mb": (stalled - before) / 1e6, "draining_mb": (max(draining, stalled) - before) / 1e6}


def start_up(upstream: Upstream, times: int = 3) -> dict[str, float]:
    """ms from the start of the process to the end of its first answer to a chat request, on a data directory that exists."""
    taken = []
    with prepared_server(upstream) as prepared:
        scenario = _scenario(PASS_THROUGH, "chunks=4;size=28", stream=False, loop="closed")
        for _ in range(times):
            began = time.monotonic()
            with process(prepared.command, cpus=cores()[1], env=prepared.environ) as started:
                while (server := prepared.server(started.pid)) is None or not _answered(server.target().job(scenario)):
                    if started.poll() is not None:
                        raise SystemExit(f"OmniRoute ended with status {started.returncode} while starting")
                    time.sleep(0.002)
                taken.append((time.monotonic() - began) * 1000)
    return {"min_ms": min(taken), "median_ms": median(taken)}


def _answered(job: Job) -> bool:
    try:
        with socket.create_connection((job.host, job.port), timeout=10) as sock:
            sock.sendall(job.request)
            return sock.recv(65536).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


async def probe_all(rig: Rig, say: Callable[[str], None]) -> dict[str, Any]:
    """Every probe that needs the running rig, for each target whose memory is of interest."""
    found: dict[str, Any] = {"open_streams": {}, "stalled_reader": {}}
    for target in rig.targets:
        if target.pid is None or target.only_tls or target.gentle:
            continue
        found["open_streams"][target.name] = figures = await open_streams(target)
        say(f"{target.name}: {figures['kb_per_stream']:.1f} kB per open stream")
        found["stalled_reader"][target.name] = figures = await stalled_reader(target)
        say(f"{target.name}: a stalled reader of 50 MB adds {figures['stalled_mb']:.1f} MB")
    found["disconnects"] = await disconnects(rig.server.target(), rig.upstream)
    with running_server(rig.upstream, wrap=(sys.executable, str(HERE / "plain_asgi.py"))) as plain:
        on_plain_asgi = await disconnects(plain.target(), rig.upstream)
    found["disconnects"] |= {f"{moment}, plain ASGI": figures for moment, figures in on_plain_asgi.items()}
    for moment, figures in found["disconnects"].items():
        say(f"omniroute: client leaves {moment}: upstream sees it after {figures['p50_ms']:.1f} ms (max {figures['max_ms']:.1f})")
    return found
