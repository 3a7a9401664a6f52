"""Check a config file as a start would, without starting anything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omniroute.catalog.load import load_catalogue
from omniroute.core.configfile import read_config
from omniroute.core.settings import Settings
from omniroute.server.installation import configured_by


def check_config(path: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """What the file says, by name: settings, nodes, accounts, keys, combos, aliases. Raises ConfigError naming file and line."""
    file = read_config(path, environ)
    Settings.load(environ=environ, file=file.settings)
    said = configured_by(file, load_catalogue(), environ)
    return {
        "file": str(path),
        "ok": True,
        "settings": sorted(file.settings),
        "nodes": [node.prefix for node in said.nodes],
        "accounts": [f"{account.provider}: {account.name}" for account in said.accounts],
        "keys": [key.name for key in file.keys],
        "combos": sorted(file.combos),
        "aliases": sorted(file.aliases),
    }
