"""Silent streams get a ping after their interval, busy ones none; the clock is handed in."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from omniroute.core.ids import FakeClock
from omniroute.gateway.heartbeat import Heartbeat
from omniroute.translation.format import registry


class Client:
    request_id = "req_1"

    def __init__(self, started: bool = True) -> None:
        self.started = started
        self.heads: list[tuple[int, dict[str, str]]] = []
        self.written: list[bytes] = []

    async def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.started = True
        self.heads.append((status, dict(headers)))

    async def write(self, data: bytes) -> None:
        self.written.append(data)


class Stream:
    def __init__(self, ping: bytes) -> None:
        self._ping = ping

    def ping(self) -> bytes:
        return self._ping


def request(client: Client, interval: float = 15.0, dialect: str = "openai_chat") -> Any:
    settings = SimpleNamespace(keepalive_interval=interval)
    return SimpleNamespace(
        exchange=client, snapshot=SimpleNamespace(settings=settings), beat=None, format=registry()[dialect], model="m", wall=1.0,
        array=False, decision="prefix",
    )  # fmt: skip


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.mark.parametrize(("interval", "ping", "expected"), [(15.0, b"ping", [b"ping"]), (0.0, b"ping", []), (15.0, b"", [])])
async def test_ping_after_the_interval(interval: float, ping: bytes, expected: list[bytes]) -> None:
    clock, client = FakeClock(), Client()
    heartbeat = Heartbeat(clock)
    with heartbeat.attend(request(client, interval)) as beat:
        beat.source = Stream(ping)  # type: ignore[assignment]
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
    with heartbeat.attend(request(client)) as beat:
        beat.source = Stream(b"ping")  # type: ignore[assignment]
        for _ in range(5):
            clock.advance(10)
            beat.touch()
            heartbeat.beat()
        await settle()
    clock.advance(100)
    heartbeat.beat()
    await settle()
    assert client.written == []


@pytest.mark.parametrize("dialect", ["anthropic"])
async def test_a_stream_that_has_not_begun_is_begun_by_its_first_ping(dialect: str) -> None:
    clock, client = FakeClock(), Client(started=False)
    heartbeat = Heartbeat(clock)
    with heartbeat.attend(request(client, dialect=dialect)):
        for _ in range(2):
            clock.advance(16)
            heartbeat.beat()
            await settle()
    assert [(status, head["content-type"].partition(";")[0]) for status, head in client.heads] == [(200, "text/event-stream")]
    assert len(client.written) == 2
    assert all(ping.endswith(b"\n\n") for ping in client.written)


async def test_a_request_has_one_beat() -> None:
    heartbeat = Heartbeat(FakeClock())
    asked = request(Client())
    with heartbeat.attend(asked) as outer:
        with heartbeat.attend(asked) as inner:
            assert inner is outer
        assert heartbeat.attended == 1
    assert heartbeat.attended == 0
