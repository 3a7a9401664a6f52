"""An account: one way to pay a provider, with the credential that proves it."""

from __future__ import annotations

from typing import Literal

import msgspec

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


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """``source`` says who manages it: the database, the environment, the config file, or the product itself (builtin).

    ``priority``: lower is tried first. ``url_vars`` fill ``{placeholders}`` of the provider's URLs.
    """

    id: str
    provider: str
    name: str
    secret: Secret | None = None
    source: Literal["database", "environment", "file", "builtin"] = "database"
    enabled: bool = True
    priority: int = 100
    url_vars: dict[str, str] = {}
