"""Combos: models to be asked for by one name, and the strategies that choose among them."""

from __future__ import annotations

from typing import Any

import msgspec

from omniroute.admin.request import AdminRequest, Answer, listing
from omniroute.admin.resources.providers import source_sentence
from omniroute.admin.routes import Route
from omniroute.admin.shapes.basis import Deleted, Listing
from omniroute.admin.shapes.routing import Combo as ComboShape
from omniroute.admin.shapes.routing import ComboChange, Strategy
from omniroute.core import json
from omniroute.core.errors import BadRequest, ConfigError, Conflict
from omniroute.core.proxy_url import shown_proxy
from omniroute.routing.combo import Combo, check_set, users_of
from omniroute.routing.routes import checked_combo
from omniroute.routing.strategies import registry
from omniroute.storage.combos import ComboRow

_FIELDS = ("steps", "strategy", "options", "fallback", "timeout", "retries")


class CreateBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """As in the config file. A step is a name, or an object with ``model`` or ``combo``, ``account``, ``weight``, ``timeout``,
    ``retries``, ``tags``."""

    name: str
    steps: list[Any]
    strategy: str | None = None
    options: dict[str, Any] = {}
    fallback: list[Any] = []
    timeout: float | None = None
    retries: int | None = None


async def list_combos(request: AdminRequest) -> Answer:
    """Combos of the store, the config file and the product itself, in that order."""
    combos = request.services.snapshot().combos.values()
    order = ("stored", "file", "builtin")
    known = {combo.id for combo in combos}
    broken = [_broken(row) for row in await request.services.routing.combos.list() if row.id not in known]
    return listing([view(request, combo) for combo in sorted(combos, key=lambda c: (order.index(c.source), c.name))] + broken)


async def create_combo(request: AdminRequest) -> Answer:
    """Add a combo to the store."""
    body = request.decode(CreateBody)
    name, definition = body.name, _definition(json.loads(msgspec.json.encode(body)))
    if name in request.services.snapshot().combos:
        raise Conflict(f"a combo named {name!r} already exists", param="name")
    _check(request, name, definition, None)
    row = await request.services.routing.combos.create(name, definition)
    await request.changed("combo.create", row.id, {"name": name})
    return Answer(view(request, request.services.snapshot().combos[name]), 201)


async def read_combo(request: AdminRequest) -> Answer:
    """One combo by id or name."""
    found = _find(request)
    if found is not None:
        return Answer(view(request, found))
    return Answer(_broken(await request.services.routing.combos.get(request.params["id"])))


async def update_combo(request: AdminRequest) -> Answer:
    """Change a combo of the store; what is left out stays (PUT too), null takes a value away."""
    row = await _own(request)
    given = request.object()
    for word in given:
        if word not in (*_FIELDS, "name"):
            raise BadRequest(f"a combo has no field {word!r}", param=word)
    name = given.get("name", row.name)
    if not isinstance(name, str):
        raise BadRequest("name must be text", param="name")
    merged = {key: value for key, value in {**row.definition, **given}.items() if key != "name" and value is not None}
    snapshot = request.services.snapshot()
    if name != row.name:
        if name in snapshot.combos:
            raise Conflict(f"a combo named {name!r} already exists", param="name")
        _refuse_if_used(request, row.name, "rename")
    _check(request, name, merged, row)
    row = await request.services.routing.combos.update(row.id, name=name, definition=merged)
    await request.changed("combo.update", row.id, {"changed": sorted(given)})
    return Answer(view(request, request.services.snapshot().combos[name]))


async def delete_combo(request: AdminRequest) -> Answer:
    """Remove a combo of the store; Conflict while another combo, an alias or a fallback chain leads to it."""
    row = await _own(request)
    _refuse_if_used(request, row.name, "remove")
    await request.services.routing.combos.delete(row.id)
    await request.changed("combo.delete", row.id, {"name": row.name})
    return Answer({"id": row.id, "deleted": True})


async def list_strategies(request: AdminRequest) -> Answer:
    """Every strategy with the fields of its options."""
    del request
    return listing(
        [
            {"name": s.name, "help": s.help, "affine": s.affine, "fields": [msgspec.to_builtins(field) for field in s.fields]}
            for s in registry()
        ]
    )


def view(request: AdminRequest, combo: Combo) -> dict[str, Any]:
    """One combo; ``problems`` are sentences about steps that lead nowhere."""
    snapshot = request.services.snapshot()
    return {
        "id": combo.id,
        "name": combo.name,
        "strategy": combo.strategy,
        "options": dict(combo.options),
        "steps": [msgspec.to_builtins(step) for step in combo.steps],
        "fallback": [msgspec.to_builtins(step) for step in combo.fallback],
        "timeout": combo.timeout,
        "retries": combo.retries,
        "proxy": None if combo.proxy is None else shown_proxy(combo.proxy),
        "source": combo.source,
        "read_only": combo.source != "stored",
        "problems": [sentence for what, sentence in snapshot.problems if what == f"combo {combo.name}"],
    }


def _broken(row: ComboRow) -> dict[str, Any]:
    """A combo of the store that is not in force."""
    empty: dict[str, Any] = {
        "strategy": None,
        "options": {},
        "steps": [],
        "fallback": [],
        "timeout": None,
        "retries": None,
        "proxy": None,
    }
    return {
        **empty,
        **row.definition,
        "id": row.id,
        "name": row.name,
        "source": "stored",
        "read_only": False,
        "problems": ["not in force: its name is taken by the config file, or what it leads to is gone"],
    }


def _find(request: AdminRequest) -> Combo | None:
    wanted = request.params["id"]
    combos = request.services.snapshot().combos
    return combos.get(wanted) or next((combo for combo in combos.values() if combo.id == wanted), None)


async def _own(request: AdminRequest) -> ComboRow:
    found = _find(request)
    if found is not None and found.source == "builtin":
        raise Conflict(f"the combo {found.name!r} is built in; make one of your own", code="managed_elsewhere")
    if found is not None and found.source == "file":
        where = source_sentence("file", request.services.config_file)
        raise Conflict(f"the combo {found.name!r} is managed by {where}", code="managed_elsewhere")
    return await request.services.routing.combos.get(request.params["id"])


def _definition(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key in _FIELDS and value is not None}


class _Wrong(ConfigError):
    def __init__(self, message: str, *path: str) -> None:
        super().__init__(message)
        self.param = ".".join(path) or None


def _check(request: AdminRequest, name: str, definition: dict[str, Any], row: ComboRow | None) -> None:
    """The combo under the rules of the config file. BadRequest naming the field."""
    combos = dict(request.services.snapshot().combos)
    if row is not None:
        combos.pop(row.name, None)
    try:
        combos[name] = checked_combo(name, definition, frozenset((*combos, name)), error=_Wrong)
        check_set(combos, name, _Wrong)
        for user in users_of(combos, name):
            check_set(combos, user, _Wrong)
    except _Wrong as error:
        raise BadRequest(error.message, param=error.param or "name") from None


def _refuse_if_used(request: AdminRequest, name: str, verb: str) -> None:
    snapshot = request.services.snapshot()
    users = [f"combo {user}" for user in users_of(snapshot.combos, name) if user != name]
    users += [f"alias {a.pattern}" for a in (*snapshot.aliases.values(), *snapshot.wildcards) if a.target == name]
    users += [f"fallback {c.pattern}" for c in snapshot.fallbacks if any(step.combo == name for step in c.steps)]
    if users:
        raise Conflict(f"cannot {verb} the combo {name!r}: {', '.join(users[:5])} leads to it", code="in_use")


ROUTES = (
    Route("GET", "/api/combos", list_combos, answer=Listing[ComboShape]),
    Route("POST", "/api/combos", create_combo, body=CreateBody, answer=ComboShape, statuses=(201,)),
    Route("GET", "/api/combos/{id}", read_combo, answer=ComboShape),
    Route("PUT", "/api/combos/{id}", update_combo, body=ComboChange, answer=ComboShape),
    Route("PATCH", "/api/combos/{id}", update_combo, body=ComboChange, answer=ComboShape),
    Route("DELETE", "/api/combos/{id}", delete_combo, answer=Deleted),
    Route("GET", "/api/strategies", list_strategies, answer=Listing[Strategy]),
)
