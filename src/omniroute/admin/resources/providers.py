"""Accounts with providers."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from omniroute.admin.request import AdminRequest, Answer, listing
from omniroute.admin.resources.limits import MODELS, changed_limits, limits_view, proxy_given, stored_limits
from omniroute.admin.resources.models import view as model_view
from omniroute.admin.resources.oauth import login_view
from omniroute.admin.resources.provider_catalogue import needs_key
from omniroute.admin.routes import Route
from omniroute.admin.shapes.accounts import Account as AccountShape
from omniroute.admin.shapes.accounts import AccountTest, CatalogueModel
from omniroute.admin.shapes.basis import Deleted, Listing
from omniroute.catalog.account import Account
from omniroute.catalog.environment import fill_url_vars
from omniroute.catalog.schema import Provider, Tier
from omniroute.core.errors import BadRequest, Conflict
from omniroute.core.proxy_url import shown_proxy
from omniroute.core.redact import mask
from omniroute.core.settings import suggestion
from omniroute.routing.snapshot import Snapshot
from omniroute.storage.accounts import AccountRow
from omniroute.storage.routing import AccountRoutingRow

_URL_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,252}")


class CreateBody(msgspec.Struct, forbid_unknown_fields=True):
    """``provider`` is an id or prefix; ``url_vars`` fill the placeholders of its URLs; ``priority``: lower is tried first.
    ``limits``: members of ``AccountLimits``; ``proxy``: outbound proxy URL of its calls, or ``direct``; ``tier`` null means the
    provider's."""

    provider: str
    name: str | None = None
    api_key: str | None = None
    enabled: bool = True
    priority: int = 1
    url_vars: dict[str, str] = {}
    limits: dict[str, Any] = {}
    proxy: str | None = None
    tier: Tier | None = None


class UpdateBody(msgspec.Struct, forbid_unknown_fields=True):
    """``api_key: null`` removes the credential. ``limits``: the members given are changed, null takes one (or all) away."""

    name: str | UnsetType = UNSET
    api_key: str | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    priority: int | UnsetType = UNSET
    url_vars: dict[str, str] | UnsetType = UNSET
    limits: dict[str, Any] | UnsetType | None = UNSET
    proxy: str | UnsetType | None = UNSET
    tier: Tier | UnsetType | None = UNSET


async def list_accounts(request: AdminRequest) -> Answer:
    """Accounts of the database, then those of the environment, the config file and the product itself."""
    services = request.services
    snapshot = services.snapshot()
    said = await _said(request)
    stored = [_stored(request, row, said) for row in await services.accounts.list()]
    return listing(stored + [_managed(account, snapshot) for account in _foreign(snapshot)])


async def create_account(request: AdminRequest) -> Answer:
    """Connect an account. The credential is sealed at rest and never comes back."""
    body = request.decode(CreateBody)
    provider = connectable(request, body.provider)
    secret = checked_secret(body.api_key)
    if secret is None and needs_key(provider):
        raise BadRequest(f"{provider.name} needs an API key", param="api_key")
    check_url_vars(request, provider, body.url_vars)
    limits = changed_limits({}, body.limits)
    models = tuple(limits.pop(MODELS, ()))
    row = await request.services.accounts.create(
        provider.id,
        body.name if body.name is not None else await _free_name(request, provider),
        secret=secret,
        enabled=body.enabled,
        priority=body.priority,
        url_vars=body.url_vars,
        limits=limits,
        proxy=proxy_given(body.proxy),
    )
    if models or body.tier is not None:
        await request.services.routing.use.put_account(AccountRoutingRow(account_id=row.id, tier=body.tier, models=models))
    await request.changed("account.create", row.id, {"provider": provider.id, "name": row.name})
    return Answer(_stored(request, row, await _said(request)), 201)


async def read_account(request: AdminRequest) -> Answer:
    """One account, whoever manages it."""
    snapshot = request.services.snapshot()
    account = _foreign_by_id(snapshot, request.params["id"])
    if account is not None:
        return Answer(_managed(account, snapshot))
    return Answer(_stored(request, await request.services.accounts.get(request.params["id"]), await _said(request)))


async def update_account(request: AdminRequest) -> Answer:
    """Change an account of the database. Another URL needs the credential again: it must not travel to a new place unasked."""
    row = await _own(request)
    body = request.decode(UpdateBody)
    provider = request.services.catalogue().by_id(row.provider)
    secret = body.api_key if body.api_key is UNSET else checked_secret(body.api_key)
    if secret is None and provider is not None and needs_key(provider):
        raise BadRequest(f"{provider.name} needs an API key; delete the account instead", param="api_key")
    if login_view(request, row.id) is not None:
        if secret is not UNSET:
            raise Conflict("this account is signed in: sign in again instead of giving a key", param="api_key", code="signed_in")
        if body.url_vars is not UNSET and body.url_vars != row.url_vars:
            raise Conflict("this account is signed in: its sign-in says which URL it calls", param="url_vars", code="signed_in")
    if body.url_vars is not UNSET:
        if provider is not None:
            check_url_vars(request, provider, body.url_vars)
        if body.url_vars != row.url_vars and row.secret is not None and secret is UNSET:
            raise BadRequest(
                "the account would call another URL: give its api_key again", param="api_key", code="credential_required"
            )
    said = (await _said(request)).get(row.id, AccountRoutingRow(account_id=row.id))
    limits, routing = UNSET if body.limits is UNSET else changed_limits({**row.limits, MODELS: said.models}, body.limits), said
    if limits is not UNSET:
        routing = msgspec.structs.replace(routing, models=tuple(limits.pop(MODELS, ())))
    if body.tier is not UNSET:
        routing = msgspec.structs.replace(routing, tier=body.tier)
    row = await request.services.accounts.update(
        row.id,
        name=body.name,
        secret=secret,
        enabled=body.enabled,
        priority=body.priority,
        url_vars=body.url_vars,
        limits=limits,
        proxy=body.proxy if body.proxy is UNSET else proxy_given(body.proxy),
    )
    if routing != said:
        await request.services.routing.use.put_account(routing)
    if secret is not UNSET:  # what was held against the old credential says nothing of the new one
        request.services.health.unlock(("account", row.id))
    await request.changed(
        "account.update", row.id, {"changed": sorted(n for n in body.__struct_fields__ if getattr(body, n) is not UNSET)}
    )
    return Answer(_stored(request, row, await _said(request)))


async def delete_account(request: AdminRequest) -> Answer:
    """Remove an account of the database, with its credential."""
    row = await _own(request)
    await request.services.accounts.delete(row.id)
    request.services.health.unlock(("account", row.id))
    await request.changed("account.delete", row.id, {"provider": row.provider, "name": row.name})
    return Answer({"id": row.id, "deleted": True})


async def test_account(request: AdminRequest) -> Answer:
    """One live request for one token through this account. When it is answered, nothing is held against the account any more."""
    services = request.services
    account_id = request.params["id"]
    foreign = _foreign_by_id(services.snapshot(), account_id)
    if foreign is None:
        await services.accounts.get(account_id)
    result = await services.test_account(account_id)
    if result.ok:
        services.health.unlock(("account", account_id))
    if foreign is None:
        await services.accounts.record_test(account_id, None if result.ok else result.message)
        await request.changed("account.test", account_id, {"ok": result.ok})
    return Answer(
        {
            "id": account_id,
            "ok": result.ok,
            "status": result.status,
            "message": result.message,
            "first_token_ms": result.first_token_ms,
            "model": result.model,
        }
    )


async def list_account_models(request: AdminRequest) -> Answer:
    """The models an account gives access to."""
    snapshot = request.services.snapshot()
    foreign = _foreign_by_id(snapshot, request.params["id"])
    provider_id = (
        foreign.provider if foreign is not None else (await request.services.accounts.get(request.params["id"])).provider
    )
    provider = snapshot.catalogue.by_id(provider_id)
    if provider is None:
        return listing([])
    connected = snapshot.connected(provider)
    return listing([model_view(provider, model, connected) for model in provider.models])


def source_sentence(source: str, config_file: str | None) -> str:
    """Who manages a thing that is read-only here."""
    if source == "file":
        return f"the config file{f' {config_file}' if config_file else ''}; change it there"
    if source == "environment":
        return "an environment variable; unset it there, or set environment_accounts to false"
    return "OmniRoute itself; it can be switched off in the settings"


def connectable(request: AdminRequest, word: str) -> Provider:
    """The provider of that id or prefix. BadRequest when there is none, Conflict when this version cannot connect it."""
    snapshot = request.services.snapshot()
    provider = snapshot.catalogue.by_prefix(word)
    if provider is None:
        known = [p.id for p in snapshot.catalogue.providers]
        raise BadRequest(f"there is no provider {word!r}{suggestion(word, known)}", param="provider", code="unknown_provider")
    if not snapshot.usable(provider):
        raise Conflict(
            f"{provider.name} cannot be connected by this version yet "
            f"(it speaks {provider.format}, signs by {provider.auth.scheme})",
            param="provider",
            code="provider_not_supported",
        )
    return provider


def checked_secret(given: str | None) -> str | None:
    if given is None:
        return None
    secret = given.strip()
    if not secret or len(secret) > 16384 or any(ord(sign) < 0x20 or ord(sign) == 0x7F for sign in secret):
        raise BadRequest("api_key is empty, too long or holds control characters", param="api_key")
    return secret


def check_url_vars(request: AdminRequest, provider: Provider, given: dict[str, str]) -> None:
    """BadRequest when the URLs of the provider cannot be filled by these."""
    for name, value in given.items():
        if name not in provider.url_vars:
            raise BadRequest(
                f"{provider.name} has no URL variable {name!r}{suggestion(name, list(provider.url_vars))}", param="url_vars"
            )
        if not _URL_VALUE.fullmatch(value):
            raise BadRequest(
                f"url_vars.{name} may hold letters, digits, dots, colons, dashes and underscores only", param="url_vars"
            )
    _, missing = fill_url_vars(provider, given, request.services.environ)
    if missing:
        raise BadRequest(
            f"{provider.name} needs the URL variable{'s' if len(missing) > 1 else ''} {', '.join(missing)}", param="url_vars"
        )


async def _free_name(request: AdminRequest, provider: Provider) -> str:
    taken = {row.name for row in await request.services.accounts.list(provider.id)}
    number = 1
    while (name := provider.name if number == 1 else f"{provider.name} {number}") in taken:
        number += 1
    return name


async def _own(request: AdminRequest) -> AccountRow:
    foreign = _foreign_by_id(request.services.snapshot(), request.params["id"])
    if foreign is not None:
        where = source_sentence(foreign.source, request.services.config_file)
        raise Conflict(f"account {foreign.name!r} is managed by {where}", code="managed_elsewhere")
    return await request.services.accounts.get(request.params["id"])


def _foreign(snapshot: Snapshot) -> list[Account]:
    known = (*(account for accounts in snapshot.accounts.values() for account in accounts), *snapshot.withheld)
    return [account for account in known if account.source != "database"]


def _foreign_by_id(snapshot: Snapshot, account_id: str) -> Account | None:
    return next((account for account in _foreign(snapshot) if account.id == account_id), None)


async def _said(request: AdminRequest) -> dict[str, AccountRoutingRow]:
    return {row.account_id: row for row in await request.services.routing.use.accounts()}


def _stored(request: AdminRequest, row: AccountRow, said: dict[str, AccountRoutingRow]) -> dict[str, Any]:
    snapshot = request.services.snapshot()
    secret = request.services.accounts.reveal(row)
    own = said.get(row.id, AccountRoutingRow(account_id=row.id))
    in_force = next((a for a in snapshot.accounts.get(row.provider, ()) if a.id == row.id), None)
    state = _state(row.id, row.provider, snapshot, row.enabled, row.last_error)
    login = login_view(request, row.id)
    if state in ("connected", "failing") and login is not None and login["problem"] is not None:
        state = "sign in again"
    return _account_view(
        snapshot,
        {
            "id": row.id,
            "provider": row.provider,
            "name": row.name,
            "source": "database",
            "enabled": row.enabled,
            "priority": row.priority,
            "url_vars": row.url_vars,
            "limits": stored_limits(row.limits, own.models),
            "proxy": None if row.proxy is None else shown_proxy(row.proxy),
            "own_tier": own.tier,
            "label": None if in_force is None else in_force.label,
            "secret_hint": None if secret is None or login is not None else mask(secret),
            "login": login,
            "state": state,
            "created_at": row.created_at,
            "last_test_at": row.last_test_at,
            "last_error": row.last_error,
        },
    )


def _managed(account: Account, snapshot: Snapshot) -> dict[str, Any]:
    return _account_view(
        snapshot,
        {
            "id": account.id,
            "provider": account.provider,
            "name": account.name,
            "source": account.source,
            "enabled": account.enabled,
            "priority": account.priority,
            "url_vars": account.url_vars,
            "limits": limits_view(account.limits),
            "proxy": None if account.proxy is None else shown_proxy(account.proxy.reveal()),
            "own_tier": account.tier,
            "label": account.label,
            "secret_hint": None if account.secret is None else mask(account.secret.reveal()),
            "login": None,
            "state": _state(account.id, account.provider, snapshot, account.enabled, None),
            "created_at": None,
            "last_test_at": None,
            "last_error": None,
        },
    )


def _account_view(snapshot: Snapshot, facts: dict[str, Any]) -> dict[str, Any]:
    provider = snapshot.catalogue.by_id(facts["provider"])
    return {
        **facts,
        "provider_name": provider.name if provider is not None else facts["provider"],
        "prefix": provider.prefix if provider is not None else facts["provider"],
        "tier": facts["own_tier"] or (provider.tier if provider is not None else None),
        "read_only": facts["source"] != "database",
    }


def _state(account_id: str, provider_id: str, snapshot: Snapshot, enabled: bool, last_error: str | None) -> str:
    provider = snapshot.catalogue.by_id(provider_id)
    if provider is None:
        return "unknown provider"
    if not enabled:
        return "disabled"
    if not snapshot.usable(provider):
        return "not supported"
    if any(account.id == account_id for account in snapshot.withheld):
        return "terms not acknowledged"
    return "connected" if last_error is None else "failing"


ROUTES = (
    Route("GET", "/api/providers", list_accounts, answer=Listing[AccountShape]),
    Route("POST", "/api/providers", create_account, body=CreateBody, answer=AccountShape, statuses=(201,)),
    Route("GET", "/api/providers/{id}", read_account, answer=AccountShape),
    Route("PUT", "/api/providers/{id}", update_account, body=UpdateBody, answer=AccountShape),
    Route("PATCH", "/api/providers/{id}", update_account, body=UpdateBody, answer=AccountShape),
    Route("DELETE", "/api/providers/{id}", delete_account, answer=Deleted),
    Route("POST", "/api/providers/{id}/test", test_account, answer=AccountTest),
    Route("GET", "/api/providers/{id}/models", list_account_models, answer=Listing[CatalogueModel]),
)
