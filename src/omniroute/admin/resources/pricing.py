"""What models cost: the prices in force, and the operator's own."""

from __future__ import annotations

from typing import Any

import msgspec

from omniroute.admin.request import AdminRequest, Answer, listing
from omniroute.admin.routes import Route
from omniroute.admin.shapes.accounting import ModelPrice, UsedPrice
from omniroute.admin.shapes.basis import Listing
from omniroute.catalog.prices import Basis, Override, PriceBook
from omniroute.catalog.schema import Provider
from omniroute.core.errors import BadRequest, NotFound
from omniroute.ir.caps import Price, PriceTier, Rates

_DEAREST = 100_000.0


class PricesQuery(msgspec.Struct):
    """``provider``: an id or prefix; ``q``: part of a model's name; ``source``: where the price is from. ``limit``: 1 to 1000;
    ``cursor``: from the page before."""

    provider: str | None = None
    q: str | None = None
    source: str | None = None
    limit: int = 200
    cursor: str | None = None


class LongBody(msgspec.Struct, forbid_unknown_fields=True):
    """Prices of requests whose input is longer than ``above`` tokens."""

    above: int
    input: float
    output: float
    cached: float | None = None
    cache_write: float | None = None


class PriceBody(msgspec.Struct, forbid_unknown_fields=True):
    """``provider`` is an id or prefix; prices in USD per million tokens. ``cached`` and ``cache_write`` null: as ``input``.
    ``basis`` null: as the tier of the provider says."""

    provider: str
    model: str
    input: float
    output: float
    cached: float | None = None
    cache_write: float | None = None
    long_context: LongBody | None = None
    basis: Basis | None = None


async def list_prices(request: AdminRequest) -> Answer:
    """What each listed model costs, and each other one that a price was stated for."""
    accounting = request.services.accounting
    await accounting.listed()
    book = accounting.book()
    stated = {(row.provider, row.model): row.updated_at for row in await accounting.prices.list()}
    limit = request.integer("limit", 200, minimum=1, maximum=1000)
    start = request.integer("cursor", 0, minimum=0, maximum=10**9)
    provider, source = request.query.get("provider"), request.query.get("source")
    part = (request.query.get("q") or "").lower()
    wanted = None if not provider else _provider(request, provider).id
    found = []
    for provider_id, model_id in _models(book):
        if (wanted is not None and provider_id != wanted) or (part and part not in f"{provider_id}/{model_id}".lower()):
            continue
        shown = _view(book, provider_id, model_id, stated.get((provider_id, model_id)))
        if not source or shown["source"] == source:
            found.append(shown)
    page = found[start : start + limit]
    return listing(page, str(start + limit) if start + limit < len(found) else None)


async def put_price(request: AdminRequest) -> Answer:
    """State what a model costs. It holds for requests that end from now on; earlier rows keep what they were charged."""
    body = request.decode(PriceBody)
    provider, model = _provider(request, body.provider), body.model.strip()
    if not model or len(model) > 512:
        raise BadRequest("model must have 1 to 512 characters", param="model")
    long = body.long_context
    for name, value in _numbers(body) + (_numbers(long) if long is not None else []):
        if value is not None and not 0 <= value <= _DEAREST:
            raise BadRequest(f"{name} must be from 0 to {_DEAREST:g} USD per million tokens", param=name)
    if long is not None and not 1 <= long.above <= 10**9:
        raise BadRequest("above must be a number of tokens", param="above")
    override = Override(
        input=body.input,
        output=body.output,
        cached=body.cached,
        cache_write=body.cache_write,
        tiers=() if long is None else (PriceTier(**msgspec.structs.asdict(long)),),
        basis=body.basis,
    )
    accounting = request.services.accounting
    await accounting.prices.put(provider.id, model, msgspec.to_builtins(override))
    await request.changed("price.set", f"{provider.id}/{model}", msgspec.to_builtins(override))
    return Answer(_view(accounting.book(), provider.id, model, request.services.clock.now()))


async def delete_price(request: AdminRequest) -> Answer:
    """Take the operator's price back; the answer is what holds then."""
    provider, model = request.params["provider"], request.params["model"]
    known = request.services.catalogue().by_prefix(provider)
    provider_id = provider if known is None else known.id
    accounting = request.services.accounting
    await accounting.prices.delete(provider_id, model)
    await request.changed("price.unset", f"{provider_id}/{model}")
    await accounting.listed()
    return Answer(_view(accounting.book(), provider_id, model, None))


async def read_version(request: AdminRequest) -> Answer:
    """What the rows of the ledger with that ``price_version`` were charged by."""
    found = await request.services.accounting.prices.version(request.params["version"])
    if found is None:
        raise NotFound(f"no row was charged by price version {request.params['version']!r}")
    rates = msgspec.convert(found.rates, Rates)
    return Answer(
        {
            "version": found.version,
            "provider": found.provider,
            "model": found.model,
            "source": rates.source,
            "basis": rates.price.basis,
            **_figures(rates),
            "first_used_at": found.first_used_at,
        }
    )


def _models(book: PriceBook) -> list[tuple[str, str]]:
    listed = [(provider.id, model.id) for provider in book.catalogue.providers for model in provider.models]
    known = frozenset(listed)
    return [*listed, *(key for key in book.overrides if key not in known)]


def _provider(request: AdminRequest, word: str) -> Provider:
    provider = request.services.catalogue().by_prefix(word)
    if provider is None:
        raise BadRequest(f"there is no provider {word!r}", param="provider")
    return provider


def _numbers(body: PriceBody | LongBody) -> list[tuple[str, float | None]]:
    return [(name, getattr(body, name)) for name in ("input", "output", "cached", "cache_write")]


def _view(book: PriceBook, provider: str, model: str, updated_at: float | None) -> dict[str, Any]:
    rates = book.rates(provider, model) or Rates()
    override = (provider, model) in book.overrides
    return {
        "provider": provider,
        "model": model,
        **_figures(rates),
        "basis": rates.price.basis,
        "source": rates.source,
        "version": rates.version,
        "override": override,
        "updated_at": updated_at if override else None,
    }


def _figures(rates: Rates) -> dict[str, Any]:
    tiers = [msgspec.structs.asdict(tier) for tier in rates.tiers]
    return {**_price(rates.price), "long_context": tiers[0] if tiers else None, "tiers": tiers}


def _price(price: Price) -> dict[str, Any]:
    return {"input": price.input, "output": price.output, "cached": price.cached, "cache_write": price.cache_write}


ROUTES = (
    Route("GET", "/api/pricing", list_prices, query=PricesQuery, answer=Listing[ModelPrice]),
    Route("PUT", "/api/pricing", put_price, body=PriceBody, answer=ModelPrice),
    Route("DELETE", "/api/pricing/{provider}/{model}", delete_price, answer=ModelPrice),
    Route("GET", "/api/pricing/versions/{version}", read_version, answer=UsedPrice),
)
