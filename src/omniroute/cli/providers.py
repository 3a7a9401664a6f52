"""``omniroute providers``: accounts with providers."""

from __future__ import annotations

from typing import Any

import click

from omniroute.cli.account_edit import edit
from omniroute.cli.client import AdminClient, segment
from omniroute.cli.credential import credential_options, read_credential
from omniroute.cli.failure import FAILURE, USAGE, Failure
from omniroute.cli.options import Group
from omniroute.cli.output import table
from omniroute.cli.resolve import one_of
from omniroute.cli.state import State, pass_state
from omniroute.core.settings import suggestion

PATH = "/api/providers"


@click.group(
    cls=Group,
    help="Connect accounts of providers, test them, take them away.",
    examples=("omniroute providers list --available",),
)
def providers() -> None:
    """The group itself does nothing."""


@providers.command(
    "list",
    help="List the connected accounts, or with --available every provider that could be connected.",
    examples=("omniroute providers list", "omniroute providers list --available", "omniroute providers list --json"),
)
@click.option("--available", is_flag=True, help="The catalogue: every provider, connected or not.")
@pass_state
def list_providers(state: State, available: bool) -> None:
    with state.client() as client:
        items = client.every(f"{PATH}/catalogue" if available else PATH)
    if available:
        rows = [(p["id"], p["prefix"], p["name"], p["tier"], p["state"], ", ".join(p["env_keys"])) for p in items]
        state.emit({"data": items}, table(rows, ("id", "prefix", "name", "tier", "state", "environment")))
        return
    rows = [(a["id"], a["provider"], a["name"], a["source"], a["state"], a["secret_hint"] or "") for a in items]
    empty = "No accounts. See what can be connected with: omniroute providers list --available"
    state.emit({"data": items}, table(rows, ("id", "provider", "name", "source", "state", "key")) if rows else empty)


@providers.command(
    "add",
    help="Connect an account of PROVIDER (id or prefix). Its key is asked for, or comes from a variable or standard input.",
    examples=(
        "omniroute providers add PROVIDER",
        "omniroute providers add PROVIDER --api-key-env PROVIDER_KEY --name work",
        "pass show provider | omniroute providers add PROVIDER --api-key-stdin",
    ),
)
@click.argument("provider")
@click.option("--name", help="What to call the account.")
@click.option("--priority", type=int, help="Lower is tried first.  [default: 1]")
@click.option(
    "--var", "variables", multiple=True, metavar="NAME=VALUE", help="Fill a placeholder of the provider's URL. Repeatable."
)
@click.option("--test/--no-test", default=False, help="Send one live one-token request afterwards.")
@credential_options
@pass_state
def add(
    state: State,
    provider: str,
    name: str | None,
    priority: int | None,
    variables: tuple[str, ...],
    test: bool,
    api_key_env: str | None,
    api_key_stdin: bool,
) -> None:
    with state.client() as client:
        known = _known(client, provider)
        if known["auth"] == "oauth" and not known["env_keys"]:
            state.note(f"{known['name']} is usually used by signing in: omniroute login {known['id']}")
        prompt = f"API key of {known['name']}" if known["needs_key"] else None
        secret = read_credential(state, api_key_env, api_key_stdin, prompt=prompt)
        body: dict[str, Any] = {"provider": known["id"], "url_vars": _variables(variables)}
        body |= {key: value for key, value in (("name", name), ("priority", priority), ("api_key", secret)) if value is not None}
        made = client.post(PATH, body)
        state.note(f"{known['name']} is connected as {made['name']!r} ({made['id']}). Its models start with {known['prefix']}/.")
        if test:
            _test(state, client, made)
            return
    state.emit(made, "")


providers.add_command(edit)


@providers.command(
    "test", help="Send one live one-token request through an account.", examples=("omniroute providers test work",)
)
@click.argument("account", metavar="ID-OR-NAME")
@pass_state
def test_account(state: State, account: str) -> None:
    with state.client() as client:
        _test(state, client, one_of(client.every(PATH), account, "account"))


@providers.command(
    "remove", help="Take an account away, with its stored key.", examples=("omniroute providers remove work --yes",)
)
@click.argument("account", metavar="ID-OR-NAME")
@pass_state
def remove(state: State, account: str) -> None:
    with state.client() as client:
        found = one_of(client.every(PATH), account, "account")
        state.confirm(f"Remove account {found['name']!r} of {found['provider']} ({found['id']})?")
        client.delete(f"{PATH}/{segment(found['id'])}")
    state.note(f"Account {found['name']!r} is removed.")
    state.emit({"id": found["id"], "removed": True}, "")


def _known(client: AdminClient, word: str) -> dict[str, Any]:
    catalogue = client.every(f"{PATH}/catalogue")
    for item in catalogue:
        if word in (item["id"], item["prefix"], *item["aliases"]):
            return item
    hint = suggestion(word, [item["id"] for item in catalogue])
    raise Failure(f"there is no provider {word!r}{hint}; see: omniroute providers list --available")


def _variables(pairs: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise Failure(f"--var takes NAME=VALUE, not {pair!r}", USAGE)
        found[name] = value
    return found


def _test(state: State, client: AdminClient, account: dict[str, Any]) -> None:
    result = client.post(f"{PATH}/{segment(account['id'])}/test")
    took = "" if result["first_token_ms"] is None else f", first token after {result['first_token_ms']:.0f} ms"
    verdict = "ok" if result["ok"] else "failed"
    state.emit(result, f"{account['name']}: {verdict} ({result['model'] or 'no model'}{took}) {result['message']}".rstrip())
    if not result["ok"]:
        raise Failure(f"the test of account {account['name']!r} failed: {result['message']}", FAILURE)
