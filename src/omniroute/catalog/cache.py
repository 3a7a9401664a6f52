"""What the TOML files of a source tree say, kept as JSON for the next start: parsing a hundred of them takes a quarter second.

An installed wheel has no use for it. The kept file counts only for exactly the files it was made of: their names, sizes, inodes
and both times, those of the code that reads them included; anything else is read anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

_YOUNG_NS = 2_000_000_000  # a file may change twice within one tick of its times: what was just written is not trusted


def cache_file(folder: Path, environ: Mapping[str, str]) -> Path | None:
    """Where the content of ``folder`` is kept: in the user's cache directory. None when there is no home to have one in."""
    base = environ.get("XDG_CACHE_HOME", "")
    home = environ.get("HOME", "")
    if not base and not home:
        return None
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return (Path(base) if base else Path(home, ".cache")) / "omniroute" / f"catalog-{name}.json"


def read_through(file: Path, sources: Callable[[], Iterator[os.DirEntry[str]]], read: Callable[[], bytes]) -> bytes:
    """What ``file`` keeps of ``sources``, else what ``read`` makes of them, kept for the next time. Raises what ``read`` raises.

    Not being able to keep it is no error: the next start is as slow as this one.
    """
    key, newest = _state(sources())
    kept = _kept(file, key)
    if kept is not None:
        return kept
    content = read()
    if time.time_ns() - newest > _YOUNG_NS and _state(sources())[0] == key:
        _keep(file, key + b"\n" + content)
    return content


def tree(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Every file below ``folder``, in a fixed order; hidden and compiled ones are left out."""
    for entry in sorted(os.scandir(folder), key=lambda e: e.name):
        if entry.name.startswith((".", "__")):
            continue
        if entry.is_dir():
            yield from tree(Path(entry.path))
        else:
            yield entry


def _state(entries: Iterator[os.DirEntry[str]]) -> tuple[bytes, int]:
    """(digest of what the file system says of the files, the newest of their times in ns)"""
    digest, newest = hashlib.sha256(), 0
    for entry in entries:
        found = entry.stat()
        newest = max(newest, found.st_mtime_ns, found.st_ctime_ns)
        parts = (entry.path, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
        digest.update(repr(parts).encode())
    return digest.hexdigest().encode(), newest


def _kept(file: Path, key: bytes) -> bytes | None:
    try:
        whole = file.read_bytes()
    except OSError:
        return None
    head, _, content = whole.partition(b"\n")
    return content if head == key else None


def _keep(file: Path, whole: bytes) -> None:
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(whole)
        fresh.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
