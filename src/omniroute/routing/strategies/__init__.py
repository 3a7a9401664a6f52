"""One module per way of putting candidates in order, each with a ``STRATEGY``.

The same strategies serve the steps of a combo and the accounts of one provider: a :class:`Gauge` answers what they ask about
either. A strategy decides and does nothing else: it neither calls anybody nor sleeps, and remembers nothing.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal, Protocol, TypeVar

import msgspec

from omniroute.catalog.tables import Complain, complain
from omniroute.core.registry import Registry
from omniroute.core.settings import suggestion
from omniroute.routing.facts import Facts

__all__ = ["Field", "Gauge", "Options", "Strategy", "checked_options", "registry"]

C = TypeVar("C")
G = TypeVar("G", contravariant=True)
Options = Mapping[str, Any]


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to set of a strategy: enough to draw its form and to check what is given."""

    name: str
    type: Literal["integer", "number", "boolean", "text"]
    default: Any
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()


class Gauge(Protocol[G]):
    """What is known of a candidate at this moment."""

    def blocked(self, candidate: G, /) -> bool:
        """It cannot serve now."""

    def in_flight(self, candidate: G, /) -> int: ...
    def uses(self, candidate: G, /) -> int:
        """Requests of the last hour."""

    def weight(self, candidate: G, /) -> float: ...
    def priority(self, candidate: G, /) -> int:
        """Lower is better; candidates come sorted by it."""

    def tier(self, candidate: G, /) -> int:
        """Position of its tier: 0 is the one to use first."""

    def cost(self, candidate: G, /) -> float | None:
        """USD this request is estimated to cost there, None where no price is known."""

    def ttft(self, candidate: G, /) -> float | None:
        """Median seconds to the first token, None when not measured."""

    def surplus(self, candidate: G, /) -> float:
        """What of its quota would expire unused, as a share 0..1, at the present pace; below 0 when it will run out before."""

    def warm(self, candidate: G, /) -> bool:
        """It holds this conversation's prompt cache."""


class Strategy(Protocol):
    """``name`` is written in combos; ``help`` is one sentence; ``fields`` are its options. ``affine``: a candidate that holds the
    conversation's prompt cache goes first, before any spreading."""

    name: str
    help: str
    fields: tuple[Field, ...]
    affine: bool

    def order(self, candidates: Sequence[C], gauge: Gauge[C], facts: Facts, rng: random.Random, options: Options) -> Sequence[C]:
        """All candidates, the best first. ``options`` are complete and checked."""


@cache
def registry() -> Registry[Strategy]:
    """All strategies, imported once on first use."""
    from omniroute.routing import strategies

    return Registry.of_package("strategy", strategies, "STRATEGY")


def checked_options(name: str, given: Mapping[str, Any], error: Complain = complain) -> dict[str, Any]:
    """``given`` completed with the defaults. ConfigError, made by ``error(sentence, *path)``, about the first wrong thing."""
    strategy = registry().get(name)
    if strategy is None:
        known = registry().names()
        raise error(f"strategy: {name!r} is not one of {', '.join(known)}{suggestion(name, known)}", "strategy")
    fields = {field.name: field for field in strategy.fields}
    for word, value in given.items():
        field = fields.get(word)
        if field is None:
            raise error(f"options: {name} has no option {word!r}{suggestion(word, list(fields))}", "options", word)
        _check(field, value, error)
    return {field.name: given.get(field.name, field.default) for field in strategy.fields}


_TYPES: Mapping[str, tuple[type, ...]] = {"integer": (int,), "number": (int, float), "boolean": (bool,), "text": (str,)}


def _check(field: Field, value: Any, error: Complain) -> None:
    at = ("options", field.name)
    if not isinstance(value, _TYPES[field.type]) or (isinstance(value, bool) and field.type != "boolean"):
        raise error(f"options.{field.name}: must be {field.type}, not {value!r}", *at)
    if field.choices and value not in field.choices:
        raise error(f"options.{field.name}: {value!r} is not one of {', '.join(field.choices)}", *at)
    if not isinstance(value, (int, float)):
        return
    if field.minimum is not None and not value >= field.minimum:
        raise error(f"options.{field.name}: {value} is below {field.minimum:g}", *at)
    if field.maximum is not None and not value <= field.maximum:
        raise error(f"options.{field.name}: {value} is above {field.maximum:g}", *at)
