"""The server as a process: signals, streams in flight, kill -9, and what the ledger remembers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from running.fixtures import nodes
from upstream.script import Script
from upstream.server import ScriptedUpstream

STREAMS = 200
BODY = {"model": "oa/m", "stream": True, "messages": [{"role": "user", "content": "go"}]}


@asynccontextmanager
async def process(data_dir: Path, *arguments: str, **environ: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """``omniroute`` on a free port, and its URL, once it is ready."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "omniroute", "--no-open", "--port", "0", "--data-dir", str(data_dir), *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={**os.environ, **environ},
    )  # fmt: skip
    try:
        runtime = data_dir / "server.json"
        for _ in range(400):
            if child.returncode is not None or _recorded(runtime) == child.pid:
                break
            await asyncio.sleep(0.025)
        if _recorded(runtime) != child.pid:
            assert child.stderr is not None
            pytest.fail(f"no start: {(await child.stderr.read()).decode()}")
        yield child, json.loads(runtime.read_text())["url"].replace("localhost", "127.0.0.1")
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


def _recorded(runtime: Path) -> int | None:
    """The pid in the runtime file; a killed server leaves its file behind."""
    return json.loads(runtime.read_text())["pid"] if runtime.exists() else None


def ledger(data_dir: Path) -> list[tuple[str, int, int]]:
    with sqlite3.connect(data_dir / "omniroute.sqlite") as db:
        return db.execute("SELECT outcome, input_tokens, output_tokens FROM usage").fetchall()


async def read(client: httpx.AsyncClient, started: asyncio.Semaphore) -> str:
    async with client.stream("POST", "/v1/chat/completions", json=BODY) as answer:
        assert answer.status_code == 200
        text = ""
        async for piece in answer.aiter_text():
            if not text:
                started.release()
            text += piece
    return text


async def test_sigterm_breaks_none_of_200_streams(tmp_path: Path, scripted_upstream: ScriptedUpstream) -> None:
    """200 streams open, SIGTERM: readiness goes, new requests are refused, every stream ends well, all usage is written, exit 0."""
    config = tmp_path / "omniroute.toml"
    config.write_text(nodes(scripted_upstream))
    for _ in range(STREAMS):
        scripted_upstream.queue(Script(answer="alpha beta gamma delta epsilon", cadence=0.3))
    data_dir = tmp_path / "data"
    async with process(data_dir, "--config", str(config)) as (child, url):
        limits = httpx.Limits(max_connections=STREAMS + 5, max_keepalive_connections=STREAMS + 5)
        async with httpx.AsyncClient(base_url=url, timeout=30, limits=limits) as client:
            started = asyncio.Semaphore(0)
            reading = [asyncio.ensure_future(read(client, started)) for _ in range(STREAMS)]
            for _ in range(STREAMS):
                await started.acquire()
            child.send_signal(signal.SIGTERM)
            for _ in range(200):
                ready = await client.get("/readyz")
                if ready.status_code == 503:
                    break
            assert ready.status_code == 503
            refused = await client.post("/v1/chat/completions", json=BODY)
            assert refused.status_code == 503
            texts = await asyncio.gather(*reading)
        assert await asyncio.wait_for(child.wait(), 15) == 0
    assert all(text.rstrip().endswith("data: [DONE]") and "epsilon" in text for text in texts)
    assert ledger(data_dir) == [("ok", 11, 7)] * STREAMS
    assert not (data_dir / "server.json").exists()


async def test_kill_loses_no_acknowledged_configuration(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    async with process(data_dir) as (child, url):
        token = (data_dir / "admin.token").read_text().strip()
        async with httpx.AsyncClient(base_url=url, timeout=10, headers={"authorization": f"Bearer {token}"}) as client:
            created = await client.post("/api/keys", json={"name": "before-the-crash"})
            assert created.status_code in (200, 201)
        child.kill()
        await child.wait()
    async with process(data_dir) as (_, url), httpx.AsyncClient(base_url=url, timeout=10) as client:
        listed = await client.get("/api/keys", headers={"authorization": f"Bearer {token}"})
        assert "before-the-crash" in [key["name"] for key in listed.json()["data"]]


async def test_second_server_on_one_directory_is_refused(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    async with process(data_dir):
        second = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "omniroute", "--no-open", "--port", "0", "--data-dir", str(data_dir),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, words = await asyncio.wait_for(second.communicate(), 15)
        assert second.returncode == 1
        assert b"in use by another OmniRoute" in words
        assert b"Traceback" not in words


@pytest.mark.parametrize(
    ("arguments", "environ", "words"),
    [
        (["--host", "0.0.0.0"], {}, b"INITIAL_PASSWORD"),
        (["--host", "0.0.0.0"], {"INITIAL_PASSWORD": "long enough"}, b"REQUIRE_API_KEY"),
        (
            ["--host", "203.0.113.9"],
            {"INITIAL_PASSWORD": "long enough", "REQUIRE_API_KEY": "1"},
            b"not an address of this machine",
        ),
        (["--config", "/no/such/file.toml"], {}, b"/no/such/file.toml"),
    ],
    ids=["exposed", "exposed-without-keys", "foreign-address", "no-config"],
)
async def test_refused_starts_change_nothing(tmp_path: Path, arguments: list[str], environ: dict[str, str], words: bytes) -> None:
    data_dir = tmp_path / "data"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "omniroute", "--no-open", "--port", "0", "--data-dir", str(data_dir), *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={**os.environ, **environ},
    )  # fmt: skip
    _, said = await asyncio.wait_for(child.communicate(), 15)
    assert child.returncode not in (0, None)
    assert words in said
    assert b"Traceback" not in said
    assert not data_dir.exists()


async def test_port_in_use(tmp_path: Path) -> None:
    taken = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "omniroute", "--no-open", "--port", str(port), "--data-dir", str(tmp_path / "data"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await asyncio.wait_for(child.communicate(), 15)
    taken.close()
    assert child.returncode == 1
    assert f"Port {port} on 127.0.0.1 is already in use".encode() in said
    assert not (tmp_path / "data").exists()


async def test_log_lines_carry_the_request_id_and_no_secret(tmp_path: Path) -> None:
    async with process(tmp_path / "data", ENABLE_REQUEST_LOGS="true") as (child, url):
        async with httpx.AsyncClient(base_url=url, timeout=10) as client:
            body = {"model": "demo/echo", "messages": [{"role": "user", "content": "hello"}]}
            headers = {"x-request-id": "find-me-17", "x-api-key": "placeholder-secret"}
            answer = await client.post("/v1/chat/completions", json=body, headers=headers)
            assert answer.headers["x-request-id"] == "find-me-17"
            page = await client.get("/")
            assert page.headers["x-request-id"].startswith("req_")
        child.send_signal(signal.SIGTERM)
        assert child.stderr is not None
        said = (await child.stderr.read()).decode()
    (line,) = [json.loads(text) for text in said.splitlines() if "model request" in text]
    assert line["request_id"] == "find-me-17"
    assert (line["model"], line["status"], line["result"]) == ("demo/echo", 200, "ok")
    assert "placeholder-secret" not in said
