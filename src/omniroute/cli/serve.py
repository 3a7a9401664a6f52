"""``omniroute serve``: start the server. The bare command means the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from omniroute.cli.failure import USAGE, Failure
from omniroute.cli.options import Command
from omniroute.cli.state import State, pass_state

F = TypeVar("F", bound=Callable[..., Any])
EXAMPLES = (
    "omniroute",
    "omniroute serve --port 8080 --no-open",
    "omniroute serve --config omniroute.toml --data-dir ./data",
)


def serve_options(command: F) -> F:
    """The options of ``serve`` and of the bare command."""
    for option in reversed(
        (
            click.option("--port", type=int, help="TCP port to listen on; 0 picks a free one.  [default: 20128]"),
            click.option("--host", help="Address to listen on.  [default: 127.0.0.1]"),
            click.option("--no-open", is_flag=True, help="Do not open the dashboard in a browser."),
            click.option("--workers", type=int, default=1, show_default=True, help="Server processes; this version takes 1."),
            click.option("--log-level", metavar="LEVEL", help="debug, info, warning or error.  [default: info]"),
        )
    ):
        command = option(command)
    return command


def start(
    ctx: click.Context, state: State, port: int | None, host: str | None, no_open: bool, workers: int, log_level: str | None
) -> None:
    """Run the server until it is told to stop; the process ends with its exit code."""
    if workers != 1:
        raise Failure(f"--workers {workers} is not possible: this version runs one server process, give 1 or leave it out", USAGE)
    given = {**state.flags(), "port": port, "host": host, "log_level": log_level}
    flags = {name: value for name, value in given.items() if value is not None}
    from omniroute.server.run import serve as run_server  # loads everything: only when it is wanted

    ctx.exit(run_server(flags, state.config, not no_open))


@click.command(
    cls=Command, help="Start the server on this machine. Stops on Ctrl-C or SIGTERM, open streams finished.", examples=EXAMPLES
)
@serve_options
@pass_state
@click.pass_context
def serve(
    ctx: click.Context, state: State, port: int | None, host: str | None, no_open: bool, workers: int, log_level: str | None
) -> None:
    start(ctx, state, port, host, no_open, workers, log_level)
