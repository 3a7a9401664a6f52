"""Secrets come from the environment, standard input or a hidden prompt; never from the command line, which others can read."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from omniroute.cli.failure import USAGE, Failure
from omniroute.cli.state import State

F = TypeVar("F", bound=Callable[..., Any])


def credential_options(command: F) -> F:
    """Add ``--api-key-env`` and ``--api-key-stdin``."""
    command = click.option("--api-key-stdin", is_flag=True, help="Read the provider's key from standard input.")(command)
    return click.option("--api-key-env", metavar="NAME", help="Take the provider's key from this environment variable.")(command)


def read_credential(state: State, api_key_env: str | None, api_key_stdin: bool, *, prompt: str | None) -> str | None:
    """The secret, or None where none is given and ``prompt`` is None. Without a terminal nothing is asked: Failure says how."""
    given = from_variable_or_stdin(state, api_key_env, api_key_stdin, "api-key")
    if given is not None or prompt is None:
        return given
    if not _on_terminal():
        raise Failure("no terminal to ask on: give --api-key-env NAME or --api-key-stdin", USAGE)
    answer: str = click.prompt(prompt, hide_input=True, err=True)
    return answer.strip()


def from_variable_or_stdin(state: State, variable: str | None, stdin: bool, option: str) -> str | None:
    """The first line of what ``--OPTION-env`` or ``--OPTION-stdin`` points to; None when neither was given."""
    if variable is not None and stdin:
        raise Failure(f"give either --{option}-env or --{option}-stdin, not both", USAGE)
    if variable is not None:
        value = state.environ.get(variable, "").strip()
        if not value:
            raise Failure(f"the environment variable {variable} is not set", USAGE)
        return value
    if stdin:
        value = sys.stdin.readline().strip()
        if not value:
            raise Failure("standard input holds nothing", USAGE)
        return value
    return None


def _on_terminal() -> bool:
    return sys.stdin.isatty()
