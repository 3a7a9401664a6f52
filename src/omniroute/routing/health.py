"""Health: the one owner of what routing learns from requests. Cooldowns, breakers, quota windows, rates, requests under way.

Every decision is a pure function next door (``cooldown``, ``breaker``, ``limits``, ``counting``, ``quota``); here is only what is
remembered of whom. Everything has a bound. Clock values are unix seconds.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from omniroute.catalog.account import NO_LIMITS, Account
from omniroute.core.errors import Fault, Scope
from omniroute.routing import breaker as breakers
from omniroute.routing import cooldown, counting, limits, remembered
from omniroute.routing.affinity import Affinity
from omniroute.routing.breaker import Breaker
from omniroute.routing.latency import Latency, Uses
from omniroute.routing.limits import RateReading
from omniroute.routing.quota import Reading, Window, merged, window_from
from omniroute.routing.remembered import AccountState, Saved
from omniroute.routing.state import Block, MemoryState, ScopeKey, StatePort
from omniroute.routing.verdicts import examine

if TYPE_CHECKING:
    from omniroute.routing.resolve import Target

MOST_ACCOUNTS = 10_000
MOST_PROVIDERS = 2_000


class Lease:
    """One request under way. ``probe``: it is the one that looks whether a lock or an open breaker still holds."""

    __slots__ = ("_health", "_open", "account", "probe", "started", "target")

    def __init__(self, health: Health, target: Target, account: Account, started: float, probe: bool) -> None:
        self._health = health
        self._open = True
        self.target = target
        self.account = account
        self.started = started
        self.probe = probe

    def release(self) -> None:
        """The request is over, whatever became of it. A second call does nothing."""
        if self._open:
            self._open = False
            self._health.released(self)


class Health:
    """``rng`` throws the jitter of cooldowns; ``port`` keeps the state (this process's memory unless said otherwise)."""

    def __init__(self, rng: random.Random, port: StatePort | None = None) -> None:
        port = port or MemoryState()
        self._rng = rng
        self._accounts = port.table("account", AccountState, MOST_ACCOUNTS)
        self._breakers = port.table("breaker", Breaker, MOST_PROVIDERS)
        self._under_way = port.counters("in_flight")
        self._begun = port.moments("begun", MOST_ACCOUNTS)
        self._affinity = Affinity(port)
        self._latency = Latency()
        self._uses = Uses()

    # -- reading -------------------------------------------------------------------------------------------------------

    def blocked(self, target: Target, account: Account, now: float) -> Block | None:
        """Why ``account`` cannot serve ``target`` now, the longest reason of several; None = it can.

        None also where one request may look whether a lock still holds: the first :meth:`lease` is that look, and until its
        result (or half a minute) everybody else is blocked.
        """
        state = self._accounts.get(account.id)
        breaker = self._breakers.get(target.provider.id)
        if (
            (state is None or state.quiet)
            and (breaker is None or breaker.until is None)
            and account.limits is NO_LIMITS
            and account.enabled
            and (account.login is None or account.login.problem is None)
        ):
            return None
        return examine(target, account, state, breaker, self._begun, self._under_way.get(account.id), now)

    def in_flight(self, account_id: str) -> int:
        return self._under_way.get(account_id)

    def uses(self, account_id: str, model: str | None, now: float) -> int:
        """Requests begun within the last half hour to hour, of ``model`` or of all together."""
        return self._uses.get(account_id, model, now)

    def uses_of(self, accounts: Sequence[Account], model: str, now: float) -> int:
        """The same of ``model`` at all of ``accounts``."""
        return self._uses.total(accounts, model, now)

    def ttft(self, target_name: str) -> tuple[float, float] | None:
        """(median, 95th percentile) of the seconds to the first token; None below five requests."""
        return self._latency.get(target_name)

    def held(self, account_id: str, now: float) -> bool:
        """A cooldown of the account, or of one of its models, holds."""
        state = self._accounts.get(account_id)
        if state is None or not state.has_locks:
            return False
        return any(lock.active(now) for lock in (state.lock, *state.models.values()) if lock is not None)

    def windows(self, account_id: str) -> tuple[Window, ...]:
        state = self._accounts.get(account_id)
        return state.windows if state is not None else ()

    def rates(self, account_id: str, now: float) -> list[dict[str, Any]]:
        """What providers said of the account's rates, as far as it still holds; for people."""
        state = self._accounts.get(account_id)
        return [] if state is None else [msgspec.structs.asdict(rate) for rate in state.rates if now < rate.until]

    def sessions(self, now: float, most: int) -> list[tuple[str, str, str, float]]:
        """(provider, session, account, until) of the conversations whose cache is warm, the last used first."""
        return self._affinity.items(now, most)

    def affinity(self, session: str, provider_id: str, now: float) -> str | None:
        return self._affinity.get(session, provider_id, now)

    def admit(self, account: Account, now: float) -> float | None:
        """Seconds until the account's rates let another request begin; None = now. Infinity: when one of those under way ends."""
        state = self._accounts.get(account.id)
        rates = state.rates if state is not None else ()
        wait = limits.admit(account.limits, rates, self._begun, account.id, self._under_way.get(account.id), now)
        if wait is None:
            return None
        return float("inf") if wait.until is None else wait.until - now

    # -- requests ------------------------------------------------------------------------------------------------------

    def lease(self, target: Target, account: Account, now: float, *, probe: bool = False) -> Lease:
        """A request begins: it counts as under way until released. ``probe``: it looks even where no look is due."""
        account_id = account.id
        self._under_way.add(account_id, 1)
        self._uses.add(account_id, target.model, now)
        looks = probe
        state = self._accounts.get(account_id)
        breaker = self._breakers.get(target.provider.id)
        if (state is not None and not state.quiet) or (breaker is not None and breaker.until is not None):
            looks = self._look(target, account_id, state, breaker, now, probe)
        if account.limits is not NO_LIMITS:
            limits.note(account.limits, self._begun, account_id, now)
            self._count(account, target.model, now, requests=1)
        return Lease(self, target, account, now, looks)

    def released(self, lease: Lease) -> None:
        """Called by the lease itself."""
        self._under_way.add(lease.account.id, -1)
        if lease.probe:
            self._unlook(lease)

    def answering(self, target: Target, account: Account, now: float, *, started: float | None = None) -> None:
        """The first useful event came: what speaks against this account, model and provider is out of date.

        ``started``: when the request began; it says nothing about what went wrong after that.
        """
        state = self._accounts.get(account.id)
        if state is not None and not state.quiet:
            self._keep(account.id, state, state.healed(target.model, now, started))
        breaker = self._breakers.get(target.provider.id)
        if breaker is not None and (started is None or started >= breaker.last):
            self._breakers.drop(target.provider.id)

    def succeeded(
        self,
        target: Target,
        account: Account,
        now: float,
        *,
        ttft: float | None,
        usage_tokens: int,
        started: float | None = None,
    ) -> None:
        """A whole answer. ``ttft`` in seconds; ``usage_tokens``, input and output together; ``started``: when it began."""
        state = self._accounts.get(account.id)
        if (state is not None and not state.quiet) or self._breakers.get(target.provider.id) is not None:
            self.answering(target, account, now, started=started)
        if ttft is not None:
            self._latency.add(target.name, ttft)
        if usage_tokens and account.limits is not NO_LIMITS:
            self._count(account, target.model, now, tokens=usage_tokens)

    def waited(self, target: Target, seconds: float) -> None:
        """A request was given up, through no fault of its account, after ``seconds`` without a token. Without those that were
        too slow, the times of a target would be those of its quick answers only."""
        self._latency.add(target.name, seconds)

    def failed(self, target: Target, account: Account, fault: Fault, now: float) -> None:
        """A try failed. What the client did wrong, or a provider without resilience, is not held against anybody."""
        provider = target.provider
        if not provider.resilience or fault.scope in (Scope.NOTHING, Scope.REQUEST) or not cooldown.punishes(fault):
            return
        kind = breakers.class_of(provider)
        if breakers.counts(fault):
            old = self._breakers.get(provider.id)
            down = fault.kind == "provider_down"
            new = breakers.failed(old or breakers.CLOSED, account.id, kind, now, down=down)
            if new is not old:
                self._breakers.put(provider.id, new)
            if fault.scope is Scope.PROVIDER and fault.kind != "timeout":
                return  # no account is to blame for its provider's servers
        state = self._accounts.get(account.id) or remembered.NOTHING
        if fault.scope is Scope.ACCOUNT:
            self._keep(account.id, state, state.locked(cooldown.lock_after(state.lock, fault, kind, now, self._rng)))
        else:
            lock = cooldown.lock_after(state.models.get(target.model), fault, kind, now, self._rng)
            self._keep(account.id, state, state.model_locked(target.model, lock, now))

    def observed(self, account_id: str, windows: Iterable[Reading], rates: Iterable[RateReading], now: float) -> None:
        """What an answer or a usage endpoint says of the account's quotas and rates. A cooldown that it contradicts is over."""
        seen = tuple(window_from(reading, now) for reading in windows)
        paces = tuple(limits.rate_from(reading, now) for reading in rates)
        if not seen and not paces:
            return
        old = self._accounts.get(account_id) or remembered.NOTHING
        new = old.with_windows(merged(old.windows, seen, now)) if seen else old
        if seen and new.has_locks:
            new = new.contradicted(seen, now)
        if paces:
            new = new.with_rates(limits.learned(new.rates, paces, now))
        self._keep(account_id, old, new)

    def bind(self, session: str, provider_id: str, account_id: str, now: float, warm: float | None = None) -> None:
        """The session's prompt cache is with the account, for ``warm`` seconds from now (five minutes)."""
        if warm is None:
            self._affinity.bind(session, provider_id, account_id, now)
        else:
            self._affinity.bind(session, provider_id, account_id, now, warm)

    # -- people --------------------------------------------------------------------------------------------------------

    def unlock(self, key: ScopeKey | None) -> int:
        """Forget what is held against a provider, an account (with its models) or a model of one; None: against all of them.

        Exhausted windows and rates of the account go too: the next request finds out. Returns how many locks and open breakers
        that were.
        """
        if key is None:
            ids = [account_id for account_id, _ in self._accounts.items()]
            open_breakers = [provider_id for provider_id, _ in self._breakers.items()]
            return sum(map(self._unlock_account, ids)) + sum(map(self._breakers.drop, open_breakers))
        if key[0] == "provider":
            return int(self._breakers.drop(key[1]))
        if key[0] == "account":
            return self._unlock_account(key[1])
        state = self._accounts.get(key[1])
        if state is None or key[2] not in state.models:
            return 0
        self._keep(key[1], state, state.model_unlocked(key[2]))
        return 1

    def describe(self, now: float) -> dict[str, Any]:
        """Figures for the dashboard: all locks, breakers, windows, rates, requests under way and first-token times."""
        return {
            "accounts": {account_id: state.describe(now) for account_id, state in self._accounts.items()},
            "providers": {provider_id: remembered.describe_breaker(b, now) for provider_id, b in self._breakers.items()},
            "in_flight": dict(self._under_way.items()),
            "ttft": {target: times for target, times in self._latency.items() if times is not None},
            "sessions": len(self._affinity),
        }

    def dump(self, now: float) -> list[Saved]:
        """What a restart must not forget: windows, and locks and breakers that hold for more than a minute."""
        return remembered.dump(self._accounts.items(), self._breakers.items(), now)

    def load(self, saved: Iterable[Saved], now: float) -> int:
        """Take up what :meth:`dump` gave, as far as it still holds. What cannot be read is left out. Returns how many were."""
        accounts, open_breakers = remembered.load(saved, now)
        for account_id, state in accounts.items():
            self._accounts.put(account_id, state)
        for provider_id, breaker in open_breakers.items():
            self._breakers.put(provider_id, breaker)
        return len(accounts) + len(open_breakers)

    # -- within --------------------------------------------------------------------------------------------------------

    def _keep(self, account_id: str, old: AccountState, new: AccountState) -> None:
        if new is old:
            return
        if new.empty:
            self._accounts.drop(account_id)
        else:
            self._accounts.put(account_id, new)

    def _count(self, account: Account, model: str, now: float, *, requests: int = 0, tokens: int = 0) -> None:
        allowances = account.limits.allowances
        if not allowances:
            return
        old = self._accounts.get(account.id) or remembered.NOTHING
        windows = counting.counted(old.windows, allowances, model, now, requests=requests, tokens=tokens)
        self._keep(account.id, old, old.with_windows(windows))

    def _look(
        self, target: Target, account_id: str, state: AccountState | None, breaker: Breaker | None, now: float, forced: bool
    ) -> bool:
        """Take the free slots of locks that hold and are due for a look (all of them when ``forced``)."""
        looks = forced
        if breaker is not None and breaker.until is not None and (forced or breaker.blocked_until(now) is None):
            self._breakers.put(target.provider.id, breakers.probing(breaker, now))
            looks = True
        if state is not None:
            new = state.looking(target.model, now, forced).spent(now)
            looks = looks or new.looks(target.model, now)
            self._keep(account_id, state, new)
        return looks

    def _unlook(self, lease: Lease) -> None:
        """A look that ended without a result leaves its slots to the next one."""
        state = self._accounts.get(lease.account.id)
        if state is not None:
            self._keep(lease.account.id, state, state.looked(lease.target.model, lease.started))
        provider_id = lease.target.provider.id
        breaker = self._breakers.get(provider_id)
        if breaker is not None and breaker.probing_until == lease.started + breakers.PROBE:
            self._breakers.put(provider_id, breakers.unprobed(breaker))

    def _unlock_account(self, account_id: str) -> int:
        state = self._accounts.get(account_id)
        if state is None:
            return 0
        count = len(state.models) + (state.lock is not None)
        self._keep(account_id, state, state.unlocked())
        self._begun.drop(account_id)
        return count
