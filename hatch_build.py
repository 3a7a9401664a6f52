"""The last word on what goes into the wheel, after hatch-cython has compiled the extensions.

- A wheel carries extensions of the interpreter that builds it and no others: hatch-cython hands over every ``.so`` it finds.
- An editable install loads extensions from the source tree, so copies in site-packages would only grow stale.
- The catalogue's TOML files are checked and baked into one ``catalog.json``: no parsing of 100+ files at each start.
"""

from __future__ import annotations

import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_EXTENSION_SUFFIXES = (".so", ".pyd", ".dll")


class WheelContents(BuildHookInterface):  # type: ignore[type-arg]
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        ours = "" if version == "editable" else str(sysconfig.get_config_var("EXT_SUFFIX"))
        build_data["force_include"] = {
            source: target
            for source, target in build_data["force_include"].items()
            if not source.endswith(_EXTENSION_SUFFIXES) or (ours and source.endswith(ours))
        }
        if version != "editable":
            self._scratch = tempfile.TemporaryDirectory(prefix="omniroute-build-")
            baked = Path(self._scratch.name, "catalog.json")
            self._bake(baked)
            build_data["force_include"][str(baked)] = "omniroute/catalog/catalog.json"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if version != "editable":
            self._scratch.cleanup()

    def _bake(self, target: Path) -> None:
        sys.path.insert(0, str(Path(self.root, "src")))
        try:
            from omniroute.catalog.bake import bake
        finally:
            del sys.path[0]
        bake(target)
