"""``omniroute keys``: the keys clients present."""

from __future__ import annotations

import os
import re
from datetime import datetime
from typing import Any, get_args

import click

from omniroute.cli.client import segment
from omniroute.cli.options import Group
from omniroute.cli.output import moment, table
from omniroute.cli.resolve import one_of
from omniroute.cli.state import State, pass_state
from omniroute.core.configfile import resolve_secret
from omniroute.storage.keys import Position

PATH = "/api/keys"
NONE = "none"
POSITIONS = get_args(Position)
_SPANS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


class _Number(click.ParamType[Any]):
    """A positive whole number, or none."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == NONE or isinstance(value, int):
            return value
        if not value.isdigit() or len(value) > 9 or int(value) < 1:
            self.fail(f"{value!r} is neither a positive whole number nor {NONE}", param, ctx)
        return int(value)


class _Expiry(click.ParamType[Any]):
    """A time from now, a date, or never; as members of the request."""

    name = "expiry"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, dict):
            return value
        if value in ("never", NONE):
            return {"expires_at": None}
        span = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)([mhdw])", value)
        if span is not None:
            return {"expires_in": float(span[1]) * _SPANS[span[2]]}
        try:
            return {"expires_at": datetime.fromisoformat(value).timestamp()}
        except ValueError:
            self.fail(f"{value!r} is neither a span (12h, 30d, 4w) nor a date (2030-01-31) nor never", param, ctx)


NUMBER = _Number()
EXPIRY = _Expiry()


@click.group(
    cls=Group,
    help="Make, list, edit, rotate and revoke the API keys that clients present.",
    examples=("omniroute keys create --name laptop",),
)
def keys() -> None:
    """The group itself does nothing."""


def _limits(command: Any) -> Any:
    """The options about what a key may do, the same for a new key and a known one."""
    for option in reversed(
        (
            click.Option(["--model", "models"], multiple=True, metavar="MODEL",
                         help="Allow only this model (prefix/model, may end in *). Repeatable."),
            click.Option(["--combo", "combos"], multiple=True, metavar="NAME",
                         help="Allow only this combo (may end in *), with all its steps. Repeatable."),
            click.Option(["--provider", "providers"], multiple=True, metavar="ID", help="Allow only this provider. Repeatable."),
            click.Option(["--rpm"], type=NUMBER, metavar="N", help="At most so many requests in any minute."),
            click.Option(["--streams"], type=NUMBER, metavar="N", help="At most so many streams open at once."),
            click.Option(["--expires"], type=EXPIRY, metavar="WHEN",
                         help="Let it expire: after 12h, 30d or 4w, or on a date such as 2030-01-31."),
            click.Option(["--system-prompt"], metavar="TEXT", help="Give this system prompt with each of its requests."),
            click.Option(["--system-prompt-position"], type=click.Choice(POSITIONS), help="Where it stands to the client's own."),
            click.Option(["--proxy"], metavar="URL",
                         help="Outbound proxy of its calls, direct for none; env:NAME takes it from the environment."),
        )
    ):  # fmt: skip
        command.params.insert(1, option)
    return command


def _body(**given: Any) -> dict[str, Any]:
    """The request for what was given; ``none`` removes a limit."""
    body: dict[str, Any] = {}
    for name, value in given.items():
        if value is None or value == ():
            continue
        if name == "expires":
            body.update(value)
        elif isinstance(value, tuple):
            body[name] = [] if value == (NONE,) else list(value)
        elif name == "proxy" and value != NONE:
            body[name] = resolve_secret(value, os.environ)
        else:
            body[name] = None if value == NONE else value
    return body


@keys.command(
    "create",
    help="Make a key and print it. It is shown this once; only its hash is kept.",
    examples=(
        "omniroute keys create --name laptop",
        "omniroute keys create --name ci --model 'demo/*' --rpm 30 --streams 2 --expires 30d",
        "export OMNIROUTE_API_KEY=$(omniroute keys create --name shell --quiet)",
    ),
)
@click.option("--name", default="default", show_default=True, help="What to call it.")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="Let it expire after so many days.")
@pass_state
def create(state: State, /, days: float | None, **given: Any) -> None:
    body = _body(**given)
    if days is not None:
        if given["expires"] is not None:
            raise click.UsageError("give --days or --expires, not both")
        body["expires_in"] = days * 86400
    with state.client() as client:
        made = client.post(PATH, {name: value for name, value in body.items() if value is not None})
    state.note(f"Key {made['name']!r} ({made['id']}) made. Keep it now: it is not shown again.")
    state.emit(made, made["key"])


@keys.command(
    "edit",
    help="Change what a key may do. What is not given stays; none removes a limit.",
    examples=(
        "omniroute keys edit laptop --rpm 60 --streams none",
        "omniroute keys edit ci --model 'demo/*' --combo always-on --expires never",
    ),
)
@click.argument("key", metavar="ID-OR-NAME")
@click.option("--name", help="What to call it from now on.")
@pass_state
def edit(state: State, /, key: str, **given: Any) -> None:
    body = _body(**given)
    if not body:
        raise click.UsageError("say what to change")
    with state.client() as client:
        found = one_of(client.every(PATH), key, "key")
        changed = client.call("PATCH", f"{PATH}/{segment(found['id'])}", body=body)
    state.note(f"Key {changed['name']!r} ({changed['id']}) changed.")
    state.emit(changed, "")


_limits(create)
_limits(edit)
keys.add_command(create, "add")


@keys.command(
    "list",
    help="List the keys; the keys themselves are not stored.",
    examples=("omniroute keys list", "omniroute keys list --json"),
)
@click.option("--all", "everything", is_flag=True, help="Revoked keys too.")
@pass_state
def list_keys(state: State, everything: bool) -> None:
    with state.client() as client:
        items = client.every(PATH, all="true" if everything else None)
    rows = [
        (
            k["id"],
            k["name"],
            k["hint"],
            [*k["models"], *(f"combo {name}" for name in k["combos"])] or "all",
            k["rpm"],
            k["streams"],
            k["state"],
            moment(k["created_at"]),
            moment(k["last_used_at"]),
            moment(k["expires_at"]),
        )
        for k in items
    ]
    headings = ("id", "name", "key", "models", "rpm", "streams", "state", "created", "last used", "expires")
    state.emit({"data": items}, table(rows, headings) if rows else "No keys. Make one with: omniroute keys create")


@keys.command(
    "revoke", help="Revoke a key, by id or name: it stops working at once.", examples=("omniroute keys revoke laptop --yes",)
)
@click.argument("key", metavar="ID-OR-NAME")
@pass_state
def revoke(state: State, key: str) -> None:
    with state.client() as client:
        found = one_of(client.every(PATH), key, "key")
        state.confirm(f"Revoke key {found['name']!r} ({found['id']})?")
        client.delete(f"{PATH}/{segment(found['id'])}")
    state.note(f"Key {found['name']!r} is revoked.")
    state.emit({"id": found["id"], "revoked": True}, "")


@keys.command(
    "rotate",
    help="Replace a key by a fresh one of the same name and limits. The old one stops working at once.",
    examples=("omniroute keys rotate laptop",),
)
@click.argument("key", metavar="ID-OR-NAME")
@pass_state
def rotate(state: State, key: str) -> None:
    with state.client() as client:
        found = one_of(client.every(PATH), key, "key")
        made = client.post(f"{PATH}/{segment(found['id'])}/rotate")
    state.note(f"Key {made['name']!r} ({made['id']}) is rotated. Keep it now: it is not shown again.")
    state.emit(made, made["key"])
