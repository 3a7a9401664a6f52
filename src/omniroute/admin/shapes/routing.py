"""Combos, aliases, chains, quotas and obstacles as the admin API shows them."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from omniroute.admin.shapes.basis import Shape
from omniroute.admin.shapes.operating import Setting
from omniroute.catalog.account import AccountLimits
from omniroute.catalog.schema import Tier
from omniroute.routing.combo import Step
from omniroute.routing.limits import Rate
from omniroute.routing.preview import Row
from omniroute.routing.quota import Source as WindowSource
from omniroute.routing.strategies import Field

Source = Literal["stored", "file", "builtin"]


class Combo(Shape):
    """Several models behind one name. ``strategy`` null means the setting's; ``timeout`` in seconds to the first token;
    ``proxy``: outbound proxy of its calls, or ``direct``; ``problems`` are sentences about steps that lead nowhere."""

    id: str
    name: str
    strategy: str | None
    options: dict[str, Any]
    steps: list[Step | str]
    fallback: list[Step | str]
    timeout: float | None
    retries: int | None
    proxy: str | None
    source: Source
    read_only: bool
    problems: list[str]


class ComboChange(Shape):
    """What is left out stays; null takes a value away."""

    name: str | UnsetType = UNSET
    steps: list[Any] | UnsetType = UNSET
    strategy: str | UnsetType | None = UNSET
    options: dict[str, Any] | UnsetType | None = UNSET
    fallback: list[Any] | UnsetType | None = UNSET
    timeout: float | UnsetType | None = UNSET
    retries: int | UnsetType | None = UNSET


class Strategy(Shape):
    """A way to put candidates in order. ``affine``: conversations stay where their prompt cache is warm."""

    name: str
    help: str
    affine: bool
    fields: list[Field]


class AliasEntry(Shape):
    """Another name for a model or a combo."""

    alias: str
    target: str
    source: Source
    read_only: bool
    problems: list[str]


class DeletedAlias(Shape):
    alias: str
    deleted: bool


class ChainEntry(Shape):
    """What else to try for the models that ``model`` (a name or a pattern) names."""

    model: str
    steps: list[Step]
    source: Source
    read_only: bool
    problems: list[str]


class DeletedChain(Shape):
    model: str
    deleted: bool


class LeftOut(Shape):
    step: str
    reason: str


class DryRun(Shape):
    """Who would be asked now, in order. ``kind`` and ``decision``: how the name was understood; ``outcome``: what the client
    would be told if nobody could answer."""

    model: str
    kind: str
    decision: str
    rows: list[Row]
    left_out: list[LeftOut]
    outcome: str | None


class QuotaWindow(Shape):
    """One window of a quota. ``used``, ``expected`` (by now, if it were spread evenly) and ``surplus`` (what would expire unused)
    are shares 0 to 1; ``used_units`` and ``limit`` in the provider's own unit; ``age`` and ``length`` in seconds; the other times
    in unix seconds."""

    name: str
    model: str | None
    used: float
    used_units: float | None
    limit: float | None
    resets_at: float | None
    length: float | None
    source: WindowSource
    seen_at: float
    age: float
    expected: float | None
    exhausts_at: float | None
    surplus: float | None
    state: Literal["open", "reserve", "exhausted"]


class Question(Shape):
    """How asking the account's provider went: when it was asked and when it told, when it may be asked again, and why it did not
    tell. Unix seconds; null = not yet."""

    asked_at: float | None
    told_at: float | None
    due_at: float | None
    problem: str | None


class Quota(Shape):
    """An account with its windows; ``reserve``: the share of each that is kept for other uses; ``question`` is null where the
    provider cannot be asked."""

    id: str
    provider: str
    name: str
    label: str
    tier: Tier
    reserve: float
    windows: list[QuotaWindow]
    question: Question | None


class RateLimits(Shape):
    """Limits of an account and what is under way. ``next_in``: seconds until the next request may begin; 0 = now, null = when one
    under way ends."""

    id: str
    provider: str
    name: str
    label: str
    limits: AccountLimits
    reported: list[Rate]
    in_flight: int
    waiting: int
    next_in: float | None


class Cooldown(Shape):
    """An account, or one ``model`` of it, that is left alone ``until`` (unix seconds; null: until it is mended). Of accounts
    that are gone only the id is left. ``reason``: the class of the fault; ``stated``: the provider named the time;
    ``next_probe_at``: when one request may look whether it still holds."""

    id: str
    provider: str | None
    name: str | None
    label: str | None
    model: str | None
    reason: str
    since: float
    until: float | None
    active: bool
    stated: bool
    next_probe_at: float | None


class Breaker(Shape):
    """``failures`` of late, of ``threshold`` that open it; ``opened``: how often in a row."""

    provider: str
    state: Literal["closed", "open", "half_open"]
    until: float | None
    failures: int
    opened: int
    threshold: int | None


class Line(Shape):
    """Who waits for an account."""

    id: str
    provider: str | None
    name: str | None
    label: str | None
    waiting: int
    clients: int
    most: int


class Resilience(Shape):
    """What stands in the way of requests now, and the settings behind it."""

    settings: list[Setting]
    cooldowns: list[Cooldown]
    breakers: list[Breaker]
    queue: list[Line]
    in_flight: int
    sessions: int


class Reset(Shape):
    """``unlocked``: how many things were held against ``scope``."""

    scope: str
    unlocked: int


class NamedAccount(Shape):
    id: str
    provider: str | None
    name: str | None
    label: str | None


class WarmSession(Shape):
    """A conversation that stays with an account while its prompt cache is warm."""

    session: str
    provider: str
    account: NamedAccount
    until: float
