"""What only the browser-like transport does: it is an extra, it is chosen by data, and it holds back an upstream for a slow reader."""

from __future__ import annotations

import asyncio
import importlib.util
import sys

import pytest

from omniroute.catalog.nodes import node_provider, parse_node
from omniroute.core.errors import ConfigError, NetworkFault
from omniroute.core.ids import FakeClock
from omniroute.upstream.call import Call
from omniroute.upstream.curl_transport import CurlTransport
from omniroute.upstream.transports import Transports
from upstream.raw import Connection, RawServer, head

FORMATS = frozenset({"openai_chat"})
installed = pytest.mark.skipif(importlib.util.find_spec("curl_cffi") is None, reason="the browser extra is not installed")


def test_a_node_says_what_carries_its_calls() -> None:
    table = {"format": "openai_chat", "base_url": "http://127.0.0.1:1/v1"}
    plain = node_provider(parse_node("lab", table, FORMATS, None), "file")
    browser = node_provider(parse_node("lab", {**table, "transport": "browser"}, FORMATS, None), "file")
    assert (plain.carrier, browser.carrier) == ("http", "browser")
    assert isinstance(Transports(FakeClock()).for_wire(browser.carrier), CurlTransport)
    with pytest.raises(ConfigError, match="transport"):
        parse_node("lab", {**table, "transport": "pigeon"}, FORMATS, None)


async def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "curl_cffi", None)
    transport = CurlTransport()
    with pytest.raises(NetworkFault, match=r"pip install 'omniroute\[browser\]'") as missing:
        await transport.send(Call(method="GET", url="http://127.0.0.1:1/", headers=[], private=True))
    assert missing.value.kind == "misconfiguration"
    await transport.close()


@installed
async def test_an_unknown_browser_is_a_misconfiguration() -> None:
    transport = CurlTransport(browser="mosaic1")
    with pytest.raises(NetworkFault, match="mosaic1"):
        await transport.send(Call(method="GET", url="http://127.0.0.1:1/", headers=[], private=True))
    await transport.close()


@installed
async def test_a_slow_reader_holds_the_upstream_back() -> None:
    """At most a few megabytes are taken from the socket while nobody reads; then all of it comes."""
    size = 64 * 1024 * 1024
    written = asyncio.Event()

    async def pour(connection: Connection) -> None:
        connection.writer.write(head(content_length=str(size)))
        for _ in range(size // 65536):
            connection.writer.write(b"x" * 65536)
            await connection.writer.drain()
        written.set()

    transport = CurlTransport()
    async with RawServer(pour).run() as server:
        reply = await transport.send(Call(method="GET", url=server.url, headers=[], private=True))
        while not reply._exchange._paused:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
        assert not written.is_set()
        assert reply._exchange._held < 4 * 1024 * 1024
        total = 0
        async for part in reply.chunks():
            total += len(part)
        await reply.close()
    await transport.close()
    assert total == size
