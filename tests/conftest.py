"""Ground rules for every test: uvloop as in production, no network beyond this machine, reproducible properties."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any

import pytest
import uvloop
from blockbuster import blockbuster_ctx
from hypothesis import settings

from omniroute.core.settings import SETTINGS

pytest_plugins = ["upstream.fixtures", "running.fixtures"]  # the scripted upstream, and an OmniRoute in front of it
pytest.register_assert_rewrite("running.scenes")

settings.register_profile("default", derandomize=True, deadline=None, database=None, print_blob=True)
settings.register_profile("thorough", max_examples=5000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


class NetworkForbidden(BaseException):
    """A test tried to leave the machine. Not an Exception, so that no handler under test can swallow it."""


def _allowed(host: Any) -> bool:
    if host is None or host in ("", b"", "localhost", b"localhost"):
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return ip_address(text.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return False


def _guard(host: Any, what: str) -> None:
    if isinstance(host, str) and host.rstrip(".").endswith(".invalid"):
        # RFC 6761: never resolves. Answered here so that no test depends on a resolver.
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    if not _allowed(host):
        raise NetworkForbidden(f"a test tried {what} {host!r}; only loopback is allowed")


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        if isinstance(address, tuple):  # not AF_UNIX
            _guard(address[0], "to reach")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
        try:
            numeric = ip_address(host) is not None
        except ValueError:
            numeric = False
        if not numeric:  # turning a literal address into a sockaddr asks nobody
            _guard(host, "to resolve")


def _guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    """uvloop connects in C, past the audit hooks, so its own door gets a guard."""

    async def create_connection(self: Any, protocol_factory: Any, host: Any = None, *args: Any, **kwargs: Any) -> Any:
        _guard(host, "to reach")
        return await method(self, protocol_factory, host, *args, **kwargs)

    return create_connection


def _bare_environment() -> None:
    """Neither the developer's provider keys nor proxies nor settings may reach a test, or a server that a test starts."""
    ours = {variable for setting in SETTINGS.values() for variable in setting.env}
    for name in list(os.environ):
        if name in ours or name.startswith("OMNIROUTE_") or name.upper().endswith(("_API_KEY", "_PROXY")):
            del os.environ[name]


def pytest_configure() -> None:
    _bare_environment()
    sys.addaudithook(_audit)
    uvloop.Loop.create_connection = _guarded(uvloop.Loop.create_connection)  # type: ignore[method-assign]


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
def no_blocking() -> Iterator[None]:
    """Inside, a blocking call made by our code on the event loop raises BlockingError."""
    with blockbuster_ctx("omniroute"):
        yield
