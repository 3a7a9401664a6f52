"""Quotas of accounts: how much of each window is used, against the time gone by."""

from __future__ import annotations

from typing import Any

import msgspec

from omniroute.admin.request import AdminRequest, Answer, listing
from omniroute.admin.resources.limits import account_names
from omniroute.admin.routes import Route
from omniroute.admin.shapes.basis import Listing
from omniroute.admin.shapes.routing import Quota
from omniroute.catalog.account import Account
from omniroute.routing.counting import next_reset
from omniroute.routing.quota import Window


async def list_quotas(request: AdminRequest) -> Answer:
    """Every connected account with its windows. ``used`` and ``expected`` (by now, if it were spread evenly) are shares 0 to 1;
    ``exhausts_at``: when it runs out at this pace, null = not before it starts over; ``surplus``: what would then be left."""
    services = request.services
    snapshot, now = services.snapshot(), services.clock.now()
    rows = []
    for provider in snapshot.connected_providers():
        for account in snapshot.accounts[provider.id]:
            windows = [*services.health.windows(account.id), *_untouched(account, services.health.windows(account.id), now)]
            rows.append(
                {
                    **account_names(account),
                    "tier": account.tier or provider.tier,
                    "reserve": account.limits.reserve,
                    "windows": [_window(window, account, now) for window in windows],
                }
            )
    return listing(rows)


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


ROUTES = (Route("GET", "/api/quotas", list_quotas, answer=Listing[Quota]),)
