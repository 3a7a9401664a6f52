"""The root command: ``omniroute`` alone serves, everything else is a sub-command."""

from __future__ import annotations

import click

from omniroute import __version__
from omniroute.cli import serve as serving
from omniroute.cli.aliases import aliases
from omniroute.cli.bench import bench
from omniroute.cli.combos import combos
from omniroute.cli.completion import completion
from omniroute.cli.config import config
from omniroute.cli.doctor import doctor
from omniroute.cli.explain import explain
from omniroute.cli.explain_route import explain_route
from omniroute.cli.keys import keys
from omniroute.cli.models import models
from omniroute.cli.nodes import nodes
from omniroute.cli.options import Group
from omniroute.cli.providers import providers
from omniroute.cli.reset_password import reset_password
from omniroute.cli.state import State, pass_state
from omniroute.cli.status import status
from omniroute.cli.version import version

COMMANDS = (
    serving.serve,
    keys,
    providers,
    nodes,
    models,
    combos,
    aliases,
    explain,
    explain_route,
    bench,
    doctor,
    status,
    reset_password,
    config,
    completion,
    version,
)


@click.group(
    cls=Group,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    help="OmniRoute: one local endpoint for every LLM provider. Without a command it starts the server.",
    examples=(*serving.EXAMPLES, "omniroute keys create --name laptop", "omniroute doctor"),
)
@serving.serve_options
@click.version_option(__version__, prog_name="omniroute", message="%(prog)s %(version)s")
@pass_state
@click.pass_context
def main(
    ctx: click.Context, state: State, port: int | None, host: str | None, no_open: bool, workers: int, log_level: str | None
) -> None:
    if ctx.invoked_subcommand is None:
        serving.start(ctx, state, port, host, no_open, workers, log_level)
        return
    given = [
        name for name in ("port", "host", "no_open", "workers", "log_level") if ctx.get_parameter_source(name) is _COMMAND_LINE
    ]
    if given:
        option = f"--{given[0].replace('_', '-')}"
        raise click.UsageError(f"{option} belongs to the server: write it after 'serve', not before {ctx.invoked_subcommand!r}.")


_COMMAND_LINE = click.core.ParameterSource.COMMANDLINE
for _command in COMMANDS:
    main.add_command(_command)
