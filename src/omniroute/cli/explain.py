"""``omniroute explain``: what translation makes of a request."""

from __future__ import annotations

from typing import BinaryIO

import click

from omniroute.cli.failure import USAGE, Failure
from omniroute.cli.options import Command
from omniroute.cli.output import table
from omniroute.cli.state import State, pass_state
from omniroute.core import json


@click.command(
    cls=Command,
    help="Show what becomes of the request in FILE (- for standard input) on its way to a model: every change, and with --body "
    "the request that would be sent. Nobody is called.",
    examples=(
        "omniroute explain --format anthropic --model demo/echo request.json",
        "omniroute explain --format openai_chat --body - < request.json",
    ),
)
@click.option("--format", "format_name", required=True, metavar="NAME", help="The format the request is written in.")
@click.option("--model", metavar="ID", help="The model to ask, instead of the one the request names.")
@click.option("--body", "show_body", is_flag=True, help="Print the request that would be sent as well.")
@click.argument("file", type=click.File("rb"))
@pass_state
def explain(state: State, format_name: str, model: str | None, show_body: bool, file: BinaryIO) -> None:
    try:
        body = json.loads(file.read())
    except ValueError as error:
        raise Failure(f"{file.name} is not valid JSON: {error}", USAGE) from None
    with state.client() as client:
        found = client.post("/api/translator/explain", {"format": format_name, "body": body, "model": model})
    rows = [(op["rule"], op["action"], op["pointer"], op["detail"], "lost" if op["lossy"] else "") for op in found["operations"]]
    text = table(rows, ("rule", "action", "where", "detail", "")) if rows else "Nothing is changed."
    text = f"{found['format']} -> {found['upstream_format']}, {found['model']}\n\n{text}"
    if show_body:
        text += f"\n\n{json.dumps_pretty(found['body']).decode()}"
    state.emit(found, text)
