"""Settings edited at run time."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.core.errors import BadRequest, NotFound
from omniroute.core.settings import SETTINGS, Settings
from omniroute.storage import Database, SettingRepository


@pytest.fixture
def settings(db: Database) -> SettingRepository:
    return SettingRepository(db)


@pytest.mark.parametrize(
    ("name", "given", "stored"),
    [
        ("require_api_key", "yes", True),
        ("first_token_timeout", "30", 30.0),
        ("max_body_size", "2 MiB", 2 * 1024 * 1024),
        ("cors_origins", "http://a, http://b", ["http://a", "http://b"]),
        ("log_level", "debug", "debug"),
    ],
)
async def test_a_value_is_kept_as_its_own_type(settings: SettingRepository, name: str, given: Any, stored: Any) -> None:
    await settings.put(name, given)
    assert await settings.get_all() == {name: stored}
    loaded = Settings.load(database=await settings.get_all())
    assert (loaded.origin(name), getattr(loaded, name)) == ("database", tuple(stored) if isinstance(stored, list) else stored)


async def test_the_last_value_counts_and_delete_returns_to_the_default(settings: SettingRepository) -> None:
    await settings.put("log_level", "debug")
    assert await settings.put("log_level", "error") == "error"
    await settings.delete("log_level")
    assert await settings.get_all() == {}
    with pytest.raises(NotFound, match="log_level"):
        await settings.delete("log_level")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("log_levle", "debug", "did you mean 'log_level'"),
        ("log_level", "loud", "not one of"),
        ("first_token_timeout", 0, "below"),
        ("require_api_key", "perhaps", "not a valid boolean"),
        ("require_api_key", None, "null"),
        ("port", 1, "matter of the start"),
        ("jwt_secret", "x", "matter of the start"),
    ],
)
async def test_what_does_not_fit_is_refused(settings: SettingRepository, name: str, value: Any, sentence: str) -> None:
    with pytest.raises(BadRequest, match=sentence) as caught:
        await settings.put(name, value)
    assert caught.value.param == name
    assert await settings.get_all() == {}


async def test_no_secret_setting_can_be_stored(settings: SettingRepository) -> None:
    secret = [setting.name for setting in SETTINGS.values() if setting.secret]
    assert secret
    for name in secret:
        with pytest.raises(BadRequest):
            await settings.put(name, "x")


async def test_a_name_of_another_version_is_left_alone(db: Database, settings: SettingRepository) -> None:
    await db.write_many("INSERT INTO settings VALUES (?, ?, ?)", [("from_the_future", "1", 1.0)])
    await settings.put("log_level", "debug")
    assert await settings.get_all() == {"log_level": "debug"}
    assert len(await db.read("SELECT * FROM settings")) == 2
