"""How a command ends badly: one sentence on stderr and an exit code with a meaning."""

from __future__ import annotations

from typing import IO, Any

import click

OK, FAILURE, USAGE, NOT_RUNNING, AUTH, DEGRADED = range(6)


class Failure(click.ClickException):
    """Exit codes: 1 failure, 2 usage, 3 server not running, 4 authentication, 5 degraded (doctor --strict).

    ``code``: the server's word for a refusal of its own.
    """

    def __init__(self, message: str, exit_code: int = FAILURE, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        # click declares it as a class variable, and reads it from the instance.
        setattr(self, "exit_code", exit_code)  # noqa: B010

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"Error: {self.format_message()}", file=file, err=file is None)


def not_running(where: str) -> Failure:
    return Failure(f"no OmniRoute server is running {where}; start one with 'omniroute serve'", NOT_RUNNING)
