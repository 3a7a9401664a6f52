"""Budgets: what keys may use in a day, week or month, and where they stand."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from omniroute.admin.request import AdminRequest, Answer, listing
from omniroute.admin.routes import Route
from omniroute.admin.shapes.accounting import BudgetView
from omniroute.admin.shapes.basis import Deleted, Listing
from omniroute.core.budget import Action, Budget
from omniroute.core.errors import BadRequest, NotFound
from omniroute.core.zone import Period

_PERIODS: dict[str, Period] = {
    "daily": "daily", "day": "daily", "weekly": "weekly", "week": "weekly", "monthly": "monthly", "month": "monthly"
}  # fmt: skip
_DEFAULT_WARNING = 0.8


class BudgetBody(msgspec.Struct, forbid_unknown_fields=True):
    """``key_id`` null: all keys together. ``usd``, ``tokens`` or both; ``warn_at`` is a share. The words ``keyId`` and ``limit``
    (USD) of version 1 are understood too."""

    period: Literal["daily", "weekly", "monthly", "day", "week", "month"] = "monthly"
    key_id: str | None = None
    usd: float | None = None
    tokens: int | None = None
    action: Action = "block"
    warn_at: float = _DEFAULT_WARNING
    keyId: str | None = None
    limit: float | None = None


class BudgetChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is given is changed; null takes a limit away."""

    usd: float | UnsetType | None = UNSET
    tokens: int | UnsetType | None = UNSET
    action: Action | UnsetType = UNSET
    warn_at: float | UnsetType = UNSET


class WhichBudget(msgspec.Struct):
    """``id`` of the budget."""

    id: str


async def list_budgets(request: AdminRequest) -> Answer:
    """All budgets with what was used in their present windows."""
    names = await _names(request)
    return listing([_view(request, budget, names) for budget in await request.services.accounting.budgets.list()])


async def put_budget(request: AdminRequest) -> Answer:
    """Set the budget of a key, period and action: 201 when there was none, else 200."""
    body = request.decode(BudgetBody)
    key_id = body.key_id if body.key_id is not None else body.keyId
    names = await _names(request)
    if key_id is not None and key_id not in names:
        raise BadRequest(f"there is no API key {key_id!r}", param="key_id")
    budget, made = await request.services.accounting.budgets.put(
        key_id=key_id,
        period=_PERIODS[body.period],
        usd=body.usd if body.usd is not None else body.limit,
        tokens=body.tokens,
        action=body.action,
        warn_at=body.warn_at,
    )
    await request.changed("budget.set", budget.id, _detail(budget))
    return Answer(_view(request, budget, names), 201 if made else 200)


async def change_budget(request: AdminRequest) -> Answer:
    """Change limits, what happens beyond them, or when it warns."""
    body = request.decode(BudgetChange)
    budgets = request.services.accounting.budgets
    given = {name: value for name in body.__struct_fields__ if (value := getattr(body, name)) is not UNSET}
    budget = await budgets.change(msgspec.structs.replace(await budgets.get(request.params["id"]), **given))
    await request.changed("budget.change", budget.id, _detail(budget))
    return Answer(_view(request, budget, await _names(request)))


async def delete_budget(request: AdminRequest) -> Answer:
    """Remove a budget."""
    budget_id = request.params.get("id") or request.query.get("id") or ""
    await request.services.accounting.budgets.delete(budget_id)
    await request.changed("budget.delete", budget_id)
    return Answer({"id": budget_id, "deleted": True})


async def _names(request: AdminRequest) -> dict[str, str]:
    """Key id → name, of stored keys and those of the config file."""
    named = {grant.id: grant.name for grant in request.services.snapshot().keys.values()}
    return named | {key.id: key.name for key in await request.services.keys.list()}


def _detail(budget: Budget) -> dict[str, Any]:
    return {
        "key": budget.key_id,
        "period": budget.period,
        "usd": budget.usd,
        "tokens": budget.tokens,
        "action": budget.action,
        "warn_at": budget.warn_at,
    }


def _view(request: AdminRequest, budget: Budget, names: dict[str, str]) -> dict[str, Any]:
    figures = request.services.accounting.figures().get(budget.id)
    if figures is None:
        raise NotFound(f"no budget {budget.id!r}")
    return {
        **msgspec.structs.asdict(budget),
        "key_name": None if budget.key_id is None else names.get(budget.key_id),
        "window": {"start": figures.start, "end": figures.end},
        "used": {"usd": figures.usd, "tokens": figures.tokens},
        "reserved": {"usd": figures.open_usd, "tokens": figures.open_tokens},
        "share": round(figures.share, 4),
        "state": figures.state,
        "refused": figures.refused,
    }


ROUTES = (
    Route("GET", "/api/budgets", list_budgets, answer=Listing[BudgetView]),
    Route("POST", "/api/budgets", put_budget, body=BudgetBody, answer=BudgetView, statuses=(200, 201)),
    Route("PATCH", "/api/budgets/{id}", change_budget, body=BudgetChange, answer=BudgetView),
    Route("DELETE", "/api/budgets/{id}", delete_budget, answer=Deleted),
    Route("GET", "/api/usage/budget", list_budgets, answer=Listing[BudgetView]),
    Route("POST", "/api/usage/budget", put_budget, body=BudgetBody, answer=BudgetView, statuses=(200, 201)),
    Route("DELETE", "/api/usage/budget", delete_budget, query=WhichBudget, answer=Deleted),
)
