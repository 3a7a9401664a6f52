"""Modelled providers: subscriptions with windows, keys with rates and prices, free pools by the day; storms and outages.

A call is answered with what a real provider would say (status, headers as readings, body), and the product's own classifier turns
that into a fault. What a provider remembers, the prompt caches with it, is kept per account and is nobody else's to know.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from omniroute.catalog.schema import Auth, Model, Provider, Tier
from omniroute.core.errors import Fault, NetworkFault, Scope, TimeoutFault, Verdict
from omniroute.core.ids import FakeClock
from omniroute.ir.caps import Price
from omniroute.upstream.faults import classify_reply
from sim_traffic import DAY, HOUR, Turn

CACHE_SECONDS = 300.0
FIRST_TOKEN_TIMER = 60.0
_CACHED_SHARE = 0.1  # of its price, or of its weight in a quota, that a cached token costs
_OUTPUT_WEIGHT = 5.0

Kind = Literal["down", "errors", "silent", "storm"]


class Reading(NamedTuple):
    """A quota as a provider tells it (see ``omniroute.routing.quota.Reading``)."""

    name: str
    used: float
    resets_at: float | None
    length: float
    model: str | None = None
    limit: float | None = None
    used_units: float | None = None
    source: str = "header"


class Trouble(NamedTuple):
    """From ``begins`` to ``ends`` the provider is ``down`` (refuses), gives ``errors``, is ``silent``, or answers most with 429
    (``storm``). ``claims``: seconds that its 429 says to wait, whatever is true."""

    kind: Kind
    begins: float
    ends: float
    claims: float | None = None


class Answered(NamedTuple):
    """``seconds`` to the first token or the fault; ``more`` to the end of the answer. ``paid`` in USD."""

    seconds: float
    more: float
    fault: Fault | None
    readings: tuple[Reading, ...]
    cached: int = 0
    paid: float = 0.0


class Quota:
    """One window. ``limit`` in weighted tokens or requests. With ``begins`` it starts over by the calendar, else with its use."""

    def __init__(self, name: str, length: float, limit: float, begins: float | None) -> None:
        self.name, self.length, self.limit = name, length, limit
        self.used = 0.0
        self.wasted: list[float] = []  # share unused of every window that ended
        self._fixed = begins is not None
        self.resets_at = None if begins is None else begins + length

    def roll(self, now: float) -> None:
        while self.resets_at is not None and now >= self.resets_at:
            self.wasted.append(max(0.0, 1 - self.used / self.limit))
            self.used = 0.0
            self.resets_at = self.resets_at + self.length if self._fixed else None

    def take(self, amount: float, now: float) -> None:
        if self.resets_at is None:
            self.resets_at = now + self.length
        self.used += amount

    def give_back(self) -> None:
        """It starts over before its time."""
        self.used = 0.0

    def reading(self) -> Reading:
        return Reading(self.name, min(1.0, self.used / self.limit), self.resets_at, self.length)


class AccountModel:
    """What a provider keeps for one account. ``gifts``: the moments at which the first quota starts over before its time."""

    def __init__(self, quotas: Sequence[Quota], rpm: int | None, gifts: Sequence[float] = ()) -> None:
        self.quotas = quotas
        self.served = 0
        self._rpm = rpm
        self._gifts = deque(sorted(gifts))
        self._recent: deque[float] = deque()
        self._caches: dict[str, tuple[int, float]] = {}

    def roll(self, now: float) -> None:
        for quota in self.quotas:
            quota.roll(now)
        while self._gifts and self._gifts[0] <= now:
            self._gifts.popleft()
            self.quotas[0].give_back()

    def exhausted(self) -> Quota | None:
        return next((quota for quota in self.quotas if quota.used >= quota.limit), None)

    def over_rate(self, now: float) -> float | None:
        """Seconds until another request fits into the minute; None = now."""
        if self._rpm is None:
            return None
        while self._recent and self._recent[0] <= now - 60:
            self._recent.popleft()
        if len(self._recent) >= self._rpm:
            return self._recent[0] + 60 - now
        self._recent.append(now)
        return None

    def cached(self, session: str, turn: Turn, now: float) -> int:
        """How much of the prompt it still has; from now on all of it."""
        known, until = self._caches.get(session, (0, 0.0))
        if len(self._caches) > 5_000:
            self._caches = {name: kept for name, kept in self._caches.items() if kept[1] > now}
        self._caches[session] = (turn.prompt, now + CACHE_SECONDS)
        return min(known, turn.prompt - turn.fresh) if now < until else 0


class ProviderModel:
    """One provider: what the catalogue says of it, its accounts, and what befalls it. ``speed`` in output tokens a second."""

    def __init__(
        self,
        name: str,
        tier: Tier,
        price: Price,
        accounts: Mapping[str, AccountModel],
        troubles: Sequence[Trouble] = (),
        *,
        oauth: bool = False,
        speed: float = 60.0,
        by_request: bool = False,
    ) -> None:
        scheme = "oauth" if oauth else "bearer"
        self.provider = Provider(
            id=name,
            prefix=name,
            name=name.title(),
            format="openai_chat",
            base_url="https://example.invalid",
            auth=Auth(scheme=scheme),
            tier=tier,
            models=(Model(id="coder", price=price),),
        )
        self.accounts = accounts
        self.troubles = troubles
        self._price = price
        self._speed = speed
        self._by_request = by_request

    def call(self, account: str, session: str, turn: Turn, now: float, rng: random.Random) -> Answered:
        """One request at ``now``."""
        kept = self.accounts[account]
        kept.roll(now)
        trouble = next((t for t in self.troubles if t.begins <= now < t.ends), None)
        if trouble is not None and (trouble.kind != "storm" or rng.random() < 0.8):
            return self._troubled(trouble, now)
        wait = kept.over_rate(now)
        if wait is not None:
            return self._refused(0.2, now, "rate_limit_exceeded", "Too many requests", wait)
        spent = kept.exhausted()
        if spent is not None:
            until = (spent.resets_at or now) - now
            readings = tuple(quota.reading() for quota in kept.quotas)
            return self._refused(0.3, now, "insufficient_quota", "usage limit reached", until)._replace(readings=readings)
        cached = kept.cached(session, turn, now)
        weight = turn.prompt - cached + cached * _CACHED_SHARE + turn.output * _OUTPUT_WEIGHT
        for quota in kept.quotas:
            quota.take(1.0 if self._by_request else weight, now)
        kept.served += 1
        first = 0.8 + (turn.prompt - cached) / 25_000 + rng.random() * 0.6
        readings = tuple(quota.reading() for quota in kept.quotas)
        return Answered(first, turn.output / self._speed, None, readings, cached, self._cost(turn, cached))

    def _cost(self, turn: Turn, cached: int) -> float:
        if self._price.basis != "list":
            return 0.0
        dear = self._price.input or 0.0
        cheap = dear * _CACHED_SHARE if self._price.cached is None else self._price.cached
        return ((turn.prompt - cached) * dear + cached * cheap + turn.output * (self._price.output or 0.0)) / 1e6

    def _troubled(self, trouble: Trouble, now: float) -> Answered:
        match trouble.kind:
            case "down":
                fault: Fault = NetworkFault("connection refused", kind="network", verdict=Verdict.RETRY)
                return Answered(0.1, 0.0, fault, ())
            case "silent":
                fault = TimeoutFault("no token", kind="timeout", scope=Scope.PROVIDER, verdict=Verdict.RETRY)
                return Answered(FIRST_TOKEN_TIMER, 0.0, fault, ())
            case "errors":
                return self._said(1.0, now, 503, "server_error", "upstream connect error", None)
            case _:
                return self._refused(0.3, now, "rate_limit_exceeded", "Too many requests", trouble.claims)

    def _refused(self, seconds: float, now: float, code: str, message: str, wait: float | None) -> Answered:
        return self._said(seconds, now, 429, code, message, wait)

    def _said(self, seconds: float, now: float, status: int, code: str, message: str, wait: float | None) -> Answered:
        body = b'{"error":{"message":"%b","type":"error","code":"%b"}}' % (message.encode(), code.encode())
        headers = [] if wait is None else [("retry-after", str(max(1, int(wait))))]
        fault = classify_reply(status, headers, body, self.provider, clock=FakeClock(now))
        return Answered(seconds, 0.0, fault, ())


def subscription(five_hours: float, weekly: float, monday: float, gifts: Sequence[float] = ()) -> AccountModel:
    """Limits in weighted tokens."""
    quotas = (Quota("5h", 5 * HOUR, five_hours, None), Quota("weekly", 7 * DAY, weekly, monday))
    return AccountModel(quotas, None, gifts)
