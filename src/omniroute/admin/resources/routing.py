"""Routing: which target now and why; tiers and strategies of providers, tiers and model limits of accounts."""

from __future__ import annotations

import random
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from omniroute.admin.request import AdminRequest, Answer, listing
from omniroute.admin.resources.providers import source_sentence
from omniroute.admin.routes import Route
from omniroute.admin.shapes.accounts import AccountRouting, RoutedProvider
from omniroute.admin.shapes.basis import Listing
from omniroute.admin.shapes.routing import DryRun
from omniroute.catalog.schema import Provider, Tier
from omniroute.core.errors import BadRequest, ConfigError, Conflict, NotFound
from omniroute.routing.facts import Capability, Facts
from omniroute.routing.preview import preview
from omniroute.routing.strategies import checked_options
from omniroute.storage.routing import AccountRoutingRow, ProviderRoutingRow


class PreviewBody(msgspec.Struct, forbid_unknown_fields=True):
    """A request as routing sees one. ``input_tokens`` 0 = not known."""

    model: str
    session: str | None = None
    needs: tuple[Capability, ...] = ()
    input_tokens: int = 0
    stream: bool = False


class ProviderBody(msgspec.Struct, forbid_unknown_fields=True):
    """null goes back to the catalogue's tier, or the setting's strategy."""

    tier: Tier | UnsetType | None = UNSET
    strategy: str | UnsetType | None = UNSET
    options: dict[str, Any] | UnsetType = UNSET


class AccountBody(msgspec.Struct, forbid_unknown_fields=True):
    """``tier`` null means the provider's; ``models``: ids it may be used for, ``*`` at the end is anything; empty: all."""

    tier: Tier | UnsetType | None = UNSET
    models: tuple[str, ...] | UnsetType = UNSET


async def preview_route(request: AdminRequest) -> Answer:
    """Every try in order with its reason, and who is blocked until when. Nobody is called."""
    body = request.decode(PreviewBody)
    services = request.services
    facts = Facts(
        model=body.model,
        session=body.session,
        needs=frozenset(body.needs),
        input_tokens=max(0, body.input_tokens),
        stream=body.stream,
    )
    return dry_run(request, facts, random.Random(int(services.clock.now())))


def dry_run(request: AdminRequest, facts: Facts, rng: random.Random) -> Answer:
    """The preview of a request with these facts."""
    services = request.services
    found = preview(services.snapshot(), services.health, facts, services.clock.now(), rng)
    answer = msgspec.to_builtins(found)
    answer["left_out"] = [{"step": step, "reason": reason} for step, reason in found.left_out]
    return Answer(answer)


async def list_providers(request: AdminRequest) -> Answer:
    """Connected providers: tier, strategy, and the tiers of their accounts."""
    return listing([_provider(request, provider) for provider in request.services.snapshot().connected_providers()])


async def update_provider(request: AdminRequest) -> Answer:
    """Change tier or strategy of a provider or of a node in the store."""
    provider = _named(request)
    if provider.origin == "file":
        where = source_sentence("file", request.services.config_file)
        raise Conflict(f"{provider.id} is managed by {where}", code="managed_elsewhere")
    body = request.decode(ProviderBody)
    store = request.services.routing.use
    row = next((r for r in await store.providers() if r.provider == provider.id), ProviderRoutingRow(provider=provider.id))
    new: dict[str, Any] = {name: value for name in ("tier", "strategy", "options") if (value := getattr(body, name)) is not UNSET}
    if body.strategy is not UNSET and body.options is UNSET:
        new["options"] = {}
    row = msgspec.structs.replace(row, **new)
    if row.strategy is None and row.options:
        raise BadRequest("options belong to a strategy; give it too", param="options")
    if row.strategy is not None:
        try:
            checked_options(row.strategy, row.options)
        except ConfigError as error:
            raise BadRequest(error.message, param="strategy" if error.message.startswith("strategy") else "options") from None
    await store.put_provider(row)
    await request.changed("provider.routing", provider.id, {"changed": sorted(new)})
    return Answer(_provider(request, _named(request)))


async def update_account(request: AdminRequest) -> Answer:
    """Change tier or model limits of an account in the store."""
    row = await request.services.accounts.get(request.params["id"])
    body = request.decode(AccountBody)
    store = request.services.routing.use
    said = next((r for r in await store.accounts() if r.account_id == row.id), AccountRoutingRow(account_id=row.id))
    new: dict[str, Any] = {name: value for name in ("tier", "models") if (value := getattr(body, name)) is not UNSET}
    said = msgspec.structs.replace(said, **new)
    if any(not word.strip() for word in said.models):
        raise BadRequest("a model id cannot be empty", param="models")
    await store.put_account(said)
    await request.changed("account.routing", row.id, {"changed": sorted(new)})
    return Answer({"id": row.id, "provider": row.provider, "tier": said.tier, "models": list(said.models)})


def _named(request: AdminRequest) -> Provider:
    found = request.services.catalogue().by_prefix(request.params["id"])
    if found is None:
        raise NotFound(f"no provider {request.params['id']!r}")
    return found


def _provider(request: AdminRequest, provider: Provider) -> dict[str, Any]:
    snapshot = request.services.snapshot()
    managed: Literal["file", "database", "catalogue"] = provider.origin
    return {
        "id": provider.id,
        "name": provider.name,
        "tier": provider.tier,
        "strategy": provider.strategy,
        "options": provider.options,
        "source": managed,
        "read_only": managed == "file",
        "accounts": [
            {
                "id": a.id,
                "name": a.name,
                "priority": a.priority,
                "tier": a.tier or provider.tier,
                "own_tier": a.tier,
                "editable": a.source == "database",
                "models": list(a.limits.models),
            }
            for a in snapshot.accounts.get(provider.id, ())
        ],
    }


ROUTES = (
    Route("POST", "/api/routing/preview", preview_route, body=PreviewBody, answer=DryRun),
    Route("GET", "/api/routing/providers", list_providers, answer=Listing[RoutedProvider]),
    Route("PATCH", "/api/routing/providers/{id}", update_provider, body=ProviderBody, answer=RoutedProvider),
    Route("PATCH", "/api/routing/accounts/{id}", update_account, body=AccountBody, answer=AccountRouting),
)
