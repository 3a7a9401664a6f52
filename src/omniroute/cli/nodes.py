"""``omniroute nodes``: upstreams of your own behind a prefix."""

from __future__ import annotations

from typing import Any

import click

from omniroute.cli.client import segment
from omniroute.cli.credential import credential_options, read_credential
from omniroute.cli.options import Group
from omniroute.cli.output import table
from omniroute.cli.resolve import one_of
from omniroute.cli.state import State, pass_state

PATH = "/api/provider-nodes"


@click.group(
    cls=Group,
    help="Add upstreams of your own: a local model server, a company gateway.",
    examples=("omniroute nodes add lab --format openai_chat --base-url http://127.0.0.1:8000/v1",),
)
def nodes() -> None:
    """The group itself does nothing."""


@nodes.command(
    "add",
    help="Add an upstream; its models are PREFIX/<model id>. Without --model any id is accepted. Private addresses are allowed.",
    examples=(
        "omniroute nodes add lab --format openai_chat --base-url http://127.0.0.1:8000/v1",
        "omniroute nodes add work --format anthropic --base-url https://gateway.example --api-key-env WORK_KEY --model ID",
    ),
)
@click.argument("prefix")
@click.option(
    "--format",
    "format_",
    required=True,
    metavar="FORMAT",
    help="What the upstream speaks: openai_chat, openai_responses, anthropic, gemini or ollama.",
)
@click.option("--base-url", required=True, metavar="URL", help="Where it answers; the format's path is added to it.")
@click.option("--name", help="What to call it.  [default: the prefix]")
@click.option("--model", "models", multiple=True, metavar="ID", help="List this model; '*' accepts any id. Repeatable.")
@click.option("--no-resilience", is_flag=True, help="No retries, cooldowns, breakers or limits: for tests and benchmarks.")
@credential_options
@pass_state
def add(
    state: State,
    prefix: str,
    format_: str,
    base_url: str,
    name: str | None,
    models: tuple[str, ...],
    no_resilience: bool,
    api_key_env: str | None,
    api_key_stdin: bool,
) -> None:
    secret = read_credential(state, api_key_env, api_key_stdin, prompt=None)
    body: dict[str, Any] = {
        "prefix": prefix,
        "format": format_,
        "base_url": base_url,
        "models": list(models) or ["*"],
        "resilience": not no_resilience,
    }
    body |= {key: value for key, value in (("name", name), ("api_key", secret)) if value is not None}
    with state.client() as client:
        made = client.post(PATH, body)
    state.note(f"Node {made['prefix']!r} is added. Ask for a model as {made['prefix']}/<model id>.")
    state.emit(made, "")


@nodes.command(
    "list", help="List the nodes, those of the config file too.", examples=("omniroute nodes list", "omniroute nodes list --json")
)
@pass_state
def list_nodes(state: State) -> None:
    with state.client() as client:
        items = client.every(PATH)
    rows = [(n["prefix"], n["name"], n["format"], n["base_url"], n["models"], n["source"], n["has_secret"]) for n in items]
    empty = "No nodes. Add one with: omniroute nodes add PREFIX --format openai_chat --base-url URL"
    state.emit(
        {"data": items}, table(rows, ("prefix", "name", "format", "base url", "models", "source", "key")) if rows else empty
    )


@nodes.command("remove", help="Take a node away, with its stored key.", examples=("omniroute nodes remove lab --yes",))
@click.argument("prefix")
@pass_state
def remove(state: State, prefix: str) -> None:
    with state.client() as client:
        items = client.every(PATH)
        found = next((n for n in items if n["prefix"] == prefix), None) or one_of(items, prefix, "node")
        state.confirm(f"Remove node {found['prefix']!r} ({found['base_url']})?")
        client.delete(f"{PATH}/{segment(found['id'])}")
    state.note(f"Node {found['prefix']!r} is removed.")
    state.emit({"id": found["id"], "removed": True}, "")
