"""HttpxTransport: httpx with the product's own timers, egress guard and faults. For calls where a millisecond does not matter,
and the second opinion on what the pooled transport does."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import anyio
import httpcore
import httpx

from omniroute.core.errors import BadAnswer
from omniroute.upstream import egress
from omniroute.upstream.call import Call, Headers, Pulled
from omniroute.upstream.transport import (
    Deadline,
    check_encoding,
    check_headers,
    gathered,
    misconfigured,
    place,
    tls_context,
    truncated,
    unreachable,
)

CheckAddress = Callable[[str], None]

_BODY_PART = 256 * 1024
_IDLE_PER_CLIENT = 64
_IDLE_SECONDS = 30.0
_CLIENTS = 16
_PROXY_SCHEMES = frozenset({"http", "https", "socks5", "socks5h"})


class HttpxTransport:
    """One client per (proxy, private, TLS or not). No cookies, no redirects, nothing from the environment but TLS trust."""

    def __init__(self, *, check_address: CheckAddress | None = None) -> None:
        self._check_address = check_address or egress.check_address
        self._tls: ssl.SSLContext | None = None
        self._clients: dict[tuple[str | None, bool, bool], _Client] = {}
        self._busy: Counter[str] = Counter()

    async def send(self, call: Call) -> HttpxReply:
        """Faults: see ``call.Transport``. A kept-alive connection that turns out to be dead is replaced once."""
        check_headers(call.headers)
        if call.proxy and not call.private:
            egress.check_host(call.host)
        client = await self._client(call)
        where = place(call)
        self._busy[where] += 1
        client.busy += 1
        try:
            response = await self._head(client, call, Deadline(call))
        except BaseException:
            self._done(client, where)
            raise
        reply = HttpxReply(response, call, lambda: self._done(client, where))
        try:
            check_encoding(reply.headers, where)
        except BadAnswer:
            await reply.close()
            raise
        return reply

    async def close(self) -> None:
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            await client.http.aclose()

    def describe(self) -> dict[str, object]:
        """``{"origins": {"host:port": {"open", "idle", "busy"}}}``; connections of proxies count at their own clients only."""
        idle = Counter(where for client in self._clients.values() for where in client.transport.idle())
        return {
            "origins": {
                where: {"open": idle[where] + self._busy[where], "idle": idle[where], "busy": self._busy[where]}
                for where in sorted({*idle, *self._busy})
            }
        }

    async def _client(self, call: Call) -> _Client:
        secure = call.url.startswith("https:") or (call.proxy or "").startswith("https:")
        if secure and self._tls is None:
            self._tls = await asyncio.to_thread(tls_context)
        key = (call.proxy, call.private, secure)
        client = self._clients.pop(key, None)
        if client is None:
            client = _Client(call, self._tls if secure else None, None if call.private else self._check_address)
        self._clients[key] = client  # the most recently used stands last
        for old in [k for k, c in self._clients.items() if not c.busy and k != key][: max(0, len(self._clients) - _CLIENTS)]:
            await self._clients.pop(old).http.aclose()
        return client

    async def _head(self, client: _Client, call: Call, deadline: Deadline) -> httpx.Response:
        while True:
            sending = _Sending(deadline)
            try:
                async with deadline.watch("connect"):
                    return await client.http.send(_request(call, sending), stream=True, auth=None)
            except (httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError) as error:
                if sending.fresh:
                    raise unreachable(call, error) from error
                # A connection kept alive had been closed by the other side: the request never got through. The pool drops it,
                # so this ends at the latest with a fresh connection.
            except (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol, httpx.InvalidURL) as error:
                raise misconfigured(f"the call to {place(call)} cannot be sent: {error}") from error
            except (httpcore.NetworkError, httpcore.ProxyError, httpcore.TimeoutException, OSError, UnicodeError) as error:
                raise unreachable(call, error) from error

    def _done(self, client: _Client, where: str) -> None:
        client.busy -= 1
        self._busy[where] -= 1
        if not self._busy[where]:
            del self._busy[where]


class HttpxReply(Pulled):
    """See ``call.Reply``."""

    def __init__(self, response: httpx.Response, call: Call, on_close: Callable[[], None]) -> None:
        self.status = response.status_code
        self.headers: Headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in response.headers.raw]
        self._response = response
        self._call = call
        self._on_close: Callable[[], None] | None = on_close

    def header(self, name: str) -> str | None:
        name = name.lower()
        return next((value for key, value in self.headers if key.lower() == name), None)

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._response.aiter_bytes():
                if part:
                    yield part
        except httpx.DecodingError as error:
            raise BadAnswer(f"the answer of {place(self._call)} cannot be decompressed", kind="server_error") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            raise truncated(self._call, error) from error

    async def read(self, limit: int) -> bytes:
        try:
            return await gathered(self.chunks(), self._call, limit)
        finally:
            await self.close()

    async def close(self) -> None:
        done, self._on_close = self._on_close, None
        if done is None:
            return
        try:
            await self._response.aclose()
        finally:
            done()


class _Client:
    """One httpx client, its transport and the number of its open calls."""

    def __init__(self, call: Call, tls: ssl.SSLContext | None, check_address: CheckAddress | None) -> None:
        self.transport = _Wire(call.proxy, tls, _Backend(None if call.proxy else check_address))
        self.http = httpx.AsyncClient(transport=self.transport, trust_env=False, follow_redirects=False, timeout=None)  # noqa: S113 Deadline
        # The jar would carry one account's cookies into another account's calls.
        self.http.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.busy = 0


class _Wire(httpx.AsyncBaseTransport):
    """httpx's own transport over a pool whose network backend we choose, which httpx offers no way to do."""

    def __init__(self, proxy: str | None, tls: ssl.SSLContext | None, backend: _Backend) -> None:
        self._pool = _pool(proxy, tls, backend)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        sent = httpcore.Request(
            request.method, target, headers=request.headers.raw, content=request.stream, extensions=request.extensions
        )
        reply = await self._pool.handle_async_request(sent)
        deadline: Deadline = request.extensions["deadline"]
        return httpx.Response(reply.status, headers=reply.headers, stream=_Body(reply, deadline), extensions=reply.extensions)

    def idle(self) -> Iterable[str]:
        """``host:port`` of each idle connection. httpcore tells a connection's origin only in its description."""
        for connection in self._pool.connections:
            if connection.is_idle():
                yield connection.info().partition(",")[0].strip("'").partition("://")[2]

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    """The response body with a timer on every single read, below the decompression."""

    def __init__(self, reply: httpcore.Response, deadline: Deadline) -> None:
        self._reply = reply
        self._deadline = deadline

    async def __aiter__(self) -> AsyncIterator[bytes]:
        parts = aiter(self._reply.aiter_stream())
        timer: Any = "first_byte"
        while True:
            try:
                async with self._deadline.watch(timer):
                    part = await anext(parts)
            except StopAsyncIteration:
                return
            yield part
            timer = "between"

    async def aclose(self) -> None:
        await self._reply.aclose()


class _Sending:
    """Follows one try through httpcore's trace events and moves the deadline from timer to timer."""

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self.fresh = False
        self.tunnel = False

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        if event.endswith("connect_tcp.started"):
            self.fresh = True
            self.tunnel = False
        elif event == "http11.send_request_headers.started":
            self.tunnel = info["request"].method == b"CONNECT"  # still part of connecting
        if event in ("http11.send_request_headers.started", "http11.send_request_body.complete") and not self.tunnel:
            self.deadline.arm("first_byte")

    async def body(self, data: bytes) -> AsyncIterator[bytes]:
        """``data`` in parts: each one that leaves shows that the upload goes on."""
        for start in range(0, len(data), _BODY_PART):
            self.deadline.arm("first_byte")
            yield data[start : start + _BODY_PART]


class _Backend(httpcore.AsyncNetworkBackend):
    """Resolves, lets the guard look at every address, and connects to one that it saw."""

    def __init__(self, check_address: CheckAddress | None) -> None:
        self._check_address = check_address
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(  # the shape is httpcore's; our own timers bound it
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in [host] if self._check_address is None else await self._checked(self._check_address, host, port):
            try:
                return _Stream(await self._inner.connect_tcp(address, port, timeout, local_address, socket_options))
            except httpcore.ConnectError as error:
                failure = error
        raise failure

    async def _checked(self, check_address: CheckAddress, host: str, port: int) -> list[str]:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            check_address(address)
        return addresses

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109
        socket_options: Any = None,
    ) -> httpcore.AsyncNetworkStream:
        raise httpcore.UnsupportedProtocol("upstreams are reached over TCP")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection that is also closed when a TLS handshake is cancelled, which httpcore does for errors only."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        return await self._inner.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        try:
            return _Stream(await self._inner.start_tls(ssl_context, server_hostname, timeout))
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._inner.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _pool(proxy: str | None, tls: ssl.SSLContext | None, backend: _Backend) -> httpcore.AsyncConnectionPool:
    common: dict[str, Any] = {
        "ssl_context": tls,
        "max_connections": None,  # how many calls run at once is routing's decision
        "max_keepalive_connections": _IDLE_PER_CLIENT,
        "keepalive_expiry": _IDLE_SECONDS,
        "network_backend": backend,
    }
    if proxy is None:
        return httpcore.AsyncConnectionPool(**common)
    try:
        parsed = httpx.Proxy(proxy)
    except (ValueError, httpx.InvalidURL) as error:
        raise misconfigured(f"the outbound proxy is not usable: {error}") from error
    url = httpcore.URL(scheme=parsed.url.raw_scheme, host=parsed.url.raw_host, port=parsed.url.port, target=b"/")
    if parsed.url.scheme.startswith("socks5"):
        return httpcore.AsyncSOCKSProxy(proxy_url=url, proxy_auth=parsed.raw_auth, **common)
    if parsed.url.scheme == "https":
        common["proxy_ssl_context"] = tls
    return httpcore.AsyncHTTPProxy(proxy_url=url, proxy_auth=parsed.raw_auth, **common)


def _request(call: Call, sending: _Sending) -> httpx.Request:
    headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in call.headers]
    if call.body or call.method not in ("GET", "HEAD"):
        headers.append((b"content-length", str(len(call.body)).encode()))
    extensions = {"trace": sending.trace, "deadline": sending.deadline}
    content = sending.body(call.body) if call.body else None
    return httpx.Request(call.method, call.url, headers=headers, content=content, extensions=extensions)
