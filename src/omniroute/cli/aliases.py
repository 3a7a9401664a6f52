"""``omniroute aliases``: other names for models and combos."""

from __future__ import annotations

import click

from omniroute.cli.options import Group
from omniroute.cli.output import table
from omniroute.cli.state import State, pass_state

PATH = "/api/aliases"


@click.group(
    cls=Group,
    help="Give models and combos other names; a name may hold * and ?.",
    examples=("omniroute aliases set 'claude-sonnet-*' always-on",),
)
def aliases() -> None:
    """The group itself does nothing."""


@aliases.command("list", help="List the aliases in the order they are looked at.", examples=("omniroute aliases list",))
@pass_state
def list_aliases(state: State) -> None:
    with state.client() as client:
        items = client.every(PATH)
    rows = [(a["alias"], a["target"], a["source"], "; ".join(a["problems"])) for a in items]
    empty = "No aliases. Add one with: omniroute aliases set NAME MODEL"
    state.emit({"data": items}, table(rows, ("alias", "leads to", "source", "problems")) if rows else empty)


@aliases.command(
    "set",
    help="Let ALIAS lead to TARGET, a model or combo. PREFIX/* keeps the name that was asked for.",
    examples=("omniroute aliases set fast lab/one", "omniroute aliases set 'gpt-*' 'lab/*'"),
)
@click.argument("alias")
@click.argument("target")
@pass_state
def set_alias(state: State, alias: str, target: str) -> None:
    with state.client() as client:
        made = client.post(PATH, {"alias": alias, "target": target})
    state.note(f"{alias} now leads to {target}.")
    state.emit(made, "")


@aliases.command("remove", help="Take an alias away.", examples=("omniroute aliases remove fast --yes",))
@click.argument("alias")
@pass_state
def remove(state: State, alias: str) -> None:
    state.confirm(f"Remove alias {alias!r}?")
    with state.client() as client:
        client.call("DELETE", PATH, params={"alias": alias})
    state.note(f"Alias {alias!r} is removed.")
    state.emit({"alias": alias, "removed": True}, "")
