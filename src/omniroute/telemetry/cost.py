"""What a try cost, from its tokens and the price of its model."""

from __future__ import annotations

from typing import Literal

import msgspec

from omniroute.ir.caps import Price
from omniroute.ir.response import Usage

_MILLION = 1_000_000


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """USD. ``cost_usd`` is what is owed, None if the price is not known. ``shadow_cost_usd`` is the list price of a use that
    a plan makes free, so that people see what the plan saves; None elsewhere."""

    cost_usd: float | None
    shadow_cost_usd: float | None
    basis: Literal["list", "equivalent", "unknown"]


def cost(usage: Usage, price: Price) -> float | None:
    """``usage`` at the rates of ``price`` in USD, None if a rate that is needed is not known.

    ``input`` includes cached and written tokens, so only the rest is charged at the input rate; cached and written ones fall back
    to it when they have no rate of their own. Reasoning is part of ``output`` and is never charged again. An upstream that claims
    more cached and written than input tokens is charged for what it claims, never less than nothing.
    """
    fresh = max(0, usage.input - usage.cached - usage.written)
    total = 0.0
    for tokens, rate in (
        (fresh, price.input),
        (usage.cached, price.input if price.cached is None else price.cached),
        (usage.written, price.input if price.cache_write is None else price.cache_write),
        (usage.output, price.output),
    ):
        if tokens > 0:
            if rate is None:
                return None
            total += tokens * rate
    return total / _MILLION


def charge(usage: Usage, price: Price) -> Charge:
    """The ledger's figures: an ``equivalent`` price costs nothing and casts a shadow, an ``unknown`` one is not guessed."""
    if price.basis == "unknown":
        return Charge(cost_usd=None, shadow_cost_usd=None, basis="unknown")
    amount = cost(usage, price)
    if price.basis == "equivalent":
        return Charge(cost_usd=0.0, shadow_cost_usd=amount, basis="equivalent")
    return Charge(cost_usd=amount, shadow_cost_usd=None, basis="list")
