"""``omniroute quota``: how much of each account's quotas is used, against the time gone by."""

from __future__ import annotations

from typing import Any

import click

from omniroute.cli.options import Command
from omniroute.cli.output import moment
from omniroute.cli.resolve import one_of
from omniroute.cli.state import State, pass_state

_WIDTH = 24
_SPANS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


@click.command(
    cls=Command,
    help="Show the quotas of every account, or of ACCOUNT: used share as a bar (the mark | is where the use would be by now if "
    "it were spread evenly), when it starts over, when it runs out at this pace, and how old the figures are.",
    examples=("omniroute quota", "omniroute quota work --json", "omniroute quota work --ask"),
)
@click.argument("account", required=False, metavar="[ID-OR-NAME]")
@click.option("--ask", is_flag=True, help="Ask the account's provider first; at most twice a minute.")
@pass_state
def quota(state: State, account: str | None, ask: bool) -> None:
    if ask and account is None:
        raise click.UsageError("--ask asks about one account: name it")
    with state.client() as client:
        items = client.every("/api/quotas")
        if account is not None:
            items = [one_of(items, account, "connected account")]
        if ask:
            items = [client.post("/api/quotas/refresh", {"account_id": items[0]["id"]})]
    shown = [item for item in items if item["windows"]]
    silent = len(items) - len(shown)
    lines = [line for item in shown for line in _account(item)]
    if silent:
        lines.append(f"Nothing is known of the quotas of {silent} other account{'s' if silent > 1 else ''}.")
    state.emit({"data": items}, "\n".join(lines) if lines else "No account is connected.")


def _account(item: dict[str, Any]) -> list[str]:
    kept = f", {item['reserve']:.0%} kept in reserve" if item["reserve"] else ""
    lines = [f"{item['name']} ({item['provider']}, {item['tier']}{kept})"]
    names = [_name(window) for window in item["windows"]]
    width = max(map(len, names))
    lines += [f"  {name:<{width}}  {_window(window)}" for name, window in zip(names, item["windows"], strict=True)]
    return [*lines, ""]


def _name(window: dict[str, Any]) -> str:
    model = window["model"]
    return str(window["name"]) if model is None else f"{window['name']} {model}"


def _window(window: dict[str, Any]) -> str:
    parts = [f"{bar(window['used'], window['expected'])} {window['used']:>4.0%}"]
    if window["state"] != "open":
        parts.append(window["state"])
    if window["limit"] is not None and window["used_units"] is not None:
        parts.append(f"{window['used_units']:g} of {window['limit']:g}")
    if window["resets_at"] is not None:
        parts.append(f"starts over {moment(window['resets_at'])}")
    if window["exhausts_at"] is not None and window["state"] == "open":
        parts.append(f"runs out {moment(window['exhausts_at'])}")
    elif window["surplus"]:
        parts.append(f"{window['surplus']:.0%} would be left")
    parts.append(f"{window['source']}, {_age(window['age'])} old")
    return "  ".join(parts)


def bar(used: float, expected: float | None) -> str:
    """``[####|---------]``: the used share, and a mark where it is expected to be."""
    full = min(_WIDTH, round(used * _WIDTH))
    signs = ["#"] * full + ["-"] * (_WIDTH - full)
    if expected is not None:
        signs[min(_WIDTH - 1, int(expected * _WIDTH))] = "|"
    return f"[{''.join(signs)}]"


def _age(seconds: float) -> str:
    for span, unit in _SPANS:
        if seconds >= span:
            return f"{int(seconds // span)} {unit}"
    return "0 s"
