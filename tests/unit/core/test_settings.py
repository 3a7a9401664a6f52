"""Settings in force: attributes of a frozen object."""

from __future__ import annotations

import pytest

from omniroute.core.settings import SETTINGS, Settings


def test_every_value_is_an_attribute_that_no_method_hides() -> None:
    settings = Settings.load(flags={"port": 4711})
    assert settings.as_dict() == {name: getattr(settings, name) for name in SETTINGS}
    assert (settings.port, settings.origin("port"), settings.origin("host")) == (4711, "flag", "default")
    assert not SETTINGS.keys() & set(dir(Settings))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="prot"):
        _ = Settings.load().prot


def test_settings_are_frozen() -> None:
    settings = Settings.load()
    with pytest.raises(AttributeError, match="frozen"):
        settings.port = 1
    with pytest.raises(AttributeError, match="frozen"):
        del settings.port
    settings.as_dict()["port"] = 1
    assert settings.port == SETTINGS["port"].default
