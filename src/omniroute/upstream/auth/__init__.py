"""One module per way of signing a call, each with a ``SCHEME``.

A provider names its scheme in its data; a scheme that is not registered makes the provider visible but not usable.
"""

from __future__ import annotations

from functools import cache
from typing import Protocol

from omniroute.catalog.account import Account
from omniroute.catalog.schema import Auth
from omniroute.core.errors import Fault, Scope, Verdict
from omniroute.core.registry import Registry
from omniroute.upstream.call import Headers

__all__ = ["Scheme", "credential", "registry", "usable"]


class Scheme(Protocol):
    """Puts an account's credential into a call. ``lasting``: it puts the same into each, whatever the time and the call."""

    name: str
    lasting: bool

    def sign(self, headers: Headers, url: str, account: Account, auth: Auth) -> str:
        """Add what proves the account to ``headers`` and give back the URL (changed only by schemes that sign there).

        Without a credential: nothing is added when ``auth.optional``, otherwise a Fault of kind ``auth``.
        """
        ...


@cache
def registry() -> Registry[Scheme]:
    """All schemes, imported once on first use."""
    from omniroute.upstream import auth

    return Registry.of_package("auth scheme", auth, "SCHEME")


def usable(auth: Auth) -> bool:
    """Whether calls to a provider with this ``auth`` can be signed."""
    return auth.scheme in registry()


def credential(account: Account, auth: Auth) -> str | None:
    """The account's secret without surrounding blanks (files end in a newline); None where none is needed and none is there."""
    value = account.secret.reveal().strip() if account.secret is not None else ""
    if value:
        return value
    if auth.optional:
        return None
    raise Fault(
        f"the account {account.name!r} of provider {account.provider!r} has no credential",
        kind="auth",
        http_status=401,
        error_code="missing_credential",
        scope=Scope.ACCOUNT,
        verdict=Verdict.NEXT_ACCOUNT,
    )
