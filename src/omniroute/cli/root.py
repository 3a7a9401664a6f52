"""The root command: ``omniroute`` alone serves, everything else is a sub-command."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module

import click

from omniroute import __version__
from omniroute.cli import serve as serving
from omniroute.cli.options import Group
from omniroute.cli.state import State, pass_state

_NAMES = (
    "accounts", "aliases", "bench", "budgets", "combos", "completion", "config", "doctor", "explain", "explain-route",
    "health", "keys", "login", "models", "nodes", "pricing", "providers", "quota", "reset-password", "serve", "status",
    "version",
)  # fmt: skip


class _Commands(MutableMapping[str, click.Command]):
    """Each command is loaded when it is asked for: the server starts without the others'."""

    def __init__(self) -> None:
        self._loaded: dict[str, click.Command | None] = dict.fromkeys(_NAMES)

    def __getitem__(self, name: str) -> click.Command:
        found = self._loaded[name]
        if found is None:
            word = name.replace("-", "_")
            found = self._loaded[name] = getattr(import_module(f"omniroute.cli.{word}"), word)
        return found

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded)

    def __len__(self) -> int:
        return len(self._loaded)


@click.group(
    cls=Group,
    commands=_Commands(),
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
