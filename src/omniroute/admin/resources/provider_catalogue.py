"""Every provider there is, and what connecting it takes."""

from __future__ import annotations

from typing import Any

from omniroute.admin.request import AdminRequest, Answer, listing
from omniroute.admin.resources.models import view as model_view
from omniroute.admin.routes import Route
from omniroute.admin.shapes.accounts import Provider as ProviderShape
from omniroute.admin.shapes.accounts import ProviderDetail
from omniroute.admin.shapes.basis import Listing
from omniroute.catalog.schema import Provider
from omniroute.core.errors import NotFound
from omniroute.routing.snapshot import Snapshot


async def read_catalogue(request: AdminRequest) -> Answer:
    """Every provider there is, the operator's nodes too, with what connecting it takes and whether it is connected."""
    snapshot = request.services.snapshot()
    return listing([_view(provider, snapshot) for provider in snapshot.catalogue.providers])


async def read_provider(request: AdminRequest) -> Answer:
    """One provider of the catalogue, by id or prefix."""
    snapshot = request.services.snapshot()
    provider = snapshot.catalogue.by_prefix(request.params["provider"])
    if provider is None:
        raise NotFound(f"there is no provider {request.params['provider']!r}")
    connected = snapshot.connected(provider)
    return Answer({**_view(provider, snapshot), "model_list": [model_view(provider, m, connected) for m in provider.models]})


def needs_key(provider: Provider) -> bool:
    """Whether the provider refuses calls without a credential."""
    return not provider.auth.optional and provider.auth.scheme != "none"


def _view(provider: Provider, snapshot: Snapshot) -> dict[str, Any]:
    accounts = snapshot.accounts.get(provider.id, ())
    if not snapshot.usable(provider):
        state = "not supported"
    else:
        state = "connected" if accounts else "not connected"
    return {
        "id": provider.id,
        "prefix": provider.prefix,
        "aliases": list(provider.aliases),
        "name": provider.name,
        "tier": provider.tier,
        "kinds": list(provider.kinds),
        "format": provider.format,
        "auth": provider.auth.scheme,
        "needs_key": needs_key(provider),
        "env_keys": list(provider.env_keys),
        "url_vars": [name for name in provider.url_vars if name not in provider.url_defaults],
        "website": provider.website,
        "status": provider.status,
        "origin": provider.origin,
        "state": state,
        "accounts": len(accounts),
        "models": len(provider.models),
    }


ROUTES = (
    Route("GET", "/api/providers/catalogue", read_catalogue, answer=Listing[ProviderShape]),
    Route("GET", "/api/providers/catalogue/{provider}", read_provider, answer=ProviderDetail),
)
