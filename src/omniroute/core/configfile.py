"""The config file: which one, what it holds, and on which line. One TOML file can write down a whole set-up.

    port = 20128                     settings, by their names
    [nodes.lab]                      a custom endpoint; model ids are lab/<anything>
    [providers.NAME]                 accounts and changes for a provider of the catalogue
    [models."PREFIX/MODEL"]          a model the catalogue does not list
    [keys.laptop]                    an API key for clients
    [combos.NAME]                    models to be asked for by one name, and how to choose
    [aliases]                        "other name" = "model or combo"
    [fallback]                       "name" = what else to try, a list

Settings and keys are checked here; what stands in the other tables is handed on as plain dicts, to be checked where providers are
known, with :meth:`ConfigFile.error` to name the line. Secrets are references until :func:`resolve_secret` is asked.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from omniroute.core.errors import ConfigError
from omniroute.core.proxy_url import checked_proxy
from omniroute.core.settings import SETTINGS, parse, suggestion
from omniroute.core.toml_lines import KeyPath, key_lines

TABLES = ("nodes", "providers", "models", "keys", "combos")
MAPS = ("aliases", "fallback")
_KEY_LENGTH = 16
_KEYRING_SERVICE = "omniroute"


class FileKey(msgspec.Struct, frozen=True, kw_only=True):
    """A client API key that the file states. ``models``, ``combos`` and ``providers`` limit it; empty means no limit; likewise
    ``rpm`` (requests per minute) and ``streams`` (open at once). ``proxy`` carries its calls."""

    name: str
    key: str
    models: tuple[str, ...] = ()
    combos: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    rpm: int | None = None
    streams: int | None = None
    system_prompt: str | None = None
    system_prompt_position: Literal["prepend", "append", "replace"] = "prepend"
    proxy: str | None = None

    def __repr__(self) -> str:
        return f"FileKey(name={self.name!r})"


class ConfigFile(msgspec.Struct, frozen=True, kw_only=True):
    """What one file says. ``nodes``, ``providers``, ``models`` and ``combos`` are raw tables by name, ``aliases`` and
    ``fallback`` raw values by pattern; ``digest`` is the bytes' SHA-256."""

    path: Path
    digest: str
    settings: Mapping[str, Any] = {}
    nodes: Mapping[str, Mapping[str, Any]] = {}
    providers: Mapping[str, Mapping[str, Any]] = {}
    models: Mapping[str, Mapping[str, Any]] = {}
    combos: Mapping[str, Mapping[str, Any]] = {}
    aliases: Mapping[str, Any] = {}
    fallback: Mapping[str, Any] = {}
    keys: tuple[FileKey, ...] = ()
    lines: Mapping[KeyPath, int] = {}

    def where(self, *path: str) -> str:
        """``file:line`` of that key, or of the nearest table around it."""
        return f"{self.path}:{_line(self.lines, path)}"

    def error(self, message: str, *path: str) -> ConfigError:
        """The error to raise about that key."""
        return ConfigError(f"{self.where(*path)}: {message}")


def config_path(flag: str | Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read: ``flag`` (``--config``), else ``OMNIROUTE_CONFIG``, else the platform's own place if a file is there.

    ConfigError when a file that was asked for by name does not exist.
    """
    named = flag or environ.get("OMNIROUTE_CONFIG")
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            source = "--config" if flag else "OMNIROUTE_CONFIG"
            raise ConfigError(f"{source}: there is no file {path}")
        return path
    base = environ.get("XDG_CONFIG_HOME")
    home = environ.get("HOME")
    if not base and not home:
        return None
    path = (Path(base) if base else Path(str(home)) / ".config") / "omniroute" / "config.toml"
    return path if path.is_file() else None


def read_config(path: Path, environ: Mapping[str, str] | None = None) -> ConfigFile:
    """Parse and check the file. Every ConfigError begins with ``file:line``. ``environ`` (default: the process's own) serves
    ``env:`` references."""
    environ = os.environ if environ is None else environ
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text") from None
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_syntax_message(path, text, error)) from None
    lines = key_lines(text)
    empty = ConfigFile(path=path, digest=hashlib.sha256(data).hexdigest(), lines=lines)
    settings = _settings(empty, content, environ)
    tables = {name: _tables(empty, content, name) for name in TABLES}
    keys = tuple(_key(empty, name, table, environ) for name, table in tables["keys"].items())
    maps = {name: _map(empty, content, name) for name in MAPS}
    raw: dict[str, Any] = {name: tables[name] for name in TABLES if name != "keys"} | maps
    return msgspec.structs.replace(empty, settings=settings, keys=keys, **raw)


def resolve_secret(reference: str, environ: Mapping[str, str], base: Path | None = None) -> str:
    """The secret behind a reference: ``env:NAME``, ``file:PATH`` (relative to ``base``), ``keyring:NAME``, or the text itself.

    ConfigError names the variable, file or entry that is missing or empty.
    """
    kind, colon, name = reference.partition(":")
    if not colon or kind not in ("env", "file", "keyring"):
        return reference
    if not name:
        raise ConfigError(f"{reference!r} names nothing after the colon")
    if kind == "env":
        value = environ.get(name, "")
        if not value:
            raise ConfigError(f"the environment variable {name} is not set")
        return value
    return _secret_file(name, base) if kind == "file" else _secret_keyring(name)


def _secret_file(name: str, base: Path | None) -> str:
    path = Path(name).expanduser()
    if base is not None and not path.is_absolute():
        path = base / path
    try:
        value = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"the secret file {path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"the secret file {path} is not UTF-8 text") from None
    if not value:
        raise ConfigError(f"the secret file {path} is empty")
    return value


def _secret_keyring(name: str) -> str:
    try:
        keyring = importlib.import_module("keyring")
    except ImportError:
        raise ConfigError("keyring: references need the keyring package: pip install 'omniroute[keyring]'") from None
    try:
        value = keyring.get_password(_KEYRING_SERVICE, name)
    except keyring.errors.KeyringError as error:
        raise ConfigError(f"the keyring cannot be read: {error}") from None
    if not value:
        raise ConfigError(f"the keyring has no entry {name!r} of the service {_KEYRING_SERVICE!r}")
    return str(value)


def _line(lines: Mapping[KeyPath, int], path: KeyPath) -> int:
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _syntax_message(path: Path, text: str, error: tomllib.TOMLDecodeError) -> str:
    """tomllib ends its sentence with ``(at line 3, column 7)`` or ``(at end of document)``."""
    what, _, place = str(error).rpartition(" (at ")
    line = place.partition("line ")[2].partition(",")[0]
    if not line.isdigit():
        line = str(text.count("\n") + (not text.endswith("\n")) or 1)
    return f"{path}:{line}: {what or error}"


def _settings(file: ConfigFile, content: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, raw in content.items():
        if name in TABLES or name in MAPS:
            continue
        setting = SETTINGS.get(name)
        if setting is None:
            raise file.error(f"unknown key {name!r}{suggestion(name, [*SETTINGS, *TABLES, *MAPS])}", name)
        try:
            if setting.secret and isinstance(raw, str):
                raw = resolve_secret(raw, environ, file.path.parent)
            values[name] = parse(setting, raw)
        except ConfigError as error:
            prefix = "" if error.message.startswith(name) else f"{name}: "
            raise file.error(prefix + error.message, name) from None
    return values


def _tables(file: ConfigFile, content: Mapping[str, Any], name: str) -> dict[str, dict[str, Any]]:
    """The named tables under ``name``; anything else there is an error that shows the form."""
    given = content.get(name, {})
    if not isinstance(given, dict):
        raise file.error(f"{name} must be written as tables, one [{name}.NAME] each", name)
    for key, table in given.items():
        if not isinstance(table, dict):
            raise file.error(f"{name}.{key} must be a table: write [{name}.NAME] above it", name, key)
    return given


def _map(file: ConfigFile, content: Mapping[str, Any], name: str) -> dict[str, Any]:
    given = content.get(name, {})
    if not isinstance(given, dict):
        raise file.error(f"{name} must be written as a table: [{name}] and a line for each", name)
    return given


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_rate(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


_KEY_FIELDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("key", "name", "system_prompt", "proxy"), ("text", _is_text)),
    **dict.fromkeys(("models", "combos", "providers"), ("a list of texts", _is_texts)),
    **dict.fromkeys(("rpm", "streams"), ("a positive whole number", _is_rate)),
    "system_prompt_position": ("prepend, append or replace", ("prepend", "append", "replace").__contains__),
}


def _key(file: ConfigFile, name: str, table: Mapping[str, Any], environ: Mapping[str, str]) -> FileKey:
    at = ("keys", name)
    for field, value in table.items():
        if field not in _KEY_FIELDS:
            raise file.error(f"unknown key {field!r}{suggestion(field, list(_KEY_FIELDS))}", *at, field)
        wanted, fits = _KEY_FIELDS[field]
        if not fits(value):
            raise file.error(f"{field} must be {wanted}", *at, field)
    if not table.get("key"):
        raise file.error("key is missing: write env:NAME, file:PATH, keyring:NAME or the key itself", *at)
    secrets: dict[str, str] = {}
    for field in ("key", "proxy"):
        if field in table:
            try:
                secrets[field] = resolve_secret(table[field], environ, file.path.parent)
            except ConfigError as error:
                raise file.error(f"{field}: {error.message}", *at, field) from None
    if "proxy" in secrets:
        try:
            secrets["proxy"] = checked_proxy(secrets["proxy"], "proxy")
        except ConfigError as error:
            raise file.error(error.message, *at, "proxy") from None
    if len(secrets["key"]) < _KEY_LENGTH:
        raise file.error(f"key: an API key needs at least {_KEY_LENGTH} characters", *at, "key")
    return FileKey(
        name=table.get("name") or name,
        key=secrets["key"],
        proxy=secrets.get("proxy"),
        models=tuple(table.get("models", ())),
        combos=tuple(table.get("combos", ())),
        providers=tuple(table.get("providers", ())),
        rpm=table.get("rpm"),
        streams=table.get("streams"),
        system_prompt=table.get("system_prompt"),
        system_prompt_position=table.get("system_prompt_position", "prepend"),
    )
