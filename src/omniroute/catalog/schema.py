"""The frozen records of the catalogue: what the rest of the product reads. The shapes of the TOML files are in ``files``."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from omniroute.catalog.allowance import Allowance
from omniroute.catalog.conduct import OwnCredentials as OwnCredentials
from omniroute.catalog.conduct import PerCall as PerCall
from omniroute.catalog.oauth import LoginFile as LoginFile
from omniroute.catalog.oauth import OAuth as OAuth
from omniroute.ir.caps import Capabilities, Limits, Price, Quirks

Tier = Literal["subscription", "api_key", "cheap", "free"]
TransportName = Literal["standard", "browser"]
TIERS: tuple[Tier, ...] = ("subscription", "api_key", "cheap", "free")

Kind = Literal["chat", "embeddings", "images", "transcription", "speech", "moderation", "rerank"]
Status = Literal["active", "degraded", "retired", "local"]

ErrorClass = Literal[
    "rate_limit", "quota_exhausted", "billing", "auth", "permission", "account_suspended", "account_action_needed",
    "model_not_found", "bad_request", "context_overflow", "content_filter", "overloaded", "server_error", "transient",
    "network", "timeout", "empty_response", "edge_block", "provider_down", "misconfiguration", "upstream_error_in_200",
    "cancelled",
]  # fmt: skip
ErrorAction = Literal[
    "retry_same_then_next", "cooldown_account_model", "lock_model", "lock_account", "next_account", "next_target_no_cooldown",
    "refresh_then_retry", "disable_account_until_fixed", "return_to_client", "map_by_body_code", "stop",
]  # fmt: skip


class Auth(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a call is signed. ``scheme`` names a module of ``upstream/auth``; ``prefix`` is the word before the secret.

    ``optional``: the provider also answers without a credential. Of a login: ``token_prefix`` stands right before its token,
    ``headers`` (header → text with ``{fact}`` placeholders) and ``body`` (top-level field of the request body → fact) say what it
    adds to a call; where the fact is not known they are left out.
    """

    scheme: str
    header: str | None = None
    prefix: str | None = None
    optional: bool = False
    token_prefix: str | None = None
    headers: dict[str, str] = {}
    body: dict[str, str] = {}


class Timeouts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Seconds; None = the global setting. ``first_token`` runs from the sent request to the first useful event."""

    connect: float | None = None
    first_token: float | None = None
    between_tokens: float | None = None
    total: float | None = None


class LongContext(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Prices (USD per million tokens) that replace the usual ones when the input is longer than ``above`` tokens."""

    above: int
    input: float
    output: float


class Model(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model of one provider. ``id`` is what clients write after the prefix, ``upstream_id`` what is sent when that differs.

    ``units``: prices in USD per named unit where tokens are not the measure (``per_minute``, ``per_1m_chars``, …).
    ``effort``: reasoning effort the id stands for. ``format`` is set when the model speaks another one than its provider,
    ``formats`` are further ones it is served in: a client that speaks one of them is understood as it is.
    ``status``: None = served; ``deprecated``, ``beta``, or ``gone`` (no longer in the vendor's lists).
    """

    id: str
    name: str = ""
    kind: Kind = "chat"
    limits: Limits = Limits()
    capabilities: Capabilities = Capabilities()
    price: Price = Price()
    units: dict[str, float] = {}
    long_context: LongContext | None = None
    quirks: Quirks = Quirks()
    format: str | None = None
    formats: tuple[str, ...] = ()
    upstream_id: str | None = None
    effort: str | None = None
    dimensions: int | None = None
    sizes: tuple[str, ...] = ()
    status: str | None = None
    note: str | None = None


class Family(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Quirks of the models whose upstream id fits one of the patterns (``*``, ``?``, ``[…]``), listed or not."""

    match: tuple[str, ...]
    quirks: Quirks


class ErrorMatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """``status``: one, several, or a condition in words; ``body``: what distinguishes the answer, in words."""

    status: int | tuple[int, ...] | str
    body: str


class ErrorRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an error of an upstream means and what to do. ``reset_from``: where the reset time is read, first hit wins."""

    match: ErrorMatch
    kind: ErrorClass = msgspec.field(name="class")
    action: ErrorAction
    reset_from: tuple[str, ...] = ()
    default_cooldown_s: float | None = None
    note: str | None = None


Reset = Literal["midnight_utc", "midnight_pacific", "midnight_china", "next_month"]


class FaultRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An answer that the shared vocabulary of errors gets wrong, as the classifier evaluates it. All conditions given must hold:

    status    what was answered: one or several; 200 = an error inside a success
    code      machine words, any of which stands in the body (compared without case)
    text      phrases, any of which stands in the message (without case); needs a status
    has       a field that stands anywhere in the body
    headers   name → value; ``*`` stands for anything
    given     classes, one of which the shared vocabulary would say

    The consequence: the class ``kind`` (none = the shared one) and, where they differ from what the class implies, ``scope`` and
    ``verdict``; ``reset``: when the limit comes back if the answer does not say; ``cooldown``: seconds to leave it alone if that
    is not known either.
    """

    status: int | tuple[int, ...] = ()
    code: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    has: str | None = None
    headers: dict[str, str] = {}
    given: tuple[ErrorClass, ...] = ()
    kind: ErrorClass | None = None
    scope: Literal["request", "model", "account", "provider"] | None = None
    verdict: Literal["retry", "next_account", "next_target", "return"] | None = None
    reset: Reset | None = None
    cooldown: float | None = None

    def __post_init__(self) -> None:
        if not (self.statuses or self.code or self.headers or self.given):
            raise ValueError("a rule needs a status, code, header or given class")
        if self.text and not self.statuses:
            raise ValueError("text is believed only beside a status")
        if self.kind is None and not self.given:
            raise ValueError("a rule without a kind needs a given class")
        if self.cooldown is not None and self.cooldown <= 0:
            raise ValueError("cooldown must be positive")

    @property
    def statuses(self) -> tuple[int, ...]:
        return (self.status,) if isinstance(self.status, int) else self.status


class UsageEndpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a provider tells what is left of an account; ``fields`` describes the answer, ``reader`` names the module of
    ``upstream/usage`` that understands it (None: nobody asks yet).

    ``url``, the texts in ``headers`` and those in ``body`` may hold ``{token}`` and facts of the login; a header or member whose
    fact is not known is left out, an address that lacks one is not asked. ``token``: what ``{token}`` is, where what signs calls
    is not what the login gave: ``signing`` or ``login``.
    """

    method: Literal["GET", "POST"]
    url: str
    fields: str
    reader: str | None = None
    headers: dict[str, str] = {}
    body: dict[str, Any] = {}
    alternatives: tuple[str, ...] = ()
    token: Literal["signing", "login"] = "signing"


class Quota(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the provider meters. ``windows`` and ``reset`` are descriptions, ``response_headers`` names with their meaning.

    ``allowances`` are counted for accounts whose operator states none, since the provider says nothing of what is left.
    """

    windows: tuple[str, ...] = ()
    reset: str | None = None
    response_headers: tuple[str, ...] = ()
    usage_endpoint: UsageEndpoint | None = None
    allowances: tuple[Allowance, ...] = ()
    plans: str | None = None
    note: str | None = None


class Provider(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who answers. ``format`` is a name of ``translation.formats`` (or a wire of its own, not yet usable).

    ``paths`` hold ``chat``, ``chat_stream``, ``count_tokens``, ``models`` … relative to ``base_url`` unless absolute;
    ``chat_<format>`` is the same chat service in another format, signed by ``auth_by_format`` where that differs.
    ``url_vars`` are the ``{placeholders}`` an account fills, ``url_env`` the variables they are known by, ``url_defaults``
    what stands there when nobody says otherwise.
    ``origin``: the catalogue, or a node the operator added (database or config file).
    ``private``: loopback and private addresses are allowed.
    ``errors`` and ``error_profiles`` tell people what its errors mean; ``error_rules`` are what the classifier goes by, in order.
    ``resilience``: False switches retries, cooldowns, breakers and limits off.
    ``proxy``: outbound proxy URL of its calls (or ``direct``) where the account has none of its own.
    ``transport``: what carries its calls; ``browser`` looks like a web browser to the other side and needs the ``browser`` extra.
    ``strategy`` orders its accounts (None: the ``account_strategy`` setting), with ``options`` for that strategy's fields.
    ``oauth``: how people sign in. ``terms``: what they must have read and acknowledged before that; until then it is off.
    ``login_quirks``: quirks of calls that are signed by a login's token, on top of all others. ``per_call``: what each call says
    beside. ``own_credentials``: how its own clients show that they are signed in by themselves.
    """

    id: str
    prefix: str
    name: str
    format: str
    base_url: str
    auth: Auth
    auth_by_format: dict[str, Auth] = {}
    aliases: tuple[str, ...] = ()
    tier: Tier = "api_key"
    kinds: tuple[Kind, ...] = ("chat",)
    wire: str = "http"
    status: Status = "active"
    website: str | None = None
    base_url_fallbacks: tuple[str, ...] = ()
    base_url_alternatives: dict[str, str] = {}
    paths: dict[str, str] = {}
    headers: dict[str, str] = {}
    env_keys: tuple[str, ...] = ()
    url_vars: tuple[str, ...] = ()
    url_env: dict[str, str] = {}
    url_defaults: dict[str, str] = {}
    passthrough_models: bool = False
    quirks: Quirks = Quirks()
    families: tuple[Family, ...] = ()
    timeouts: Timeouts = Timeouts()
    models: tuple[Model, ...] = ()
    quota: Quota | None = None
    errors: tuple[ErrorRule, ...] = ()
    error_profiles: tuple[str, ...] = ()
    error_rules: tuple[FaultRule, ...] = ()
    origin: Literal["catalogue", "database", "file"] = "catalogue"
    private: bool = False
    resilience: bool = True
    proxy: str | None = None
    transport: TransportName = "standard"
    strategy: str | None = None
    options: dict[str, Any] = {}
    oauth: OAuth | None = None
    terms: str | None = None
    login_quirks: Quirks | None = None
    per_call: PerCall | None = None
    own_credentials: OwnCredentials | None = None
    notes: tuple[str, ...] = ()

    @property
    def carrier(self) -> str:
        """The wire whose transport carries its calls."""
        return self.transport if self.wire == "http" and self.transport != "standard" else self.wire

    def model(self, model_id: str) -> Model | None:
        """The listed model of that id, else None."""
        for model in self.models:
            if model.id == model_id:
                return model
        return None

    def prefixes(self) -> tuple[str, ...]:
        """Every word accepted before the slash of a model id."""
        return tuple(dict.fromkeys((self.prefix, self.id, *self.aliases)))

    def auth_for(self, format_name: str) -> Auth:
        """How a call in that format is signed."""
        return self.auth_by_format.get(format_name, self.auth)

    def chat_path(self, format_name: str, *, stream: bool) -> str | None:
        """Path of a chat call in that format, or None when the provider does not offer it."""
        base = "chat" if format_name == self.format else f"chat_{format_name}"
        return (self.paths.get(f"{base}_stream") if stream else None) or self.paths.get(base)
