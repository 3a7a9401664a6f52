"""``omniroute version``."""

from __future__ import annotations

import platform

import click

from omniroute import __version__
from omniroute.cli.options import Command
from omniroute.cli.state import State, pass_state


@click.command(cls=Command, help="Print the version.", examples=("omniroute version", "omniroute version --json"))
@pass_state
def version(state: State) -> None:
    facts = {"version": __version__, "python": platform.python_version(), "platform": platform.platform()}
    state.emit(facts, f"omniroute {__version__}")
