"""Starting and stopping processes, and what the kernel says of them: processor time and memory (where there is /proc)."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_START_SECONDS = 60
_STOP_SECONDS = 20


def cores() -> tuple[frozenset[int], frozenset[int]]:
    """(for mock upstream and load, for what is measured): the last core is the measured one's, where there are two or more."""
    mine = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(mine) < 2:
        return frozenset(mine), frozenset(mine)
    return frozenset(mine[:-1]), frozenset(mine[-1:])


def pin(cpus: frozenset[int]) -> None:
    """Keep this process, and what it starts, on those cores."""
    if cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus)


@contextmanager
def process(
    command: Sequence[str],
    *,
    cpus: frozenset[int] = frozenset(),
    env: Mapping[str, str] | None = None,
    stdout: Any = subprocess.DEVNULL,
    stderr: Any = None,
    cwd: Path | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Runs as long as the block; SIGTERM at its end, SIGKILL when that does not help in time."""
    started = subprocess.Popen(
        command,
        env=None if env is None else dict(env),
        stdout=stdout,
        stderr=stderr,
        cwd=cwd,
        text=True,
        preexec_fn=lambda: pin(cpus),
    )
    try:
        yield started
    finally:
        stop(started)


def stop(started: subprocess.Popen[str]) -> int:
    """SIGTERM, then the exit status; a process that does not end in time is killed, which shows as a negative status."""
    started.terminate()
    try:
        return started.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        started.kill()
        return started.wait()
    finally:
        if started.stdout is not None:
            started.stdout.close()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_until(holds: Callable[[], bool], started: subprocess.Popen[str], what: str, seconds: float = _START_SECONDS) -> None:
    """SystemExit when the process ends first or the time is up."""
    deadline = time.monotonic() + seconds
    while not holds():
        if started.poll() is not None:
            raise SystemExit(f"{what}: the process ended with status {started.returncode} before it was ready")
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not ready within {seconds} seconds")
        time.sleep(0.02)


def answers(url: str) -> bool:
    """Whether a GET there gives 200."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def cpu_seconds(pid: int) -> float:
    """User and system time of a process tree so far; NaN where there is no /proc."""
    if not Path("/proc/self/stat").exists():
        return float("nan")
    ticks = 0
    for one in tree(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def thread_seconds(pid: int) -> dict[str, float]:
    """User and system time of each thread of one process so far, by ``name id``; empty where there is no /proc."""
    folder = Path(f"/proc/{pid}/task")
    found = {}
    for thread in folder.iterdir() if folder.exists() else ():
        name, _, rest = (thread / "stat").read_text().partition("(")[2].rpartition(")")
        fields = rest.split()
        found[f"{name} {thread.name}"] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def rss_bytes(pid: int) -> int:
    """Resident memory of a process tree; 0 where there is no /proc."""
    if not Path("/proc/self/statm").exists():
        return 0
    page = os.sysconf("SC_PAGE_SIZE")
    return sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) * page for one in tree(pid))


def open_files(pid: int) -> int:
    """File descriptors of one process, sockets among them; 0 where there is no /proc."""
    folder = Path(f"/proc/{pid}/fd")
    return sum(1 for _ in folder.iterdir()) if folder.exists() else 0


def tree(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += tree(int(child))
    return found
