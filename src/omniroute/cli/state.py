"""What the global options say, and what follows from it: settings, data directory, client."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from omniroute.cli.failure import USAGE, Failure
from omniroute.cli.output import emit_json
from omniroute.core.configfile import config_path, read_config
from omniroute.core.settings import Settings

if TYPE_CHECKING:
    from omniroute.cli.client import AdminClient, OfflineApp


def _offline_app(data_dir: Path, config: Path | None) -> AbstractAsyncContextManager[Any]:
    """The application in process; imported late, since it loads everything."""
    from omniroute.server.offline import offline_app

    return offline_app(data_dir, config)


@dataclass
class State:
    """Filled by the global options. ``environ`` and ``offline_app`` are handed in by tests."""

    as_json: bool = False
    quiet: bool = False
    yes: bool = False
    config: Path | None = None
    data_dir: Path | None = None
    url: str | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    offline_app: OfflineApp = _offline_app

    def flags(self) -> dict[str, Any]:
        """The global options that are settings."""
        return {} if self.data_dir is None else {"data_dir": str(self.data_dir)}

    def settings(self, database: Mapping[str, Any] | None = None) -> Settings:
        """Flags, environment and config file, and what ``database`` holds where that is known. Raises ConfigError."""
        path = config_path(self.config, self.environ)
        file = read_config(path, self.environ).settings if path is not None else None
        return Settings.load(flags=self.flags(), environ=self.environ, file=file, database=database)

    def data_path(self) -> Path:
        """The data directory in force."""
        from omniroute.storage import data_directory  # late: --version and --help need no database

        return data_directory(self.settings())

    def client(self, *, offline: bool = True) -> AdminClient:
        """The admin API; with ``offline`` it works without a running server too."""
        from omniroute.cli.client import AdminClient  # an HTTP client: the server starts without it

        return AdminClient(self.data_path(), config=self.config, url=self.url, offline_app=self.offline_app if offline else None)

    def emit(self, value: Any, text: str) -> None:
        """``value`` as JSON for programs, ``text`` for people."""
        if self.as_json:
            emit_json(value)
        elif text:
            click.echo(text)

    def note(self, text: str) -> None:
        """A message on stderr; silent with --quiet."""
        if not self.quiet:
            click.echo(text, err=True)

    def confirm(self, question: str) -> None:
        """Ask before something that cannot be undone. Without a terminal only --yes will do."""
        if self.yes:
            return
        if not sys.stdin.isatty():
            raise Failure("this cannot be undone; give --yes to do it without being asked", USAGE)
        if not click.confirm(question, err=True):
            raise Failure("nothing was changed")


pass_state = click.make_pass_decorator(State, ensure=True)
