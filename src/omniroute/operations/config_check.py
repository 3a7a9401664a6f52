"""Check a config file as a start would, without starting anything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omniroute.catalog.configured import configured
from omniroute.catalog.load import load_catalogue
from omniroute.core.configfile import read_config
from omniroute.core.settings import Settings
from omniroute.translation.format import registry


def check_config(path: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """What the file says, by name: settings, nodes, accounts, keys. Raises ConfigError naming file and line."""
    file = read_config(path, environ)
    Settings.load(environ=environ, file=file.settings)
    said = configured(file, load_catalogue(), registry().names(), environ)
    return {
        "file": str(path),
        "ok": True,
        "settings": sorted(file.settings),
        "nodes": [node.prefix for node in said.nodes],
        "accounts": [f"{account.provider}: {account.name}" for account in said.accounts],
        "keys": [key.name for key in file.keys],
    }
