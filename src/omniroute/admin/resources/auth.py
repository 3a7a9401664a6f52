"""First password, login, logout, change of password."""

from __future__ import annotations

from typing import Any

import msgspec

from omniroute import __version__
from omniroute.admin.request import AdminRequest, Answer
from omniroute.admin.routes import Route
from omniroute.admin.sessions import clear_cookie, set_cookie
from omniroute.admin.shapes.operating import Init, LoggedOut, PasswordChanged, SessionOpened
from omniroute.core.errors import BadRequest, Conflict, Forbidden, Unauthorized
from omniroute.routing.offer import usable_models
from omniroute.routing.snapshot import Snapshot


class PasswordBody(msgspec.Struct, forbid_unknown_fields=True):
    password: str


class ChangeBody(msgspec.Struct, forbid_unknown_fields=True):
    new_password: str
    current_password: str | None = None


async def read_init(request: AdminRequest) -> Answer:
    """What a first visit must know: is a password set, may this caller set it, where is the endpoint."""
    services = request.services
    exists = await services.password.exists()
    base = (services.settings().base_url or f"{'https' if request.secure else 'http'}://{request.host}").rstrip("/")
    facts: dict[str, Any] = {
        "setup_required": not exists,
        "can_set_password": not exists and request.local,
        "authenticated": request.actor != "anonymous",
        "endpoint": f"{base}/v1",
        "api_key_required": services.settings().require_api_key,
        "example_model": _example_model(services.snapshot()),
        "version": __version__,
    }
    return Answer(facts)


async def first_password(request: AdminRequest) -> Answer:
    """Set the first password: only while none exists, and only from this machine."""
    services = request.services
    if await services.password.exists():
        raise Conflict(
            "an admin password is already set: log in and change it, or run 'omniroute reset-password'", code="already_set_up"
        )
    if not request.local:
        raise Forbidden(
            "the first password can be set on this machine only: open http://localhost there, run 'omniroute reset-password', "
            "or start with INITIAL_PASSWORD",
            code="not_local",
        )
    body = request.decode(PasswordBody)
    services.attempts.take(request.address)
    if not await services.password.set(body.password, only_first=True):
        raise Conflict("another request has just set the admin password: log in", code="already_set_up")
    await request.changed("password.set", "admin")
    return await _open_session(request, 201)


async def login(request: AdminRequest) -> Answer:
    """Exchange the password for a session cookie. Attempts are limited per address."""
    services = request.services
    body = request.decode(PasswordBody)
    if not await services.password.exists():
        raise Unauthorized("no admin password is set yet: open the dashboard on this machine and set one", code="setup_required")
    services.attempts.take(request.address)
    if not await services.password.verify(body.password):
        await services.audit.append("anonymous", "login.refused", "admin", {"address": request.address})
        raise Unauthorized("the password is wrong", code="wrong_password")
    services.attempts.forgive(request.address)
    await services.audit.append("admin", "login", "admin", {"address": request.address})
    return await _open_session(request, 200)


async def logout(request: AdminRequest) -> Answer:
    """End the session for good, not only in this browser."""
    if request.session is not None:
        request.services.sessions.revoke(request.session)
        await request.services.audit.append(request.actor, "logout", "admin", {"address": request.address})
    return Answer({"authenticated": False}, cookies=(clear_cookie(secure=request.secure),))


async def change_password(request: AdminRequest) -> Answer:
    """Set another password, which ends every session. A logged-in caller must give the present one."""
    services = request.services
    body = request.decode(ChangeBody)
    if request.actor == "admin":
        if body.current_password is None:
            raise BadRequest("give the present password as current_password", param="current_password")
        services.attempts.take(request.address)
        if not await services.password.verify(body.current_password):
            raise Forbidden("the present password is wrong", param="current_password", code="wrong_password")
        services.attempts.forgive(request.address)
    await services.password.set(body.new_password)
    await request.changed("password.change", "admin")
    return await _open_session(request, 200) if request.actor == "admin" else Answer({"changed": True})


async def _open_session(request: AdminRequest, status: int) -> Answer:
    sessions = request.services.sessions
    value = sessions.open(await request.services.password.generation())
    cookie = set_cookie(value, secure=request.secure, max_age=sessions.lifetime)
    return Answer({"authenticated": True, "expires_in": sessions.lifetime}, status, cookies=(cookie,))


def _example_model(snapshot: Snapshot) -> str:
    """A model that will answer: a built-in one if there is one, since it costs nothing."""
    usable = usable_models(snapshot)
    free = [(p, m) for p, m in usable if any(a.source == "builtin" for a in snapshot.accounts.get(p.id, ()))]
    for provider, model in free or usable:
        return f"{provider.prefix}/{model.id}"
    return "provider/model"


ROUTES = (
    Route("GET", "/api/init", read_init, public=True, answer=Init),
    Route("POST", "/api/init", first_password, public=True, body=PasswordBody, answer=SessionOpened, statuses=(201,)),
    Route("POST", "/api/auth/login", login, public=True, body=PasswordBody, answer=SessionOpened),
    Route("POST", "/api/auth/logout", logout, answer=LoggedOut),
    Route("PUT", "/api/auth/password", change_password, body=ChangeBody, answer=PasswordChanged),
)
