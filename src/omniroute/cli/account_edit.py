"""``omniroute providers edit``: what an account is called, when it is tried, and how much it may be used."""

from __future__ import annotations

import os
import re
from typing import Any

import click

from omniroute.cli.client import segment
from omniroute.cli.credential import credential_options, read_credential
from omniroute.cli.options import Command
from omniroute.cli.resolve import one_of
from omniroute.cli.state import State, pass_state
from omniroute.core.configfile import resolve_secret

PATH = "/api/providers"
NONE = "none"
_LIMITS = ("rpm", "min_gap", "concurrency", "reserve", "models", "allowances")
_ALLOWANCE = re.compile(
    r"(?P<limit>\d+(?:\.\d+)?)(?P<scale>[kM]?)(?::(?P<unit>requests|tokens))?/(?P<per>5h|daily|weekly|monthly)(?:@(?P<model>.+))?"
)
_SCALES = {"": 1.0, "k": 1e3, "M": 1e6}


class _Amount(click.ParamType[Any]):
    """A positive number, or none; ``whole``: without a fraction; ``percent``: a share written as 10%."""

    name = "amount"

    def __init__(self, *, whole: bool = False, percent: bool = False) -> None:
        self._whole = whole
        self._percent = percent

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == NONE or not isinstance(value, str):
            return value
        text = value.removesuffix("%") if self._percent else value
        try:
            number = int(text) if self._whole else float(text)
        except ValueError:
            self.fail(f"{value!r} is neither a number nor {NONE}", param, ctx)
        if not 0 < number < 1e12:
            self.fail(f"{value!r} is not above 0", param, ctx)
        return number / 100 if self._percent else number


class _Allowance(click.ParamType[Any]):
    """``500/daily``, ``2M:tokens/weekly@MODEL``, or none; as a member of the request."""

    name = "allowance"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == NONE or isinstance(value, dict):
            return value
        found = _ALLOWANCE.fullmatch(value)
        if found is None:
            self.fail(f"{value!r} is not like 500/daily, 2M:tokens/weekly or 100/5h@MODEL", param, ctx)
        return {
            "limit": float(found["limit"]) * _SCALES[found["scale"]],
            "unit": found["unit"] or "requests",
            "per": found["per"],
            "model": found["model"],
        }


@click.command(
    "edit",
    cls=Command,
    help="Change an account. What is not given stays; none takes a limit away.",
    examples=(
        "omniroute providers edit work --rpm 10 --concurrency 2",
        "omniroute providers edit work --allowance 500/daily --reserve 10%",
        "omniroute providers edit work --priority 1 --proxy env:WORK_PROXY",
        "omniroute providers edit work --pause",
    ),
)
@click.argument("account", metavar="ID-OR-NAME")
@click.option("--name", help="What to call it from now on.")
@click.option("--priority", type=int, help="Lower is tried first.")
@click.option("--pause/--resume", "pause", default=None, help="Take it out of use, or back into it.")
@click.option(
    "--tier",
    type=click.Choice(["subscription", "api_key", "cheap", "free", NONE]),
    help="Its tier; none: the provider's.",
)
@click.option("--model", "models", multiple=True, metavar="MODEL", help="Use it for this model only (may end in *). Repeatable.")
@click.option("--rpm", type=_Amount(whole=True), metavar="N", help="At most so many requests begun in any minute.")
@click.option("--min-gap", type=_Amount(), metavar="SECONDS", help="So long between two requests.")
@click.option("--concurrency", type=_Amount(whole=True), metavar="N", help="At most so many requests under way.")
@click.option("--reserve", type=_Amount(percent=True), metavar="PERCENT", help="Keep this share of each quota for other uses.")
@click.option(
    "--allowance", "allowances", type=_Allowance(), multiple=True, metavar="LIMIT/WINDOW",
    help="A quota that OmniRoute counts: 500/daily, 2M:tokens/weekly, 100/5h@MODEL. Repeatable.",
)  # fmt: skip
@click.option("--proxy", metavar="URL", help="Outbound proxy of its calls, direct for none; env:NAME reads the environment.")
@credential_options
@pass_state
def edit(state: State, /, account: str, pause: bool | None, api_key_env: str | None, api_key_stdin: bool, **given: Any) -> None:
    body = _body(**given)
    if pause is not None:
        body["enabled"] = not pause
    secret = read_credential(state, api_key_env, api_key_stdin, prompt=None)
    if secret is not None:
        body["api_key"] = secret
    if not body:
        raise click.UsageError("say what to change")
    with state.client() as client:
        found = one_of(client.every(PATH), account, "account")
        changed = client.call("PATCH", f"{PATH}/{segment(found['id'])}", body=body)
    state.note(f"Account {changed['name']!r} ({changed['id']}) changed.")
    state.emit(changed, "")


def _body(**given: Any) -> dict[str, Any]:
    """The request for what was given; ``none`` takes a limit away."""
    body: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    for name, value in given.items():
        if value is None or value == ():
            continue
        if name in _LIMITS:
            limits[name] = None if value in (NONE, (NONE,)) else list(value) if isinstance(value, tuple) else value
        elif name == "proxy" and value != NONE:
            body[name] = resolve_secret(value, os.environ)
        else:
            body[name] = None if value == NONE and name != "name" else value
    return {**body, "limits": limits} if limits else body
