"""``omniroute models``: what can be asked for."""

from __future__ import annotations

import click

from omniroute.cli.options import Command
from omniroute.cli.output import table
from omniroute.cli.state import State, pass_state


@click.command(
    cls=Command,
    help="List the models that can be used now; with --all, those of unconnected providers too.",
    examples=("omniroute models", "omniroute models --provider demo", "omniroute models --all --json"),
)
@click.option("--all", "everything", is_flag=True, help="Models of providers that are not connected, too.")
@click.option("--provider", metavar="ID", help="Only this provider's (id or prefix).")
@pass_state
def models(state: State, everything: bool, provider: str | None) -> None:
    with state.client() as client:
        items = client.every("/api/models/catalog", all="true" if everything else None, provider=provider)
    rows = [
        (m["id"], m["kind"], m["context"], m["output"], m["input_price"], m["output_price"], "yes" if m["connected"] else "no")
        for m in items
    ]
    headings = ("model", "kind", "context", "output", "$/M in", "$/M out", "connected")
    state.emit({"data": items}, table(rows, headings) if rows else "No models match.")
