"""What a try costs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.core.ledger import LedgerRow
from omniroute.ir.caps import Price
from omniroute.ir.response import Usage
from omniroute.telemetry import charge, cost

LISTED = Price(input=3.0, output=15.0, cached=0.3, cache_write=3.75, basis="list")


@pytest.mark.parametrize(
    ("usage", "price", "usd"),
    [
        (Usage(), LISTED, 0.0),
        (Usage(input=1_000_000), LISTED, 3.0),
        (Usage(output=1_000_000), LISTED, 15.0),
        # 1000 in, of which 600 read from the cache and 100 written: 300 at the input rate.
        (Usage(input=1000, cached=600, written=100, output=200), LISTED, (300 * 3 + 600 * 0.3 + 100 * 3.75 + 200 * 15) / 1e6),
        # No rate of their own: cached and written tokens are input.
        (Usage(input=1000, cached=600, written=100), Price(input=3.0, output=15.0, basis="list"), 1000 * 3 / 1e6),
        (Usage(input=1000, cached=600), Price(input=3.0, output=15.0, cached=0.0, basis="list"), 400 * 3 / 1e6),
        # Reasoning is inside output already.
        (Usage(output=200, reasoning=150), LISTED, 200 * 15 / 1e6),
        # More cached than input: what is claimed is charged, and nothing is paid back.
        (Usage(input=100, cached=500), LISTED, 500 * 0.3 / 1e6),
        (Usage(input=1000, output=10), Price(input=3.0, basis="list"), None),
        (Usage(input=1000), Price(input=3.0, basis="list"), 1000 * 3 / 1e6),
        (Usage(input=1000, cached=1000), Price(cached=0.3, output=1.0, basis="list"), 1000 * 0.3 / 1e6),
        (Usage(input=1), Price(), None),
        (Usage(), Price(), 0.0),
    ],
)
def test_cost(usage: Usage, price: Price, usd: float | None) -> None:
    assert cost(usage, price) == (None if usd is None else pytest.approx(usd, rel=1e-12, abs=0))


USAGE = Usage(input=1000, cached=600, output=200)
AMOUNT = (400 * 3 + 600 * 0.3 + 200 * 15) / 1e6


@pytest.mark.parametrize(
    ("price", "usd", "shadow", "basis"),
    [
        (LISTED, pytest.approx(AMOUNT), None, "list"),
        (Price(input=3.0, output=15.0, cached=0.3, basis="equivalent"), 0.0, pytest.approx(AMOUNT), "equivalent"),
        (Price(basis="equivalent"), 0.0, None, "equivalent"),
        (Price(input=3.0, output=15.0), None, None, "unknown"),
        (Price(input=3.0, basis="list"), None, None, "list"),
        (Price(input=0.0, output=0.0, basis="list"), 0.0, None, "list"),
    ],
)
def test_a_row_is_charged_in_place(price: Price, usd: Any, shadow: Any, basis: str) -> None:
    row = LedgerRow(
        request_id="r", attempt=1, started_at=0.0, provider="lab", model="m", client_format="a", upstream_format="a", stream=False,
        status=200, outcome="ok", input_tokens=USAGE.input, cached_tokens=USAGE.cached, output_tokens=USAGE.output,
    )  # fmt: skip
    charge(row, price)
    assert (row.cost_usd, row.shadow_cost_usd, row.price_basis) == (usd, shadow, basis)


tokens = st.integers(min_value=0, max_value=10_000_000)


@given(fresh=tokens, cached=tokens, written=tokens, output=tokens, reasoning=tokens)
def test_the_sum_of_the_parts_is_the_whole(fresh: int, cached: int, written: int, output: int, reasoning: int) -> None:
    whole = cost(
        Usage(input=fresh + cached + written, cached=cached, written=written, output=output, reasoning=reasoning), LISTED
    )
    parts = [
        cost(Usage(input=fresh), LISTED),
        cost(Usage(input=cached, cached=cached), LISTED),
        cost(Usage(input=written, written=written), LISTED),
        cost(Usage(output=output), LISTED),
    ]
    assert whole == pytest.approx(sum(part or 0.0 for part in parts), rel=1e-12, abs=1e-15)
