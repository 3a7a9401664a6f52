"""Random secrets in files of mode 0600, made on first run. No secret has a default; none is ever replaced silently."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec

from omniroute.core.errors import StorageError
from omniroute.core.ids import random_text
from omniroute.storage.directory import data_directory as data_directory
from omniroute.storage.directory import storage_problem

API_KEY_FILE = "api_key.secret"
SESSION_FILE = "session.secret"
ADMIN_TOKEN_FILE = "admin.token"
ADMIN_TOKEN_PREFIX = "oat-"
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """``api_key`` keys the hash of API keys, ``session`` signs dashboard sessions, ``admin_token`` lets the local CLI in."""

    api_key: bytes
    session: bytes
    admin_token: str

    def __repr__(self) -> str:
        return "Secrets(…)"


def load_secrets(data_dir: Path, *, api_key_secret: str | None = None, jwt_secret: str | None = None) -> Secrets:
    """Read the three secrets of ``data_dir``, making what is missing; a value given by a setting needs no file."""
    return Secrets(
        api_key=(api_key_secret or read_or_create(data_dir / API_KEY_FILE, _random_secret)).encode(),
        session=(jwt_secret or read_or_create(data_dir / SESSION_FILE, _random_secret)).encode(),
        admin_token=read_or_create(data_dir / ADMIN_TOKEN_FILE, lambda: ADMIN_TOKEN_PREFIX + random_text(40)),
    )


def read_admin_token(data_dir: Path) -> str | None:
    """The token the local CLI shows to the server, or None if no server ever ran here."""
    return read_secret(data_dir / ADMIN_TOKEN_FILE)


def read_secret(path: Path) -> str | None:
    """The text of a secret file (mode tightened to 0600 if it was wider), None if there is none; StorageError if unusable."""
    try:
        text = path.read_text("utf-8").strip()
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise StorageError(f"{path} is not a text file; restore it from a copy or remove it to make a new one") from None
    except OSError as error:
        raise storage_problem(path, error) from error
    if not text:
        raise StorageError(f"{path} is empty; restore it from a copy or remove it to make a new one")
    return text


def read_or_create(path: Path, make: Callable[[], str]) -> str:
    """The secret in ``path``; if there is none, ``make()`` is stored there first. Two processes doing so agree on one."""
    found = read_secret(path)
    if found is not None:
        return found
    text = make()
    try:
        if _publish(path, text):
            return text
    except OSError as error:
        raise storage_problem(path, error) from error
    found = read_secret(path)
    if found is None:
        raise StorageError(f"{path} was removed while it was being made; start again")
    return found


def _random_secret() -> str:
    return secrets.token_urlsafe(32)


def _publish(path: Path, text: str) -> bool:
    """Write a whole, synced file and give it its name at once; False if another process was first."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(partial, path)  # unlike a rename, never replaces what is there
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            os.rename(partial, path)  # a file system without hard links
    finally:
        partial.unlink(missing_ok=True)
    _sync_directory(path.parent)
    return True


def _sync_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
