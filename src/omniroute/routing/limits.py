"""How fast an account may be used: requests a minute, the gap between two, how many at once. Stated by the operator or learned
from what the provider says is left."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import msgspec

from omniroute.catalog.account import AccountLimits
from omniroute.routing.state import Moments, Reason

MINUTE = 60.0
SCARCE = 0.1
"""Share of a rate below which requests are spread over the rest of its period."""
_FEW = 25.0
_LONGEST_GAP = 10.0
_BELIEVED = 120.0
"""Seconds that a reading without a reset is believed."""


class RateReading(Protocol):
    """What an answer says is left of a rate (see ``upstream.quota_headers``)."""

    @property
    def unit(self) -> str: ...
    @property
    def limit(self) -> float | None: ...
    @property
    def remaining(self) -> float | None: ...
    @property
    def resets_at(self) -> float | None: ...
    @property
    def period(self) -> float | None: ...


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """One learned rate. ``unit``: requests or tokens; ``period`` in seconds; ``resets_at``, ``seen_at`` in unix seconds."""

    unit: str
    seen_at: float
    limit: float | None = None
    remaining: float | None = None
    resets_at: float | None = None
    period: float | None = None

    @property
    def until(self) -> float:
        """When the reading stops to mean anything."""
        return self.resets_at if self.resets_at is not None else self.seen_at + _BELIEVED

    @property
    def tight(self) -> bool:
        """So little is left that it must be looked at before every request."""
        return self.remaining is not None and self.remaining < max((self.limit or 0.0) * SCARCE, _FEW)

    def next_at(self) -> float | None:
        """When the next request may begin by this reading, None = at once."""
        left = self.remaining
        if left is None:
            return None
        if left <= 0:
            return self._refilled()
        if self.unit != "requests" or not self.limit or left >= self.limit * SCARCE:
            return None
        gap = self.period / self.limit if self.period else (self.until - self.seen_at) / max(left, 1.0)
        return self.seen_at + min(gap, _LONGEST_GAP)

    def _refilled(self) -> float:
        """A rate refills steadily where its period is known, and then one request fits in early."""
        if self.unit == "requests" and self.period and self.limit:
            return min(self.until, self.seen_at + self.period / self.limit)
        return self.until


class Wait(NamedTuple):
    """``until``: unix seconds, None when another request must end first."""

    reason: Reason
    until: float | None
    detail: str


def admit(
    limits: AccountLimits, rates: tuple[Rate, ...], begun: Moments, account_id: str, in_flight: int, now: float
) -> Wait | None:
    """Why the account may not begin another request now; None = it may.

    ``begun`` holds the moments at which its requests began (kept by :func:`note`), ``in_flight`` those under way.
    """
    if limits.concurrency is not None and in_flight >= limits.concurrency:
        return Wait("concurrency", None, f"{in_flight} of at most {limits.concurrency} requests are under way")
    until, detail = now, ""
    if limits.rpm is not None:
        oldest = begun.back(account_id, limits.rpm)
        if oldest is not None and oldest + MINUTE > until:
            until, detail = oldest + MINUTE, f"{limits.rpm} requests were begun within a minute"
    if limits.min_gap is not None:
        last = begun.back(account_id, 1)
        if last is not None and last + limits.min_gap > until:
            until, detail = last + limits.min_gap, f"requests are {limits.min_gap:g} s apart"
    for rate in rates:
        following = rate.next_at() if now < rate.until else None
        if following is not None and following > until:
            until, detail = following, f"the provider reports {rate.remaining:g} {rate.unit} left of its rate"
    return Wait("rate", until, detail) if until > now else None


def note(limits: AccountLimits, begun: Moments, account_id: str, now: float) -> None:
    """A request begins."""
    if limits.rpm is not None or limits.min_gap is not None:
        begun.append(account_id, now, limits.rpm or 1)


def learned(known: tuple[Rate, ...], seen: tuple[Rate, ...], now: float) -> tuple[Rate, ...]:
    """``known`` with ``seen`` in its place where unit and period are the same; what is over is left out. At most eight."""
    kept = {(rate.unit, rate.period): rate for rate in known if now < rate.until}
    kept.update(((rate.unit, rate.period), rate) for rate in seen)
    return tuple(kept.values())[-8:]


def spent(rates: tuple[Rate, ...], now: float) -> tuple[Rate, ...]:
    """After a request began: one less is left, until the provider's next word."""
    return tuple(
        msgspec.structs.replace(rate, remaining=rate.remaining - 1, seen_at=now)
        if rate.unit == "requests" and rate.remaining is not None
        else rate
        for rate in rates
        if now < rate.until
    )


def rate_from(reading: RateReading, now: float) -> Rate:
    """The reading, kept."""
    return Rate(
        unit=reading.unit,
        seen_at=now,
        limit=reading.limit,
        remaining=reading.remaining,
        resets_at=reading.resets_at,
        period=reading.period,
    )
