"""``omniroute health``: what stands in the way of requests, and taking it away."""

from __future__ import annotations

from typing import Any

import click

from omniroute.cli.client import AdminClient
from omniroute.cli.options import Command
from omniroute.cli.output import moment, table
from omniroute.cli.resolve import one_of
from omniroute.cli.state import State, pass_state

PATH = "/api/resilience"
EVERYTHING = "all"


@click.command(
    cls=Command,
    help="Show which accounts and models cool down, which providers are left alone, and who waits. --reset forgets that: of "
    "everything, of a provider (id or prefix), or of an account (id or name), with --model of that model only.",
    examples=(
        "omniroute health",
        "omniroute health --reset",
        "omniroute health --reset work",
        "omniroute health --reset work --model MODEL",
    ),
)
@click.option("--reset", "scope", is_flag=False, flag_value=EVERYTHING, metavar="[SCOPE]", help="Forget what is held against it.")
@click.option("--model", metavar="MODEL", help="With --reset ACCOUNT: what is held against this model of it.")
@pass_state
def health(state: State, scope: str | None, model: str | None) -> None:
    if model is not None and scope in (None, EVERYTHING):
        raise click.UsageError("--model goes with --reset ACCOUNT")
    with state.client() as client:
        if scope is not None:
            body = _scope(client, scope, model)
            done = client.post(f"{PATH}/reset", body)
            state.emit(done, f"{done['unlocked']} forgotten ({done['scope']}).")
            return
        found = client.get(PATH)
    state.emit(found, "\n\n".join(_sections(found)) or "Nothing stands in the way of requests.")


def _scope(client: AdminClient, word: str, model: str | None) -> dict[str, Any]:
    if word == EVERYTHING:
        return {}
    accounts = client.every("/api/providers")
    if model is None and not any(word in (account["id"], account["name"]) for account in accounts):
        provider = next((a["provider"] for a in accounts if word in (a["provider"], a["prefix"])), None)
        if provider is not None:
            return {"provider": provider}
    body = {"account": one_of(accounts, word, "account or connected provider")["id"]}
    return body if model is None else {**body, "model": model}


def _sections(found: dict[str, Any]) -> list[str]:
    sections = []
    if found["cooldowns"]:
        rows = [
            (
                lock["name"] or lock["id"],
                lock["provider"],
                lock["model"] or "all",
                lock["reason"].replace("_", " "),
                "stated" if lock["stated"] else "estimated",
                _until(lock["until"]),
            )
            for lock in found["cooldowns"]
        ]
        sections.append(table(rows, ("cooling down", "provider", "model", "reason", "length", "until")))
    told = [b for b in found["breakers"] if b["state"] != "closed"]
    if told:
        left = [(b["provider"], b["state"].replace("_", " "), b["failures"], _until(b["until"])) for b in told]
        sections.append(table(left, ("left alone", "breaker", "failures", "until")))
    waiting = [(line["name"] or line["id"], line["waiting"], line["clients"]) for line in found["queue"] if line["waiting"]]
    if waiting:
        sections.append(table(waiting, ("in line for", "requests", "clients")))
    return sections


def _until(seconds: float | None) -> str:
    return "further notice" if seconds is None else moment(seconds)
