"""How logins talk to authorization servers: the product's own transport, outbound proxies and egress guard."""

from __future__ import annotations

import email.utils
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import msgspec

from omniroute.catalog.schema import Provider
from omniroute.core import json
from omniroute.core.errors import ConfigError, Fault
from omniroute.core.ids import Clock
from omniroute.upstream.call import Call, Headers, Timers, Transport
from omniroute.upstream.executor import USER_AGENT
from omniroute.upstream.login import LoginRefused
from omniroute.upstream.transport import origin

_TIMERS = Timers(connect=10.0, first_byte=20.0, between=20.0, total=40.0)
_LARGEST = 1024 * 1024
_DATE_IS_FRESH = 86400.0


class Answer(msgspec.Struct, frozen=True):
    """Status, headers (lower case) and body. ``skew``: seconds the other side's clock is ahead of ours."""

    status: int
    headers: dict[str, str]
    body: bytes
    skew: float = 0.0

    def __repr__(self) -> str:
        return f"Answer(status={self.status})"  # the body may hold tokens

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> dict[str, Any]:
        """The body's object; empty when it is anything else."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def retry_after(self) -> float | None:
        """Seconds, as far as the answer says so in a number."""
        text = self.headers.get("retry-after", "")
        return float(text) if text.isdigit() else None


class Http:
    """Asks for one provider. ``proxy`` gives the outbound proxy of a URL. ``elsewhere`` (``http://host:port``) takes the place of
    scheme and host of every URL outside the server of the provider's own ``base_url``; private addresses may be reached there."""

    def __init__(
        self,
        provider: Provider,
        transport: Callable[[], Transport],
        proxy: Callable[[str], str | None],
        clock: Clock,
        elsewhere: str | None = None,
    ) -> None:
        self._provider = provider
        self._transport = transport
        self._proxy = proxy
        self._clock = clock
        self._elsewhere = elsewhere

    def place(self, url: str) -> str:
        """Where ``url`` really is."""
        if self._elsewhere is None or self._own(url):
            return url
        there, parts = urlsplit(self._elsewhere), urlsplit(url)
        return urlunsplit((there.scheme, there.netloc, there.path.rstrip("/") + parts.path, parts.query, parts.fragment))

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self.ask("GET", url, headers)

    async def post(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        form: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Answer:
        """``form`` is sent urlencoded, ``body`` as JSON."""
        return await self.ask("POST", url, headers, form=form, body=body)

    async def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        form: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Answer:
        """Any status is an answer; LoginRefused (not final) when there is none."""
        said = {"accept": "application/json", "accept-encoding": "identity", "user-agent": USER_AGENT}
        data = b""
        if form is not None:
            said["content-type"], data = "application/x-www-form-urlencoded", urlencode(form).encode()
        elif body is not None:
            said["content-type"], data = "application/json", json.dumps(body)
        said |= {name.lower(): text for name, text in (headers or {}).items()}
        real = self.place(url)
        try:
            return await self._send(
                Call(
                    method=method,
                    url=real,
                    headers=list(said.items()),
                    body=data,
                    timers=_TIMERS,
                    private=self._private(real),
                    proxy=self._proxy(real),
                )
            )
        except (Fault, ConfigError) as error:
            raise LoginRefused(f"{self._provider.name} cannot be reached: {error.message}", final=False) from None

    async def _send(self, call: Call) -> Answer:
        reply = await self._transport().send(call)
        try:
            body = await reply.read(_LARGEST)
        finally:
            await reply.close()
        headers = _by_name(reply.headers)
        return Answer(reply.status, headers, body, _skew(headers.get("date"), self._clock.now()))

    def _own(self, url: str) -> bool:
        return self._provider.private and origin(url) == origin(self._provider.base_url)

    def _private(self, url: str) -> bool:
        return self._own(url) or (self._elsewhere is not None and origin(url) == origin(self._elsewhere))


def _by_name(headers: Headers) -> dict[str, str]:
    return {name.lower(): text for name, text in headers}


def _skew(date: str | None, now: float) -> float:
    """From the Date header; 0 when there is none, or none that can be meant."""
    try:
        there = email.utils.parsedate_to_datetime(date).timestamp() if date else now
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return there - now if 2.0 < abs(there - now) < _DATE_IS_FRESH else 0.0
