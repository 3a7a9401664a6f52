"""How much accounts may be used: what the operator allows, what their providers report, what is under way."""

from __future__ import annotations

from typing import Any

import msgspec

from omniroute.admin.request import AdminRequest, Answer, listing
from omniroute.admin.routes import Route
from omniroute.admin.shapes.basis import Listing
from omniroute.admin.shapes.routing import RateLimits
from omniroute.catalog.account import Account, AccountLimits
from omniroute.core.errors import BadRequest, ConfigError
from omniroute.core.proxy_url import checked_proxy

MODELS = "models"


async def list_rate_limits(request: AdminRequest) -> Answer:
    """Every account: limits of ours, rates that its provider reported last, requests under way and in line, and in how many
    seconds the next one may begin (0 = now, null = when one of those under way ends)."""
    services = request.services
    snapshot, health, now = services.snapshot(), services.health, services.clock.now()
    lines = services.lines()
    rows = []
    for provider in snapshot.connected_providers():
        for account in snapshot.accounts[provider.id]:
            wait = health.admit(account, now)
            rows.append(
                {
                    **account_names(account),
                    "limits": limits_view(account.limits),
                    "reported": health.rates(account.id, now),
                    "in_flight": health.in_flight(account.id),
                    "waiting": lines.get(account.id, {}).get("waiting", 0),
                    "next_in": 0.0 if wait is None else None if wait == float("inf") else round(wait, 3),
                }
            )
    return listing(rows)


def account_names(account: Account) -> dict[str, Any]:
    """By what an account is known; ``label`` is what response headers say of it."""
    return {"id": account.id, "provider": account.provider, "name": account.name, "label": account.label}


def limits_view(limits: AccountLimits) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(limits)
    return found


def stored_limits(stored: dict[str, Any], models: tuple[str, ...]) -> dict[str, Any]:
    """Limits of the store with every member. Those that this version cannot take (of a newer one) are not in force, nor shown."""
    try:
        return limits_view(msgspec.convert({**stored, MODELS: models}, AccountLimits))
    except msgspec.ValidationError:
        return limits_view(AccountLimits(models=models))


def changed_limits(known: dict[str, Any], given: dict[str, Any] | None) -> dict[str, Any]:
    """``known`` with the members given; null takes one away, null as a whole all of them. BadRequest about the first that is
    wrong."""
    if given is None:
        return {}
    new = {name: value for name, value in {**known, **given}.items() if value is not None}
    try:
        msgspec.convert(new, AccountLimits)
    except msgspec.ValidationError as error:
        raise BadRequest(f"limits: {error}", param="limits") from None
    if any(not word.strip() for word in new.get(MODELS, ())):
        raise BadRequest("limits.models: a model id cannot be empty", param="limits")
    return new


def proxy_given(proxy: str | None) -> str | None:
    """An outbound proxy in its one form. BadRequest when it is none."""
    if proxy is None:
        return None
    try:
        return checked_proxy(proxy, "proxy")
    except ConfigError as error:
        raise BadRequest(error.message, param="proxy") from None


ROUTES = (Route("GET", "/api/rate-limits", list_rate_limits, answer=Listing[RateLimits]),)
