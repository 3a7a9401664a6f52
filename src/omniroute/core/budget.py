"""A budget as everyone knows it: those who store, watch and show it."""

from __future__ import annotations

from typing import Literal

import msgspec

from omniroute.core.zone import Period

Action = Literal["warn", "block"]
State = Literal["ok", "warning", "exceeded"]
ACTIONS: tuple[Action, ...] = ("warn", "block")


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What a key (``key_id`` None: all of them together) may use in each day, week or month, in USD, tokens or both.

    From the share ``warn_at`` on it warns; what goes beyond it is refused where ``action`` is ``block``. Times in unix seconds.
    """

    id: str
    key_id: str | None
    period: Period
    usd: float | None
    tokens: int | None
    action: Action
    warn_at: float
    created_at: float
    updated_at: float


class BudgetFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Where a budget stands in its present window, ``start`` to ``end`` in unix seconds. ``open_*`` is reserved for requests
    under way; ``share`` is of the nearer limit, what is reserved included; ``refused``: requests, in this window and process."""

    start: float
    end: float
    usd: float
    tokens: int
    open_usd: float
    open_tokens: int
    share: float
    state: State
    refused: int
