"""The second source of prices, got ready beside the traffic when somebody first asks for it."""

from __future__ import annotations

import asyncio
import importlib.metadata
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import structlog

from omniroute.catalog.reference import FORM, PACKAGE, Reference
from omniroute.core.errors import ConfigError

_PATIENCE = 60.0
log = structlog.get_logger("omniroute.server")


class PriceList:
    """:meth:`get` gives the list, or None while it is being made ready.

    It is made once for each version of the package, in a process of its own, and kept in the user's cache directory, else in
    ``data_dir``. Without the package, or with a broken one, it is empty.
    """

    def __init__(self, environ: Mapping[str, str], data_dir: Path) -> None:
        self._environ = environ
        self._data_dir = data_dir
        self._list: Reference | None = None
        self._preparing: asyncio.Task[None] | None = None

    def get(self) -> Reference | None:
        """Needs a running event loop."""
        if self._list is None and self._preparing is None:
            self._preparing = asyncio.get_running_loop().create_task(self._prepare(), name="price-list")
        return self._list

    async def ready(self) -> Reference:
        """The list, waited for."""
        found = self.get()
        if found is None and self._preparing is not None:
            await asyncio.wait([self._preparing])
        return self._list or Reference(())

    async def stop(self) -> None:
        if self._preparing is not None:
            self._preparing.cancel()
            await asyncio.wait([self._preparing])

    async def _prepare(self) -> None:
        try:
            self._list = await asyncio.to_thread(self._read)
        except (OSError, ConfigError, subprocess.SubprocessError, importlib.metadata.PackageNotFoundError) as error:
            log.warning("no second source of prices", reason=str(error))
            self._list = Reference(())

    def _read(self) -> Reference:
        version = importlib.metadata.version(PACKAGE)
        failure: Exception = ConfigError(f"nowhere to keep the prices of {PACKAGE}")
        for folder in self._folders():
            file = folder / f"prices-{version}-{FORM}.json"
            try:
                if not file.exists():
                    _extract(file)
                return Reference.read(file)
            except (OSError, subprocess.SubprocessError) as error:
                failure = error
        raise failure

    def _folders(self) -> list[Path]:
        base, home = self._environ.get("XDG_CACHE_HOME", ""), self._environ.get("HOME", "")
        cache = [Path(base)] if base else [Path(home, ".cache")] if home else []
        return [*(folder / "omniroute" for folder in cache), self._data_dir / "cache"]


def _extract(file: Path) -> None:
    """In another process, which takes the memory it needs along when it ends."""
    command = [sys.executable, "-m", "omniroute.catalog.reference", str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=_PATIENCE, stdin=subprocess.DEVNULL)  # noqa: S603
