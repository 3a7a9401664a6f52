"""The strict shapes of provider.toml and models.toml, and of the frozen records the rest of the product reads."""

from __future__ import annotations

from typing import Literal

import msgspec

from omniroute.ir.caps import Capabilities, Limits, Price, Quirks

Tier = Literal["subscription", "api_key", "cheap", "free"]
TIERS: tuple[Tier, ...] = ("subscription", "api_key", "cheap", "free")


class Auth(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a call is signed. ``scheme`` names a module of ``upstream/auth``; ``prefix`` stands before the secret.

    ``optional``: the provider also answers without a credential.
    """

    scheme: str
    header: str | None = None
    prefix: str | None = None
    optional: bool = False


class Timeouts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds; None = the global setting. ``first_token`` runs from the sent request to the first useful event."""

    connect: float | None = None
    first_token: float | None = None
    between_tokens: float | None = None
    total: float | None = None


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One model of one provider. ``id`` is what the upstream calls it."""

    id: str
    name: str = ""
    kind: str = "chat"
    limits: Limits = Limits()
    capabilities: Capabilities = Capabilities()
    price: Price = Price()
    quirks: Quirks = Quirks()
    format: str | None = None
    upstream_id: str | None = None
    status: str | None = None
    note: str | None = None


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers. ``format`` is a name of ``translation.formats`` (or a wire of its own, not yet usable); ``paths`` hold
    ``chat``, ``chat_stream``, ``count_tokens``, ``models`` … relative to ``base_url`` unless absolute.

    ``origin``: the catalogue, or a node the operator added (database or config file).
    ``private``: loopback and private addresses are allowed.
    ``resilience``: False switches retries, cooldowns, breakers and limits off.
    """

    id: str
    prefix: str
    name: str
    format: str
    base_url: str
    auth: Auth
    aliases: tuple[str, ...] = ()
    tier: Tier = "api_key"
    kinds: tuple[str, ...] = ("chat",)
    wire: str = "http"
    status: str = "active"
    website: str | None = None
    paths: dict[str, str] = {}
    headers: dict[str, str] = {}
    env_keys: tuple[str, ...] = ()
    url_vars: tuple[str, ...] = ()
    passthrough_models: bool = False
    quirks: Quirks = Quirks()
    timeouts: Timeouts = Timeouts()
    models: tuple[Model, ...] = ()
    origin: Literal["catalogue", "database", "file"] = "catalogue"
    private: bool = False
    resilience: bool = True
    notes: tuple[str, ...] = ()

    def model(self, model_id: str) -> Model | None:
        """The listed model of that id, else None."""
        for model in self.models:
            if model.id == model_id:
                return model
        return None

    def prefixes(self) -> tuple[str, ...]:
        """Every word accepted before the slash of a model id."""
        return tuple(dict.fromkeys((self.prefix, self.id, *self.aliases)))
