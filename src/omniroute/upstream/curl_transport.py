"""CurlTransport: calls that look to the other side like a web browser's, by curl's browser-like TLS and HTTP/2.

Whether that is allowed is between the operator and the provider: nothing uses it unless a provider's data says so. It needs the
``browser`` extra (``pip install 'omniroute[browser]'``); our timers, egress guard and faults hold as everywhere.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from omniroute.upstream import egress
from omniroute.upstream.call import Call, Headers, Pulled
from omniroute.upstream.transport import (
    Deadline,
    Timer,
    check_encoding,
    check_headers,
    gathered,
    inflated,
    misconfigured,
    place,
    truncated,
    unreachable,
)

CheckAddress = Callable[[str], None]

BROWSER = "chrome136"
_AHEAD = 1024 * 1024
_HEADER_OUT = 2  # curl's word for "the request is being sent"
_COULD_NOT_RESOLVE = (5, 6)
_REFUSED = 7
_HTTP_1_1 = 2
_ORIGINS = 64


class CurlTransport:
    """``check_address`` judges addresses of calls that are not private; ``browser`` is a name that curl knows."""

    def __init__(self, *, check_address: CheckAddress | None = None, browser: str = BROWSER) -> None:
        self._check_address = check_address or egress.check_address
        self._browser = browser
        self._library: Any = None
        # one pool of connections for each, so that a private connection never serves a guarded call
        self._multi: dict[bool, Any] = {}
        self._busy: Counter[str] = Counter()

    async def send(self, call: Call) -> CurlReply:
        """Faults: see ``call.Transport``; kind ``misconfiguration`` while the extra is not installed."""
        check_headers(call.headers)
        if call.proxy and not call.private:
            egress.check_host(call.host)
        library = self._load()
        deadline = Deadline(call)
        where = place(call)
        self._busy[where] += 1
        exchange = _Exchange(library, call, deadline, lambda: self._done(where))
        try:
            async with deadline.watch("connect"):
                try:
                    pinned = await self._pinned(call)
                except (OSError, UnicodeError) as error:
                    raise unreachable(call, error) from error
                exchange.begin(self._multi_for(call.private), self._browser, pinned)
                await exchange.head()
            check_encoding(exchange.headers, where)
        except BaseException:
            exchange.close()
            raise
        return CurlReply(exchange)

    async def close(self) -> None:
        made, self._multi = list(self._multi.values()), {}
        for multi in made:
            await multi.close()

    def describe(self) -> dict[str, object]:
        """``{"origins": {"host:port": {"open", "idle", "busy"}}}``; how many are idle, curl keeps to itself (None)."""
        return {"origins": {where: {"open": busy, "idle": None, "busy": busy} for where, busy in sorted(self._busy.items())}}

    def _load(self) -> Any:
        if self._library is None:
            try:
                self._library = import_module("curl_cffi")
            except ImportError as error:
                raise misconfigured(
                    "this provider is set to the browser transport, which needs an extra: pip install 'omniroute[browser]'"
                ) from error
        return self._library

    def _multi_for(self, private: bool) -> Any:
        multi = self._multi.get(private)
        if multi is None:
            multi = self._multi[private] = self._library.AsyncCurl()
        return multi

    async def _pinned(self, call: Call) -> list[str]:
        """``host:port:address,…`` of the addresses that were checked, so that curl connects to no other."""
        if call.proxy or call.private:
            return []
        parts = urlsplit(call.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        found = await asyncio.get_running_loop().getaddrinfo(call.host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            self._check_address(address)
        return [f"{call.host}:{port}:{','.join(f'[{a}]' if ':' in a else a for a in addresses)}"]

    def _done(self, where: str) -> None:
        self._busy[where] -= 1
        if len(self._busy) > _ORIGINS:
            self._busy = +self._busy  # those without a call go


class _Exchange:
    """One curl handle, from the request to the end of the answer. Its callbacks only take notes and wake who waits."""

    def __init__(self, library: Any, call: Call, deadline: Deadline, on_close: Callable[[], None]) -> None:
        self.call = call
        self.deadline = deadline
        self.status = 0
        self.headers: Headers = []
        self._library = library
        self._curl: Any = library.Curl(cacert=os.environ.get("SSL_CERT_FILE", ""))
        self._multi: Any = None
        self._future: asyncio.Future[None] | None = None
        self._on_close: Callable[[], None] | None = on_close
        self._parts: deque[bytes] = deque()
        self._held = 0
        self._paused = False
        self._headed = False
        self._news = asyncio.Event()

    def begin(self, multi: Any, browser: str, pinned: list[str]) -> None:
        """Hand the request to curl. NetworkFault (``misconfiguration``) when it cannot be expressed."""
        call, option = self.call, self._library.CurlOpt
        curl = self._curl
        try:
            if curl.impersonate(browser, default_headers=False):
                raise misconfigured(f"this version of curl_cffi does not know the browser {browser!r}")
            curl.setopt(option.URL, call.url.encode())
            curl.setopt(option.CUSTOMREQUEST, call.method.encode())
            headers = [f"{name}: {value}" if value else f"{name};" for name, value in call.headers]
            given = {name.lower() for name, _ in call.headers}
            headers += [f"{name}:" for name in ("Accept", "User-Agent", "Expect", "Content-Type") if name.lower() not in given]
            curl.setopt(option.HTTPHEADER, [header.encode("latin-1") for header in headers])
            if call.body or call.method not in ("GET", "HEAD"):
                curl.setopt(option.POSTFIELDS, call.body)
                curl.setopt(option.POSTFIELDSIZE_LARGE, len(call.body))
            curl.setopt(option.FOLLOWLOCATION, 0)
            if call.url.startswith("http:"):
                curl.setopt(option.HTTP_VERSION, _HTTP_1_1)  # no offer to upgrade, as browsers make none
            curl.setopt(option.HTTP_CONTENT_DECODING, 0)
            curl.setopt(option.NOSIGNAL, 1)
            # an empty text keeps curl from looking for proxies in the environment: that has been decided
            curl.setopt(option.PROXY, _proxy(call.proxy).encode())
            if pinned:
                curl.setopt(option.RESOLVE, [entry.encode() for entry in pinned])
            curl.setopt(option.VERBOSE, 1)
            curl.setopt(option.DEBUGFUNCTION, self._noted)
            curl.setopt(option.HEADERFUNCTION, self._header)
            curl.setopt(option.WRITEFUNCTION, self._body)
        except self._library.CurlError as error:
            raise misconfigured(f"the call to {place(call)} cannot be sent: {error}") from error
        self._multi = multi
        self._future = multi.add_handle(curl)
        self._future.add_done_callback(lambda _: self._news.set())

    async def head(self) -> None:
        """Returns when status and headers are here."""
        while not self._headed and not self._over:
            self._news.clear()
            await self._news.wait()
        if not self._headed:
            cause = _cause(self._failure())
            raise unreachable(self.call, cause) from cause

    async def part(self, timer: Any) -> bytes | None:
        """The next bytes of the body as they were sent; None at its end."""
        while not self._parts:
            if self._over:
                error = self._failure()
                if error is not None:
                    raise truncated(self.call, error) from error
                return None
            self._news.clear()
            async with self.deadline.watch(timer):
                await self._news.wait()
        data = self._parts.popleft()
        self._held -= len(data)
        if self._paused and self._held <= _AHEAD // 2:
            self._paused = False
            self._curl.pause(0)
        return data

    def close(self) -> None:
        """Drop what is under way; a finished answer has given its connection back already."""
        done, self._on_close = self._on_close, None
        if done is None:
            return
        if self._multi is not None and not self._over:
            self._multi.remove_handle(self._curl)
        self._curl.close()
        done()

    @property
    def _over(self) -> bool:
        return self._future is not None and self._future.done()

    def _failure(self) -> BaseException | None:
        future = self._future
        if future is None or not future.done():
            return None
        return ConnectionError("the call was cancelled") if future.cancelled() else future.exception()

    # -- curl's callbacks --------------------------------------------------------------------------------------------

    def _noted(self, kind: int, text: bytes) -> None:
        if kind == _HEADER_OUT and not text.startswith(b"CONNECT "):
            self.deadline.arm("first_byte")

    def _header(self, line: bytes) -> int:
        text = line.rstrip(b"\r\n")
        if text.startswith(b"HTTP/"):
            words = text.split(b" ", 2)
            self.status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
            self.headers = []
        elif text:
            name, _, value = text.partition(b":")
            self.headers.append((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")))
        elif self.status >= 200 and not self._of_tunnel():
            self._headed = True
            self._news.set()
        return len(line)

    def _of_tunnel(self) -> bool:
        """Whether this head is the outbound proxy's answer to CONNECT."""
        code = self._curl.getinfo(self._library.CurlInfo.RESPONSE_CODE)
        return bool(self.call.proxy) and self.call.url.startswith("https:") and not code

    def _body(self, data: bytes) -> int:
        if self._held > _AHEAD:
            self._paused = True
            return self._library.curl.CURL_WRITEFUNC_PAUSE  # type: ignore[no-any-return]
        self._parts.append(bytes(data))
        self._held += len(data)
        self._news.set()
        return len(data)


class CurlReply(Pulled):
    """See ``call.Reply``."""

    def __init__(self, exchange: _Exchange) -> None:
        self.status = exchange.status
        self.headers = exchange.headers
        self._exchange = exchange

    def header(self, name: str) -> str | None:
        name = name.lower()
        return next((value for key, value in self.headers if key.lower() == name), None)

    def chunks(self) -> AsyncIterator[bytes]:
        encoding = self.header("content-encoding")
        return self._raw() if encoding is None else inflated(self._raw(), encoding, self._exchange.call)

    async def _raw(self) -> AsyncIterator[bytes]:
        timer: Timer = "first_byte"
        while (data := await self._exchange.part(timer)) is not None:
            timer = "between"
            yield data

    async def read(self, limit: int) -> bytes:
        try:
            return await gathered(self.chunks(), self._exchange.call, limit)
        finally:
            await self.close()

    async def close(self) -> None:
        self._exchange.close()


def _proxy(url: str | None) -> str:
    """As curl spells it: the proxy resolves names."""
    if url is None:
        return ""
    scheme = urlsplit(url).scheme
    if scheme not in ("http", "https", "socks5", "socks5h"):
        raise misconfigured(f"the outbound proxy must be an http, https or socks5 URL, not {scheme or 'one without a scheme'}")
    return url.replace("socks5://", "socks5h://", 1)


def _cause(error: BaseException | None) -> BaseException:
    """curl's error as the one Python has for it, so that it is told in the same words."""
    code = getattr(error, "code", 0)
    if code == _REFUSED and error is not None:
        made: BaseException = ConnectionRefusedError(str(error))
    elif code in _COULD_NOT_RESOLVE:
        made = socket.gaierror(socket.EAI_NONAME, "the name cannot be resolved")
    else:
        return error or ConnectionError("connection lost")
    made.__cause__ = error
    return made
