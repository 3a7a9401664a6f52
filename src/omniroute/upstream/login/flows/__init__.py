"""One module per flow, each with a ``FLOW``: how a login is begun, and how it becomes tokens."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal, Protocol

import msgspec

from omniroute.core.errors import BadRequest
from omniroute.core.registry import Registry
from omniroute.upstream.login import Client, LoginRefused, Tokens
from omniroute.upstream.login.way import Way

__all__ = ["Begun", "Flow", "Pending", "registry"]

Method = Literal["browser", "paste", "device", "import"]


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A login that waits for its person. ``expires_at``: unix seconds, where the provider sets an end; ``interval``: seconds
    between two questions. The rest is nobody else's: ``verifier`` and ``state`` bind it to whoever began it."""

    method: Method
    url: str | None = None
    redirect_uri: str | None = None
    user_code: str | None = None
    verification_uri: str | None = None
    verification_uri_complete: str | None = None
    interval: float = 5.0
    expires_at: float | None = None
    state: str = ""
    verifier: str = ""
    device_code: str = ""
    client: Client | None = None
    options: dict[str, str] = {}
    facts: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Begun({self.method!r})"


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody has said yes yet; ask again after ``interval`` seconds."""

    interval: float


class Flow(Protocol):
    """``methods``: how a person can go it, with this provider's data."""

    name: str

    def methods(self, way: Way) -> tuple[Method, ...]: ...

    async def begin(self, way: Way, method: Method, options: Mapping[str, str], redirect_uri: str | None) -> Begun:
        """LoginRefused when the provider will not have it. ``redirect_uri``: where the browser comes back to, if we listen."""
        ...

    async def poll(self, way: Way, begun: Begun) -> Tokens | Pending:
        """Ask whether it was allowed. LoginRefused: final when denied or over."""
        ...

    async def finish(self, way: Way, begun: Begun, code: str, state: str | None) -> Tokens:
        """Exchange what the browser brought back. LoginRefused."""
        ...


class Unpolled:
    """The half of a flow that comes back by itself."""

    async def poll(self, way: Way, begun: Begun) -> Tokens | Pending:
        del way
        return Pending(interval=begun.interval)


class Unfinished:
    """The half of a flow in which nothing comes back but by asking."""

    async def finish(self, way: Way, begun: Begun, code: str, state: str | None) -> Tokens:
        del begun, code, state
        raise BadRequest(f"{way.provider.name} is signed in at by entering a code there; there is nothing to paste here")


def refused(way: Way, what: str, code: str, said: str, status: int) -> LoginRefused:
    """The sentence for an answer that is no yes."""
    reason = said or code.replace("_", " ") or f"status {status}"
    return LoginRefused(f"{way.provider.name} refused {what}: {reason}", final=400 <= status < 500 and status not in (408, 429))


@cache
def registry() -> Registry[Flow]:
    """All flows, imported once on first use."""
    from omniroute.upstream.login import flows

    return Registry.of_package("login flow", flows, "FLOW")
