"""What a try cost, from its tokens and the price of its model."""

from __future__ import annotations

from omniroute.core.ledger import LedgerRow
from omniroute.ir.caps import Price
from omniroute.ir.response import Usage

_MILLION = 1_000_000


def cost(usage: Usage, price: Price) -> float | None:
    """``usage`` at the rates of ``price`` in USD, None if a rate that is needed is not known.

    ``input`` includes cached and written tokens, so only the rest is charged at the input rate; cached and written ones fall back
    to it when they have no rate of their own. Reasoning is part of ``output`` and is never charged again. An upstream that claims
    more cached and written than input tokens is charged for what it claims, never less than nothing.
    """
    return _amount(usage.input, usage.cached, usage.written, usage.output, price)


def charge(row: LedgerRow, price: Price) -> None:
    """Put the row's figures in place: an ``equivalent`` price costs nothing and casts a shadow (what the plan saved, at list
    price), an ``unknown`` one is not guessed."""
    row.price_basis = price.basis
    if price.basis == "unknown":
        return
    amount = _amount(row.input_tokens, row.cached_tokens, row.written_tokens, row.output_tokens, price)
    if price.basis == "equivalent":
        row.cost_usd, row.shadow_cost_usd = 0.0, amount
    else:
        row.cost_usd = amount


def _amount(given: int, cached: int, written: int, output: int, price: Price) -> float | None:
    total = 0.0
    fresh = given - cached - written
    if fresh > 0:
        if price.input is None:
            return None
        total = fresh * price.input
    if cached > 0:
        rate = price.input if price.cached is None else price.cached
        if rate is None:
            return None
        total += cached * rate
    if written > 0:
        rate = price.input if price.cache_write is None else price.cache_write
        if rate is None:
            return None
        total += written * rate
    if output > 0:
        if price.output is None:
            return None
        total += output * price.output
    return total / _MILLION
