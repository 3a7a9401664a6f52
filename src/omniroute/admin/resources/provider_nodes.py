"""Nodes: upstreams of the operator's own, behind a prefix. A node's credential is an account whose provider is the prefix."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from omniroute.admin.request import AdminRequest, Answer, listing
from omniroute.admin.resources.providers import checked_secret, source_sentence
from omniroute.admin.routes import Route
from omniroute.admin.shapes.accounts import Node
from omniroute.admin.shapes.basis import Deleted, Listing
from omniroute.catalog.nodes import ANY_MODEL, NodeSpec, parse_node
from omniroute.catalog.schema import Provider
from omniroute.core.errors import BadRequest, ConfigError, Conflict
from omniroute.core.proxy_url import shown_proxy
from omniroute.core.redact import mask
from omniroute.routing.snapshot import Snapshot
from omniroute.storage.nodes import NodeRow

ACCOUNT_NAME = "default"
_FIELDS = ("name", "format", "base_url", "headers", "models", "tier", "timeouts", "resilience", "proxy", "transport")


class CreateBody(msgspec.Struct, forbid_unknown_fields=True):
    """``format``: what the upstream speaks; ``models``: ids it lists, ``*`` accepts any; ``timeouts`` in seconds;
    ``proxy``: URL of the outbound proxy of its calls, or ``direct``; ``transport``: ``standard`` or ``browser``."""

    prefix: str
    format: str
    base_url: str
    name: str | None = None
    api_key: str | None = None
    headers: dict[str, str] = {}
    models: tuple[str, ...] = (ANY_MODEL,)
    tier: str = "api_key"
    timeouts: dict[str, float] = {}
    resilience: bool = True
    proxy: str | None = None
    transport: str = "standard"


class UpdateBody(msgspec.Struct, forbid_unknown_fields=True):
    """``api_key: null`` removes the credential, ``proxy: null`` the proxy."""

    name: str | UnsetType = UNSET
    format: str | UnsetType = UNSET
    base_url: str | UnsetType = UNSET
    api_key: str | UnsetType | None = UNSET
    headers: dict[str, str] | UnsetType = UNSET
    models: tuple[str, ...] | UnsetType = UNSET
    tier: str | UnsetType = UNSET
    timeouts: dict[str, float] | UnsetType = UNSET
    resilience: bool | UnsetType = UNSET
    proxy: str | UnsetType | None = UNSET
    transport: str | UnsetType = UNSET


async def list_nodes(request: AdminRequest) -> Answer:
    """Nodes of the database, then those of the config file."""
    services = request.services
    with_secret = {row.provider for row in await services.accounts.list() if row.secret is not None}
    stored = [_stored(row, row.prefix in with_secret) for row in await services.nodes.list()]
    snapshot = services.snapshot()
    return listing(stored + [_from_file(p, snapshot) for p in snapshot.catalogue.providers if p.origin == "file"])


async def create_node(request: AdminRequest) -> Answer:
    """Add a node. Loopback and private addresses are allowed: the operator vouches for it."""
    body = request.decode(CreateBody)
    services = request.services
    _check_free(request, body.prefix)
    given = msgspec.structs.asdict(body)
    spec = _checked(request, body.prefix, {name: given[name] for name in _FIELDS if given[name] is not None})
    secret = checked_secret(body.api_key)
    row = await services.nodes.create(
        body.prefix,
        format=spec.format,
        base_url=spec.base_url,
        name=body.name,
        headers=spec.headers,
        models=spec.models or (ANY_MODEL,),
        tier=spec.tier,
        timeouts=body.timeouts,
        resilience=body.resilience,
        proxy=spec.proxy,
        transport=spec.transport,
    )
    # A node without a credential needs its account too: accounts are what requests are sent through.
    await services.accounts.create(row.prefix, ACCOUNT_NAME, secret=secret)
    await request.changed("node.create", row.prefix, {"format": row.format, "base_url": row.base_url})
    return Answer(_stored(row, secret is not None), 201)


async def read_node(request: AdminRequest) -> Answer:
    """One node, whoever manages it."""
    managed = _managed(request)
    if managed is not None:
        return Answer(_from_file(managed, request.services.snapshot()))
    row = await request.services.nodes.get(request.params["id"])
    return Answer(_stored(row, await _has_secret(request, row.prefix)))


async def update_node(request: AdminRequest) -> Answer:
    """Change a node of the database. Another base URL needs every stored secret again: none may travel to a new place unasked."""
    row = await _own(request)
    body = request.decode(UpdateBody)
    services = request.services
    stored = msgspec.structs.asdict(row)
    changes = {name: value for name in _FIELDS if (value := getattr(body, name)) is not UNSET}
    spec = _checked(request, row.prefix, {**{name: stored[name] for name in _FIELDS}, **changes})
    changes |= {name: getattr(spec, name) for name in ("base_url", "proxy") if name in changes}
    moved = spec.base_url != row.base_url
    if moved:
        for field, kept in (("api_key", await _has_secret(request, row.prefix)), ("headers", bool(row.headers))):
            if kept and getattr(body, field) is UNSET:
                raise BadRequest(
                    f"the node would call another URL: give its {field} again", param=field, code="credential_required"
                )
    secret = body.api_key if body.api_key is UNSET else checked_secret(body.api_key)
    if moved and secret is not UNSET:
        # Dying between two writes may leave the node without a key, never a key with a place it was not given for.
        await _put_secret(request, row.prefix, None)
    row = await services.nodes.update(row.prefix, **changes)
    if secret is not UNSET:
        await _put_secret(request, row.prefix, secret)
    await request.changed(
        "node.update", row.prefix, {"changed": sorted(n for n in body.__struct_fields__ if getattr(body, n) is not UNSET)}
    )
    return Answer(_stored(row, await _has_secret(request, row.prefix)))


async def delete_node(request: AdminRequest) -> Answer:
    """Remove a node of the database with its accounts and custom models."""
    row = await _own(request)
    services = request.services
    for account in await services.accounts.list(row.prefix):
        await services.accounts.delete(account.id)
    for model in await services.models.list(row.prefix):
        await services.models.delete(row.prefix, model.model_id)
    await services.nodes.delete(row.prefix)
    await request.changed("node.delete", row.prefix, {"base_url": row.base_url})
    return Answer({"id": row.prefix, "deleted": True})


class _Wrong(ConfigError):
    """What is wrong with a node, and the field it is about."""

    def __init__(self, message: str, *path: str) -> None:
        super().__init__(message)
        self.param = path[0] if path else None


def _checked(request: AdminRequest, prefix: str, fields: dict[str, Any]) -> NodeSpec:
    """The node these fields describe, under the rules of the config file. Raises BadRequest naming the field."""
    snapshot = request.services.snapshot()
    try:
        return parse_node(prefix, fields, snapshot.formats, snapshot.catalogue, _Wrong)
    except _Wrong as error:
        raise BadRequest(error.message, param=error.param or "prefix") from None


def _check_free(request: AdminRequest, prefix: str) -> None:
    taken = request.services.catalogue().by_prefix(prefix)
    if taken is None:
        return
    if taken.origin == "catalogue":
        raise Conflict(f"the prefix {prefix!r} belongs to {taken.name}; choose another", param="prefix", code="prefix_taken")
    where = "the config file" if taken.origin == "file" else "the database"
    raise Conflict(f"a node with the prefix {prefix!r} exists already in {where}", param="prefix", code="prefix_taken")


def _managed(request: AdminRequest) -> Provider | None:
    found = request.services.catalogue().by_id(request.params["id"])
    return found if found is not None and found.origin == "file" else None


async def _own(request: AdminRequest) -> NodeRow:
    if _managed(request) is not None:
        where = source_sentence("file", request.services.config_file)
        raise Conflict(f"node {request.params['id']!r} is managed by {where}", code="managed_elsewhere")
    return await request.services.nodes.get(request.params["id"])


async def _has_secret(request: AdminRequest, prefix: str) -> bool:
    return any(account.secret is not None for account in await request.services.accounts.list(prefix))


async def _put_secret(request: AdminRequest, prefix: str, secret: str | None) -> None:
    """The one credential of the node's accounts; None removes it and leaves the account."""
    accounts = request.services.accounts
    known = await accounts.list(prefix)
    for account in known:
        await accounts.update(account.id, secret=secret)
    if not known:
        await accounts.create(prefix, ACCOUNT_NAME, secret=secret)


def _stored(row: NodeRow, has_secret: bool) -> dict[str, Any]:
    return {
        "id": row.prefix,
        "prefix": row.prefix,
        "name": row.name,
        "format": row.format,
        "base_url": row.base_url,
        "headers": {name: mask(value) for name, value in row.headers.items()},
        "models": list(row.models),
        "tier": row.tier,
        "timeouts": row.timeouts,
        "resilience": row.resilience,
        "proxy": None if row.proxy is None else shown_proxy(row.proxy),
        "transport": row.transport,
        "has_secret": has_secret,
        "source": "database",
        "read_only": False,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def _from_file(provider: Provider, snapshot: Snapshot) -> dict[str, Any]:
    timeouts = msgspec.structs.asdict(provider.timeouts)
    return {
        "id": provider.id,
        "prefix": provider.prefix,
        "name": provider.name,
        "format": provider.format,
        "base_url": provider.base_url,
        "headers": {name: mask(value) for name, value in provider.headers.items()},
        "models": [*([ANY_MODEL] if provider.passthrough_models else []), *(model.id for model in provider.models)],
        "tier": provider.tier,
        "timeouts": {name: seconds for name, seconds in timeouts.items() if seconds is not None},
        "resilience": provider.resilience,
        "proxy": None if provider.proxy is None else shown_proxy(provider.proxy),
        "transport": provider.transport,
        "has_secret": any(account.secret is not None for account in snapshot.accounts.get(provider.id, ())),
        "source": "file",
        "read_only": True,
        "created_at": None,
        "updated_at": None,
    }


ROUTES = (
    Route("GET", "/api/provider-nodes", list_nodes, answer=Listing[Node]),
    Route("POST", "/api/provider-nodes", create_node, body=CreateBody, answer=Node, statuses=(201,)),
    Route("GET", "/api/provider-nodes/{id}", read_node, answer=Node),
    Route("PUT", "/api/provider-nodes/{id}", update_node, body=UpdateBody, answer=Node),
    Route("PATCH", "/api/provider-nodes/{id}", update_node, body=UpdateBody, answer=Node),
    Route("DELETE", "/api/provider-nodes/{id}", delete_node, answer=Deleted),
)
