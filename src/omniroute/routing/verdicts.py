"""Why an account cannot serve a target: every reason there is, and the one that lasts longest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from omniroute.catalog.account import Account
from omniroute.routing import limits
from omniroute.routing.breaker import Breaker
from omniroute.routing.cooldown import REPROBE, Lock
from omniroute.routing.quota import Window
from omniroute.routing.remembered import AccountState
from omniroute.routing.state import Block, Moments, ScopeKey

if TYPE_CHECKING:
    from omniroute.routing.resolve import Target

_FOREVER = float("inf")


def examine(
    target: Target,
    account: Account,
    state: AccountState | None,
    breaker: Breaker | None,
    begun: Moments,
    in_flight: int,
    now: float,
) -> Block | None:
    """The block that lasts longest, None when the account can serve now. Waiting for a request under way counts as no time."""
    provider, key = target.provider, ("account", account.id)
    if not account.enabled:
        return Block("paused", key, None, "the account is paused")
    if account.login is not None and account.login.problem is not None:
        return Block("sign_in", key, None, account.login.problem, "auth")
    if not account.limits.permits(target.model):
        return Block("model_limit", ("model", account.id, target.model), None, f"the account may not serve {target.model}")
    if not provider.resilience:
        return None
    worst: Block | None = None
    for block in _blocks(target, account, state, breaker, begun, in_flight, now):
        if worst is None or _end(block, now) > _end(worst, now):
            worst = block
    return worst


def _blocks(
    target: Target,
    account: Account,
    state: AccountState | None,
    breaker: Breaker | None,
    begun: Moments,
    in_flight: int,
    now: float,
) -> Iterator[Block]:
    account_key = ("account", account.id)
    if breaker is not None:
        until = breaker.blocked_until(now)
        if until is not None:
            detail = "many requests failed of late" if now < (breaker.until or 0) else "one request looks whether it works again"
            yield Block("breaker", ("provider", target.provider.id), until, detail)
    if state is not None:
        if state.lock is not None and state.lock.blocks(now):
            yield _held(state.lock, account_key)
        held = state.models.get(target.model)
        if held is not None and held.blocks(now):
            yield _held(held, ("model", account.id, target.model))
        for window in state.windows:
            if window.concerns(target.model):
                yield from _used_up(window, account, account_key, state.looking_until, now)
    rates = state.rates if state is not None else ()
    wait = limits.admit(account.limits, rates, begun, account.id, in_flight, now)
    if wait is not None:
        yield Block(wait.reason, account_key, wait.until, wait.detail)


def _held(lock: Lock, key: ScopeKey) -> Block:
    return Block("cooldown", key, lock.until, lock.kind.replace("_", " "), lock.kind)


def _used_up(window: Window, account: Account, key: ScopeKey, looking_until: float, now: float) -> Iterator[Block]:
    if window.exhausted(now):
        stale = window.source != "counted" and now - window.seen_at >= REPROBE
        if not stale or now < looking_until:
            yield Block("exhausted", key, window.resets_at, f"the {window.name} quota is used up")
    elif account.limits.reserve and window.exhausted(now, account.limits.reserve):
        left = f"the last {account.limits.reserve:.0%} of the {window.name} quota are kept in reserve"
        yield Block("reserve", key, window.resets_at, left)


def _end(block: Block, now: float) -> float:
    if block.until is not None:
        return block.until
    return now if block.reason == "concurrency" else _FOREVER
