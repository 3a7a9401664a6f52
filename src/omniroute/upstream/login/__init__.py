"""Signing in at providers: the flows, the exchange and renewal of tokens, and what is asked once they are there.

Nothing here keeps anything: the server stores what comes out, and nobody else sees a refresh token.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from omniroute.core.errors import RequestError

__all__ = ["Client", "LoginRefused", "Tokens"]


class LoginRefused(RequestError):
    """A login or a renewal did not work. ``final``: trying again cannot help, somebody must sign in (again).

    ``retry_after``: seconds the other side asked to be left alone.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "login_refused"

    def __init__(self, reason: str, *, final: bool = True, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final
        self.retry_after = retry_after


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A client registered for one login. ``expires_at``: unix seconds of the registration's end."""

    id: str
    secret: str | None = None
    expires_at: float | None = None

    def __repr__(self) -> str:
        return f"Client(id={self.id!r})"


class Tokens(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a login is worth; everything but ``facts`` and ``expires_at`` is secret and stays sealed in the store.

    ``access`` is the access token, ``key`` what signs calls where that is another one; ``expires_at`` (unix seconds) the end of
    what signs. ``client``: registered for this login only. ``pending``: the steps after the exchange have yet to be taken.
    """

    access: str
    refresh: str | None = None
    expires_at: float | None = None
    id_token: str | None = None
    key: str | None = None
    client: Client | None = None
    facts: dict[str, str] = {}
    pending: bool = False

    def __repr__(self) -> str:
        return f"Tokens(expires_at={self.expires_at!r}, pending={self.pending!r})"

    @property
    def signs(self) -> str:
        """What proves the account in a call."""
        return self.key or self.access
