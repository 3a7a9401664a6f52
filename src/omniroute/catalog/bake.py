"""Bakes the TOML folders into catalog.json, which a wheel carries instead: ``python -m omniroute.catalog.bake [FILE]``."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from omniroute.catalog.catalog import Catalogue
from omniroute.catalog.load import BAKED, FOLDER, read_sources


def bake(target: Path = FOLDER / BAKED, folder: Path = FOLDER) -> Path:
    """Check every provider under ``folder`` and write the records to ``target``. ConfigError when one is wrong.

    The same sources give the same bytes, so that a wheel can be rebuilt exactly.
    """
    content = read_sources(folder)
    Catalogue(content.providers, content.error_profiles)
    target.write_bytes(msgspec.json.encode(content))
    return target


if __name__ == "__main__":
    written = bake(Path(sys.argv[1])) if len(sys.argv) > 1 else bake()
    print(written)
