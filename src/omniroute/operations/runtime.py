"""The runtime file: how the command line finds the server that owns a data directory."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

FILE_NAME = "server.json"
_PROBE_TIMEOUT = 3.0


class RunningServer(msgspec.Struct, frozen=True, kw_only=True):
    """``url`` is the address to call from this machine; ``started_at`` is unix seconds."""

    pid: int
    url: str
    started_at: float


def write(data_dir: Path, server: RunningServer) -> Path:
    """Put the file in place in one step, readable by its owner only. Raises OSError."""
    path = data_dir / FILE_NAME
    fresh = data_dir / f".{FILE_NAME}.{server.pid}"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(server))
    fresh.replace(path)
    return path


def read(data_dir: Path) -> RunningServer | None:
    """What the file says, or None when it is missing or unreadable. It may be left over: see :func:`running`."""
    try:
        return msgspec.json.decode((data_dir / FILE_NAME).read_bytes(), type=RunningServer)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def running(data_dir: Path) -> RunningServer | None:
    """The recorded server if its process is alive. A recycled pid can still deceive: only an answer of the server proves it."""
    server = read(data_dir)
    return server if server is not None and alive(server.pid) else None


def remove(data_dir: Path, pid: int) -> None:
    """Take the file away if it speaks of ``pid``; another server's is left alone."""
    server = read(data_dir)
    if server is not None and server.pid == pid:
        (data_dir / FILE_NAME).unlink(missing_ok=True)


def alive(pid: int) -> bool:
    """Whether a process of that id exists, be it ours or not."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def answers(url: str) -> bool:
    """Whether an OmniRoute answers its liveness probe there; proxies are not asked."""
    import httpx  # a server, which writes this file and never probes, starts without it

    try:
        response = httpx.get(f"{url.rstrip('/')}/healthz", timeout=_PROBE_TIMEOUT, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    return response.status_code == 200
