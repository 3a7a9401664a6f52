"""Custom models: ids the operator adds to a provider or a node."""

from __future__ import annotations

from typing import Any

import msgspec

from omniroute.admin.request import AdminRequest, Answer, listing
from omniroute.admin.routes import Route
from omniroute.admin.shapes.accounts import DeletedModel
from omniroute.admin.shapes.basis import Listing
from omniroute.catalog.schema import Provider
from omniroute.core.errors import BadRequest
from omniroute.storage.models import CustomModelRow


class PriceBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """USD per million tokens."""

    input: float | None = None
    output: float | None = None
    cached: float | None = None
    cache_write: float | None = None


class PutBody(msgspec.Struct, forbid_unknown_fields=True):
    """``context`` and ``max_output`` in tokens; what is left out is not known."""

    provider: str
    model_id: str
    name: str = ""
    context: int | None = None
    max_output: int | None = None
    tools: bool | None = None
    vision: bool | None = None
    reasoning: bool | None = None
    price: PriceBody | None = None


class ListQuery(msgspec.Struct):
    """``provider``: an id or prefix."""

    provider: str | None = None


class DeleteQuery(msgspec.Struct):
    provider: str
    model_id: str


async def list_models(request: AdminRequest) -> Answer:
    """Custom models, ``?provider`` narrows it."""
    wanted = request.query.get("provider")
    rows = await request.services.models.list(None if wanted is None else _provider(request, wanted).id)
    return listing([msgspec.structs.asdict(row) for row in rows])


async def put_model(request: AdminRequest) -> Answer:
    """Add a custom model, or replace all that was said of it."""
    body = request.decode(PutBody)
    provider = _provider(request, body.provider)
    for name in ("context", "max_output"):
        value = getattr(body, name)
        if value is not None and value < 1:
            raise BadRequest(f"{name} must be at least 1 token", param=name)
    price = None if body.price is None else {k: v for k, v in msgspec.structs.asdict(body.price).items() if v is not None}
    if price is not None and any(value < 0 for value in price.values()):
        raise BadRequest("a price cannot be negative", param="price")
    row: CustomModelRow = await request.services.models.put(
        provider.id,
        body.model_id,
        name=body.name,
        context=body.context,
        max_output=body.max_output,
        tools=body.tools,
        vision=body.vision,
        reasoning=body.reasoning,
        price=price,
    )
    await request.changed("model.put", f"{provider.id}/{row.model_id}")
    return Answer(_view(row), 201)


async def delete_model(request: AdminRequest) -> Answer:
    """Remove ``?provider=…&model_id=…`` (in the query, since model ids hold slashes)."""
    missing = [name for name in ("provider", "model_id") if not request.query.get(name)]
    if missing:
        raise BadRequest(f"say which model: ?{missing[0]}=…", param=missing[0])
    provider = _provider(request, request.query["provider"])
    model_id = request.query["model_id"]
    await request.services.models.delete(provider.id, model_id)
    await request.changed("model.delete", f"{provider.id}/{model_id}")
    return Answer({"provider": provider.id, "model_id": model_id, "deleted": True})


def _provider(request: AdminRequest, word: str) -> Provider:
    found = request.services.catalogue().by_prefix(word)
    if found is None:
        raise BadRequest(f"there is no provider or node {word!r}", param="provider")
    return found


def _view(row: CustomModelRow) -> dict[str, Any]:
    return msgspec.structs.asdict(row)


ROUTES = (
    Route("GET", "/api/provider-models", list_models, query=ListQuery, answer=Listing[CustomModelRow]),
    Route("POST", "/api/provider-models", put_model, body=PutBody, answer=CustomModelRow, statuses=(201,)),
    Route("DELETE", "/api/provider-models", delete_model, query=DeleteQuery, answer=DeletedModel),
)
