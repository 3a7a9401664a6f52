"""Settings: what is in force, where it comes from, and changing what the database may hold."""

from __future__ import annotations

from typing import Any

from omniroute.admin.request import AdminRequest, Answer, listing
from omniroute.admin.routes import Route
from omniroute.admin.shapes.basis import Listing
from omniroute.admin.shapes.operating import Setting as SettingShape
from omniroute.admin.shapes.operating import SettingsChanged
from omniroute.core.errors import BadRequest, ConfigError, Conflict
from omniroute.core.loopback import is_loopback
from omniroute.core.proxy_url import checked_proxy
from omniroute.core.settings import SETTINGS, Setting, parse, suggestion
from omniroute.operations.settings_view import describe_setting, describe_settings


async def list_settings(request: AdminRequest) -> Answer:
    """Every setting with its value, origin, type and limits. Secret ones say only whether they are set."""
    values = request.services.settings()
    return listing(describe_settings(values))


async def update_settings(request: AdminRequest) -> Answer:
    """An object of names and new values; null returns to the default. All are checked before the first is stored.

    Conflict for what a flag, a variable or the config file decides.
    """
    return await change(request, request.object())


async def change(request: AdminRequest, given: dict[str, Any]) -> Answer:
    """Check and store these settings, for whichever path they came by."""
    services = request.services
    parsed = {name: _checked(request, name, value) for name, value in given.items()}
    stored = await services.setting_store.get_all()
    for name, value in parsed.items():
        if value is not None:
            await services.setting_store.put(name, value)
        elif name in stored:
            await services.setting_store.delete(name)
    if parsed:
        await request.changed("settings.update", ", ".join(parsed), {"values": given})
    values = services.settings()
    return Answer(
        {
            "data": [describe_setting(SETTINGS[name], values) for name in parsed],
            "restart_required": [name for name in parsed if SETTINGS[name].restart],
        }
    )


def _checked(request: AdminRequest, name: str, value: Any) -> Any:
    setting = SETTINGS.get(name)
    if setting is None:
        raise BadRequest(f"unknown setting {name!r}{suggestion(name, list(SETTINGS))}", param=name, code="unknown_setting")
    if not setting.database:
        raise Conflict(f"{name} can be set only by flag, environment or config file", param=name, code="not_editable")
    origin = request.services.settings().origin(name)
    if origin not in ("database", "default"):
        raise Conflict(
            f"{name} is decided by {_where(request, setting, origin)}; change it there", param=name, code="managed_elsewhere"
        )
    try:
        parsed = parse(setting, value)
        if name == "outbound_proxy" and parsed is not None:
            parsed = checked_proxy(parsed, name)
    except ConfigError as error:
        raise BadRequest(error.message, param=name) from None
    if name == "require_api_key" and not parsed and not is_loopback(request.services.host):
        raise Conflict(
            f"this server listens on {request.services.host}, which others can reach: API keys stay required there",
            param=name,
            code="unsafe",
        )
    return parsed


def _where(request: AdminRequest, setting: Setting, origin: str) -> str:
    if origin == "file":
        return f"the config file {request.services.config_file}" if request.services.config_file else "the config file"
    if origin == "environment":
        return f"the environment ({' or '.join(setting.env)})"
    return "a flag of the command line"


ROUTES = (
    Route("GET", "/api/settings", list_settings, answer=Listing[SettingShape]),
    Route("PUT", "/api/settings", update_settings, body=dict[str, Any], answer=SettingsChanged),
    Route("PATCH", "/api/settings", update_settings, body=dict[str, Any], answer=SettingsChanged),
)
