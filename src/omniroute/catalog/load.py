"""Reads the catalogue: the TOML folders of a source tree, or the one JSON file they are baked into for a wheel."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from omniroute.catalog.cache import cache_file, read_through, tree
from omniroute.catalog.catalog import Catalogue
from omniroute.catalog.files import ErrorProfilesFile, ModelsFile, ProviderFile, decode, field_message
from omniroute.catalog.schema import ErrorRule, Provider
from omniroute.core.errors import ConfigError

FOLDER = Path(__file__).parent
PROVIDERS = "providers"
ERROR_PROFILES = "error_profiles.toml"
BAKED = "catalog.json"


class Baked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Content of catalog.json: the records, checked when they were baked."""

    providers: tuple[Provider, ...]
    error_profiles: dict[str, tuple[ErrorRule, ...]]


@cache
def load_catalogue(folder: Path = FOLDER) -> Catalogue:
    """The catalogue under ``folder``: ``providers/`` when it is there (development), else ``catalog.json`` (an installed wheel).

    Read once a process: the files are part of the product. ConfigError names the file and the field that is wrong, or says that
    neither is there.
    """
    if (folder / PROVIDERS).is_dir():
        content = _remembered_sources(folder) if folder == FOLDER else read_sources(folder)
    elif (folder / BAKED).is_file():
        content = read_baked(folder / BAKED)
    else:
        raise ConfigError(f"the provider catalogue is missing: neither {folder / PROVIDERS} nor {folder / BAKED} exists")
    return Catalogue(content.providers, content.error_profiles)


def read_baked(file: Path) -> Baked:
    """The records of catalog.json."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Baked)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{file}: {field_message(error)}") from None
    except msgspec.DecodeError as error:
        raise ConfigError(f"{file}: {error}") from None


def _remembered_sources(folder: Path) -> Baked:
    """The records of our own source tree, from the user's cache when no file changed since."""
    file = cache_file(folder, os.environ)
    if file is None:
        return read_sources(folder)
    try:
        return msgspec.json.decode(
            read_through(file, lambda: _sources(folder), lambda: msgspec.json.encode(read_sources(folder))),
            type=Baked,
        )
    except msgspec.DecodeError:  # cut short or meddled with
        file.unlink(missing_ok=True)
        return read_sources(folder)


def _sources(folder: Path) -> Iterator[os.DirEntry[str]]:
    yield from tree(folder)  # the code that reads them as well: it decides what is made of them
    yield from tree(folder.parent / "ir")


def read_sources(folder: Path) -> Baked:
    """The records of all TOML files under ``folder``, in order of provider id."""
    profiles = decode(ErrorProfilesFile, _toml(folder / ERROR_PROFILES), folder / ERROR_PROFILES).profiles
    providers = tuple(
        read_provider(place, profiles) for place in sorted((folder / PROVIDERS).iterdir()) if (place / "provider.toml").is_file()
    )
    return Baked(providers=providers, error_profiles=profiles)


def read_provider(place: Path, profiles: dict[str, tuple[ErrorRule, ...]]) -> Provider:
    """One provider folder. The folder's name is the provider's id; its error profiles must exist."""
    file = place / "provider.toml"
    given = decode(ProviderFile, _toml(file), file)
    if given.id != place.name:
        raise ConfigError(f"{file}: id: {given.id!r} is not the name of its folder")
    for name in given.error_profiles:
        if name not in profiles:
            raise ConfigError(f"{file}: error_profiles: there is no profile {name!r}")
    models = place / "models.toml"
    return given.record(decode(ModelsFile, _toml(models), models))


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from None
