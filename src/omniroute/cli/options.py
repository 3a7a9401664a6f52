"""The options every command takes, and the command classes that carry them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from omniroute.cli.failure import Failure
from omniroute.cli.state import State
from omniroute.core.errors import OmniRouteError


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Remember a global option wherever on the line it stood; the last one wins."""
    state = ctx.ensure_object(State)
    if value is not None and value is not False and param.name is not None:
        setattr(state, param.name, value)
    return value


def _keep_color(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    if value or ctx.ensure_object(State).environ.get("NO_COLOR"):
        ctx.find_root().color = False
        ctx.color = False
    return value


def global_options() -> list[click.Option]:
    """Fresh ones for one command."""
    # Whether it is there and usable is said by whoever opens it: the same sentence as for the environment's value.
    path = click.Path(path_type=Path)
    kept: dict[str, Any] = {"expose_value": False, "callback": _keep}
    return [
        click.Option(["--json", "as_json"], is_flag=True, help="Print data as one JSON object.", **kept),
        click.Option(["-q", "--quiet"], is_flag=True, help="No messages, only data and errors.", **kept),
        click.Option(
            ["--no-color"], is_flag=True, help="No colours (as NO_COLOR does).", expose_value=False, callback=_keep_color
        ),
        click.Option(["--config"], type=path, metavar="FILE", help="Config file (TOML).", **kept),
        click.Option(["--data-dir"], type=path, metavar="DIR", help="Where the database and the keys live.", **kept),
        click.Option(["--url"], metavar="URL", help="A running server to talk to, instead of the local one.", **kept),
        click.Option(["-y", "--yes"], is_flag=True, help="Do not ask before removing something.", **kept),
    ]


class Command(click.Command):
    """A command with the global options and a list of examples. Errors of ours become one sentence and an exit code."""

    def __init__(self, *args: Any, examples: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples
        self.shared = global_options()
        self.params.extend(self.shared)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own = [param for param in self.get_params(ctx) if param not in self.shared]
        for title, params in (("Options", own), ("Global options", self.shared)):
            records = [record for param in params if (record := param.get_help_record(ctx)) is not None]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{' ' * formatter.current_indent}{example}\n")

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OmniRouteError as error:
            raise Failure(error.message) from error


class Group(Command, click.Group):
    """A group of such commands."""

    command_class = Command
    group_class = type

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        Command.format_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)
