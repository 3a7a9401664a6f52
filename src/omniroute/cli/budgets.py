"""``omniroute budgets``: what keys may use in a day, week or month."""

from __future__ import annotations

from typing import Any

import click

from omniroute.cli.client import segment
from omniroute.cli.options import Group
from omniroute.cli.output import moment, table
from omniroute.cli.resolve import one_of
from omniroute.cli.state import State, pass_state
from omniroute.core.budget import ACTIONS
from omniroute.core.zone import PERIODS

PATH = "/api/budgets"


@click.group(
    cls=Group,
    help="Bound what API keys, or all of them together, may use in a day, week or month.",
    examples=("omniroute budgets set --usd 50", "omniroute budgets set --key laptop --period daily --tokens 2000000 --warn-only"),
)
def budgets() -> None:
    """The group itself does nothing."""


@budgets.command(
    "list",
    help="List the budgets and where they stand.",
    examples=("omniroute budgets list", "omniroute budgets list --json"),
)
@pass_state
def list_budgets(state: State) -> None:
    with state.client() as client:
        items = client.every(PATH)
    rows = [
        (
            b["id"],
            "all keys" if b["key_id"] is None else b["key_name"] or b["key_id"],
            b["period"],
            _limit(b["usd"], b["tokens"]),
            _limit(b["used"]["usd"] if b["usd"] is not None else None, b["used"]["tokens"] if b["tokens"] is not None else None),
            f"{b['share']:.0%}",
            b["state"],
            b["action"],
            moment(b["window"]["end"]),
        )
        for b in items
    ]
    headings = ("id", "of", "period", "limit", "used", "share", "state", "beyond it", "resets")
    state.emit({"data": items}, table(rows, headings) if rows else "No budgets. Set one with: omniroute budgets set --usd 50")


@budgets.command(
    "set",
    help="Set the budget of a key, or of all keys together, for a period.",
    examples=(
        "omniroute budgets set --usd 50",
        "omniroute budgets set --key laptop --period daily --usd 5 --warn-at 0.5",
        "omniroute budgets set --period weekly --tokens 50000000 --warn-only",
    ),
)
@click.option("--key", metavar="ID-OR-NAME", help="Of this API key; default: of all of them together.")
@click.option("--period", type=click.Choice(PERIODS), default="monthly", show_default=True, help="When it begins anew.")
@click.option("--usd", type=click.FloatRange(min=0, min_open=True), help="US dollars.")
@click.option("--tokens", type=click.IntRange(min=1), help="Tokens, of prompts and answers together.")
@click.option("--warn-at", type=click.FloatRange(min=0, min_open=True, max=1), default=0.8, show_default=True,
              help="Share from which answers carry a warning.")  # fmt: skip
@click.option("--warn-only", is_flag=True, help="Do not refuse requests beyond it.")
@pass_state
def put(
    state: State, key: str | None, period: str, usd: float | None, tokens: int | None, warn_at: float, warn_only: bool
) -> None:
    if usd is None and tokens is None:
        raise click.UsageError("give --usd, --tokens or both")
    warn, block = ACTIONS
    body: dict[str, Any] = {
        "period": period, "usd": usd, "tokens": tokens, "warn_at": warn_at, "action": warn if warn_only else block
    }  # fmt: skip
    with state.client() as client:
        if key is not None:
            body["key_id"] = one_of(client.every("/api/keys"), key, "key")["id"]
        found = client.post(PATH, body)
    state.note(f"{found['share']:.0%} of it is used; it begins anew {moment(found['window']['end'])}.")
    state.emit(found, "")


@budgets.command("remove", help="Remove a budget, by its id.", examples=("omniroute budgets remove bud_019a --yes",))
@click.argument("budget", metavar="ID")
@pass_state
def remove(state: State, budget: str) -> None:
    state.confirm(f"Remove budget {budget}?")
    with state.client() as client:
        gone = client.delete(f"{PATH}/{segment(budget)}")
    state.note(f"Budget {budget} is removed.")
    state.emit(gone, "")


def _limit(usd: float | None, tokens: int | None) -> str:
    shown = [f"{usd:.2f} USD"] if usd is not None else []
    return ", ".join([*shown, *([f"{tokens} tokens"] if tokens is not None else [])])
