"""The data directory: private, and owned by one server process at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import platformdirs

from omniroute.core.errors import DataDirLocked, StorageError
from omniroute.core.settings import Settings

LOCK_NAME = "omniroute.lock"


def storage_problem(path: Path, error: OSError) -> StorageError:
    """A sentence about ``path`` for what the operating system refused."""
    return StorageError(f"cannot use {path}: {(error.strerror or str(error)).lower()}")


def data_directory(settings: Settings) -> Path:
    """The directory in force: the setting ``data_dir``, else the platform's convention for user data. Absolute; may not exist."""
    if settings.data_dir:
        return Path(settings.data_dir).expanduser().absolute()
    return platformdirs.user_data_path("omniroute", appauthor=False)


def prepare_directory(data_dir: Path) -> None:
    """Create ``data_dir`` (mode 0700) with its parents; one that exists keeps its mode. StorageError if it cannot be written."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise storage_problem(data_dir, error) from error
    if not os.access(data_dir, os.W_OK | os.X_OK):
        raise StorageError(f"cannot use {data_dir}: the directory is not writable")


class DirectoryLock:
    """An exclusive ``flock`` on ``omniroute.lock``: the kernel drops it when the process ends, however it ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def acquire(cls, data_dir: Path) -> DirectoryLock:
        """Take the lock or raise DataDirLocked naming the process that holds it. The file then holds our pid."""
        path = data_dir / LOCK_NAME
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise storage_problem(path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError:
            owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise DataDirLocked(
                f"data directory {data_dir} is in use by another OmniRoute (process {owner or 'unknown'}); "
                "stop it or choose another directory"
            ) from None
        except OSError as error:
            os.close(descriptor)
            raise storage_problem(path, error) from error
        return cls(descriptor)

    def release(self) -> None:
        """Give the lock back; harmless when repeated. The file stays: removing it would race with the next owner."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
