"""What keys have used in the windows of their budgets: counted in memory as rows of the ledger are made, never read from the
store on a request's way.

Every request under way is reserved by estimate, so that many at once cannot run far past a limit that none of them has reached
alone. What was used is kept by the quarter of an hour, so that a budget of any window can be set at any time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import structlog

from omniroute.core.budget import Budget, BudgetFigures, State
from omniroute.core.errors import PaymentRequired, RequestError, TooManyRequests
from omniroute.core.ids import Clock
from omniroute.core.ledger import LedgerRow
from omniroute.core.zone import Zone

QUARTER = 900
LONGEST_WINDOW = 32 * 86_400.0
_OPEN_RETRY = 2.0
_USUAL_OUTPUT = 500.0
_MOST_OUTPUT = 200_000
log = structlog.get_logger("omniroute.budgets")


class Meter:
    """One budget and what was used in its window. ``open_*`` is reserved by requests under way."""

    __slots__ = ("_told", "budget", "end", "open_tokens", "open_usd", "refused", "start", "tokens", "usd")

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.start = self.end = 0.0
        self.usd = self.open_usd = 0.0
        self.tokens = self.open_tokens = 0
        self.refused = 0
        self._told = "ok"

    def share(self, *, reserved: bool = True) -> float:
        """Of the limit that is nearer, how much is used."""
        budget = self.budget
        usd = self.usd + (self.open_usd if reserved else 0.0)
        tokens = self.tokens + (self.open_tokens if reserved else 0)
        return max(usd / budget.usd if budget.usd else 0.0, tokens / budget.tokens if budget.tokens else 0.0)

    def state(self) -> State:
        share = self.share()
        return "exceeded" if share >= 1 else "warning" if share >= self.budget.warn_at else "ok"

    def tell(self, zone: Zone) -> None:
        """A line in the log when a window's use first comes to its warning, and to its limit."""
        state = self.state()
        if state != "ok" and state != self._told and self._told != "exceeded":
            self._told = state
            log.warning(
                "budget used up" if state == "exceeded" else "budget nearly used up",
                budget=self.budget.id, key=self.budget.key_id, used=self.words(), resets=zone.text(self.end),
            )  # fmt: skip

    def begin(self, start: float, end: float, usd: float, tokens: int) -> None:
        """Another window, with what was used in it so far."""
        if start != self.start:
            self._told, self.refused = "ok", 0
        self.start, self.end, self.usd, self.tokens = start, end, usd, tokens

    def figures(self) -> BudgetFigures:
        return BudgetFigures(
            start=self.start,
            end=self.end,
            usd=self.usd,
            tokens=self.tokens,
            open_usd=self.open_usd,
            open_tokens=self.open_tokens,
            share=self.share(),
            state=self.state(),
            refused=self.refused,
        )

    def words(self) -> str:
        """``monthly 83% of 50.00 USD``; of two limits the nearer one."""
        budget, share = self.budget, self.share()
        by_usd = budget.usd is not None and (budget.tokens is None or (self.usd + self.open_usd) / budget.usd >= share)
        return f"{budget.period} {share:.0%} of {_limit(budget, by_usd=by_usd)}"


class Reservation:
    """What one request is thought to use; :meth:`close` gives it back, a second call does nothing. ``warnings`` are words for the
    client."""

    __slots__ = ("_meters", "_tokens", "_usd", "warnings")

    def __init__(self, meters: tuple[Meter, ...], usd: float, tokens: int, warnings: list[str]) -> None:
        self._meters = meters
        self._usd = usd
        self._tokens = tokens
        self.warnings = warnings
        for meter in meters:
            meter.open_usd += usd
            meter.open_tokens += tokens

    def close(self) -> None:
        meters, self._meters = self._meters, ()
        for meter in meters:
            meter.open_tokens -= self._tokens
            # what is left of sums of fractions is nothing
            meter.open_usd = max(0.0, meter.open_usd - self._usd) if meter.open_tokens else 0.0


class Spending:
    """:meth:`load` what the store knows once, then :meth:`spent` every row that ends; :meth:`configure` says which budgets there
    are. ``status`` of a refusal: 402 or 429."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._zone = Zone("UTC")
        self._status = 402
        self._used: dict[str | None, dict[int, list[Any]]] = {None: {}}  # None: everybody together
        self._meters: dict[str | None, tuple[Meter, ...]] = {}
        self._anonymous: tuple[Meter, ...] = ()
        self._output = _USUAL_OUTPUT
        self.refused = 0

    def load(self, quarters: Iterable[tuple[int, str, float, int]]) -> None:
        """(quarter, key or "", USD, tokens) of the last :data:`LONGEST_WINDOW` seconds."""
        for quarter, key, usd, tokens in quarters:
            self._count(quarter, key or None, usd, tokens)

    def configure(self, budgets: Iterable[Budget], zone: Zone, status: int) -> None:
        """The budgets in force; what was used and reserved stays known."""
        known = {meter.budget.id: meter for meter in self.meters()}
        changed = zone.name != self._zone.name
        self._zone, self._status = zone, status
        meters: dict[str | None, list[Meter]] = {}
        for budget in budgets:
            meter = known.get(budget.id)
            if meter is None or meter.budget.period != budget.period or meter.budget.key_id != budget.key_id:
                meter = Meter(budget)
            meter.budget = budget
            if changed:
                meter.end = 0.0
            meters.setdefault(budget.key_id, []).append(meter)
        everybody = tuple(meters.pop(None, ()))
        self._anonymous = everybody
        self._meters = {key: (*own, *everybody) for key, own in meters.items()}

    def meters(self) -> list[Meter]:
        """One for each budget, its window the present one."""
        found = {id(meter): meter for meters in (self._anonymous, *self._meters.values()) for meter in meters}
        now = self._clock.now()
        for meter in found.values():
            self._roll(meter, now)
        return list(found.values())

    def concerns(self, key_id: str | None) -> bool:
        """Some budget is about requests of that key."""
        return bool(self._anonymous) or key_id in self._meters

    def usual_output(self) -> int:
        """Tokens that answers had lately."""
        return int(self._output)

    def admit(self, key_id: str | None, usd: float, tokens: int) -> Reservation:
        """Room for one more request that will probably use so much. PaymentRequired or TooManyRequests when a budget that blocks
        is used up, with the seconds until it begins anew."""
        now = self._clock.now()
        meters = self._meters.get(key_id, self._anonymous)
        warnings: list[str] = []
        for meter in meters:
            self._roll(meter, now)
            budget, share = meter.budget, meter.share()
            if share >= 1 and budget.action == "block":
                meter.refused += 1
                self.refused += 1
                meter.tell(self._zone)
                raise self._refusal(meter, now)
            if share >= budget.warn_at:
                meter.tell(self._zone)
                warnings.append(f"{meter.words()}; resets {self._zone.text(meter.end)}")
        return Reservation(meters, usd, tokens, warnings)

    def spent(self, row: LedgerRow) -> None:
        """A try is over and priced."""
        usd, tokens = row.cost_usd or 0.0, row.input_tokens + row.output_tokens
        if row.output_tokens:
            self._output += 0.02 * (min(row.output_tokens, _MOST_OUTPUT) - self._output)
        if not tokens and not usd:
            return
        moment = row.started_at
        self._count(int(moment // QUARTER), row.key_id, usd, tokens)
        for meter in self._meters.get(row.key_id, self._anonymous):
            if meter.start <= moment < meter.end:
                meter.usd += usd
                meter.tokens += tokens

    def _count(self, quarter: int, key: str | None, usd: float, tokens: int) -> None:
        for owner in (None, key) if key is not None else (None,):
            quarters = self._used.setdefault(owner, {})
            known = quarters.get(quarter)
            if known is None:
                quarters[quarter] = [usd, tokens]
            else:
                known[0] += usd
                known[1] += tokens

    def _roll(self, meter: Meter, now: float) -> None:
        """Let the meter's window be the one that ``now`` is in."""
        if meter.start <= now < meter.end:
            return
        self._forget(now)
        start, end = self._zone.window(meter.budget.period, now)
        first = int(start // QUARTER)
        used = [sums for quarter, sums in self._used.get(meter.budget.key_id, {}).items() if quarter >= first]
        meter.begin(start, end, sum(usd for usd, _ in used), sum(tokens for _, tokens in used))

    def _forget(self, now: float) -> None:
        """What no window reaches back to."""
        oldest = int((now - LONGEST_WINDOW) // QUARTER)
        for quarters in self._used.values():
            for quarter in [quarter for quarter in quarters if quarter < oldest]:
                del quarters[quarter]
        for key in [key for key, quarters in self._used.items() if not quarters and key is not None]:
            del self._used[key]

    def _refusal(self, meter: Meter, now: float) -> RequestError:
        budget = meter.budget
        whose = "of this API key" if budget.key_id is not None else "of this server"
        if meter.share(reserved=False) < 1:
            return TooManyRequests(
                f"Requests under way may use up the {budget.period} budget {whose}; try again when they have ended.",
                code="budget_reserved",
                retry_after=_OPEN_RETRY,
            )
        usd = budget.usd is not None and meter.usd >= budget.usd
        kind = PaymentRequired if self._status == 402 else TooManyRequests
        return kind(
            f"The {budget.period} budget of {_limit(budget, by_usd=usd)} {whose} is used up; "
            f"it begins anew at {self._zone.text(meter.end)}.",
            code="budget_exceeded",
            retry_after=max(1.0, meter.end - now),
        )


def _limit(budget: Budget, *, by_usd: bool) -> str:
    return f"{budget.usd:.2f} USD" if by_usd else f"{budget.tokens} tokens"
