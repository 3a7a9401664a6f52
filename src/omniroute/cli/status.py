"""``omniroute status``: is a server running, and how is it."""

from __future__ import annotations

from typing import Any

import click

from omniroute.cli.options import Command
from omniroute.cli.output import cell, moment
from omniroute.cli.state import State, pass_state


@click.command(
    cls=Command,
    help="Say whether a server runs for the data directory (or at --url) and how it is. Exit code 3 when none runs.",
    examples=("omniroute status", "omniroute status --json", "omniroute status --url http://127.0.0.1:8080"),
)
@pass_state
def status(state: State) -> None:
    with state.client(offline=False) as client:
        health = client.get("/api/monitoring/health")
        health["url"] = client.url
    lines = _lines(health)
    width = max(len(name) for name, _ in lines) + 2
    state.emit(health, "\n".join(f"{name:<{width}}{value}".rstrip() for name, value in lines))


def _lines(health: dict[str, Any]) -> list[tuple[str, str]]:
    lines = []
    for name, value in health.items():
        if isinstance(value, dict):
            lines += [
                (f"{name} {inner}".replace("_", " "), cell(part)) for inner, part in value.items() if not isinstance(part, dict)
            ]
        elif name.endswith("_at"):
            lines.append((name.removesuffix("_at").replace("_", " "), moment(value)))
        else:
            lines.append((name.replace("_", " "), cell(value)))
    return lines
