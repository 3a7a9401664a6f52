"""Gauges: what strategies may know of a candidate, read from the snapshot and the view when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable

from omniroute.catalog.account import Account
from omniroute.catalog.schema import TIERS
from omniroute.ir.caps import Price
from omniroute.routing.facts import Facts
from omniroute.routing.resolve import Group, Leaf, Target
from omniroute.routing.state import View

_PLAN_TIERS = frozenset({"subscription", "free"})
_USUAL_INPUT, _USUAL_OUTPUT = 2000, 500
"""Tokens to compare prices by, where the request's size is not known; answers are not known beforehand at all."""
_MOST_ACCOUNTS = 3
"""Accounts looked at for the pace of a whole provider: enough to rank it, few enough to rank a hundred."""


def cost_of(price: Price, facts: Facts) -> float | None:
    """USD that a request of this size is likely to cost; 0 where a plan pays, None where no price is known."""
    if price.basis == "equivalent":
        return 0.0
    if price.input is None or price.output is None:
        return None
    return ((facts.input_tokens or _USUAL_INPUT) * price.input + _USUAL_OUTPUT * price.output) / 1e6


def surplus_of(view: View, account: Account, model: str, now: float) -> float:
    """See ``Gauge.surplus``: the tightest window decides. 0 where nothing is known."""
    found = 0.0
    known = False
    for window in view.windows(account.id):
        if not window.concerns(model):
            continue
        pace = window.pace(now)
        if pace is None:
            continue
        current = window.at(now).used
        value = pace.surplus if pace.exhausts_at is None else pace.expected - current
        found = min(found, value) if known else value
        known = True
    return found


class AccountGauge:
    """Accounts of one target."""

    __slots__ = ("_facts", "_now", "_target", "_view", "_warm")

    def __init__(self, target: Target, view: View, facts: Facts, now: float, warm: str | None) -> None:
        self._target = target
        self._view = view
        self._facts = facts
        self._now = now
        self._warm = warm

    def blocked(self, account: Account) -> bool:
        return self._view.blocked(self._target, account, self._now) is not None

    def in_flight(self, account: Account) -> int:
        return self._view.in_flight(account.id)

    def uses(self, account: Account) -> int:
        return self._view.uses(account.id, None, self._now)

    def weight(self, account: Account) -> float:
        del account  # accounts have a priority, no weight
        return 1.0

    def priority(self, account: Account) -> int:
        return account.priority

    def tier(self, account: Account) -> int:
        return TIERS.index(account.tier or self._target.provider.tier)

    def cost(self, account: Account) -> float | None:
        if (account.tier or self._target.provider.tier) in _PLAN_TIERS:
            return 0.0
        return cost_of(self._target.price, self._facts)

    def ttft(self, account: Account) -> float | None:
        del account  # measured per model
        times = self._view.ttft(self._target.name)
        return None if times is None else times[0]

    def surplus(self, account: Account) -> float:
        return surplus_of(self._view, account, self._target.model, self._now)

    def warm(self, account: Account) -> bool:
        return account.id == self._warm


class StepGauge:
    """Steps of a combo: leaves, and groups of them. A group is as good as its best member."""

    __slots__ = ("_facts", "_now", "_view")

    def __init__(self, view: View, facts: Facts, now: float) -> None:
        self._view = view
        self._facts = facts
        self._now = now

    def blocked(self, node: Leaf | Group) -> bool:
        if isinstance(node, Leaf):
            blocked, target, now = self._view.blocked, node.target, self._now
            for account in node.accounts:  # noqa: SIM110 - most of the time the first one answers, without a generator
                if blocked(target, account, now) is None:
                    return False
            return True
        return all(self.blocked(member) for member in node.members)

    def in_flight(self, node: Leaf | Group) -> int:
        if isinstance(node, Leaf):
            return sum([self._view.in_flight(account.id) for account in node.accounts])
        return sum([self.in_flight(member) for member in node.members])

    def uses(self, node: Leaf | Group) -> int:
        if isinstance(node, Leaf):
            return self._view.uses_of(node.accounts, node.target.model, self._now)
        return sum([self.uses(member) for member in node.members])

    def weight(self, node: Leaf | Group) -> float:
        return node.weight

    def priority(self, node: Leaf | Group) -> int:
        del node  # steps are ranked by where they stand
        return 0

    def tier(self, node: Leaf | Group) -> int:
        return node.tier if isinstance(node, Leaf) else min(leaf.tier for leaf in _leaves(node))

    def cost(self, node: Leaf | Group) -> float | None:
        if isinstance(node, Leaf):
            return self._leaf_cost(node)
        known = [cost for member in node.members if (cost := self.cost(member)) is not None]
        return min(known) if known else None

    def ttft(self, node: Leaf | Group) -> float | None:
        if isinstance(node, Leaf):
            times = self._view.ttft(node.target.name)
            return None if times is None else times[0]
        known = [seconds for member in node.members if (seconds := self.ttft(member)) is not None]
        return min(known) if known else None

    def surplus(self, node: Leaf | Group) -> float:
        if isinstance(node, Leaf):
            view, model, now = self._view, node.target.model, self._now
            return max([surplus_of(view, account, model, now) for account in node.accounts[:_MOST_ACCOUNTS]], default=0.0)
        return max([self.surplus(member) for member in node.members], default=0.0)

    def warm(self, node: Leaf | Group) -> bool:
        session = self._facts.session
        if session is None:
            return False
        if isinstance(node, Leaf):
            return self._view.affinity(session, node.target.provider.id, self._now) is not None
        return any(self.warm(member) for member in node.members)

    def _leaf_cost(self, leaf: Leaf) -> float | None:
        if TIERS[leaf.tier] in _PLAN_TIERS:
            return 0.0
        return cost_of(leaf.target.price, self._facts)


def _leaves(node: Leaf | Group) -> Iterable[Leaf]:
    if isinstance(node, Leaf):
        return (node,)
    return [leaf for member in node.members for leaf in _leaves(member)]
