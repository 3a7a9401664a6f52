"""The order of tries for one request: pure, and lazy, since most requests need only the first."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from omniroute.catalog.account import Account
from omniroute.core.errors import Fault, Verdict
from omniroute.routing.resolve import Resolution, Target
from omniroute.routing.snapshot import Snapshot

MAX_ACCOUNTS = 3


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try: this model, paid by this account."""

    target: Target
    account: Account


class Plan:
    """Hands out attempts; told what became of the last one, it skips what cannot help.

    At most three accounts of a target are tried. A target whose provider has resilience off gets exactly one try and ends the
    plan: the operator asked for its answers as they are.
    """

    def __init__(self, resolution: Resolution, snapshot: Snapshot) -> None:
        self._queue = _attempts(resolution, snapshot)
        self._skip_target: Target | None = None
        self._over = False

    def next(self) -> Attempt | None:
        """The next try, or None when there is nothing left."""
        if self._over:
            return None
        for attempt in self._queue:
            if attempt.target is not self._skip_target:
                return attempt
        return None

    def failed(self, attempt: Attempt, fault: Fault) -> None:
        """Digest a fault: its verdict decides whether the target's other accounts, or other targets, may help."""
        if fault.verdict is Verdict.RETURN or not attempt.target.provider.resilience:
            self._over = True
        elif fault.verdict is Verdict.NEXT_TARGET:
            self._skip_target = attempt.target


def _attempts(resolution: Resolution, snapshot: Snapshot) -> Iterator[Attempt]:
    for target in resolution.targets:
        for account in snapshot.accounts[target.provider.id][:MAX_ACCOUNTS]:
            yield Attempt(target=target, account=account)
