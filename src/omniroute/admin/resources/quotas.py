"""Quotas of accounts: how much of each window is used, against the time gone by."""

from __future__ import annotations

from typing import Any

import msgspec

from omniroute.admin.request import AdminRequest, Answer, listing
from omniroute.admin.resources.limits import account_names
from omniroute.admin.routes import Route
from omniroute.admin.services import AdminServices
from omniroute.admin.shapes.basis import Listing
from omniroute.admin.shapes.routing import Quota
from omniroute.catalog.account import Account
from omniroute.catalog.schema import Provider
from omniroute.core.errors import NotFound, Unavailable
from omniroute.routing.counting import next_reset
from omniroute.routing.quota import Window


async def list_quotas(request: AdminRequest) -> Answer:
    """Every connected account with its windows. ``used`` and ``expected`` (by now, if it were spread evenly) are shares 0 to 1;
    ``exhausts_at``: when it runs out at this pace, null = not before it starts over; ``surplus``: what would then be left."""
    services = request.services
    snapshot = services.snapshot()
    return listing([_row(services, p, account) for p in snapshot.connected_providers() for account in snapshot.accounts[p.id]])


class RefreshBody(msgspec.Struct, forbid_unknown_fields=True):
    account_id: str


async def refresh_quotas(request: AdminRequest) -> Answer:
    """Ask the provider of one account what is left of its quotas, now: at most twice a minute. The account with its windows."""
    services, account_id = request.services, request.decode(RefreshBody).account_id
    if services.quotas is None:
        raise Unavailable("Nobody asks providers for quotas here.")
    await services.quotas.refresh(account_id)
    await services.audit.append(request.actor, "quota.refresh", account_id, {"address": request.address})
    snapshot = services.snapshot()
    for provider in snapshot.connected_providers():
        for account in snapshot.accounts[provider.id]:
            if account.id == account_id:
                return Answer(_row(services, provider, account))
    raise NotFound(f"There is no account {account_id!r} in use.")


def _row(services: AdminServices, provider: Provider, account: Account) -> dict[str, Any]:
    now = services.clock.now()
    known = services.health.windows(account.id)
    question = services.quotas.question(account.id) if services.quotas is not None else None
    return {
        **account_names(account),
        "tier": account.tier or provider.tier,
        "reserve": account.limits.reserve,
        "windows": [_window(window, account, now) for window in (*known, *_untouched(account, known, now))],
        "question": None if question is None else msgspec.structs.asdict(question),
    }


def _window(window: Window, account: Account, now: float) -> dict[str, Any]:
    pace = window.pace(now)
    reserve = account.limits.reserve
    return {
        **msgspec.structs.asdict(window.at(now)),
        "age": max(0.0, round(now - window.seen_at, 1)),
        "expected": None if pace is None else pace.expected,
        "exhausts_at": None if pace is None else pace.exhausts_at,
        "surplus": None if pace is None else pace.surplus,
        "state": "exhausted" if window.exhausted(now) else "reserve" if window.exhausted(now, reserve) else "open",
    }


def _untouched(account: Account, known: tuple[Window, ...], now: float) -> list[Window]:
    """Windows that we count and of which nothing has been used yet."""
    seen = {(window.name, window.model) for window in known}
    return [
        Window(
            name=allowance.per,
            model=allowance.model,
            used=0.0,
            used_units=0.0,
            limit=allowance.limit,
            resets_at=None if allowance.per in ("5h", "rolling") else next_reset(allowance, now),
            source="counted",
            seen_at=now,
        )
        for allowance in account.limits.allowances
        if (allowance.per, allowance.model) not in seen
    ]


ROUTES = (
    Route("GET", "/api/quotas", list_quotas, answer=Listing[Quota]),
    Route("POST", "/api/quotas/refresh", refresh_quotas, body=RefreshBody, answer=Quota),
)
