"""Settings edited at run time: the ``database`` layer of ``core.settings``."""

from __future__ import annotations

from typing import Any

from omniroute.core import json
from omniroute.core.errors import BadRequest, ConfigError
from omniroute.core.settings import SETTINGS, parse, suggestion
from omniroute.storage import rows
from omniroute.storage.db import Database


class SettingRepository:
    """Name → value. Only settings whose record says ``database`` are kept here."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def get_all(self) -> dict[str, Any]:
        """Every stored value this version knows. A name only another version knows stays in the file and is left out,
        so that going back a version does not stop the start."""
        found = await self._db.read("SELECT name, value_json FROM settings ORDER BY name")
        return {row["name"]: json.loads(row["value_json"]) for row in found if _editable(row["name"])}

    async def put(self, name: str, value: Any) -> Any:
        """Store ``value`` and return it as the setting's own type. BadRequest for an unknown name, one that cannot be edited at
        run time, or a value that does not fit; None is a value only :meth:`delete` can bring about."""
        if not _editable(name):
            if name in SETTINGS:
                raise BadRequest(f"{name} is a matter of the start: set it by flag, environment or config file", param=name)
            raise BadRequest(f"unknown setting {name!r}{suggestion(name, list(SETTINGS))}", param=name)
        if value is None:
            raise BadRequest(f"{name}: null is not a value; delete the setting to return to its default", param=name)
        try:
            parsed = parse(SETTINGS[name], value)
        except ConfigError as error:
            raise BadRequest(error.message, param=name) from error
        columns = {"name": name, "value_json": json.dumps_text(parsed), "updated_at": self._db.clock.now()}
        await rows.insert(
            self._db,
            "settings",
            columns,
            otherwise="ON CONFLICT (name) DO UPDATE SET value_json = excluded.value_json, updated_at = excluded.updated_at",
        )
        return parsed

    async def delete(self, name: str) -> None:
        """Back to the default (or what environment and file say). NotFound if nothing is stored under ``name``."""
        await rows.remove(self._db, "settings", {"name": name}, f"setting {name!r} is not stored")


def _editable(name: str) -> bool:
    return name in SETTINGS and SETTINGS[name].database
