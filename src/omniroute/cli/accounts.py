"""``omniroute accounts``: who is signed in where, on which plan, and whether somebody is needed."""

from __future__ import annotations

from typing import Any

import click

from omniroute.cli.client import AdminClient, segment
from omniroute.cli.options import Group
from omniroute.cli.output import moment, table
from omniroute.cli.resolve import one_of
from omniroute.cli.state import State, pass_state

PATH = "/api/providers"


@click.group(
    cls=Group,
    invoke_without_command=True,
    help="Accounts with their sign-ins: plan, end, last renewal, and any problem. Without a command they are listed.",
    examples=("omniroute accounts", "omniroute accounts --json", "omniroute accounts refresh work"),
)
@pass_state
@click.pass_context
def accounts(ctx: click.Context, state: State) -> None:
    if ctx.invoked_subcommand is None:
        _show(state)


@accounts.command("list", help="The same as no command.", examples=("omniroute accounts list",))
@pass_state
def list_accounts(state: State) -> None:
    _show(state)


@accounts.command("refresh", help="Renew an account's sign-in now.", examples=("omniroute accounts refresh work",))
@click.argument("account", metavar="ID-OR-NAME")
@pass_state
def refresh(state: State, account: str) -> None:
    with state.client() as client:
        found = _one(client, account)
        renewed = client.post(f"{PATH}/{segment(found['id'])}/refresh")
    state.note(f"The sign-in of {found['name']!r} is renewed{_until(renewed)}.")
    state.emit(renewed, "")


@accounts.command("pause", help="Take an account out of use.", examples=("omniroute accounts pause work",))
@click.argument("account", metavar="ID-OR-NAME")
@pass_state
def pause(state: State, account: str) -> None:
    _use(state, account, enabled=False)


@accounts.command("resume", help="Take an account back into use.", examples=("omniroute accounts resume work",))
@click.argument("account", metavar="ID-OR-NAME")
@pass_state
def resume(state: State, account: str) -> None:
    _use(state, account, enabled=True)


@accounts.command(
    "remove", help="Take an account away, with its sign-in or key.", examples=("omniroute accounts remove work --yes",)
)
@click.argument("account", metavar="ID-OR-NAME")
@pass_state
def remove(state: State, account: str) -> None:
    with state.client() as client:
        found = _one(client, account)
        state.confirm(f"Remove account {found['name']!r} of {found['provider']} ({found['id']})?")
        client.delete(f"{PATH}/{segment(found['id'])}")
    state.note(f"Account {found['name']!r} is removed.")
    state.emit({"id": found["id"], "removed": True}, "")


def _show(state: State) -> None:
    with state.client() as client:
        items = client.every(PATH)
    rows = [_row(item) for item in items]
    empty = "No accounts. See where one can sign in with: omniroute login"
    headings = ("name", "provider", "email", "plan", "state", "until", "renewed", "problem")
    state.emit({"data": items}, table(rows, headings) if rows else empty)


def _row(account: dict[str, Any]) -> tuple[Any, ...]:
    login = account["login"]
    if login is None:
        return (account["name"], account["provider"], None, None, account["state"], None, None, account["last_error"])
    return (
        account["name"],
        account["provider"],
        login["email"],
        login["plan"],
        account["state"],
        None if login["expires_at"] is None else moment(login["expires_at"]),
        moment(login["refreshed_at"]) if login["renews"] else None,
        login["problem"] or account["last_error"],
    )


def _until(login: dict[str, Any]) -> str:
    return "" if login["expires_at"] is None else f", good until {moment(login['expires_at'])}"


def _use(state: State, account: str, *, enabled: bool) -> None:
    with state.client() as client:
        found = _one(client, account)
        changed = client.call("PATCH", f"{PATH}/{segment(found['id'])}", body={"enabled": enabled})
    state.note(f"Account {changed['name']!r} is {'in use' if enabled else 'paused'}.")
    state.emit(changed, "")


def _one(client: AdminClient, word: str) -> dict[str, Any]:
    return one_of(client.every(PATH), word, "account")
