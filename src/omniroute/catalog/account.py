"""An account: one way to pay a provider, with the credential that proves it."""

from __future__ import annotations

from typing import Literal

import msgspec

from omniroute.catalog.allowance import Allowance as Allowance
from omniroute.catalog.schema import Tier
from omniroute.core.redact import mask


class Secret:
    """A credential that does not print itself. ``reveal()`` is called where a request is signed or stored, nowhere else."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return f"Secret({mask(self._value)})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class AccountLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the operator allows an account; None or empty = no limit of ours.

    ``rpm``: requests begun within any minute; ``min_gap``: seconds between two of them; ``concurrency``: requests under way.
    ``models``: ids it may serve, a ``*`` at the end stands for anything. ``reserve``: the share of each quota (0..1) that is kept
    for other uses.
    """

    rpm: int | None = None
    min_gap: float | None = None
    concurrency: int | None = None
    models: tuple[str, ...] = ()
    reserve: float = 0.0
    allowances: tuple[Allowance, ...] = ()

    def __post_init__(self) -> None:
        if any(value is not None and value <= 0 for value in (self.rpm, self.min_gap, self.concurrency)):
            raise ValueError("rpm, min_gap and concurrency must be positive")
        if not 0 <= self.reserve < 1:
            raise ValueError("reserve must be at least 0 and below 1")

    def permits(self, model: str) -> bool:
        """``model`` may be served."""
        if not self.models:
            return True
        return any(model == word or (word.endswith("*") and model.startswith(word[:-1])) for word in self.models)


NO_LIMITS = AccountLimits()


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the login that an account's secret (an access token) belongs to; nothing of it is secret.

    ``expires_at``: unix seconds, None = it does not end by itself. ``generation`` grows with every renewal. ``facts`` fill
    placeholders of URLs, headers and bodies: ``account_id``, ``project``, ``profile_arn``, ``region``, ``resource_url``,
    ``email``, ``plan`` … ``problem``: why the account cannot be used until somebody signs in again, None = it can.
    """

    expires_at: float | None = None
    generation: int = 0
    facts: dict[str, str] = {}
    problem: str | None = None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """``source`` says who manages it: the database, the environment, the config file, the product itself (builtin), or nobody
    here (client: whoever asks is signed in by themselves).

    ``priority``: lower is tried first. ``url_vars`` fill ``{placeholders}`` of the provider's URLs. ``tier`` None means the
    provider's. ``proxy``: outbound proxy URL of its calls, or ``direct``. ``label`` is what clients may see of it: the same name
    every time, of which nobody learns anything else; empty = nothing. ``login``: the secret is a token that must be renewed.
    """

    id: str
    provider: str
    name: str
    secret: Secret | None = None
    source: Literal["database", "environment", "file", "builtin", "client"] = "database"
    enabled: bool = True
    priority: int = 1
    url_vars: dict[str, str] = {}
    tier: Tier | None = None
    limits: AccountLimits = NO_LIMITS
    proxy: Secret | None = None
    label: str = ""
    login: Login | None = None
