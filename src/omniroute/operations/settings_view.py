"""One setting as people and programs read it: the same for the admin API and the command line."""

from __future__ import annotations

from typing import Any

from omniroute.core.settings import SETTINGS, Setting, Settings


def describe_settings(values: Settings) -> list[dict[str, Any]]:
    """Every setting with its value in force, origin, type and limits. Secret ones say only whether they are set."""
    return [describe_setting(setting, values) for setting in SETTINGS.values()]


def describe_setting(setting: Setting, values: Settings) -> dict[str, Any]:
    """One of them. ``editable``: the database may hold it, and nothing stronger decides it."""
    value = values.as_dict()[setting.name]
    origin = values.origin(setting.name)
    return {
        "name": setting.name,
        "section": setting.section,
        "type": setting.type,
        "value": None if setting.secret else value,
        "default": None if setting.secret else setting.default,
        "is_set": value is not None,
        "origin": origin,
        "editable": setting.database and origin in ("database", "default"),
        "restart": setting.restart,
        "secret": setting.secret,
        "help": setting.help,
        "unit": setting.unit,
        "choices": list(setting.choices),
        "minimum": setting.minimum,
        "maximum": setting.maximum,
        "env": list(setting.env),
    }
