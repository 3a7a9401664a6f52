"""Signing in at providers: begin, come back, import, renew. Tokens stay behind ``services.logins``; no answer holds one."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from omniroute.admin.login_port import LoginProvider, Logins, LoginView, Method
from omniroute.admin.request import AdminRequest, Answer, listing
from omniroute.admin.routes import Route
from omniroute.admin.shapes import logins as shapes
from omniroute.admin.shapes.basis import Listing
from omniroute.core.errors import BadRequest, Conflict, Fault, NotFound, Unavailable
from omniroute.core.settings import suggestion
from omniroute.operations.installed_logins import login_in

_SOON = 24 * 3600.0
_MAX_TEXT = 32 * 1024
_STATES = ("problem", "expired", "expiring", "ok")


class BeginBody(msgspec.Struct, forbid_unknown_fields=True):
    """``method``: ``browser`` comes back to a listener on this machine, ``paste`` wants the address or code submitted.
    ``options``: values for the provider's options."""

    method: Method = "browser"
    options: dict[str, str] = {}


class DeviceBody(msgspec.Struct, forbid_unknown_fields=True):
    """``options``: values for the provider's options."""

    options: dict[str, str] = {}


class ExchangeBody(msgspec.Struct, forbid_unknown_fields=True):
    """``session``: id of the sign-in; ``text``: the address the browser ended up at, or the code that the provider showed."""

    session: str
    text: str


class PollBody(msgspec.Struct, forbid_unknown_fields=True):
    """``session``: id of the sign-in."""

    session: str


class ImportBody(msgspec.Struct, forbid_unknown_fields=True):
    """One of three. ``source``: of an importable sign-in on this machine. ``text``: what such a file holds, or a bare token.
    ``tokens``: ``access``, ``refresh`` and whatever else the provider needs."""

    source: str | None = None
    text: str | None = None
    tokens: dict[str, str] = {}


class OfProvider(msgspec.Struct, kw_only=True):
    """``provider``: only this one's, by id or prefix."""

    provider: str | None = None


async def list_login_providers(request: AdminRequest) -> Answer:
    """Every provider that people sign in at, the ways to do so, and what stands in the way."""
    return listing([_provider_view(request, provider) for provider in _logins(request).providers()])


async def begin_login(request: AdminRequest) -> Answer:
    """Begin a sign-in with the browser. It belongs to who began it, works once, and ends after some minutes."""
    body = request.decode(BeginBody)
    return await _begin(request, body.method, body.options)


async def begin_device_login(request: AdminRequest) -> Answer:
    """Begin a sign-in with a code that is entered on any device. The server asks for its end; poll how far it is."""
    return await _begin(request, "device", request.decode(DeviceBody).options)


async def exchange(request: AdminRequest) -> Answer:
    """Finish a sign-in with the address that the browser ended up at, or with the code that was shown."""
    provider, body = _provider(request), request.decode(ExchangeBody)
    text = body.text.strip()
    if not text or len(text) > _MAX_TEXT:
        raise BadRequest("text is empty or too long: give the whole address, or the code", param="text")
    account_id = await _logins(request).submit(body.session, _owner(request), text)
    return await _signed_in(request, "login.exchange", provider, account_id)


async def poll(request: AdminRequest) -> Answer:
    """How far a sign-in is. Asking does not hurry the provider."""
    _provider(request)
    return await _status(request, request.decode(PollBody).session)


async def read_session(request: AdminRequest) -> Answer:
    """How far a sign-in is."""
    return await _status(request, request.params["id"])


async def cancel_session(request: AdminRequest) -> Answer:
    """Give a sign-in up: what comes back of it later is refused."""
    session_id = request.params["id"]
    await _logins(request).cancel(session_id, _owner(request))
    await _audit(request, "login.cancel", session_id)
    return Answer({"id": session_id, "cancelled": True})


async def import_login(request: AdminRequest) -> Answer:
    """Take over a sign-in of another program on this machine, or tokens that are given. Files are read, never changed."""
    provider, body = _provider(request), request.decode(ImportBody)
    if sum((body.source is not None, body.text is not None, bool(body.tokens))) != 1:
        raise BadRequest("give one of source, text and tokens", param="source")
    _wanted(provider, "import")
    logins = _logins(request)
    if body.source is not None:
        account_id = await logins.import_file(provider.provider, body.source)
    else:
        known = request.services.catalogue().by_id(provider.provider)
        fields = body.tokens if body.text is None or known is None else login_in(known, body.text)
        account_id = await logins.import_tokens(provider.provider, dict(fields))
    return await _signed_in(request, "login.import", provider, account_id, {"source": body.source or "given"})


async def list_importable(request: AdminRequest) -> Answer:
    """Sign-ins that other programs keep on this machine, where the catalogue says they do. Looking changes nothing."""
    word = request.query.get("provider")
    provider = None if word is None else _known(request, word).provider
    return listing([msgspec.to_builtins(found) for found in await _logins(request).importable(provider)])


async def acknowledge_terms(request: AdminRequest) -> Answer:
    """Say that the provider's notice was read. It is asked once."""
    provider = _provider(request)
    if provider.terms is None:
        raise BadRequest(f"{provider.name} has no notice to acknowledge")
    await _logins(request).acknowledge(provider.provider)
    await request.changed("login.terms", provider.provider)
    return Answer({"provider": provider.provider, "acknowledged": True})


async def refresh_login(request: AdminRequest) -> Answer:
    """Renew an account's sign-in now."""
    account_id = request.params["id"]
    await request.services.accounts.get(account_id)
    if _logins(request).describe(account_id) is None:
        raise Conflict("this account has no sign-in to renew: it uses a key", code="no_login")
    try:
        view = await _logins(request).refresh(account_id)
    except Fault as fault:  # its status is the provider's word to us: here, a 401 would say that the admin must log in
        raise Conflict(fault.message, code="login_refused") from None
    await _audit(request, "login.refresh", account_id)
    return Answer(msgspec.to_builtins(view))


async def read_token_health(request: AdminRequest) -> Answer:
    """Every sign-in and whether it needs somebody."""
    services, rows = request.services, []
    now = services.clock.now()
    for account in await services.accounts.list():
        view = _logins(request).describe(account.id)
        if view is not None:
            left = None if view.expires_at is None else round(view.expires_at - now, 1)
            rows.append(
                {**msgspec.to_builtins(view), "name": account.name, "state": _token_state(view, left), "expires_in": left}
            )
    rows.sort(key=lambda row: (_STATES.index(row["state"]), row["provider"], row["name"]))
    counts = {state: sum(row["state"] == state for row in rows) for state in _STATES}
    return Answer({"data": rows, "next_cursor": None, **counts})


def login_view(request: AdminRequest, account_id: str) -> dict[str, Any] | None:
    """What may be shown of an account's sign-in; None when it has none."""
    if request.services.logins is None:
        return None
    view = request.services.logins.describe(account_id)
    return None if view is None else msgspec.to_builtins(view)


def _logins(request: AdminRequest) -> Logins:
    if request.services.logins is None:
        raise Unavailable("this server signs in nowhere")
    return request.services.logins


def _known(request: AdminRequest, word: str) -> LoginProvider:
    """The provider of an id or prefix. NotFound when there is none, or nobody signs in there."""
    found = request.services.catalogue().by_prefix(word)
    providers = _logins(request).providers()
    for provider in providers:
        if provider.provider == (found.id if found is not None else word):
            return provider
    if found is not None:
        raise NotFound(f"nobody signs in at {found.name}: it takes an API key", code="no_login")
    hint = suggestion(word, [provider.provider for provider in providers])
    raise NotFound(f"there is no provider {word!r}{hint}", code="unknown_provider")


def _provider_view(request: AdminRequest, provider: LoginProvider) -> dict[str, Any]:
    known = request.services.catalogue().by_id(provider.provider)
    accounts = request.services.snapshot().accounts.get(provider.provider, ())
    return {
        **msgspec.to_builtins(provider),
        "prefix": provider.provider if known is None else known.prefix,
        "accounts": len(accounts),
        "takes_key": known is not None and bool(known.env_keys),
    }


def _provider(request: AdminRequest) -> LoginProvider:
    return _known(request, request.params["provider"])


def _wanted(provider: LoginProvider, method: Method) -> None:
    """Refuses what cannot work before anything is begun, with the next step in the sentence."""
    if method not in provider.methods:
        ways = " or ".join(provider.methods)
        raise BadRequest(f"{provider.name} has no sign-in by {method}; it has {ways}", param="method", code="no_such_method")
    if provider.terms is not None and not provider.acknowledged:
        raise Conflict(f"acknowledge this first: {provider.terms}", param="terms", code="terms_not_acknowledged")
    if provider.missing_env and method != "import":
        names = " and ".join(provider.missing_env)
        raise Conflict(
            f"{provider.name} needs {names}: set it in the environment of the server and start it again",
            param=provider.missing_env[0],
            code="client_secret_missing",
        )


def _owner(request: AdminRequest) -> str:
    """Who a sign-in belongs to: this admin session, or the command line. The cookie itself is kept nowhere."""
    if request.session is None:
        return request.actor
    return "session:" + hashlib.sha256(request.session.encode()).hexdigest()[:32]


async def _begin(request: AdminRequest, method: Method, options: dict[str, str]) -> Answer:
    provider = _provider(request)
    _wanted(provider, method)
    for name in options:
        if name not in provider.options:
            hint = suggestion(name, list(provider.options))
            raise BadRequest(f"{provider.name} has no option {name!r}{hint}", param=f"options.{name}")
    session = await _logins(request).begin(provider.provider, method, owner=_owner(request), options=options)
    await _audit(request, "login.begin", provider.provider, {"method": method, "session": session.id})
    return Answer(msgspec.to_builtins(session), 201)


async def _status(request: AdminRequest, session_id: str) -> Answer:
    return Answer(msgspec.to_builtins(await _logins(request).status(session_id, _owner(request))))


async def _signed_in(
    request: AdminRequest, action: str, provider: LoginProvider, account_id: str, detail: dict[str, Any] | None = None
) -> Answer:
    await _audit(request, action, account_id, {"provider": provider.provider, **(detail or {})})
    return Answer({"account_id": account_id, "login": login_view(request, account_id)}, 201)


async def _audit(request: AdminRequest, action: str, target: str, detail: dict[str, Any] | None = None) -> None:
    await request.services.audit.append(request.actor, action, target, {"address": request.address, **(detail or {})})


def _token_state(view: LoginView, left: float | None) -> str:
    if view.problem is not None:
        return "problem"
    if left is None or (view.renews and left > -_SOON):  # what renews itself is late only when it is late by a lot
        return "ok"
    return "expired" if left <= 0 else "expiring" if left <= _SOON else "ok"


ROUTES = (
    Route("GET", "/api/oauth/providers", list_login_providers, answer=Listing[shapes.LoginProvider]),
    Route("GET", "/api/oauth/importable", list_importable, query=OfProvider, answer=Listing[shapes.Importable]),
    Route("GET", "/api/oauth/sessions/{id}", read_session, answer=shapes.LoginStatus),
    Route("DELETE", "/api/oauth/sessions/{id}", cancel_session, answer=shapes.Cancelled),
    Route("POST", "/api/oauth/{provider}/authorize", begin_login, body=BeginBody, answer=shapes.LoginSession, statuses=(201,)),
    Route(
        "POST",
        "/api/oauth/{provider}/device-code",
        begin_device_login,
        body=DeviceBody,
        answer=shapes.LoginSession,
        statuses=(201,),
    ),
    Route("POST", "/api/oauth/{provider}/exchange", exchange, body=ExchangeBody, answer=shapes.SignedIn, statuses=(201,)),
    Route("POST", "/api/oauth/{provider}/poll", poll, body=PollBody, answer=shapes.LoginStatus),
    Route("POST", "/api/oauth/{provider}/import", import_login, body=ImportBody, answer=shapes.SignedIn, statuses=(201,)),
    Route("POST", "/api/oauth/{provider}/terms", acknowledge_terms, answer=shapes.Acknowledged),
    Route("POST", "/api/providers/{id}/refresh", refresh_login, answer=shapes.Login),
    Route("GET", "/api/token-health", read_token_health, answer=shapes.TokenHealthReport),
)
