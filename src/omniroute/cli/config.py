"""``omniroute config``: what is set, and where it comes from."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from omniroute.cli.failure import USAGE, Failure
from omniroute.cli.options import Group
from omniroute.cli.output import cell, table
from omniroute.cli.state import State, pass_state
from omniroute.core.configfile import config_path
from omniroute.core.ids import SystemClock
from omniroute.operations import runtime
from omniroute.operations.existing import existing_database
from omniroute.operations.settings_view import describe_settings
from omniroute.server.config_check import check_config
from omniroute.storage.settings import SettingRepository


@click.group(cls=Group, help="Show the settings in force, check a config file.", examples=("omniroute config show --origin",))
def config() -> None:
    """The group itself does nothing."""


@config.command(
    "show",
    help="Print every setting in force, those of the running server or those a start would have. Secrets are not shown.",
    examples=("omniroute config show", "omniroute config show --origin", "omniroute config show --config omniroute.toml --json"),
)
@click.option("--origin", is_flag=True, help="Where each value comes from: flag, environment, file, database or default.")
@pass_state
def show(state: State, origin: bool) -> None:
    items = _of_server(state)
    if items is None:
        items = describe_settings(state.settings(asyncio.run(_stored(state.data_path()))))
    rows = [(s["name"], _shown(s), *((s["origin"],) if origin else ()), s["unit"] or "") for s in items]
    headings = ("setting", "value", *(("origin",) if origin else ()), "unit")
    state.emit({"data": items}, table(rows, headings))


@config.command(
    "check",
    help="Check a config file without starting anything.",
    examples=("omniroute config check --config omniroute.toml", "omniroute config check --config omniroute.toml --json"),
)
@pass_state
def check(state: State) -> None:
    path = config_path(state.config, state.environ)
    if path is None:
        raise Failure("say which file: --config FILE", USAGE)
    report = check_config(path, state.environ)
    counts = ", ".join(f"{len(report[part])} {part}" for part in ("settings", "nodes", "accounts", "keys", "combos", "aliases"))
    state.emit(report, f"{path}: fine ({counts})")


def _of_server(state: State) -> list[dict[str, Any]] | None:
    """The settings of the running server; None when none runs and none was asked for."""
    if state.url is None:
        server = runtime.running(state.data_path())
        if server is None or not runtime.answers(server.url):
            return None
    with state.client(offline=False) as client:
        return client.every("/api/settings")


async def _stored(data_dir: Path) -> dict[str, Any]:
    async with existing_database(data_dir, SystemClock()) as db:
        return {} if db is None else await SettingRepository(db).get_all()


def _shown(item: dict[str, Any]) -> str:
    if item["secret"]:
        return "(set)" if item["is_set"] else ""
    return cell(item["value"])
