"""``omniroute keys``: the keys clients present."""

from __future__ import annotations

from typing import Any

import click

from omniroute.cli.client import segment
from omniroute.cli.options import Group
from omniroute.cli.output import moment, table
from omniroute.cli.resolve import one_of
from omniroute.cli.state import State, pass_state

PATH = "/api/keys"


@click.group(
    cls=Group,
    help="Make, list, rotate and revoke the API keys that clients present.",
    examples=("omniroute keys create --name laptop",),
)
def keys() -> None:
    """The group itself does nothing."""


@keys.command(
    "create",
    help="Make a key and print it. It is shown this once; only its hash is kept.",
    examples=(
        "omniroute keys create --name laptop",
        "omniroute keys create --name ci --model 'demo/*' --days 30",
        "export OMNIROUTE_API_KEY=$(omniroute keys create --name shell --quiet)",
    ),
)
@click.option("--name", default="default", show_default=True, help="What to call it.")
@click.option(
    "--model", "models", multiple=True, metavar="MODEL", help="Allow only this model (prefix/model, may end in *). Repeatable."
)
@click.option("--provider", "providers", multiple=True, metavar="ID", help="Allow only this provider. Repeatable.")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="Let it expire after so many days.")
@pass_state
def create(state: State, name: str, models: tuple[str, ...], providers: tuple[str, ...], days: float | None) -> None:
    body: dict[str, Any] = {"name": name, "models": list(models), "providers": list(providers)}
    if days is not None:
        body["expires_in"] = days * 86400
    with state.client() as client:
        made = client.post(PATH, body)
    state.note(f"Key {made['name']!r} ({made['id']}) made. Keep it now: it is not shown again.")
    state.emit(made, made["key"])


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
            k["models"] or "all",
            k["state"],
            moment(k["created_at"]),
            moment(k["last_used_at"]),
            moment(k["expires_at"]),
        )
        for k in items
    ]
    headings = ("id", "name", "key", "models", "state", "created", "last used", "expires")
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
