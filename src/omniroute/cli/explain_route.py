"""``omniroute explain-route``: which target now, and why."""

from __future__ import annotations

from typing import Any

import click

from omniroute.cli.options import Command
from omniroute.cli.output import moment, table
from omniroute.cli.state import State, pass_state


@click.command(
    "explain-route",
    cls=Command,
    help="Show who would serve a request for MODEL now, who would be tried next, who is blocked until when. Nobody is called. "
    "Without a running server nothing is known of cooldowns and use.",
    examples=("omniroute explain-route auto", "omniroute explain-route always-on --session abc --json"),
)
@click.argument("model")
@click.option("--session", metavar="ID", help="The conversation, as the client names it.")
@click.option(
    "--needs", multiple=True, type=click.Choice(["tools", "vision", "reasoning"]), help="What the request needs. Repeatable."
)
@click.option("--tokens", type=click.IntRange(min=0), default=0, help="Length of the prompt, where price or window matter.")
@pass_state
def explain_route(state: State, model: str, session: str | None, needs: tuple[str, ...], tokens: int) -> None:
    body: dict[str, Any] = {"model": model, "session": session, "needs": list(needs), "input_tokens": tokens}
    with state.client() as client:
        found = client.post("/api/routing/preview", body)
    rows = [
        (
            row["state"],
            row["target"],
            row["account"],
            row["tier"],
            row["combo"],
            row["reason"],
            None if row["until"] is None else moment(row["until"]),
        )
        for row in found["rows"]
    ]
    lines = [f"{found['model']}: {found['decision']}"]
    if rows:
        lines += ["", table(rows, ("state", "target", "account", "tier", "combo", "reason", "until"))]
    lines += [f"left out: {entry['step']}: {entry['reason']}" for entry in found["left_out"]]
    if found["outcome"] is not None:
        lines += ["", f"The client would be told: {found['outcome']}"]
    state.emit(found, "\n".join(lines))
