"""Providers, accounts, nodes and models as the admin API shows them."""

from __future__ import annotations

from typing import Any, Literal

from omniroute.admin.shapes.basis import Shape
from omniroute.admin.shapes.logins import Login
from omniroute.catalog.account import AccountLimits
from omniroute.catalog.schema import Tier


class CatalogueModel(Shape):
    """A model, ``id`` as clients ask for it. ``context`` and ``output`` in tokens, prices in USD per million tokens; null: not
    known."""

    id: str
    provider: str
    model: str
    name: str
    kind: str
    connected: bool
    status: str | None
    context: int | None
    output: int | None
    tools: bool | None
    vision: bool | None
    reasoning: bool | None
    input_price: float | None
    output_price: float | None
    price_basis: str


class Provider(Shape):
    """A provider of the catalogue, or a node. ``accounts`` and ``models`` are counts; connecting takes ``url_vars``."""

    id: str
    prefix: str
    aliases: list[str]
    name: str
    tier: Tier
    kinds: list[str]
    format: str
    auth: str
    needs_key: bool
    env_keys: list[str]
    url_vars: list[str]
    website: str | None
    status: str | None
    origin: Literal["catalogue", "file", "database"]
    state: Literal["connected", "not connected", "not supported"]
    accounts: int
    models: int


class ProviderDetail(Provider):
    """With its models."""

    model_list: list[CatalogueModel]


class Account(Shape):
    """One way to pay a provider. ``tier`` is the one in force, ``own_tier`` what was said of this account; ``state``:
    ``connected``, ``failing``, ``sign in again``, ``terms not acknowledged``, ``disabled``, ``not supported`` or ``unknown
    provider``; ``label`` is what response headers say of it; ``secret_hint`` the masked credential, ``login`` the sign-in that
    stands in its place. Times in unix seconds."""

    id: str
    provider: str
    provider_name: str
    prefix: str
    name: str
    source: Literal["database", "environment", "file", "builtin"]
    enabled: bool
    priority: int
    url_vars: dict[str, str]
    limits: AccountLimits
    proxy: str | None
    tier: Tier | None
    own_tier: Tier | None
    label: str | None
    secret_hint: str | None
    login: Login | None
    state: str
    created_at: float | None
    last_test_at: float | None
    last_error: str | None
    read_only: bool


class AccountTest(Shape):
    """What one live request for one token brought. ``status`` is its HTTP status."""

    id: str
    ok: bool
    status: int
    message: str
    first_token_ms: float | None
    model: str | None


class Node(Shape):
    """An upstream of the operator's own, behind ``prefix``. Values of ``headers`` are masked; ``timeouts`` in seconds."""

    id: str
    prefix: str
    name: str
    format: str
    base_url: str
    headers: dict[str, str]
    models: list[str]
    tier: Tier
    timeouts: dict[str, float]
    resilience: bool
    proxy: str | None
    transport: str
    has_secret: bool
    source: Literal["database", "file"]
    read_only: bool
    created_at: float | None
    updated_at: float | None


class DeletedModel(Shape):
    provider: str
    model_id: str
    deleted: bool


class RoutedAccount(Shape):
    """An account where its provider's routing is looked at; ``tier`` is the one in force, ``own_tier`` what was said of this
    account (null: the provider's), empty ``models`` mean all; ``editable``: it is in the store."""

    id: str
    name: str
    priority: int
    tier: Tier
    own_tier: Tier | None
    editable: bool
    models: list[str]


class RoutedProvider(Shape):
    """How a connected provider is routed to; ``strategy`` null means the setting's, ``options`` are values of its fields."""

    id: str
    name: str
    tier: Tier
    strategy: str | None
    options: dict[str, Any]
    source: Literal["catalogue", "file", "database"]
    read_only: bool
    accounts: list[RoutedAccount]


class AccountRouting(Shape):
    id: str
    provider: str
    tier: Tier | None
    models: list[str]
