"""The built-in combos: whatever is connected, chosen by price list, and left to the ``auto`` strategy to order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from omniroute.catalog.environment import BUILTIN_WIRE
from omniroute.catalog.schema import TIERS, Model, Provider
from omniroute.routing.combo import BUILTIN, Combo, Step
from omniroute.routing.resolve import tier_of
from omniroute.routing.snapshot import Snapshot

BUILTIN_NAMES = (BUILTIN, f"{BUILTIN}/fast", f"{BUILTIN}/cheap", f"{BUILTIN}/free")
MOST_STEPS = 40
_ACTIVE = frozenset({None, "beta"})
Choice = Callable[[Sequence[Model]], Iterable[Model]]


def builtin_combos(snapshot: Snapshot) -> tuple[Combo, ...]:
    """``auto`` takes the middle of each provider's price list, ``auto/fast`` the cheaper half, ``auto/cheap`` the two cheapest,
    ``auto/free`` what costs nothing. Only models that can use tools; the demo is left out. One may have no steps."""
    providers = sorted(
        (p for p in snapshot.connected_providers() if p.wire != BUILTIN_WIRE), key=lambda p: TIERS.index(tier_of(snapshot, p))
    )
    pools = [(p, models) for p in providers if (models := _by_price(snapshot, p))]
    free = [
        (p, models if tier_of(snapshot, p) == "free" else [m for m in models if m.price.basis == "list" and _dollars(m) == 0])
        for p, models in pools
    ]
    return (
        _combo(BUILTIN, "balanced", pools, _middle),
        _combo(f"{BUILTIN}/fast", "fast", pools, lambda models: models[: max(1, len(models) // 2)][-2:]),
        _combo(f"{BUILTIN}/cheap", "cheap", pools, lambda models: models[:2]),
        _combo(f"{BUILTIN}/free", "balanced", free, lambda models: models[-3:]),
    )


def _combo(name: str, prefer: str, pools: Sequence[tuple[Provider, Sequence[Model]]], choose: Choice) -> Combo:
    steps = [Step(model=f"{p.prefix}/{m.id}") for p, models in pools for m in choose(models)]
    return Combo(
        id=name,
        name=name,
        steps=tuple(steps[:MOST_STEPS]),
        strategy=BUILTIN,
        options={"prefer": prefer, "pace": True},
        source="builtin",
    )


def _by_price(snapshot: Snapshot, provider: Provider) -> list[Model]:
    """Models fit for an agent, the cheapest first; those of unknown price as if they stood in the middle, as listed."""
    fit = [
        m
        for m in provider.models
        if m.kind == "chat" and m.status in _ACTIVE and m.capabilities.tools is not False and snapshot.usable(provider, m.format)
    ]
    known = sorted(dollars for m in fit if (dollars := _dollars(m)) is not None)
    middle = known[len(known) // 2] if known else 0.0
    return sorted(fit, key=lambda m: middle if (dollars := _dollars(m)) is None else dollars)


def _dollars(model: Model) -> float | None:
    """Input and output as agents mix them, USD."""
    price = model.price
    return None if price.input is None or price.output is None else 4 * price.input + price.output


def _middle(models: Sequence[Model]) -> Iterable[Model]:
    return models[len(models) // 2 : len(models) // 2 + 1]
