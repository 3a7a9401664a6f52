"""Sign-ins at providers as the admin API shows them. No shape here has room for a token."""

from __future__ import annotations

from typing import Literal

from omniroute.admin.shapes.basis import Shape

Method = Literal["browser", "paste", "device", "import"]


class LoginProvider(Shape):
    """A provider that people sign in at. ``options`` may be given when beginning, ``defaults`` are what they are otherwise.
    ``missing_env``: variables without which nothing can be begun. ``terms``: what must be ``acknowledged`` first. ``accounts``:
    how many are in use; ``takes_key``: an API key will do as well."""

    provider: str
    prefix: str
    name: str
    accounts: int
    takes_key: bool
    flows: list[str]
    methods: list[Method]
    options: list[str]
    defaults: dict[str, str]
    missing_env: list[str]
    terms: str | None
    acknowledged: bool


class LoginSession(Shape):
    """A sign-in that was begun. ``url`` is to be opened (browser, paste), or ``user_code`` to be entered at
    ``verification_uri`` (device). ``redirect_uri``: where the browser will be sent. ``interval``: seconds between two questions;
    ``expires_at``: unix seconds."""

    id: str
    provider: str
    method: Method
    expires_at: float
    url: str | None
    redirect_uri: str | None
    user_code: str | None
    verification_uri: str | None
    verification_uri_complete: str | None
    interval: float | None


class LoginStatus(Shape):
    """How far a sign-in is. ``reason``: why it failed; ``next_poll_at``: when the provider is asked again (unix seconds)."""

    state: Literal["pending", "done", "failed"]
    account_id: str | None
    reason: str | None
    next_poll_at: float | None


class Importable(Shape):
    """A sign-in of another program on this machine. ``source`` names it when importing; ``label``: whose it is."""

    provider: str
    source: str
    path: str
    label: str | None
    expires_at: float | None


class Login(Shape):
    """What an account's sign-in is like. ``plan``: the provider's word; ``problem``: why somebody must sign in again; ``renews``:
    it is renewed before it ends; ``facts``: what else the provider said, none of it secret. Times in unix seconds."""

    account_id: str
    provider: str
    method: str
    email: str | None
    plan: str | None
    expires_at: float | None
    created_at: float | None
    refreshed_at: float | None
    problem: str | None
    renews: bool
    facts: dict[str, str]


class SignedIn(Shape):
    """The account that a sign-in made, or brought back."""

    account_id: str
    login: Login | None


class Cancelled(Shape):
    """The sign-in is over."""

    id: str
    cancelled: bool


class Acknowledged(Shape):
    """The provider's notice was read; sign-ins may be begun."""

    provider: str
    acknowledged: bool


class TokenHealth(Login):
    """A sign-in with a word for its state: ``ok``, ``expiring`` (soon, and nothing renews it), ``expired`` or ``problem``."""

    name: str
    state: Literal["ok", "expiring", "expired", "problem"]
    expires_in: float | None


class TokenHealthReport(Shape):
    """Every sign-in, those that need somebody first. Counts by state."""

    data: list[TokenHealth]
    next_cursor: None
    ok: int
    expiring: int
    expired: int
    problem: int
