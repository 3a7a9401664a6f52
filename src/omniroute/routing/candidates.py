"""The order of candidates for one request: leaves of the tree, and accounts of a leaf. Lazy, since most requests need only the
first of each.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TypeVar
from zlib import crc32

from omniroute.catalog.account import Account
from omniroute.ir.caps import Capabilities
from omniroute.routing.facts import Facts
from omniroute.routing.gauges import AccountGauge, StepGauge
from omniroute.routing.resolve import Group, Leaf
from omniroute.routing.snapshot import Snapshot
from omniroute.routing.state import View
from omniroute.routing.strategies import Gauge, checked_options, registry

C = TypeVar("C")
FILL_FIRST = "fill-first"


class Candidates:
    """Everything an order depends on."""

    __slots__ = ("_facts", "_gauge", "_now", "_rng", "_snapshot", "_view")

    def __init__(self, snapshot: Snapshot, view: View, facts: Facts, now: float, rng: random.Random) -> None:
        self._snapshot = snapshot
        self._view = view
        self._facts = facts
        self._now = now
        self._rng = rng
        self._gauge: StepGauge | None = None

    def leaves(self, root: Leaf | Group, chain: tuple[Leaf | Group, ...]) -> Iterator[Leaf]:
        """Leaves in the order to try. Those known to lack what the request needs come last: nothing is refused on a guess."""
        if not self._facts.needs:
            yield from self._walk(root)
            for node in chain:
                yield from self._walk(node)
            return
        unfit: list[Leaf] = []
        for node in (root, *chain):
            for leaf in self._walk(node):
                if self._lacks(leaf.target.profile.capabilities):
                    unfit.append(leaf)
                else:
                    yield leaf
        yield from unfit

    def accounts(self, leaf: Leaf) -> Iterator[Account]:
        """The accounts of a leaf in the order to try: the one with the warm prompt cache, then by priority, and among equals as
        the provider's strategy says."""
        accounts = leaf.accounts
        if len(accounts) < 2:
            yield from accounts
            return
        provider, session = leaf.target.provider, self._facts.session
        warm = self._view.affinity(session, provider.id, self._now) if session is not None else None
        if warm is not None:
            for account in accounts:
                if account.id == warm:
                    yield account
                    break
            else:
                warm = None
        strategy = provider.strategy or self._snapshot.settings.account_strategy
        if accounts[0].priority == accounts[-1].priority:
            tied: Iterator[Sequence[Account]] = iter((accounts,))
        else:
            tied = (tuple(group) for _, group in groupby(accounts, key=_priority))
        for group in tied:
            for account in self._among_equals(group, strategy, leaf, warm):
                if account.id != warm:
                    yield account

    def _among_equals(
        self, accounts: Sequence[Account], strategy: str, leaf: Leaf, warm: str | None
    ) -> Sequence[Account] | Iterator[Account]:
        if len(accounts) == 1:
            return accounts
        if strategy == FILL_FIRST:
            # A conversation without an account of its own is put somewhere by its name: it finds its way back without memory.
            return self._spread(accounts) if self._facts.session is not None and warm is None else accounts
        gauge = AccountGauge(leaf.target, self._view, self._facts, self._now, warm)
        return self._ordered(accounts, gauge, strategy, leaf.target.provider.options)

    def _spread(self, accounts: Sequence[Account]) -> Iterator[Account]:
        """Two candidates by the conversation's name, the one with less to do first, then the others."""
        drawn = crc32((self._facts.session or "").encode())
        count = len(accounts)
        first = drawn % count
        second = (first + 1 + drawn // count % (count - 1)) % count
        if self._view.in_flight(accounts[second].id) < self._view.in_flight(accounts[first].id):
            first, second = second, first
        yield accounts[first]
        yield accounts[second]
        for step in range(1, count):
            place = (first + step) % count
            if place != second:
                yield accounts[place]

    def _walk(self, node: Leaf | Group) -> Iterator[Leaf]:
        if isinstance(node, Leaf):
            yield node
            return
        for member in self._members(node):
            yield from self._walk(member)
        for member in node.fallback:
            yield from self._walk(member)

    def _members(self, group: Group) -> Sequence[Leaf | Group]:
        strategy = group.strategy or self._snapshot.settings.combo_strategy
        if strategy == FILL_FIRST or len(group.members) == 1:
            return group.members
        if self._gauge is None:
            self._gauge = StepGauge(self._view, self._facts, self._now)
        gauge = self._gauge
        ordered = self._ordered(group.members, gauge, strategy, group.options)
        if self._facts.session is not None and registry()[strategy].affine:
            for member in group.members:  # as written, so that a conversation does not wander between two warm ones
                if gauge.warm(member) and not gauge.blocked(member):
                    return [member, *(other for other in ordered if other is not member)]
        return ordered

    def _ordered(self, candidates: Sequence[C], gauge: Gauge[C], name: str, options: dict[str, object]) -> Sequence[C]:
        strategy = registry()[name]
        complete = options if len(options) == len(strategy.fields) else checked_options(name, options)
        return strategy.order(candidates, gauge, self._facts, self._rng, complete)

    def _lacks(self, can: Capabilities) -> bool:
        return any(getattr(can, need) is False for need in self._facts.needs)


def _priority(account: Account) -> int:
    return account.priority
