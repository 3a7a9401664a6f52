"""Waiting for a sign-in that a person finishes elsewhere, with the time that is left on the screen."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

import click

from omniroute.cli.client import AdminClient, segment
from omniroute.cli.failure import Failure
from omniroute.cli.state import State

_GLANCE = 1.0


def wait(state: State, client: AdminClient, begun: Mapping[str, Any]) -> str:
    """The account, once the sign-in is done. Failure with the reason when it was refused, given up, or not finished in time."""
    path = f"/api/oauth/sessions/{segment(begun['id'])}"
    if not _shown(state):
        state.note("Waiting for the sign-in …")
    while True:
        told = client.get(path)
        if told["state"] != "pending":
            _clear(state)
        if told["state"] == "done":
            return str(told["account_id"])
        if told["state"] == "failed":
            raise Failure(f"the sign-in failed: {told['reason']}")
        left = begun["expires_at"] - _now()
        if left <= 0:
            _clear(state)
            raise Failure("nobody finished the sign-in in time; begin again")
        _countdown(state, left)
        _pause(_GLANCE)


def _countdown(state: State, left: float) -> None:
    if _shown(state):
        minutes, seconds = divmod(int(left), 60)
        click.echo(f"\rWaiting for the sign-in, {minutes}:{seconds:02d} left ", nl=False, err=True)


def _clear(state: State) -> None:
    if _shown(state):
        click.echo("\r" + " " * 48 + "\r", nl=False, err=True)


def _shown(state: State) -> bool:
    return not state.quiet and sys.stderr.isatty()


def _now() -> float:
    return time.time()


def _pause(seconds: float) -> None:
    time.sleep(seconds)
