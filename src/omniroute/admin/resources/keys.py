"""The API keys that clients present."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from omniroute.admin.request import AdminRequest, Answer, listing
from omniroute.admin.resources.providers import source_sentence
from omniroute.admin.routes import Route
from omniroute.admin.shapes.basis import Listing
from omniroute.admin.shapes.operating import Key, NewKey
from omniroute.core.errors import BadRequest, ConfigError, Conflict
from omniroute.core.proxy_url import checked_proxy, shown_proxy
from omniroute.routing.snapshot import KeyGrant
from omniroute.storage.keys import ApiKey, Position

_FIELDS = ("name", "models", "combos", "providers", "rpm", "streams", "system_prompt", "system_prompt_position", "proxy")


class CreateBody(msgspec.Struct, forbid_unknown_fields=True):
    """``models``: ``prefix/model``, bare ids, or with a ``*`` at the end; ``combos``: names, likewise; empty lists mean no limit.
    ``rpm``: requests per minute; ``streams``: open at once; ``system_prompt`` goes with every request; ``proxy``: URL of the
    outbound proxy of its calls, or ``direct``. Give at most one expiry: ``expires_at`` in unix seconds or ``expires_in`` in
    seconds from now.
    """

    name: str
    models: tuple[str, ...] = ()
    combos: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    rpm: int | None = None
    streams: int | None = None
    system_prompt: str | None = None
    system_prompt_position: Position = "prepend"
    proxy: str | None = None
    expires_at: float | None = None
    expires_in: float | None = None


class UpdateBody(msgspec.Struct, forbid_unknown_fields=True):
    """What is given is changed; null removes a limit, the prompt, the proxy, the expiry."""

    name: str | UnsetType = UNSET
    models: tuple[str, ...] | UnsetType = UNSET
    combos: tuple[str, ...] | UnsetType = UNSET
    providers: tuple[str, ...] | UnsetType = UNSET
    rpm: int | UnsetType | None = UNSET
    streams: int | UnsetType | None = UNSET
    system_prompt: str | UnsetType | None = UNSET
    system_prompt_position: Position | UnsetType = UNSET
    proxy: str | UnsetType | None = UNSET
    expires_at: float | UnsetType | None = UNSET
    expires_in: float | UnsetType = UNSET


class ListQuery(msgspec.Struct):
    """``all``: the revoked ones too."""

    all: bool = False


async def list_keys(request: AdminRequest) -> Answer:
    """Keys that were not revoked, then those of the config file; ``?all=true`` shows the revoked ones too."""
    now = request.services.clock.now()
    everything = request.flag("all")
    stored = await request.services.keys.list()
    managed = _managed(request, {key.id for key in stored})
    return listing(
        [_view(key, now) for key in stored if everything or key.revoked_at is None] + [_managed_view(g) for g in managed]
    )


async def create_key(request: AdminRequest) -> Answer:
    """Make a key. Its plain text is in this answer and nowhere else."""
    body = request.decode(CreateBody)
    now = request.services.clock.now()
    if body.expires_at is not None and body.expires_in is not None:
        raise BadRequest("give expires_at or expires_in, not both", param="expires_in")
    expires_at = now + body.expires_in if body.expires_in is not None else body.expires_at
    given = {name: getattr(body, name) for name in _FIELDS} | {"expires_at": expires_at}
    _check(request, given)
    key, plain = await request.services.keys.create(**given)
    detail = {name: list(getattr(key, name)) for name in ("models", "combos", "providers")}
    await request.changed("key.create", key.id, {"name": key.name, **detail, "rpm": key.rpm, "streams": key.streams})
    return Answer({**_view(key, now), "key": plain}, 201)


async def read_key(request: AdminRequest) -> Answer:
    """One key, whoever manages it."""
    key_id = request.params["id"]
    for grant in _managed(request, {key.id for key in await request.services.keys.list()}):
        if grant.id == key_id:
            return Answer(_managed_view(grant))
    return Answer(_view(await request.services.keys.get(key_id), request.services.clock.now()))


async def update_key(request: AdminRequest) -> Answer:
    """Change name, limits or expiry."""
    body = request.decode(UpdateBody)
    known = await _own(request)
    if known.revoked_at is not None:
        raise Conflict(f"API key {known.name!r} is revoked")
    given = {name: value for name in (*_FIELDS, "expires_at") if (value := getattr(body, name)) is not UNSET}
    if body.expires_in is not UNSET:
        if "expires_at" in given:
            raise BadRequest("give expires_at or expires_in, not both", param="expires_in")
        given["expires_at"] = request.services.clock.now() + body.expires_in
    _check(request, given)
    key = await request.services.keys.update(known.id, **given)
    await request.changed(
        "key.update", key.id, {"changed": sorted(n for n in body.__struct_fields__ if getattr(body, n) is not UNSET)}
    )
    return Answer(_view(key, request.services.clock.now()))


async def rotate_key(request: AdminRequest) -> Answer:
    """Give the key a new secret; the old one stops working at once."""
    key, plain = await request.services.keys.rotate((await _own(request)).id)
    await request.changed("key.rotate", key.id, {"name": key.name})
    return Answer({**_view(key, request.services.clock.now()), "key": plain})


async def revoke_key(request: AdminRequest) -> Answer:
    """Stop the key for good. Its record stays, for the ledger."""
    key = await request.services.keys.revoke((await _own(request)).id)
    await request.changed("key.revoke", key.id, {"name": key.name})
    return Answer(_view(key, request.services.clock.now()))


def _managed(request: AdminRequest, stored: set[str]) -> list[KeyGrant]:
    """Grants in force that the database knows nothing of: the config file states them."""
    return [grant for grant in request.services.snapshot().keys.values() if grant.id not in stored]


async def _own(request: AdminRequest) -> ApiKey:
    keys = {key.id: key for key in await request.services.keys.list()}
    key_id = request.params["id"]
    for grant in _managed(request, set(keys)):
        if grant.id == key_id:
            where = source_sentence("file", request.services.config_file)
            raise Conflict(f"API key {grant.name!r} is managed by {where}", code="managed_elsewhere")
    return keys.get(key_id) or await request.services.keys.get(key_id)


def _check(request: AdminRequest, given: dict[str, Any]) -> None:
    """What the store cannot know: the time, the providers, what a proxy URL looks like. The latter is put in its one form."""
    expires_at = given.get("expires_at")
    if expires_at is not None and expires_at <= request.services.clock.now():
        raise BadRequest("the expiry lies in the past", param="expires_at")
    for field in ("models", "combos"):
        if any(not entry.strip() for entry in given.get(field, ())):
            raise BadRequest(f"an entry of {field} is empty", param=field)
    catalogue = request.services.catalogue()
    for word in given.get("providers", ()):
        if catalogue.by_prefix(word) is None:
            raise BadRequest(f"there is no provider {word!r}", param="providers")
    if given.get("proxy") is not None:
        try:
            given["proxy"] = checked_proxy(given["proxy"], "proxy")
        except ConfigError as error:
            raise BadRequest(error.message, param="proxy") from None


def _limits(key: ApiKey | KeyGrant) -> dict[str, Any]:
    return {
        "models": list(key.models),
        "combos": list(key.combos),
        "providers": list(key.providers),
        "rpm": key.rpm,
        "streams": key.streams,
        "system_prompt": key.system_prompt,
        "system_prompt_position": key.system_prompt_position,
    }


def _view(key: ApiKey, now: float) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "hint": key.prefix,
        **_limits(key),
        "proxy": None if key.proxy is None else shown_proxy(key.proxy),
        "state": "revoked" if key.revoked_at is not None else "active" if key.usable(now) else "expired",
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "source": "database",
        "read_only": False,
    }


def _managed_view(grant: KeyGrant) -> dict[str, Any]:
    return {
        "id": grant.id,
        "name": grant.name,
        "hint": None,
        **_limits(grant),
        "proxy": None if grant.proxy is None else shown_proxy(grant.proxy.reveal()),
        "state": "active",
        "created_at": None,
        "last_used_at": None,
        "expires_at": grant.expires_at,
        "revoked_at": None,
        "source": "file",
        "read_only": True,
    }


ROUTES = (
    Route("GET", "/api/keys", list_keys, query=ListQuery, answer=Listing[Key]),
    Route("POST", "/api/keys", create_key, body=CreateBody, answer=NewKey, statuses=(201,)),
    Route("GET", "/api/keys/{id}", read_key, answer=Key),
    Route("PUT", "/api/keys/{id}", update_key, body=UpdateBody, answer=Key),
    Route("PATCH", "/api/keys/{id}", update_key, body=UpdateBody, answer=Key),
    Route("DELETE", "/api/keys/{id}", revoke_key, answer=Key),
    Route("POST", "/api/keys/{id}/rotate", rotate_key, answer=NewKey),
)
