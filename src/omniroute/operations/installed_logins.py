"""Logins that other programs keep on this machine. Their files are only ever read, where the catalogue says, and when asked."""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from omniroute.catalog.oauth import LoginFile, System
from omniroute.catalog.schema import Provider
from omniroute.core import json
from omniroute.core.errors import Conflict, NotFound, RequestError
from omniroute.storage.item_table import read_items

_MAX_JSON = 1024 * 1024
_VARIABLE = re.compile(r"\{([A-Za-z_]+)\}")
_USUAL: Mapping[str, tuple[str, ...]] = {
    "access": ("accessToken", "access_token", "access"),
    "refresh": ("refreshToken", "refresh_token", "refresh"),
    "id_token": ("idToken", "id_token"),
    "expires_at": ("expiresAt", "expiry_date", "expires_at"),
    "client_id": ("clientId", "client_id"),
    "client_secret": ("clientSecret", "client_secret"),
    "machine_id": ("machineId", "machine_id"),
    "profile_arn": ("profileArn", "profile_arn"),
    "region": ("region",),
}
"""What tokens are called in the files of most programs; the last name found wins."""
_WORD = re.compile(r"[A-Za-z0-9._-]{1,128}")


class InstalledLogin(msgspec.Struct, frozen=True, kw_only=True):
    """A login found in a file. ``source`` is the path as the catalogue writes it, ``path`` where it is here.

    ``fields``: our field → its text (``access``, ``refresh``, ``expires_at``, facts …). Credentials are among them: show none.
    """

    provider: str
    source: str
    path: str
    fields: dict[str, str]

    def __repr__(self) -> str:
        return f"InstalledLogin({self.provider}, {self.source})"

    __str__ = __repr__


class UnreadableLogin(Conflict):
    """A login file is there and cannot be used; the message says why, without what it holds."""

    code = "login_file_unreadable"


class InstalledLogins:
    """Finds and reads them. ``environ``, ``home`` and ``system`` are this machine's unless a test says otherwise.

    Everything here blocks on the disk: call it in a thread from an event loop.
    """

    def __init__(self, environ: Mapping[str, str], home: Path | None = None, system: System | None = None) -> None:
        self._environ = environ
        self._home = _home_of(environ) if home is None else home
        self._system = this_system() if system is None else system

    def found(self, providers: Iterable[Provider]) -> list[InstalledLogin]:
        """Every login of ``providers`` that can be read; files that are missing, locked or strange are passed over."""
        logins = []
        for provider in providers:
            for source in self._sources(provider):
                try:
                    logins.append(self.read(provider, source))
                except (NotFound, UnreadableLogin):
                    continue  # looking around is no attempt: whoever asks for this file by name hears why
        return logins

    def read(self, provider: Provider, source: str) -> InstalledLogin:
        """The login of one file. NotFound: no such file, or no login in it. UnreadableLogin: it is there and cannot be read."""
        files = self._sources(provider).get(source)
        if not files:
            raise NotFound(f"{provider.name} has no login file {source!r} on this system", code="unknown_login_file")
        problem: RequestError | None = None
        for file in files:  # the same file may be known in an older shape as well
            path = self._path(file, {})
            if path is None:
                continue
            try:
                fields = self._fields(file, path)
            except (NotFound, UnreadableLogin) as error:
                problem = problem or error
                continue
            return InstalledLogin(provider=provider.id, source=source, path=str(path), fields=fields)
        raise problem or NotFound(f"the folder of {source} is not known here", code="unknown_login_file")

    def _sources(self, provider: Provider) -> dict[str, list[LoginFile]]:
        found: dict[str, list[LoginFile]] = {}
        for way in provider.oauth.ways() if provider.oauth is not None else ():
            for file in way.files:
                if not file.systems or self._system in file.systems:
                    found.setdefault(file.path, []).append(file)
        return found

    def _fields(self, file: LoginFile, path: Path) -> dict[str, str]:
        fields = _read(file, path)
        if not _is_login(fields):
            raise NotFound(f"{path} holds no login", code="no_login_in_file")
        for other in file.beside:
            beside = self._path(other, fields)
            if beside is None or not beside.is_file():
                continue
            fields = {**_read(other, beside), **fields}
        return fields

    def _path(self, file: LoginFile, fields: Mapping[str, str]) -> Path | None:
        """Where the file would be; None when a variable of its path is not set, or a part of its name is no plain word."""
        known: dict[str, str] = {name: value for name, value in fields.items() if _WORD.fullmatch(value)}
        words = {name: known.get(name) or self._environ.get(name) for name in _VARIABLE.findall(file.path)}
        if not all(words.values()):
            return None
        text = _VARIABLE.sub(lambda match: words[match[1]] or "", file.path)
        path = self._home / text[2:] if text.startswith("~/") else Path(text)
        folder = self._environ.get(file.folder_env, "") if file.folder_env is not None else ""
        return Path(folder) / path.name if folder else path


def login_in(provider: Provider, text: str) -> dict[str, str]:
    """The fields of a login in a text that somebody brought: what one of the provider's own files holds, an object with our names
    or the usual ones, or a bare token. NotFound when nothing like that is in it."""
    try:
        whole = json.loads(text.encode())
    except json.JSONDecodeError:
        whole = text.strip()
    if isinstance(whole, str) and whole and not any(sign.isspace() for sign in whole):
        return {_bare_field(provider): whole}
    for way in provider.oauth.ways() if provider.oauth is not None else ():
        for file in way.files:
            fields = _picked(whole, file.fields) if file.kind == "json" else {}
            if _is_login(fields):
                return fields
    fields = {
        name: found
        for name, words in _USUAL.items()
        for word in words
        if (found := _text(json.pointed(whole, f"/{word}"))) is not None
    }
    if not _is_login(fields):
        raise NotFound(f"there is no sign-in of {provider.name} in that text", code="no_login_in_text")
    return fields


def _bare_field(provider: Provider) -> str:
    """What a token that comes alone is: the one that renews, where the provider's import is proved by renewing."""
    way = provider.oauth.way("import") if provider.oauth is not None else None
    return "refresh" if way is not None and way.renews == "token" else "access"


def _is_login(fields: Mapping[str, str]) -> bool:
    return bool(fields.get("access") or fields.get("refresh"))


def this_system() -> System:
    """The word of the catalogue for the system we run on; everything that is neither macOS nor Windows counts as Linux."""
    if sys.platform == "darwin":
        return "macos"
    return "windows" if sys.platform == "win32" else "linux"


def _home_of(environ: Mapping[str, str]) -> Path:
    named = environ.get("HOME") or environ.get("USERPROFILE")
    return Path(named) if named else Path.home()


def _read(file: LoginFile, path: Path) -> dict[str, str]:
    try:
        return _from_sqlite(file, path) if file.kind == "sqlite" else _from_json(file, path)
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}", code="unknown_login_file") from None
    except (OSError, sqlite3.Error) as error:
        raise UnreadableLogin(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _from_json(file: LoginFile, path: Path) -> dict[str, str]:
    with path.open("rb") as stream:
        data = stream.read(_MAX_JSON + 1)
    if len(data) > _MAX_JSON:
        raise UnreadableLogin(f"{path} is too large to be a login file")
    try:
        whole = json.loads(data)
    except json.JSONDecodeError:
        raise UnreadableLogin(f"{path} is not valid JSON") from None
    return _picked(whole, file.fields)


def _picked(whole: Any, fields: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, pointer in fields.items() if (text := _text(json.pointed(whole, pointer))) is not None}


def _from_sqlite(file: LoginFile, path: Path) -> dict[str, str]:
    rows = read_items(path, list(file.fields.values()))
    return {name: text for name, key in file.fields.items() if (text := _text(rows.get(key))) is not None}


def _text(value: Any) -> str | None:
    """A value as text; None for what is empty, a yes or no, or has an inside."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).strip() or None
