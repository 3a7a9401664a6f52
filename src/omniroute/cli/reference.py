"""The reference of all commands as Markdown: ``python -m omniroute.cli.reference > docs/cli.md``."""

from __future__ import annotations

from collections.abc import Iterator

import click

from omniroute.cli.failure import AUTH, DEGRADED, FAILURE, NOT_RUNNING, OK, USAGE
from omniroute.cli.options import Command, global_options
from omniroute.cli.root import main

_INTRODUCTION = f"""# Command line

Generated from the commands themselves by `python -m omniroute.cli.reference`; do not edit.

Data goes to standard output, messages to standard error. Exit codes: {OK} fine, {FAILURE} failure, {USAGE} wrong usage,
{NOT_RUNNING} server not running, {AUTH} not authorised, {DEGRADED} warnings (`doctor --strict`).

Commands talk to the server that owns the data directory; while none runs, they open the data directory themselves.
Nothing is asked without a terminal. Secrets never stand on the command line.
"""


def render() -> str:
    """The whole document."""
    parts = [_INTRODUCTION, "## Global options\n\nEvery command takes them, anywhere on the line.\n", _options(global_options())]
    parts += [_section(path, command) for path, command in _walk(("omniroute",), main)]
    return "\n".join(parts)


def _walk(path: tuple[str, ...], command: click.Command) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _walk((*path, name), command.commands[name])


def _section(path: tuple[str, ...], command: click.Command) -> str:
    ctx = click.Context(command, info_name=path[-1])
    usage = " ".join((*path, *command.collect_usage_pieces(ctx)))
    shared = command.shared if isinstance(command, Command) else []
    own = [param for param in command.params if isinstance(param, click.Option) and param not in shared]
    lines = [f"## `{' '.join(path)}`\n", f"{command.help}\n", f"```\n{usage}\n```\n"]
    if own:
        lines.append(_options(own))
    if isinstance(command, Command) and command.examples:
        lines.append("Examples:\n\n```sh\n" + "\n".join(command.examples) + "\n```\n")
    return "\n".join(lines)


def _options(options: list[click.Option]) -> str:
    ctx = click.Context(main)
    records = [record for option in options if (record := option.get_help_record(ctx)) is not None]
    rows = [f"| `{names}` | {' '.join(help.split())} |" for names, help in records]
    return "\n".join(["| option | meaning |", "| --- | --- |", *rows, ""])


if __name__ == "__main__":
    click.echo(render(), nl=False)
