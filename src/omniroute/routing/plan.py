"""The order of tries for one request: pure, and lazy, since most requests need only the first."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from omniroute.catalog.account import Account
from omniroute.core.errors import Fault, OmniRouteError, Verdict
from omniroute.routing.candidates import Candidates
from omniroute.routing.exhaustion import Failure, exhaustion
from omniroute.routing.facts import Facts
from omniroute.routing.resolve import Leaf, Resolution, Target
from omniroute.routing.snapshot import Snapshot
from omniroute.routing.state import Block, View

if TYPE_CHECKING:
    from omniroute.routing.quota import Window

MAX_ACCOUNTS = 3
FIRST_CHOICE = "first choice"
LONGEST_HINT = 10.0
"""Seconds: a longer wait than this, stated by the upstream, is not sat out in place."""
_LEAST_DELAY, _MORE_DELAY = 0.5, 1.0


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try: this model, paid by this account.

    ``combo`` and ``step`` (from 0) say where it stands; ``timeout`` overrides the first-token timer; ``retry`` counts tries in
    place; ``delay``: seconds to wait before it; ``probe``: sent although the account is cooling down; ``reason``: why now, in a
    few words.
    """

    target: Target
    account: Account
    combo: str | None = None
    step: int = 0
    timeout: float | None = None
    retry: int = 0
    probe: bool = False
    delay: float = 0.0
    reason: str = FIRST_CHOICE


class Plan:
    """Hands out attempts; told what became of the last one, it skips what cannot help.

    A pair of target and account comes once, apart from retries in place; at most three accounts of a target are tried; after a
    prompt that was too long only larger windows follow. A target whose provider has resilience off gets exactly one try and ends
    the plan: the operator asked for its answers as they are. ``patience``: how many seconds the caller would wait, once, for the
    first account to be free again when nothing else is left. Without a ``view`` nothing is known of anybody and nothing is
    retried in place.
    """

    __slots__ = ("_again", "_facts", "_failures", "_left", "_now", "_over", "_patience", "_queue", "_reason",
                 "_resolution", "_retries", "_rng", "_snapshot", "_tried", "_view", "_waits", "_window", "skipped")  # fmt: skip

    def __init__(
        self,
        resolution: Resolution,
        snapshot: Snapshot,
        view: View | None = None,
        facts: Facts | None = None,
        now: float = 0.0,
        rng: random.Random | None = None,
        *,
        patience: float = 0.0,
    ) -> None:
        self._resolution = resolution
        self._retries = 0 if view is None else snapshot.settings.combo_retries
        self._view: View = NOTHING_KNOWN if view is None else view
        self._rng = rng or random.Random(0)
        self._snapshot = snapshot
        self._facts = facts
        self._patience = patience
        self._now = now
        self._reason = FIRST_CHOICE
        self._again: Attempt | None = None
        self._left: list[Leaf] = []
        self._over = False
        self._window: int | None = None
        self._tried: dict[str, dict[str, Leaf]] = {}  # target -> account -> where it stands
        self._failures: list[Failure] = []
        self._waits: list[tuple[float, Leaf, Account]] = []
        self.skipped: list[tuple[Target, Account | None, Block]] = []
        self._queue: Iterator[Attempt] | None = None

    def next(self, now: float | None = None) -> Attempt | None:
        """The next try, or None when there is nothing left."""
        if now is not None:
            self._now = now
        if self._over:
            return None
        again, self._again = self._again, None
        if again is not None:
            return again
        attempt = self._following()
        if attempt is None and self._patience > 0:
            attempt = self._awaited()
        return attempt

    def begun(self, leaf: Leaf, attempt: Attempt) -> Attempt:
        """The first try is this one, at the :func:`sole` leaf there is."""
        self._tried[attempt.target.name] = {attempt.account.id: leaf}
        return attempt

    def beside(self, now: float) -> Attempt | None:
        """The next try in the order, to be made while an earlier one is under way: never one in place, never one to wait for."""
        if self._over:
            return None
        self._now = now
        self._reason = "beside a slow try"
        return self._following()

    @property
    def over(self) -> bool:
        """The last fault speaks for every target: whatever else is under way would only be told the same."""
        return self._over

    def failed(self, attempt: Attempt, fault: Fault, now: float | None = None) -> None:
        """Digest a fault: its verdict decides whether the account, the target's other accounts, or other targets may help."""
        if now is not None:
            self._now = now
        target = attempt.target
        leaf = self._tried.get(target.name, {}).get(attempt.account.id)
        self._failures.append(Failure(target, attempt.account, fault, self._now))
        self._reason = f"after {fault.kind} at {target.name}"
        if fault.verdict is Verdict.RETURN or not target.provider.resilience:
            self._over = True
        elif fault.kind == "context_overflow":
            self._leave(leaf)
            limits = target.profile.limits
            known = limits.max_input or limits.context or 0
            self._window = max(self._window or 0, known)
        elif fault.verdict is Verdict.NEXT_TARGET:
            self._leave(leaf)
        elif fault.verdict is Verdict.RETRY:
            self._retry(attempt, leaf, fault)
        if self._patience > 0 and fault.retry_after is not None and leaf is not None:
            self._waits.append((self._now + fault.retry_after, leaf, attempt.account))

    def exhausted(self, now: float | None = None) -> OmniRouteError:
        """What to tell the client when nothing is left: the last word of the upstreams, or how long to wait."""
        return exhaustion(self._resolution, self._failures, self.skipped, self._now if now is None else now)

    def _leave(self, leaf: Leaf | None) -> None:
        """None of its other accounts can help."""
        if leaf is not None:
            self._left.append(leaf)

    def _retry(self, attempt: Attempt, leaf: Leaf | None, fault: Fault) -> None:
        """Arrange a try in place if the step has one left and the wait is short."""
        allowed = self._retries if leaf is None or leaf.retries is None else leaf.retries
        hint = fault.retry_after or 0.0
        if attempt.retry >= allowed or hint > LONGEST_HINT:
            return
        block = self._view.blocked(attempt.target, attempt.account, self._now)
        if block is not None and block.reason != "cooldown":
            return
        self._again = msgspec.structs.replace(
            attempt,
            retry=attempt.retry + 1,
            delay=max(hint, _LEAST_DELAY + _MORE_DELAY * self._rng.random()),
            probe=block is not None,
            reason=f"again in place after {fault.kind}",
        )

    def _following(self) -> Attempt | None:
        queue = self._queue
        if queue is None:
            leaf = sole(self._resolution) if not self._tried else None
            if leaf is not None and self._view.blocked(leaf.target, leaf.accounts[0], self._now) is None:
                return self.begun(leaf, first_try(leaf))
            queue = self._queue = self._attempts()
        return next(queue, None)

    def _attempts(self) -> Iterator[Attempt]:
        resolution, tried, view = self._resolution, self._tried, self._view
        facts = self._facts or Facts(model=resolution.name)
        candidates = Candidates(self._snapshot, view, facts, self._now, self._rng)
        for leaf in candidates.leaves(resolution.root, resolution.chain):
            target = leaf.target
            if self._window is not None and not self._larger(target):
                continue
            used = tried.get(target.name)
            if used is None:
                used = tried[target.name] = {}
            for account in candidates.accounts(leaf):
                if len(used) >= MAX_ACCOUNTS:
                    break
                if account.id in used:
                    continue
                block = view.blocked(target, account, self._now)
                if block is not None:
                    self._skip(leaf, account, block)
                    continue
                used[account.id] = leaf
                yield Attempt(
                    target=target,
                    account=account,
                    combo=leaf.combo,
                    step=leaf.step,
                    timeout=leaf.timeout,
                    reason=self._reason,
                )
                if self._left and any(left is leaf for left in self._left):
                    break

    def _skip(self, leaf: Leaf, account: Account, block: Block) -> None:
        self.skipped.append((leaf.target, account, block))
        if block.until is not None:
            self._waits.append((block.until, leaf, account))

    def _awaited(self) -> Attempt | None:
        """The account that is free first, if that is soon enough: once."""
        patience, self._patience = self._patience, 0.0
        soonest = min(self._waits, key=lambda wait: wait[0], default=None)
        if soonest is None or soonest[0] - self._now > patience:
            return None
        until, leaf, account = soonest
        if self._window is not None and not self._larger(leaf.target):
            return None
        used = self._tried.setdefault(leaf.target.name, {})
        again = account.id in used
        used[account.id] = leaf
        return Attempt(
            target=leaf.target,
            account=account,
            combo=leaf.combo,
            step=leaf.step,
            timeout=leaf.timeout,
            retry=1 if again else 0,
            delay=max(0.0, until - self._now),
            reason="the first to be free again",
        )

    def _larger(self, target: Target) -> bool:
        """Its window is known and larger than the one that was too small."""
        limits = target.profile.limits
        return (limits.max_input or limits.context or 0) > (self._window or 0)


def sole(resolution: Resolution) -> Leaf | None:
    """The leaf of a name that means one model of one account, with nothing to fall back on: there is no order to find. That is
    what most requests ask for."""
    root = resolution.root
    return root if isinstance(root, Leaf) and len(root.accounts) == 1 and not resolution.chain else None


def first_try(leaf: Leaf) -> Attempt:
    """The try that such a leaf stands for."""
    return Attempt(target=leaf.target, account=leaf.accounts[0], combo=leaf.combo, step=leaf.step, timeout=leaf.timeout)


def _off_limits(target: Target, account: Account) -> Block:
    return Block("model_limit", ("model", account.id, target.model), None, "the account is not to be used for this model")


class _NothingKnown:
    """The view of an installation that has not served anybody yet."""

    def blocked(self, target: Target, account: Account, now: float) -> Block | None:
        del now
        return None if account.limits.permits(target.model) else _off_limits(target, account)

    def in_flight(self, account_id: str) -> int:
        del account_id
        return 0

    def uses(self, account_id: str, model: str | None, now: float) -> int:
        del account_id, model, now
        return 0

    def uses_of(self, accounts: Sequence[Account], model: str, now: float) -> int:
        del accounts, model, now
        return 0

    def ttft(self, target_name: str) -> tuple[float, float] | None:
        del target_name
        return None

    def windows(self, account_id: str) -> tuple[Window, ...]:
        del account_id
        return ()

    def affinity(self, session: str, provider_id: str, now: float) -> str | None:
        del session, provider_id, now
        return None


NOTHING_KNOWN: Final[View] = _NothingKnown()
