"""``omniroute completion``: the script that teaches a shell to complete our commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from omniroute.cli.failure import Failure
from omniroute.cli.options import Command


@click.command(
    cls=Command,
    help="Print the completion script of a shell.",
    examples=(
        'eval "$(omniroute completion bash)"      # in ~/.bashrc',
        'eval "$(omniroute completion zsh)"       # in ~/.zshrc',
        "omniroute completion fish > ~/.config/fish/completions/omniroute.fish",
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    kind = get_completion_class(shell)
    if kind is None:
        raise Failure(f"no completion is known for {shell}")
    script = kind(ctx.find_root().command, {}, "omniroute", "_OMNIROUTE_COMPLETE")
    click.echo(script.source_template % script.source_vars())
