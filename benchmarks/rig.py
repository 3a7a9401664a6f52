"""Starts what a measurement needs and stops it again: the mock upstream and an OmniRoute in front of it, both on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

_START_SECONDS = 30
_STOP_SECONDS = 20

_CONFIG = """
[nodes.bench-chat]
format = "openai_chat"
base_url = "{upstream}/v1"
models = ["*"]
resilience = "off"

[nodes.bench-messages]
format = "anthropic"
base_url = "{upstream}"
models = ["*"]
resilience = "off"
"""


class Rig(NamedTuple):
    """Base URLs without a trailing slash, and the server's process id."""

    upstream: str
    server: str
    pid: int


@contextmanager
def running_upstream() -> Iterator[str]:
    """The mock upstream in a process of its own; gives its base URL."""
    script = Path(__file__).with_name("mock_upstream.py")
    process = subprocess.Popen([sys.executable, str(script), "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if "http://" not in line:
            raise SystemExit("the mock upstream did not start")
        yield line.split()[-1]
    finally:
        _stop(process)


@contextmanager
def running_rig() -> Iterator[Rig]:
    """Both processes. Fails with SystemExit if the server does not get ready, or does not end with status 0 on SIGTERM."""
    with running_upstream() as upstream, tempfile.TemporaryDirectory(prefix="omniroute-bench-") as folder:
        config = Path(folder, "config.toml")
        config.write_text(_CONFIG.format(upstream=upstream))
        port = _free_port()
        command = [_omniroute(), "serve", "--no-open", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--data-dir", str(Path(folder, "data")), "--config", str(config), "--log-level", "warning"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}/readyz", process)
            yield Rig(upstream, f"http://127.0.0.1:{port}", process.pid)
        finally:
            status = _stop(process)
        if status != 0:
            raise SystemExit(f"the server ended with status {status} on SIGTERM")


def _stop(process: subprocess.Popen[Any]) -> int:
    """SIGTERM, then its exit status; a process that does not end in time is killed, which shows as a negative status."""
    process.terminate()
    try:
        return process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
    finally:
        if process.stdout is not None:
            process.stdout.close()


def _omniroute() -> str:
    """The command beside this interpreter: the one of the environment that is measured."""
    command = Path(sys.executable).with_name("omniroute")
    if not command.exists():
        raise SystemExit(f"{command} is missing; run this with the Python of an environment that has OmniRoute")
    return str(command)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"the server ended with status {process.returncode} before it was ready")
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own http URL
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise SystemExit(f"{url} did not answer 200 within {_START_SECONDS} seconds")


def cpu_seconds(pid: int) -> float | None:
    """User and system time of a process and its living children so far; None where there is no /proc."""
    if not Path("/proc/self/stat").exists():
        return None
    ticks = 0
    for process in _tree(pid):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _tree(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += _tree(int(child))
    return found
