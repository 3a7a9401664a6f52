"""Every model the catalogue knows."""

from __future__ import annotations

from typing import Any

import msgspec

from omniroute.admin.request import AdminRequest, Answer, listing
from omniroute.admin.routes import Route
from omniroute.admin.shapes.accounts import CatalogueModel
from omniroute.admin.shapes.basis import Listing
from omniroute.catalog.schema import Model, Provider
from omniroute.core.errors import BadRequest


class CatalogueQuery(msgspec.Struct):
    """``all``: of providers that are not connected too; ``provider``: an id or prefix; ``kind``: chat, embeddings, images …"""

    all: bool = False
    provider: str | None = None
    kind: str | None = None


async def read_catalog(request: AdminRequest) -> Answer:
    """Models of connected providers, ``?all=true`` of every provider; ``?provider`` (id or prefix) and ``?kind`` narrow it."""
    snapshot = request.services.snapshot()
    everything = request.flag("all")
    kind = request.query.get("kind")
    wanted = snapshot.catalogue.providers
    if "provider" in request.query:
        found = snapshot.catalogue.by_prefix(request.query["provider"])
        if found is None:
            raise BadRequest(f"there is no provider {request.query['provider']!r}", param="provider")
        wanted = (found,)
    items = []
    for provider in wanted:
        connected = snapshot.connected(provider)
        if connected or everything:
            items += [view(provider, model, connected) for model in provider.models if kind is None or model.kind == kind]
    return listing(items)


def view(provider: Provider, model: Model, connected: bool) -> dict[str, Any]:
    """One model; ``context`` and ``output`` in tokens, prices in USD per million tokens, None = not known."""
    return {
        "id": f"{provider.prefix}/{model.id}",
        "provider": provider.id,
        "model": model.id,
        "name": model.name or model.id,
        "kind": model.kind,
        "connected": connected,
        "status": model.status,
        "context": model.limits.context,
        "output": model.limits.max_output,
        "tools": model.capabilities.tools,
        "vision": model.capabilities.vision,
        "reasoning": model.capabilities.reasoning,
        "input_price": model.price.input,
        "output_price": model.price.output,
        "price_basis": model.price.basis,
    }


ROUTES = (Route("GET", "/api/models/catalog", read_catalog, query=CatalogueQuery, answer=Listing[CatalogueModel]),)
