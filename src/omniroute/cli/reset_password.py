"""``omniroute reset-password``: a new admin password for whoever owns the files."""

from __future__ import annotations

import asyncio
import sys

import click

from omniroute.cli.credential import from_variable_or_stdin
from omniroute.cli.failure import USAGE, Failure
from omniroute.cli.options import Command
from omniroute.cli.state import State, pass_state
from omniroute.core.ids import SystemClock, random_text
from omniroute.operations.reset_password import reset_password as set_password


@click.command(
    cls=Command,
    help="Set the admin password, whatever it was. Ends every session. Works with and without a running server.",
    examples=(
        "omniroute reset-password",
        "omniroute reset-password --generate",
        "omniroute reset-password --password-env NEW_PASSWORD",
    ),
)
@click.option("--password-env", metavar="NAME", help="Take the new password from this environment variable.")
@click.option("--password-stdin", is_flag=True, help="Read the new password from standard input.")
@click.option("--generate", is_flag=True, help="Make a random one and print it.")
@pass_state
def reset_password(state: State, password_env: str | None, password_stdin: bool, generate: bool) -> None:
    if state.url is not None:
        raise Failure("reset-password works on the data directory of this machine, not through --url", USAGE)
    if generate and (password_env is not None or password_stdin):
        raise Failure("--generate makes the password itself: leave the other options out", USAGE)
    password = random_text(24) if generate else from_variable_or_stdin(state, password_env, password_stdin, "password")
    if password is None:
        if not sys.stdin.isatty():
            raise Failure("no terminal to ask on: give --password-env NAME, --password-stdin or --generate", USAGE)
        password = click.prompt("New admin password", hide_input=True, confirmation_prompt=True, err=True)
    replaced = asyncio.run(set_password(state.data_path(), password, SystemClock()))
    state.note("The admin password is " + ("replaced; every session has ended." if replaced else "set."))
    facts = {"replaced": replaced, **({"password": password} if generate else {})}
    state.emit(facts, password if generate else "")
