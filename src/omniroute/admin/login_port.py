"""What the admin API needs of the logins: the composition root hands in the real ones."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import msgspec

Method = Literal["browser", "paste", "device", "import"]


class LoginProvider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider that people sign in at. ``options`` may be given to ``begin``, ``defaults`` are what they are otherwise.

    ``missing_env``: variables without which nothing can be begun. ``terms`` must be acknowledged first.
    """

    provider: str
    name: str
    flows: tuple[str, ...]
    methods: tuple[Method, ...]
    options: tuple[str, ...] = ()
    defaults: dict[str, str] = {}
    missing_env: tuple[str, ...] = ()
    terms: str | None = None
    acknowledged: bool = True


class LoginSession(msgspec.Struct, frozen=True, kw_only=True):
    """A login that was begun: ``url`` is to be opened (browser, paste), or ``user_code`` to be entered at ``verification_uri``.

    ``redirect_uri``: where the browser comes back to, loopback for ``browser``. ``interval``: seconds between two questions
    (device); ``expires_at``: unix seconds.
    """

    id: str
    provider: str
    method: Method
    expires_at: float
    url: str | None = None
    redirect_uri: str | None = None
    user_code: str | None = None
    verification_uri: str | None = None
    verification_uri_complete: str | None = None
    interval: float | None = None


class LoginStatus(msgspec.Struct, frozen=True, kw_only=True):
    """``reason``: why it failed. ``next_poll_at``: when the server asks again (device)."""

    state: Literal["pending", "done", "failed"]
    account_id: str | None = None
    reason: str | None = None
    next_poll_at: float | None = None


class Importable(msgspec.Struct, frozen=True, kw_only=True):
    """A login that another program keeps on this machine. ``source`` names it to ``import_file``."""

    provider: str
    source: str
    path: str
    label: str | None = None
    expires_at: float | None = None


class LoginView(msgspec.Struct, frozen=True, kw_only=True):
    """What may be shown of an account's login; nothing of it is secret. Times are unix seconds."""

    account_id: str
    provider: str
    method: str
    email: str | None = None
    plan: str | None = None
    expires_at: float | None = None
    created_at: float | None = None
    refreshed_at: float | None = None
    problem: str | None = None
    renews: bool = True
    facts: dict[str, str] = {}


class Logins(Protocol):
    """``owner``: the admin session (or ``cli``) a login is bound to; another owner finds it missing. LoginRefused, NotFound,
    BadRequest and Conflict say what is wrong in a sentence."""

    def providers(self) -> list[LoginProvider]: ...
    async def begin(
        self, provider: str, method: Method, *, owner: str, options: dict[str, str] | None = None
    ) -> LoginSession: ...
    async def status(self, session_id: str, owner: str) -> LoginStatus: ...
    async def submit(self, session_id: str, owner: str, text: str) -> str: ...
    async def cancel(self, session_id: str, owner: str) -> None: ...
    async def import_tokens(self, provider: str, fields: dict[str, Any], *, source: str = "pasted") -> str: ...
    async def importable(self, provider: str | None = None) -> list[Importable]: ...
    async def import_file(self, provider: str, source: str) -> str: ...
    async def acknowledge(self, provider: str) -> None: ...
    async def refresh(self, account_id: str) -> LoginView: ...
    def describe(self, account_id: str) -> LoginView | None: ...
