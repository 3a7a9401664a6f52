"""Circuit breakers: a provider that fails again and again is left alone for a while, then tried by one request.

Pure: every function gives the state that follows. Only faults that speak of the provider's servers count; limits, credentials and
bad requests never do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec

from omniroute.catalog.schema import Provider
from omniroute.core.errors import Fault

ProviderClass = Literal["oauth", "api_key", "local"]


class Thresholds(NamedTuple):
    """``failures`` within :data:`WINDOW` open the breaker for ``seconds``."""

    failures: int
    seconds: float


THRESHOLDS: Mapping[ProviderClass, Thresholds] = {
    "oauth": Thresholds(5, 60.0),
    "api_key": Thresholds(8, 30.0),
    "local": Thresholds(2, 15.0),
}
WINDOW = 60.0
BURST = 5.0
"""Seconds within which an account counts once: a burst of parallel requests is one event."""
LONGEST = 300.0
PROBE = 30.0
"""Seconds after which a probe that was never heard of again makes room for another."""
_COUNTED = frozenset({"server_error", "overloaded", "network", "timeout", "provider_down"})
_LIMITED, _REQUEST_TIMEOUT = 429, 408


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """Closed while ``until`` is None; open before it, half-open after. ``failures``: (moment, account id) of the last minute.

    ``opened``: how often in a row; ``probing_until``: a probe is out.
    """

    failures: tuple[tuple[float, str], ...] = ()
    until: float | None = None
    opened: int = 0
    probing_until: float = 0.0

    def blocked_until(self, now: float) -> float | None:
        """When the next request may go, None = now."""
        if self.until is None:
            return None
        if now < self.until:
            return self.until
        return self.probing_until if now < self.probing_until else None

    @property
    def last(self) -> float:
        """The moment of the last counted failure."""
        return self.failures[-1][0] if self.failures else 0.0


CLOSED = Breaker()


def class_of(provider: Provider) -> ProviderClass:
    """How much patience a provider deserves: subscriptions little, this machine none, keys in between."""
    if provider.auth.scheme == "oauth" or provider.oauth is not None:
        return "oauth"
    if provider.status == "local" or (provider.private and _on_this_machine(provider.base_url)):
        return "local"
    return "api_key"


def _on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host.startswith("127.") or host == "::1"


def counts(fault: Fault) -> bool:
    """The fault says that the provider's servers are in trouble: 408, 5xx, 529, network and first-token timeouts."""
    if fault.upstream_status == _LIMITED:
        return False
    return fault.kind in _COUNTED or (fault.kind == "transient" and fault.upstream_status == _REQUEST_TIMEOUT)


def failed(state: Breaker, account_id: str, kind: ProviderClass, now: float, *, down: bool = False) -> Breaker:
    """After a failure that counts. ``down``: nobody listens there, so that one is enough."""
    limit = THRESHOLDS[kind]
    if state.until is not None:
        if now < state.until:  # it was under way when the breaker opened
            return state
        return _opened(state, limit, now, ((now, account_id),))
    recent = tuple(item for item in state.failures if now - item[0] < WINDOW)
    if any(account == account_id and now - moment < BURST for moment, account in recent) and not down:
        return state if len(recent) == len(state.failures) else msgspec.structs.replace(state, failures=recent)
    recent = (*recent, (now, account_id))
    if down or len(recent) >= limit.failures:
        return _opened(state, limit, now, recent)
    return msgspec.structs.replace(state, failures=recent)


def probing(state: Breaker, now: float) -> Breaker:
    """A probe has begun."""
    return msgspec.structs.replace(state, probing_until=now + PROBE)


def unprobed(state: Breaker) -> Breaker:
    """The probe ended without a result."""
    return msgspec.structs.replace(state, probing_until=0.0)


def _opened(state: Breaker, limit: Thresholds, now: float, failures: tuple[tuple[float, str], ...]) -> Breaker:
    seconds = min(limit.seconds * 2.0 ** min(state.opened, 8), LONGEST)
    return Breaker(failures=failures[-limit.failures :], until=now + seconds, opened=state.opened + 1)
