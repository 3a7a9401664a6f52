"""``omniroute pricing``: what models cost."""

from __future__ import annotations

from typing import Any

import click

from omniroute.cli.client import segment
from omniroute.cli.options import Group
from omniroute.cli.output import table
from omniroute.cli.state import State, pass_state

PATH = "/api/pricing"
_PRICE = click.FloatRange(min=0)


@click.group(
    cls=Group,
    help="See what models cost, and state prices of your own.",
    examples=("omniroute pricing list --provider openai", "omniroute pricing set openai gpt-5 --input 1.25 --output 10"),
)
def pricing() -> None:
    """The group itself does nothing."""


@pricing.command(
    "list",
    help="List the prices in force, in USD per million tokens, and where each is from.",
    examples=("omniroute pricing list --provider openai", "omniroute pricing list --source override --json"),
)
@click.option("--provider", metavar="ID", help="Only of this provider.")
@click.option("--source", type=click.Choice(("override", "custom", "catalogue", "genai-prices", "none")), help="Only from there.")
@click.option("--search", metavar="TEXT", help="Only models with this in their name.")
@pass_state
def list_prices(state: State, provider: str | None, source: str | None, search: str | None) -> None:
    with state.client() as client:
        items = client.every(PATH, provider=provider, source=source, q=search)
    rows = [
        (
            f"{p['provider']}/{p['model']}",
            p["input"],
            p["output"],
            p["cached"],
            p["cache_write"],
            _long(p),
            p["basis"],
            p["source"],
        )
        for p in items
    ]
    headings = ("model", "input", "output", "cached", "cache write", "long context", "basis", "source")
    state.emit({"data": items}, table(rows, headings) if rows else "No model fits.")


@pricing.command(
    "set",
    help="State what a model costs, in USD per million tokens. It holds for requests from now on.",
    examples=(
        "omniroute pricing set openai gpt-5 --input 1.25 --output 10 --cached 0.125",
        "omniroute pricing set gemini gemini-2.5-pro --input 1.25 --output 10 --long 200000 2.5 15",
    ),
)
@click.argument("provider")
@click.argument("model")
@click.option("--input", "given", type=_PRICE, required=True, help="Tokens of the prompt.")
@click.option("--output", "made", type=_PRICE, required=True, help="Tokens of the answer, reasoning included.")
@click.option("--cached", type=_PRICE, help="Tokens read from the prompt cache; default: as --input.")
@click.option("--cache-write", type=_PRICE, help="Tokens written to the prompt cache; default: as --input.")
@click.option("--long", "long_context", type=(int, float, float), metavar="ABOVE INPUT OUTPUT",
              help="Prices of requests whose input has more tokens than ABOVE.")  # fmt: skip
@click.option(
    "--plan/--billed", "plan", default=None, help="A plan pays for it, or it is billed; default: as the provider's tier."
)
@pass_state
def put(
    state: State,
    provider: str,
    model: str,
    given: float,
    made: float,
    cached: float | None,
    cache_write: float | None,
    long_context: tuple[int, float, float] | None,
    plan: bool | None,
) -> None:
    body: dict[str, Any] = {
        "provider": provider,
        "model": model,
        "input": given,
        "output": made,
        "cached": cached,
        "cache_write": cache_write,
        "long_context": None if long_context is None else dict(zip(("above", "input", "output"), long_context, strict=True)),
        "basis": None if plan is None else "equivalent" if plan else "list",
    }
    with state.client() as client:
        found = client.call("PUT", PATH, body=body)
    state.note(f"{found['provider']}/{found['model']} costs that from now on (version {found['version']}).")
    state.emit(found, "")


@pricing.command(
    "unset",
    help="Take back a price of your own: the listed one holds again.",
    examples=("omniroute pricing unset openai gpt-5",),
)
@click.argument("provider")
@click.argument("model")
@pass_state
def unset(state: State, provider: str, model: str) -> None:
    with state.client() as client:
        found = client.delete(f"{PATH}/{segment(provider)}/{segment(model)}")
    price = (
        "no price is known" if found["input"] is None else f"{found['input']:g} in, {found['output']:g} out ({found['source']})"
    )
    state.note(f"{found['provider']}/{found['model']}: {price}.")
    state.emit(found, "")


def _long(price: dict[str, Any]) -> str | None:
    long = price["long_context"]
    return None if long is None else f"above {long['above']}: {long['input']:g} / {long['output']:g}"
