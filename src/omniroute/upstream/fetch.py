"""Files that requests point to, fetched by us for upstreams that take only bytes: public addresses only, small, and quick."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from omniroute.core.errors import BadAnswer, NetworkFault, Scope, TimeoutFault, UpstreamStatus
from omniroute.core.settings import Settings
from omniroute.upstream.call import Call, Headers, Timers, Transport
from omniroute.upstream.executor import USER_AGENT, Executor

LARGEST = 20 * 1024 * 1024
SECONDS = 10.0
MOST_REDIRECTS = 5
_TIMERS = Timers(connect=5.0, first_byte=SECONDS, between=5.0, total=SECONDS)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS: Headers = [("accept", "*/*"), ("accept-encoding", "identity"), ("user-agent", USER_AGENT)]


class Fetched(NamedTuple):
    """What was there. ``declared`` is the Content-Type as the server gave it, "" if it gave none."""

    declared: str
    data: bytes


class Fetcher:
    """``transport`` gives the one to use; it applies the egress guard to every address, those of redirects as well.

    ``executor`` knows the outbound proxies.
    """

    def __init__(self, transport: Callable[[], Transport], executor: Executor) -> None:
        self._transport = transport
        self._executor = executor

    async def fetch(self, url: str, settings: Settings) -> Fetched:
        """The file at ``url``, at most 20 MB, within 10 s and 5 redirects.

        Raises NetworkFault (no such address, a refused one, too many redirects), TimeoutFault, UpstreamStatus for an answer that
        is not 2xx, and BadAnswer for a file that is too large. ``settings.media_private_hosts`` (``host`` or ``host:port``) may
        be fetched from although their addresses are private.
        """
        try:
            async with asyncio.timeout(SECONDS):
                for _ in range(MOST_REDIRECTS + 1):
                    found = await self._once(url, settings)
                    if isinstance(found, Fetched):
                        return found
                    url = found
        except TimeoutError:
            raise TimeoutFault(f"it took longer than {SECONDS:g} s", kind="timeout", scope=Scope.REQUEST) from None
        raise _refused("it redirects too often")

    async def _once(self, url: str, settings: Settings) -> Fetched | str:
        """The file, or where it is said to be now."""
        call = Call(
            method="GET",
            url=url,
            headers=_HEADERS,
            timers=_TIMERS,
            private=_is_private(url, settings.media_private_hosts),
            proxy=self._executor.proxy(url, settings),
        )
        reply = await self._transport().send(call)
        try:
            where = reply.header("location")
            if reply.status in _REDIRECTS and where:
                return _joined(url, where)
            if not 200 <= reply.status < 300:
                raise UpstreamStatus(
                    f"its server answered with status {reply.status}",
                    http_status=reply.status,
                    kind="bad_request",
                    scope=Scope.REQUEST,
                )
            length = reply.header("content-length") or ""
            if length.isdigit() and int(length) > LARGEST:
                raise BadAnswer(f"it is larger than {LARGEST // 1024**2} MB", kind="too_large", scope=Scope.REQUEST)
            return Fetched(reply.header("content-type") or "", await reply.read(LARGEST))
        finally:
            await asyncio.shield(reply.close())


def _joined(url: str, where: str) -> str:
    try:
        return urljoin(url, where)
    except ValueError:
        raise _refused("its URL is not valid") from None


def _is_private(url: str, allowed: tuple[str, ...]) -> bool:
    """Whether the operator lets us go there whatever the address; the URL is one that may be fetched at all."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise _refused("its URL is not valid") from None
    if parts.scheme not in ("http", "https") or not host:
        raise _refused("only http and https URLs are fetched")
    if parts.username is not None:
        raise _refused("its URL holds credentials")
    return host in allowed or f"{host}:{port}" in allowed


def _refused(reason: str) -> NetworkFault:
    return NetworkFault(reason, kind="blocked_address", error_code="blocked_address", scope=Scope.REQUEST)
