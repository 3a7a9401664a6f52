"""Small installations for tests of routing, and a view in which everything can be set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omniroute.catalog.account import Account
from omniroute.catalog.catalog import Catalogue
from omniroute.catalog.schema import Auth, Model, Provider
from omniroute.core.settings import Settings
from omniroute.ir.caps import Limits, Price
from omniroute.routing.quota import Window
from omniroute.routing.resolve import Target
from omniroute.routing.routes import StoredRoutes, with_routes
from omniroute.routing.snapshot import Snapshot
from omniroute.routing.state import Block


class FakeView:
    """Blocks by account id or by (account id, model id); counts and times as given."""

    def __init__(self) -> None:
        self.blocks: dict[Any, Block] = {}
        self.flying: dict[str, int] = {}
        self.used: dict[str, int] = {}
        self.times: dict[str, tuple[float, float]] = {}
        self.quota: dict[str, tuple[Window, ...]] = {}
        self.warm: dict[tuple[str, str], str] = {}

    def block(self, account: str, model: str | None = None, *, reason: Any = "cooldown", until: float | None = None) -> None:
        key = account if model is None else (account, model)
        self.blocks[key] = Block(reason, ("account", account), until, f"{reason} since a moment")

    def blocked(self, target: Target, account: Account, now: float) -> Block | None:
        for key in (account.id, (account.id, target.model)):
            found = self.blocks.get(key)
            if found is not None and (found.until is None or now < found.until):
                return found
        return None

    def in_flight(self, account_id: str) -> int:
        return self.flying.get(account_id, 0)

    def uses(self, account_id: str, model: str | None, now: float) -> int:
        return self.used.get(account_id, 0)

    def uses_of(self, accounts: Sequence[Account], model: str, now: float) -> int:
        return sum(self.uses(account.id, model, now) for account in accounts)

    def ttft(self, target_name: str) -> tuple[float, float] | None:
        return self.times.get(target_name)

    def windows(self, account_id: str) -> tuple[Window, ...]:
        return self.quota.get(account_id, ())

    def affinity(self, session: str, provider_id: str, now: float) -> str | None:
        return self.warm.get((session, provider_id))


def provider(name: str, *models: str | Model, **more: Any) -> Provider:
    listed = tuple(m if isinstance(m, Model) else Model(id=m) for m in models)
    given: dict[str, Any] = {"format": "openai_chat", "base_url": "http://127.0.0.1:1", "auth": Auth(scheme="bearer"), **more}
    return Provider(id=name, prefix=name, name=name.title(), models=listed, **given)


def priced(name: str, input: float, output: float, **more: Any) -> Model:
    return Model(id=name, price=Price(input=input, output=output, basis="list"), **more)


def sized(name: str, context: int) -> Model:
    return Model(id=name, limits=Limits(context=context))


def world(
    *providers: Provider, accounts: dict[str, int] | None = None, settings: dict[str, Any] | None = None, **routes: Any
) -> Snapshot:
    """An installation where each provider has one account, or as many as ``accounts`` says, named a-1, a-2, …"""
    counts = {p.id: 1 for p in providers} | (accounts or {})
    bare = Snapshot(
        catalogue=Catalogue(providers),
        settings=Settings.load(file=settings or {}),
        accounts={
            p: tuple(Account(id=f"{p}-{n}", provider=p, name=f"{n}") for n in range(1, count + 1)) for p, count in counts.items()
        },
        keys={},
        formats=frozenset({"openai_chat"}),
        schemes=frozenset({"bearer"}),
    )
    combos = [(name, name, table) for name, table in routes.pop("combos", {}).items()]
    return with_routes(bare, None, StoredRoutes(combos=combos, **routes))
