"""What stands in the way of requests now, and taking it away: cooldowns, breakers, waiting lines, bonds of conversations."""

from __future__ import annotations

from typing import Any

import msgspec

from omniroute.admin.request import AdminRequest, Answer, listing
from omniroute.admin.resources.limits import account_names
from omniroute.admin.resources.settings import update_settings
from omniroute.admin.routes import Route
from omniroute.admin.shapes.basis import Listing
from omniroute.admin.shapes.operating import SettingsChanged
from omniroute.admin.shapes.routing import Reset, Resilience, WarmSession
from omniroute.catalog.account import Account
from omniroute.core.errors import BadRequest
from omniroute.core.settings import SETTINGS, suggestion
from omniroute.operations.settings_view import describe_setting
from omniroute.routing.breaker import THRESHOLDS, class_of
from omniroute.routing.state import ScopeKey

SECTION = "routing"


class ResetBody(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing given: everything. ``provider`` (id or prefix): its breaker; ``account`` (id): its cooldowns, rates and used-up
    quotas, and those of its models; with ``model``, of that one only."""

    provider: str | None = None
    account: str | None = None
    model: str | None = None


class SessionsQuery(msgspec.Struct):
    """``limit``: 1 to 1000."""

    limit: int = 100


async def read_resilience(request: AdminRequest) -> Answer:
    """Settings of routing, and the state of this moment: accounts with cooldowns, providers with failures, waiting lines."""
    services = request.services
    values, now = services.settings(), services.clock.now()
    told = services.health.describe(now)
    names = _accounts(request)
    return Answer(
        {
            "settings": [describe_setting(setting, values) for setting in SETTINGS.values() if setting.section == SECTION],
            "cooldowns": _cooldowns(told["accounts"], names),
            "breakers": [_breaker(request, provider_id, state) for provider_id, state in sorted(told["providers"].items())],
            "queue": [{**_named(names, account_id), **line} for account_id, line in services.lines().items()],
            "in_flight": sum(told["in_flight"].values()),
            "sessions": told["sessions"],
        }
    )


async def update_resilience(request: AdminRequest) -> Answer:
    """Change settings of routing, as PUT /api/settings does."""
    mine = [name for name, setting in SETTINGS.items() if setting.section == SECTION]
    for name in request.object():
        if name not in mine:
            raise BadRequest(f"{name!r} is no setting of routing{suggestion(name, mine)}", param=name, code="unknown_setting")
    return await update_settings(request)


async def reset(request: AdminRequest) -> Answer:
    """Forget what is held against everybody, a provider, an account, or a model of one. The next request finds out anew."""
    body = request.decode(ResetBody) if request.body.strip() else ResetBody()
    services = request.services
    key = _key(request, body)
    count = services.health.unlock(key)
    scope = "all" if key is None else " ".join(key)
    await services.audit.append(request.actor, "resilience.reset", scope, {"address": request.address, "unlocked": count})
    return Answer({"scope": scope, "unlocked": count})


async def list_sessions(request: AdminRequest) -> Answer:
    """Conversations that stay with an account while its prompt cache is warm, the last used first; ``?limit=`` of them."""
    services = request.services
    names = _accounts(request)
    found = services.health.sessions(services.clock.now(), request.integer("limit", 100, minimum=1, maximum=1000))
    return listing(
        [
            {"session": session, "provider": provider_id, "account": _named(names, account_id), "until": until}
            for provider_id, session, account_id, until in found
        ]
    )


def _key(request: AdminRequest, body: ResetBody) -> ScopeKey | None:
    if body.provider is not None:
        if body.account is not None or body.model is not None:
            raise BadRequest("give provider, or account with or without model", param="provider")
        provider = request.services.catalogue().by_prefix(body.provider)
        if provider is None:
            raise BadRequest(f"there is no provider {body.provider!r}", param="provider", code="unknown_provider")
        return ("provider", provider.id)
    if body.account is None:
        if body.model is not None:
            raise BadRequest("model needs the account that it cools down for", param="account")
        return None
    return ("account", body.account) if body.model is None else ("model", body.account, body.model)


def _accounts(request: AdminRequest) -> dict[str, Account]:
    return {account.id: account for accounts in request.services.snapshot().accounts.values() for account in accounts}


def _named(names: dict[str, Account], account_id: str) -> dict[str, Any]:
    """An account that is paused or gone has only its id left."""
    account = names.get(account_id)
    if account is None:
        return {"id": account_id, "provider": None, "name": None, "label": None}
    return account_names(account)


def _cooldowns(states: dict[str, Any], names: dict[str, Account]) -> list[dict[str, Any]]:
    """What holds now, the longest first."""
    rows = []
    for account_id, state in states.items():
        locks = [(None, state["lock"])] if state["lock"] is not None and state["lock"]["active"] else []
        locks += list(state["models"].items())
        rows += [{**_named(names, account_id), "model": model, **lock} for model, lock in locks]
    return sorted(rows, key=lambda row: row["until"] or float("inf"), reverse=True)


def _breaker(request: AdminRequest, provider_id: str, state: dict[str, Any]) -> dict[str, Any]:
    provider = request.services.catalogue().by_id(provider_id)
    threshold = None if provider is None else THRESHOLDS[class_of(provider)].failures
    return {"provider": provider_id, **state, "threshold": threshold}


ROUTES = (
    Route("GET", "/api/resilience", read_resilience, answer=Resilience),
    Route("PUT", "/api/resilience", update_resilience, body=dict[str, Any], answer=SettingsChanged),
    Route("PATCH", "/api/resilience", update_resilience, body=dict[str, Any], answer=SettingsChanged),
    Route("POST", "/api/resilience/reset", reset, body=ResetBody, answer=Reset),
    Route("GET", "/api/sessions", list_sessions, query=SessionsQuery, answer=Listing[WarmSession]),
)
