"""Commands beside a running server: they find it by its runtime file and go through its admin API."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from omniroute.operations import runtime

pytestmark = pytest.mark.e2e

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "DATA_DIR": str(tmp_path / "data"),
        "OMNIROUTE_ENVIRONMENT_ACCOUNTS": "0",
    }


@pytest.fixture
def command(environ: dict[str, str]) -> Command:
    def run(*args: str, **more: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "omniroute.cli", *args]
        return subprocess.run(line, env={**environ, **more}, capture_output=True, text=True, timeout=50, check=False)

    return run


@pytest.fixture
def server(environ: dict[str, str]) -> Iterator[runtime.RunningServer]:
    line = [sys.executable, "-m", "omniroute.cli", "--port", "0", "--no-open"]
    process = subprocess.Popen(line, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    data_dir = Path(environ["DATA_DIR"])
    try:
        deadline = time.monotonic() + 40
        while (found := runtime.running(data_dir)) is None or not runtime.answers(found.url):
            assert process.poll() is None, "the server ended while starting"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)
        yield found
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_beside_a_running_server(server: runtime.RunningServer, command: Command, environ: dict[str, str]) -> None:
    status = json.loads(command("status", "--json").stdout)
    assert status["url"] == server.url
    assert command("status").returncode == 0

    made = json.loads(command("keys", "create", "--name", "laptop", "--json").stdout)
    answer = httpx.get(f"{server.url}/v1/models", headers={"authorization": f"Bearer {made['key']}"}, trust_env=False)
    assert answer.status_code == 200
    revoked = command("keys", "revoke", "laptop", "--yes")
    assert revoked.returncode == 0, revoked.stderr
    answer = httpx.get(f"{server.url}/v1/models", headers={"authorization": f"Bearer {made['key']}"}, trust_env=False)
    assert answer.status_code == 401

    by_url = command("keys", "list", "--json", "--url", server.url)
    assert by_url.returncode == 0, by_url.stderr
    assert command("keys", "list", OMNIROUTE_ADMIN_TOKEN="oat-wrong").returncode == 4

    doctor = json.loads(command("doctor", "--json").stdout)
    assert {f["id"]: f["severity"] for f in doctor["findings"]}["server.alive"] == "ok"

    settings = {s["name"]: s for s in json.loads(command("config", "show", "--json").stdout)["data"]}
    assert settings["port"]["origin"] == "flag"

    second = command("--port", "0", "--no-open")
    assert second.returncode == 1
    assert "in use by another OmniRoute" in second.stderr


def test_a_new_password_ends_sessions_of_the_running_server(server: runtime.RunningServer, command: Command) -> None:
    with httpx.Client(base_url=server.url, trust_env=False) as browser:
        assert browser.post("/api/init", json={"password": "the first password"}).status_code == 201
        assert browser.get("/api/keys").status_code == 200
        reset = command("reset-password", "--password-env", "NEW", NEW="the second password")
        assert reset.returncode == 0, reset.stderr
        assert browser.get("/api/keys").status_code == 401
        assert browser.post("/api/auth/login", json={"password": "the second password"}).status_code == 200
        assert browser.get("/api/keys").status_code == 200


def test_the_admin_api_stops_the_server(server: runtime.RunningServer, command: Command, environ: dict[str, str]) -> None:
    token = (Path(environ["DATA_DIR"]) / "admin.token").read_text().strip()
    answer = httpx.post(f"{server.url}/api/shutdown", headers={"authorization": f"Bearer {token}"}, trust_env=False)
    assert answer.status_code == 202
    deadline = time.monotonic() + 20
    while runtime.answers(server.url):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert command("status").returncode == 3
