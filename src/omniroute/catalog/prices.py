"""The price book: what each model costs, from the operator's word, the catalogue, and the list of the package genai-prices."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from omniroute.catalog.catalog import Catalogue, with_models
from omniroute.catalog.reference import Reference
from omniroute.catalog.schema import LongContext, Model, Provider, Tier
from omniroute.core import json
from omniroute.ir.caps import Price, PriceSource, PriceTier, Rates

Basis = Literal["list", "equivalent"]
_PLANS = frozenset({"subscription", "free"})
_REMEMBERED = 4096


class Override(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the operator says a model costs, in USD per million tokens. ``basis`` None: as the tier of its provider says."""

    input: float
    output: float
    cached: float | None = None
    cache_write: float | None = None
    tiers: tuple[PriceTier, ...] = ()
    basis: Basis | None = None


class PriceBook:
    """``overrides`` by (provider id, model id); ``account_tiers``: accounts with a tier of their own; ``reference`` gives the
    second source once it is there, None before; ``custom``: (provider id, model id) of models the operator added."""

    def __init__(
        self,
        catalogue: Catalogue,
        overrides: Mapping[tuple[str, str], Override],
        account_tiers: Mapping[str, Tier],
        custom: frozenset[tuple[str, str]],
        reference: Callable[[], Reference | None],
    ) -> None:
        self.catalogue = catalogue
        self.overrides = overrides
        self._account_tiers = account_tiers
        self._custom = custom
        self._reference = reference
        self._found: dict[tuple[str, str, str | None], Rates] = {}

    def rates(self, provider_id: str, model_id: str, account_id: str | None = None) -> Rates | None:
        """What that model costs, over that account. None: only the second source can tell, and it is not there yet."""
        tier = None if account_id is None else self._account_tiers.get(account_id)
        key = (provider_id, model_id, tier)
        found = self._found.get(key)
        if found is None:
            found = self._work_out(provider_id, model_id, tier)
            if found is None:
                return None
            if len(self._found) >= _REMEMBERED:  # clients may ask for any model
                self._found.clear()
            self._found[key] = found
        return found

    def _work_out(self, provider_id: str, model_id: str, tier: Tier | None) -> Rates | None:
        provider = self.catalogue.by_id(provider_id)
        override = self.overrides.get((provider_id, model_id))
        if override is not None:
            basis = override.basis or _basis(provider, "list", tier)
            price = Price(
                input=override.input,
                output=override.output,
                cached=override.cached,
                cache_write=override.cache_write,
                basis=basis,
            )
            return _versioned(provider_id, model_id, price, override.tiers, "override")
        model = self.catalogue.model(provider_id, model_id)
        if provider is None:
            return Rates()
        if model is not None and model.price.basis != "unknown":
            listed = msgspec.structs.replace(model.price, basis=_basis(provider, model.price.basis, tier))
            mine = (provider_id, model_id) in self._custom or provider.origin != "catalogue"
            return _versioned(provider_id, model_id, listed, _tiers(model), "custom" if mine else "catalogue")
        if not _public(provider.base_url):
            return Rates()
        reference = self._reference()
        if reference is None:
            return None
        known = reference.find(provider.base_url, model_id if model is None else model.upstream_id or model_id)
        if known is None:
            return Rates()
        price = msgspec.structs.replace(known.price, basis=_basis(provider, "list", tier))
        return _versioned(provider_id, model_id, price, known.tiers, "genai-prices")


def with_overrides(catalogue: Catalogue, overrides: Mapping[tuple[str, str], Override]) -> Catalogue:
    """``catalogue`` with the operator's prices at the models it lists, so that routing goes by them too."""
    changed: dict[str, list[Model]] = {}
    for (provider_id, model_id), override in overrides.items():
        provider, model = catalogue.by_id(provider_id), catalogue.model(provider_id, model_id)
        if provider is None or model is None:
            continue
        price = Price(
            input=override.input, output=override.output, cached=override.cached, cache_write=override.cache_write,
            basis=override.basis or _basis(provider, "list", None),
        )  # fmt: skip
        first = override.tiers[0] if override.tiers else None
        long = None if first is None else LongContext(above=first.above, input=first.input, output=first.output)
        changed.setdefault(provider_id, []).append(msgspec.structs.replace(model, price=price, long_context=long))
    if not changed:
        return catalogue
    return Catalogue(
        (with_models(p, changed[p.id]) if p.id in changed else p for p in catalogue.providers), catalogue.error_profiles
    )


def _basis(provider: Provider | None, stated: str, account: Tier | None) -> Literal["list", "equivalent", "unknown"]:
    """Who pays: the tier an account was given decides, then that of a provider that is a plan, then what is stated."""
    if stated == "unknown":
        return "unknown"
    if account is not None:
        return "equivalent" if account in _PLANS else "list"
    if provider is not None and provider.tier == "subscription":
        return "equivalent"
    return "equivalent" if stated == "equivalent" else "list"


def _public(base_url: str) -> bool:
    """The API is one that a price list may know: not on this machine or network, as far as its address tells."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".localhost", ".local", ".internal", ".lan", ".invalid"))


def _tiers(model: Model) -> tuple[PriceTier, ...]:
    """Long contexts; cached and written tokens grow dearer as the input does."""
    long, price = model.long_context, model.price
    if long is None:
        return ()
    factor = long.input / price.input if price.input else 1.0
    cached = None if price.cached is None else round(price.cached * factor, 9)
    written = None if price.cache_write is None else round(price.cache_write * factor, 9)
    return (PriceTier(above=long.above, input=long.input, output=long.output, cached=cached, cache_write=written),)


def _versioned(provider: str, model: str, price: Price, tiers: Iterable[PriceTier], source: PriceSource) -> Rates:
    rates = Rates(price=price, tiers=tuple(sorted(tiers, key=lambda tier: tier.above)), source=source)
    content = json.dumps([provider, model, msgspec.to_builtins(rates)])
    return msgspec.structs.replace(rates, version=hashlib.blake2s(content, digest_size=6).hexdigest())
