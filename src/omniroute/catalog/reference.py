"""The price list of the package genai-prices, as a second source beside the catalogue.

The package needs much memory once it is loaded, so another process loads it (``python -m omniroute.catalog.reference FILE``) and
writes down what is needed here: a file of half a megabyte, made once for each version of the package.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from omniroute.core.errors import ConfigError
from omniroute.ir.caps import Price, PriceTier

PACKAGE = "genai-prices"
FORM = 1
"""Of the file: to be counted up when the records below change."""
_FIELDS = {"input": "input_mtok", "output": "output_mtok", "cached": "cache_read_mtok", "cache_write": "cache_write_mtok"}
Words = Literal["equals", "starts_with", "ends_with", "contains", "regex", "any", "all"]


class Clause(msgspec.Struct, frozen=True, omit_defaults=True):
    """A condition on a model's name; ``any`` and ``all`` are made of others."""

    kind: Words
    text: str = ""
    parts: tuple[Clause, ...] = ()

    def fits(self, name: str) -> bool:
        match self.kind:
            case "equals":
                return name == self.text
            case "starts_with":
                return name.startswith(self.text)
            case "ends_with":
                return name.endswith(self.text)
            case "contains":
                return self.text in name
            case "regex":
                return re.search(self.text, name) is not None
            case "any":
                return any(part.fits(name) for part in self.parts)
            case "all":
                return all(part.fits(name) for part in self.parts)


class ListedModel(msgspec.Struct, frozen=True):
    match: Clause
    price: Price
    tiers: tuple[PriceTier, ...]


class ListedProvider(msgspec.Struct, frozen=True):
    """``pattern`` fits the URLs of its API; ``others``: names of those whose list holds where its own says nothing."""

    name: str
    pattern: str
    models: tuple[ListedModel, ...]
    others: tuple[str, ...]


class Known(NamedTuple):
    """List prices of one model."""

    price: Price
    tiers: tuple[PriceTier, ...]


class Reference:
    """Looks prices up by the URL of an API and the name of a model there."""

    def __init__(self, providers: Sequence[ListedProvider]) -> None:
        self._providers = {provider.name: provider for provider in providers}

    @classmethod
    def read(cls, file: Path) -> Reference:
        """What :func:`write` has written. OSError, or ConfigError for something else."""
        try:
            return cls(msgspec.json.decode(file.read_bytes(), type=tuple[ListedProvider, ...]))
        except msgspec.MsgspecError as error:
            raise ConfigError(f"{file}: {error}") from None

    def find(self, base_url: str, model: str) -> Known | None:
        """The price of ``model`` at the API behind ``base_url``; None where the list does not have it."""
        url, name = base_url if base_url.endswith("/") else f"{base_url}/", model.lower()
        for provider in self._providers.values():
            if re.match(provider.pattern, url) is None:
                continue
            for lists in (provider, *(self._providers[other] for other in provider.others if other in self._providers)):
                for listed in lists.models:
                    if listed.match.fits(name):
                        return Known(listed.price, listed.tiers)
        return None


def write(file: Path) -> None:
    """Take what is needed out of the package. OSError."""
    from datetime import UTC, datetime

    from genai_prices import data_snapshot

    now = datetime.now(UTC)
    providers = [_provider(provider, now) for provider in data_snapshot.get_snapshot().providers]
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_suffix(f".{os.getpid()}")
    fresh.write_bytes(msgspec.json.encode(providers))
    fresh.replace(file)


def _provider(provider: Any, now: Any) -> ListedProvider:
    models = []
    for model in provider.models:
        given = _rates(vars(model.get_prices(now)))
        if given is not None:
            models.append(ListedModel(_clause(model.match), *given))
    return ListedProvider(provider.id, provider.api_pattern, tuple(models), tuple(provider.fallback_model_providers or ()))


def _rates(prices: Mapping[str, Any]) -> tuple[Price, tuple[PriceTier, ...]] | None:
    """The price and its tiers; None where tokens are not what is paid for."""
    given = {ours: prices.get(theirs) for ours, theirs in _FIELDS.items()}
    base = {name: _number(getattr(value, "base", value)) for name, value in given.items()}
    if base["input"] is None or base["output"] is None:
        return None
    starts = sorted({tier.start for value in given.values() for tier in getattr(value, "tiers", ())})
    tiers = []
    for start in starts:
        at = {name: _number(_value_at(value, start)) for name, value in given.items()}
        tiers.append(
            PriceTier(
                above=start,
                input=at["input"] or 0.0,
                output=at["output"] or 0.0,
                cached=at["cached"],
                cache_write=at["cache_write"],
            )
        )
    return Price(**base, basis="list"), tuple(tiers)


def _value_at(value: Any, start: int) -> Any:
    if not hasattr(value, "tiers"):
        return value
    return next((tier.price for tier in reversed(value.tiers) if tier.start <= start), value.base)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _clause(match: Any) -> Clause:
    """Their condition as ours, whatever its class is called: it holds one field named after what it does."""
    ((name, value),) = [(name, value) for name, value in vars(match).items() if value is not None]
    if name in ("or_", "and_"):
        return Clause("any" if name == "or_" else "all", parts=tuple(_clause(part) for part in value))
    if name == "regex":
        return Clause("regex", getattr(value, "pattern", value))
    if name not in ("equals", "starts_with", "ends_with", "contains"):
        raise ConfigError(f"{PACKAGE} has a condition {name!r} that is not known here")
    return Clause(name, value.lower())


if __name__ == "__main__":
    write(Path(sys.argv[1]))
