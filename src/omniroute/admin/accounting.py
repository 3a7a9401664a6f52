"""What the admin API needs of accounting, handed in by the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from omniroute.admin.shapes.accounting import ActiveRequest
from omniroute.catalog.prices import PriceBook
from omniroute.core.budget import BudgetFigures
from omniroute.storage.budgets import BudgetRepository
from omniroute.storage.captures import CaptureRepository
from omniroute.storage.prices import PriceRepository


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounting:
    """``book`` is the price book in force, ``listed()`` returns when its second source is there; ``figures`` tells where each
    budget stands, by id; ``running`` lists requests under way, ``cancel(request id)`` ends those of that id and says how many."""

    prices: PriceRepository
    budgets: BudgetRepository
    captures: CaptureRepository
    book: Callable[[], PriceBook]
    listed: Callable[[], Awaitable[object]]
    figures: Callable[[], Mapping[str, BudgetFigures]]
    running: Callable[[], list[ActiveRequest]]
    cancel: Callable[[str], int]
