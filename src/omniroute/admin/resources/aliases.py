"""Aliases (other names for models and combos) and fallback chains (what else to try)."""

from __future__ import annotations

from typing import Any

import msgspec

from omniroute.admin.request import AdminRequest, Answer, listing
from omniroute.admin.resources.providers import source_sentence
from omniroute.admin.routes import Route
from omniroute.admin.shapes.basis import Listing
from omniroute.admin.shapes.routing import AliasEntry, ChainEntry, DeletedAlias, DeletedChain
from omniroute.core.errors import BadRequest, ConfigError, Conflict
from omniroute.routing.combo import Alias, Chain, check_alias, check_pattern
from omniroute.routing.routes import chain_steps


class AliasBody(msgspec.Struct, forbid_unknown_fields=True):
    """``alias`` may hold ``*`` and ``?``; ``target`` is a model, a combo or ``PREFIX/*``."""

    alias: str
    target: str


class ChainBody(msgspec.Struct, forbid_unknown_fields=True):
    """``model`` is a name, or a pattern of names (``*``: everything)."""

    model: str
    steps: list[Any]


class AliasQuery(msgspec.Struct):
    alias: str


class ChainQuery(msgspec.Struct):
    model: str


async def list_aliases(request: AdminRequest) -> Answer:
    """In the order they are looked at: exact names, then the most specific pattern first."""
    snapshot = request.services.snapshot()
    return listing([_alias(request, alias) for alias in (*snapshot.aliases.values(), *snapshot.wildcards)])


async def put_alias(request: AdminRequest) -> Answer:
    """Add an alias, or lead it elsewhere."""
    body = request.decode(AliasBody)
    known = {a.pattern: a for a in _all(request)}.get(body.alias)
    _refuse_file(request, "alias", body.alias, None if known is None else known.source)
    try:
        check_alias(body.alias, body.target)
    except ConfigError as error:
        raise BadRequest(error.message, param="alias") from None
    await request.services.routing.aliases.put(body.alias, body.target)
    await request.changed("alias.put", body.alias, {"target": body.target})
    return Answer(_alias(request, Alias(pattern=body.alias, target=body.target)), 201 if known is None else 200)


async def delete_alias(request: AdminRequest) -> Answer:
    """Remove ``?alias=…`` (in the query, since names hold slashes)."""
    pattern = _wanted(request, "alias")
    known = {a.pattern: a for a in _all(request)}.get(pattern)
    _refuse_file(request, "alias", pattern, None if known is None else known.source)
    await request.services.routing.aliases.delete(pattern)
    await request.changed("alias.delete", pattern)
    return Answer({"alias": pattern, "deleted": True})


async def list_chains(request: AdminRequest) -> Answer:
    """The most specific first."""
    return listing([_chain(request, chain) for chain in request.services.snapshot().fallbacks])


async def put_chain(request: AdminRequest) -> Answer:
    """Say what else to try for a model, or for all that fit a pattern."""
    body = request.decode(ChainBody)
    snapshot = request.services.snapshot()
    known = {c.pattern: c for c in snapshot.fallbacks}.get(body.model)
    _refuse_file(request, "fallback chain", body.model, None if known is None else known.source)
    try:
        check_pattern(body.model)
        steps = chain_steps(body.steps, frozenset(snapshot.combos))
    except ConfigError as error:
        raise BadRequest(error.message, param="steps") from None
    await request.services.routing.chains.put(body.model, body.steps)
    await request.changed("fallback.put", body.model)
    return Answer(_chain(request, Chain(pattern=body.model, steps=steps)), 201 if known is None else 200)


async def delete_chain(request: AdminRequest) -> Answer:
    """Remove the chain of ``?model=…``."""
    pattern = _wanted(request, "model")
    known = {c.pattern: c for c in request.services.snapshot().fallbacks}.get(pattern)
    _refuse_file(request, "fallback chain", pattern, None if known is None else known.source)
    await request.services.routing.chains.delete(pattern)
    await request.changed("fallback.delete", pattern)
    return Answer({"model": pattern, "deleted": True})


def _all(request: AdminRequest) -> tuple[Alias, ...]:
    snapshot = request.services.snapshot()
    return (*snapshot.aliases.values(), *snapshot.wildcards)


def _wanted(request: AdminRequest, name: str) -> str:
    found = request.query.get(name)
    if not found:
        raise BadRequest(f"say which: ?{name}=…", param=name)
    return found


def _refuse_file(request: AdminRequest, what: str, name: str, source: str | None) -> None:
    if source == "file":
        where = source_sentence("file", request.services.config_file)
        raise Conflict(f"the {what} {name!r} is managed by {where}", code="managed_elsewhere")


def _problems(request: AdminRequest, what: str) -> list[str]:
    return [sentence for of, sentence in request.services.snapshot().problems if of == what]


def _alias(request: AdminRequest, alias: Alias) -> dict[str, Any]:
    return {
        "alias": alias.pattern,
        "target": alias.target,
        "source": alias.source,
        "read_only": alias.source != "stored",
        "problems": _problems(request, f"alias {alias.pattern}"),
    }


def _chain(request: AdminRequest, chain: Chain) -> dict[str, Any]:
    return {
        "model": chain.pattern,
        "steps": [msgspec.to_builtins(step) for step in chain.steps],
        "source": chain.source,
        "read_only": chain.source != "stored",
        "problems": _problems(request, f"fallback {chain.pattern}"),
    }


ROUTES = (
    Route("GET", "/api/aliases", list_aliases, answer=Listing[AliasEntry]),
    *(
        Route(method, "/api/aliases", put_alias, body=AliasBody, answer=AliasEntry, statuses=(200, 201))
        for method in ("POST", "PUT", "PATCH")
    ),
    Route("DELETE", "/api/aliases", delete_alias, query=AliasQuery, answer=DeletedAlias),
    Route("GET", "/api/models/alias", list_aliases, answer=Listing[AliasEntry]),
    Route("POST", "/api/models/alias", put_alias, body=AliasBody, answer=AliasEntry, statuses=(200, 201)),
    Route("GET", "/api/fallback/chains", list_chains, answer=Listing[ChainEntry]),
    Route("POST", "/api/fallback/chains", put_chain, body=ChainBody, answer=ChainEntry, statuses=(200, 201)),
    Route("DELETE", "/api/fallback/chains", delete_chain, query=ChainQuery, answer=DeletedChain),
)
