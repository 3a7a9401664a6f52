"""``omniroute combos``: models to be asked for by one name."""

from __future__ import annotations

from typing import Any

import click

from omniroute.cli.client import segment
from omniroute.cli.failure import USAGE, Failure
from omniroute.cli.options import Group
from omniroute.cli.output import table
from omniroute.cli.resolve import one_of
from omniroute.cli.state import State, pass_state
from omniroute.core import json

PATH = "/api/combos"


@click.group(
    cls=Group,
    help="Ask for several models by one name, and choose how one of them is picked.",
    examples=("omniroute combos add always-on lab/one demo/echo", "omniroute combos list"),
)
def combos() -> None:
    """The group itself does nothing."""


@combos.command("list", help="List the combos, those of the config file and the built-in ones too.",
                examples=("omniroute combos list", "omniroute combos list --json"))  # fmt: skip
@pass_state
def list_combos(state: State) -> None:
    with state.client() as client:
        items = client.every(PATH)
    rows = [(c["name"], c["strategy"] or "(default)", _steps(c["steps"]), c["source"], "; ".join(c["problems"])) for c in items]
    state.emit({"data": items}, table(rows, ("name", "strategy", "steps", "source", "problems")))


@combos.command(
    "add",
    help="Add a combo of STEPS: models (prefix/model, prefix/*, or a bare name) and other combos, in order.",
    examples=(
        "omniroute combos add always-on lab/one spare/two demo/echo",
        "omniroute combos add spread --strategy round-robin --option sticky=1 lab/one spare/two",
    ),
)
@click.argument("name")
@click.argument("steps", nargs=-1, required=True)
@click.option("--strategy", metavar="NAME", help="How steps are put in order; see 'omniroute combos strategies'.")
@click.option(
    "--option", "options", multiple=True, metavar="NAME=VALUE", help="A value for one of the strategy's fields. Repeatable."
)
@click.option("--fallback", multiple=True, metavar="STEP", help="What to try when all steps failed. Repeatable.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds to the first token, for each step.")
@click.option("--retries", type=click.IntRange(0, 5), help="How often a step is tried again in place.")
@pass_state
def add(
    state: State,
    name: str,
    steps: tuple[str, ...],
    strategy: str | None,
    options: tuple[str, ...],
    fallback: tuple[str, ...],
    timeout: float | None,
    retries: int | None,
) -> None:
    body: dict[str, Any] = {
        "name": name,
        "steps": list(steps),
        "fallback": list(fallback),
        "options": dict(map(_option, options)),
    }
    given = (("strategy", strategy), ("timeout", timeout), ("retries", retries))
    body |= {key: value for key, value in given if value is not None}
    with state.client() as client:
        made = client.post(PATH, body)
    for problem in made["problems"]:
        state.note(f"Note: {problem}")
    state.note(f"Combo {made['name']!r} is added. Ask for it by that name.")
    state.emit(made, "")


@combos.command("show", help="Show one combo with everything that is set.", examples=("omniroute combos show auto",))
@click.argument("name")
@pass_state
def show(state: State, name: str) -> None:
    with state.client() as client:
        found = client.get(f"{PATH}/{segment(name)}")
    fields = ("account", "weight", "timeout", "retries")
    rows = [
        (place, step.get("model") or step.get("combo"), *(step.get(field) for field in fields))
        for place, step in enumerate((*found["steps"], *found["fallback"]))
    ]
    title = f"{found['name']}: {found['strategy'] or 'default strategy'} {found['options'] or ''}".rstrip()
    state.emit(found, f"{title}\n\n{table(rows, ('step', 'leads to', *fields))}")


@combos.command("remove", help="Remove a combo.", examples=("omniroute combos remove always-on --yes",))
@click.argument("name")
@pass_state
def remove(state: State, name: str) -> None:
    with state.client() as client:
        found = one_of(client.every(PATH), name, "combo")
        state.confirm(f"Remove combo {found['name']!r}?")
        client.delete(f"{PATH}/{segment(found['id'])}")
    state.note(f"Combo {found['name']!r} is removed.")
    state.emit({"id": found["id"], "removed": True}, "")


@combos.command("strategies", help="List the strategies and their fields.", examples=("omniroute combos strategies",))
@pass_state
def strategies(state: State) -> None:
    with state.client() as client:
        items = client.every("/api/strategies")
    rows = [(s["name"], s["help"], ", ".join(f"{f['name']}={f['default']}" for f in s["fields"])) for s in items]
    state.emit({"data": items}, table(rows, ("strategy", "what it does", "options")))


def _option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise Failure(f"--option is written NAME=VALUE, not {text!r}", USAGE)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _steps(steps: list[dict[str, Any]]) -> str:
    names = [step.get("model") or step.get("combo") or "" for step in steps]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
