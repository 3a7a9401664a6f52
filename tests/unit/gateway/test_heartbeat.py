"""Silent streams get a ping after their interval, busy ones none; the clock is handed in."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from omniroute.core.ids import FakeClock
from omniroute.gateway.heartbeat import Heartbeat


class Client:
    def __init__(self) -> None:
        self.written: list[bytes] = []

    async def write(self, data: bytes) -> None:
        self.written.append(data)


class Stream:
    def __init__(self, ping: bytes) -> None:
        self._ping = ping

    def ping(self) -> bytes:
        return self._ping


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.mark.parametrize(("interval", "ping", "expected"), [(15.0, b"ping", [b"ping"]), (0.0, b"ping", []), (15.0, b"", [])])
async def test_ping_after_the_interval(interval: float, ping: bytes, expected: list[bytes]) -> None:
    clock, client = FakeClock(), Client()
    heartbeat = Heartbeat(clock)
    stream: Any = Stream(ping)
    with heartbeat.attend(client, stream, interval):  # type: ignore[arg-type]
        clock.advance(14.9)
        heartbeat.beat()
        await settle()
        assert client.written == []
        clock.advance(0.2)
        heartbeat.beat()
        heartbeat.beat()
        await settle()
        assert client.written == expected
    assert heartbeat.attended == 0


async def test_a_busy_stream_is_left_alone() -> None:
    clock, client = FakeClock(), Client()
    heartbeat = Heartbeat(clock)
    stream: Any = Stream(b"ping")
    with heartbeat.attend(client, stream, 15) as beat:  # type: ignore[arg-type]
        for _ in range(5):
            clock.advance(10)
            beat.touch()
            heartbeat.beat()
        await settle()
    clock.advance(100)
    heartbeat.beat()
    await settle()
    assert client.written == []
