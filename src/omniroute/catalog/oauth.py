"""How people sign in at a provider: the ``[oauth]`` table of provider.toml."""

from __future__ import annotations

from typing import Literal

import msgspec

Flow = Literal["code", "device", "device_json", "aws_sso", "import"]
System = Literal["linux", "macos", "windows"]


class LoginFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a program that is installed here keeps its own login of the provider. It is only ever read.

    ``path`` may begin with ``~`` and hold ``{VARIABLE}`` of the environment; ``systems``: only there (empty = everywhere).
    ``folder_env``: a variable that, when set, replaces the folder of ``path``. ``fields``: our field → JSON pointer (``json``)
    or key of the ``ItemTable`` (``sqlite``). Our fields are ``access``, ``refresh``, ``id_token``, ``expires_at`` (unix seconds,
    milliseconds or ISO 8601), ``client_id``, ``client_secret``; any other is a fact. ``beside``: further files that complete it;
    their paths may also hold ``{field}`` of what was read before.
    """

    path: str
    kind: Literal["json", "sqlite"] = "json"
    fields: dict[str, str] = {}
    systems: tuple[System, ...] = ()
    folder_env: str | None = None
    beside: tuple[LoginFile, ...] = ()


class OAuth(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One way to sign in: ``flow`` names a module of ``upstream/login``; ``more`` are further ways, with tables of their own.

    Texts in URLs, ``params``, ``headers`` and the ``…_extra`` tables may hold ``{placeholders}``: what the person chose
    (``options``, with ``defaults``), facts of the login, ``{client_id}``, ``{redirect_uri}``, ``{state}``, ``{machine_id}``,
    ``{device_name}`` and ``{device_model}``.

    ``key_url``: where what signs calls is fetched, if that is not the access token.
    ``client_id`` is public; a secret comes from the variable ``client_secret_env`` only. ``client_auth``: where both are said at
    the token endpoint (``basic``: in the header as well as in the body).
    ``redirect_host``, ``redirect_port`` (None = any free one) and ``redirect_path`` make the loopback address that is registered;
    ``redirect_param`` is its name when asking for a code. ``redirect_uri``: a fixed one that no listener of ours can serve;
    ``paste_redirect``: a page of the vendor that shows the code. Both are pasted.
    ``code_holds_tokens``: the code may be the tokens themselves, as base64 of JSON.
    ``unwrap``: the member of the replies that holds what counts. ``facts``: fact → JSON pointer into a token reply; of a fact
    whose name ends in ``_url`` the host is kept.
    ``refresh_fields``: how the fields of a refresh are spelled. ``rotates``: a refresh token serves once (None = not known).
    ``renews``: what keeps a login alive: its refresh token, only the ``after`` steps once more, or nothing.
    ``lead``: seconds before the end at which it is renewed; jitter is added, and it is never more than half of the lifetime.
    ``after``: words of ``upstream/login/after``, what is asked once the tokens are there; ``metadata``: what those steps tell of
    the program that asks.
    """

    flow: Flow
    more: tuple[OAuth, ...] = ()
    authorize_url: str | None = None
    token_url: str | None = None
    refresh_url: str | None = None
    device_url: str | None = None
    register_url: str | None = None
    userinfo_url: str | None = None
    key_url: str | None = None
    client_id: str | None = None
    client_id_env: str | None = None
    client_secret_env: str | None = None
    client_auth: Literal["body", "basic"] = "body"
    scopes: tuple[str, ...] = ()
    redirect_host: str = "localhost"
    redirect_port: int | None = None
    redirect_path: str = "/callback"
    redirect_param: str = "redirect_uri"
    redirect_uri: str | None = None
    paste_redirect: str | None = None
    pkce: bool = False
    params: dict[str, str] = {}
    options: tuple[str, ...] = ()
    defaults: dict[str, str] = {}
    token_body: Literal["form", "json"] = "form"
    token_extra: dict[str, str] = {}
    code_holds_tokens: bool = False
    headers: dict[str, str] = {}
    unwrap: str | None = None
    facts: dict[str, str] = {}
    metadata: dict[str, str] = {}
    refresh_body: Literal["form", "json"] = "form"
    refresh_fields: Literal["snake", "camel"] = "snake"
    refresh_extra: dict[str, str] = {}
    rotates: bool | None = None
    renews: Literal["token", "after", "none"] = "token"
    lead: float = 300.0
    after: tuple[str, ...] = ()
    files: tuple[LoginFile, ...] = ()

    def __post_init__(self) -> None:
        needed = {
            "code": ("authorize_url", "token_url"),
            "device": ("device_url", "token_url"),
            "device_json": ("device_url", "token_url"),
            "aws_sso": ("register_url", "device_url", "token_url"),
            "import": (),
        }[self.flow]
        missing = [name for name in needed if getattr(self, name) is None]
        if missing:
            raise ValueError(f"the flow {self.flow} needs {', '.join(missing)}")
        if any(way.more for way in self.more) or any(way.flow == self.flow for way in self.more):
            raise ValueError("more lists other flows, each once and without more of its own")
        if self.lead < 0:
            raise ValueError("lead is negative")

    def ways(self) -> tuple[OAuth, ...]:
        """This one and the others."""
        return (self, *self.more)

    def way(self, flow: str) -> OAuth | None:
        """The one of that flow; None when the provider has none."""
        return next((way for way in self.ways() if way.flow == flow), None)
