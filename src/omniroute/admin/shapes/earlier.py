"""What the paths of version 1 answer. They are views of what has a better place elsewhere."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from omniroute.admin.shapes.basis import Shape
from omniroute.admin.shapes.operating import Percentiles

FilterMode = Literal["off", "allowlist", "blocklist", "both"]
ThinkingMode = Literal["passthrough", "auto", "custom", "adaptive"]


class IpFilter(Shape):
    """Addresses and networks. ``mode`` says which of the lists has entries."""

    mode: FilterMode
    allowlist: list[str]
    blocklist: list[str]


class IpFilterChange(Struct, forbid_unknown_fields=True):
    """What is left out stays, but a ``mode`` empties the list that it does not use."""

    mode: FilterMode | UnsetType = UNSET
    allowlist: list[str] | UnsetType = UNSET
    blocklist: list[str] | UnsetType = UNSET


class ThinkingBudget(Shape):
    """``custom_budget`` in tokens; null: ``effort`` decides."""

    mode: ThinkingMode
    custom_budget: int | None
    effort: str


class ThinkingBudgetChange(Struct, forbid_unknown_fields=True):
    mode: ThinkingMode | UnsetType = UNSET
    custom_budget: int | UnsetType | None = UNSET
    effort: str | UnsetType = UNSET


class SystemPrompt(Shape):
    """The prompt that goes with every chat request."""

    enabled: bool
    prompt: str | None
    position: Literal["prepend", "append", "replace"]


class SystemPromptChange(Struct, forbid_unknown_fields=True):
    """``enabled`` false takes the prompt away."""

    enabled: bool | UnsetType = UNSET
    prompt: str | UnsetType | None = UNSET
    position: Literal["prepend", "append", "replace"] | UnsetType = UNSET


class OutboundProxies(Shape):
    """Proxies of calls to upstreams, passwords left out: the one for all, and those of providers and nodes by id."""

    proxy: str | None
    providers: dict[str, str]


class OutboundProxyChange(Struct, forbid_unknown_fields=True):
    """``proxy``: a URL (http, https, socks5), ``direct``, or null for what the environment says."""

    proxy: str | None


class LoginRequired(Shape):
    require_login: bool


class LoginRequiredChange(Struct, forbid_unknown_fields=True):
    require_login: bool


class ComboTest(Struct, forbid_unknown_fields=True):
    """``name`` of a combo (or any model)."""

    name: str
    stream: bool = False


class TargetLatency(Shape):
    """Tries at one target since the start; milliseconds."""

    provider: str
    model: str
    count: int
    errors: int
    total_ms: Percentiles
    ttft_ms: Percentiles


class ProviderMetrics(Shape):
    """What one provider did since the start of the ledger, or ``since``. ``success_rate`` null: nothing was asked of it."""

    provider: str
    requests: int
    attempts: int
    errors: int
    success_rate: float | None
    input_tokens: int
    output_tokens: int
    cost_usd: float
    shadow_cost_usd: float
    breaker: Literal["closed", "open", "half_open"]


class Validate(Struct, forbid_unknown_fields=True):
    """A credential to be tried; nothing of it is kept."""

    provider: str
    api_key: str
    url_vars: dict[str, str] = {}


class Validated(Shape):
    """What one live request for one token brought."""

    ok: bool
    status: int
    message: str
    first_token_ms: float | None
    model: str | None


class CacheState(Shape):
    """Answers kept for equal requests; ``bytes`` they take, ``replayed``: how often one was given again."""

    answers: int
    bytes: int
    replayed: int


class Forgotten(Shape):
    removed: int


class UnavailableModel(Shape):
    """A model that an account cannot be asked for at the moment."""

    provider: str | None
    model: str
    account: str
    reason: str
    until: float | None


class Unlock(Struct, forbid_unknown_fields=True):
    """``provider``: id or prefix."""

    provider: str
    model: str


class Unlocked(Shape):
    provider: str
    model: str
    unlocked: int
