"""The guards of conftest.py hold: a guard nobody tests is a hope."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest
import uvloop


async def test_coroutines_run_on_uvloop() -> None:
    assert isinstance(asyncio.get_running_loop(), uvloop.Loop)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "10.0.0.1"])
def test_plain_sockets_stay_on_this_machine(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as sock, pytest.raises(BaseException, match="only loopback"):
        sock.connect((host, 80))


@pytest.mark.parametrize("host", ["192.0.2.1", "example.com"])
async def test_the_event_loop_stays_on_this_machine(host: str) -> None:
    with pytest.raises(BaseException, match="only loopback"):
        await asyncio.get_running_loop().create_connection(asyncio.Protocol, host, 80)


def test_names_are_not_resolved() -> None:
    with pytest.raises(BaseException, match="only loopback"):
        socket.getaddrinfo("example.com", 80)


async def test_reserved_names_fail_as_unknown() -> None:
    with pytest.raises(socket.gaierror):
        await asyncio.get_running_loop().create_connection(asyncio.Protocol, "nowhere.invalid", 80)


async def test_loopback_is_open() -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection("localhost", server.sockets[0].getsockname()[1], family=socket.AF_INET)
        assert await reader.read() == b""
        writer.close()


def test_provider_keys_of_the_developer_are_hidden() -> None:
    assert not [name for name in os.environ if name.upper().endswith(("_API_KEY", "_PROXY"))]
