"""``omniroute bench`` beside a running server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

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
        "REQUIRE_API_KEY": "true",
    }


@pytest.fixture
def command(environ: dict[str, str]) -> Command:
    def run(*args: str, **more: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "omniroute.cli", *args]
        return subprocess.run(line, env={**environ, **more}, capture_output=True, text=True, timeout=50, check=False)

    return run


@pytest.fixture
def server(environ: dict[str, str]) -> Iterator[None]:
    line = [sys.executable, "-m", "omniroute.cli", "--port", "0", "--no-open"]
    process = subprocess.Popen(line, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    data_dir = Path(environ["DATA_DIR"])
    try:
        deadline = time.monotonic() + 40
        while (found := runtime.running(data_dir)) is None or not runtime.answers(found.url):
            assert process.poll() is None, "the server ended while starting"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)
        yield
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(30)


@pytest.mark.usefixtures("server")
def test_a_model_is_measured_with_a_key_of_its_own_and_remembered(command: Command) -> None:
    done = command("bench", "demo/echo", "--requests", "3", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["answered"], report["requests"], report["model"]) == (3, 3, "demo/echo")
    assert report["first_ms"]["p50"] > 0
    assert report["output_tokens"] > 0

    listed = json.loads(command("keys", "list", "--all", "--json").stdout)["data"]
    assert [key["state"] for key in listed if key["name"] == "bench"] == ["revoked"]

    refused = command("bench", "demo/echo", OMNIROUTE_API_KEY="sk-or-wrong")
    assert refused.returncode == 1
    assert "status 401" in refused.stderr

    text = command("bench", "demo/echo", "-n", "1").stdout
    assert "first token ms" in text
    assert "1 of 1 requests answered" in text

    compared = json.loads(command("bench", "demo/echo", "-n", "1", "--compare", "--json").stdout)
    assert compared["compared"]["ratios"]["first_ms"]["p50"] > 0
    assert "P50 NOW /" in command("bench", "demo/echo", "-n", "1", "--compare").stdout
    alone = command("bench", "demo/echo", "-n", "2", "-c", "2", "--compare")
    assert "no run before it" in alone.stderr

    history = json.loads(command("bench", "--history", "--json").stdout)["data"]
    assert [run["answered"] for run in history] == [3, 0, 1, 1, 1, 2]


def test_without_a_server_or_a_model(command: Command) -> None:
    assert command("bench", "demo/echo").returncode == 3
    missing = command("bench")
    assert missing.returncode == 2
    assert "MODEL" in missing.stderr
    assert "No runs yet" in command("bench", "--history").stdout
