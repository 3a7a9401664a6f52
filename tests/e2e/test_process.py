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
from upstream.script import Fault, Script, Usage
from upstream.server import Received, ScriptedUpstream

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


CLIENTS = ("/v1/chat/completions", "/v1/messages", "/v1/responses")
NODES = ("oa", "an", "re", "ge", "ol")


def numbered(request: Received) -> Script:
    """Each request costs other counts, by the number in its model's name; its letter says how it ends: w(ell), f(ailed),
    s(tuck in the stream), h(anging before the answer)."""
    assert request.model is not None
    kind, number = request.model[0], int(request.model[1:])
    if kind == "f":
        return Script(status=400, message="no")
    fault = {"s": Fault.STALL_MID_STREAM, "h": Fault.STALL_BEFORE_HEADERS}.get(kind)
    usage = Usage(input=1000 + number, output=100 + number)
    return Script("alpha beta gamma delta epsilon zeta eta theta iota", usage=usage, fault=fault, fault_after=7)


async def one(client: httpx.AsyncClient, kind: str, number: int, begun: asyncio.Semaphore | None = None) -> str | None:
    """One request whose id is its model's name, in one dialect or another; gives that back, or None when the server went away."""
    model = f"{kind}{number}"
    body = {"model": f"{NODES[number % len(NODES)]}/{model}", "stream": kind in "sh" or number % 2 == 0}
    turn = [{"role": "user", "content": "count"}]
    path = CLIENTS[number % len(CLIENTS)]
    more = {"input": turn} if path == "/v1/responses" else {"messages": turn, "max_tokens": 99}
    try:
        async with client.stream("POST", path, json=body | more, headers={"x-request-id": model}) as answer:
            assert answer.status_code == (400 if kind == "f" else 200)
            async for _ in answer.aiter_raw():
                if begun is not None:
                    begun.release()
                    begun = None
    except httpx.TransportError:
        return None
    return model


async def written(data_dir: Path, outcomes: dict[str, str]) -> None:
    """Wait until the ledger says exactly that of those requests."""
    async with asyncio.timeout(30):
        while outcomes != {name: row[0] for name, row in tries(data_dir).items() if name in outcomes}:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.02)


def tries(data_dir: Path) -> dict[str, tuple[str, int, int, bool]]:
    """Request id → outcome, tokens, whether estimated; no request may be there twice."""
    with sqlite3.connect(data_dir / "omniroute.sqlite") as db:
        rows = db.execute("SELECT request_id, outcome, input_tokens, output_tokens, estimated FROM usage").fetchall()
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert len(rows) == len({row[0] for row in rows})
    return {name: (outcome, given, made, bool(estimated)) for name, outcome, given, made, estimated in rows}


PRICE = {"input": 10, "output": 40}


def admin(data_dir: Path) -> dict[str, str]:
    return {"authorization": f"Bearer {(data_dir / 'admin.token').read_text().strip()}"}


async def costs_agree(client: httpx.AsyncClient, data_dir: Path) -> None:
    """Every row costs what its tokens cost, and every sum and budget is the sum of the rows."""
    with sqlite3.connect(data_dir / "omniroute.sqlite") as db:
        rows = db.execute("SELECT input_tokens, output_tokens, cost_usd FROM usage WHERE outcome != 'open'").fetchall()
        tables = ("usage_hours", "usage_account_hours", "usage_combo_hours", "usage_days")
        sums = [
            db.execute(f"SELECT sum(attempts), sum(input_tokens), sum(output_tokens), total(cost_usd) FROM {table}").fetchone()
            for table in tables
        ]
    for given, made, usd in rows:
        assert usd == pytest.approx((given * PRICE["input"] + made * PRICE["output"]) / 1e6)
    whole = (len(rows), sum(row[0] for row in rows), sum(row[1] for row in rows), pytest.approx(sum(row[2] for row in rows)))
    assert sums == [whole] * len(tables)
    (told,) = (await client.get("/api/usage/totals", headers=admin(data_dir))).json()["data"]
    assert (told["attempts"], told["input_tokens"], told["output_tokens"], told["cost_usd"]) == whole
    (budget,) = (await client.get("/api/budgets", headers=admin(data_dir))).json()["data"]
    assert (budget["used"]["tokens"], budget["used"]["usd"]) == (whole[1] + whole[2], whole[3])


async def test_kill_loses_no_settled_request_and_counts_none_twice(tmp_path: Path, scripted_upstream: ScriptedUpstream) -> None:
    """The upstream is the biller: after SIGKILL in the middle of traffic, what had been settled stands to the token, what was
    under way is an aborted estimate, and requests that ended in the last moment are there once or not at all."""
    scripted_upstream.default = numbered
    config = tmp_path / "omniroute.toml"
    config.write_text(nodes(scripted_upstream))
    data_dir = tmp_path / "data"
    arguments = ("--config", str(config))
    settled = [("f" if number % 8 == 7 else "w", number) for number in range(40)]
    stuck, hanging, late = range(40, 50), range(50, 53), range(60, 90)
    async with process(data_dir, *arguments) as (child, url), httpx.AsyncClient(base_url=url, timeout=30) as client:
        numbers = [*settled, *(("s", n) for n in stuck), *(("h", n) for n in hanging), *(("w", n) for n in late), ("w", 99)]
        for kind, number in numbers:
            price = {"provider": NODES[number % len(NODES)], "model": f"{kind}{number}", **PRICE}
            assert (await client.put("/api/pricing", json=price, headers=admin(data_dir))).status_code == 200
        monthly = {"period": "monthly", "usd": 1000}
        assert (await client.post("/api/budgets", json=monthly, headers=admin(data_dir))).status_code == 201
        begun = asyncio.Semaphore(0)
        under_way = [asyncio.ensure_future(one(client, "s", number, begun)) for number in stuck]
        under_way += [asyncio.ensure_future(one(client, "h", number)) for number in hanging]
        names = [f"{kind}{number}" for kind, number in settled]
        async with asyncio.timeout(30):
            assert await asyncio.gather(*(one(client, *each) for each in settled)) == names
            for _ in stuck:
                await begun.acquire()
        told = {name: "error" if name[0] == "f" else "ok" for name in names}
        told |= {f"s{number}": "open" for number in stuck} | {f"h{number}": "open" for number in hanging}
        await written(data_dir, told)
        last = [asyncio.ensure_future(one(client, "w", number)) for number in late]
        await next(asyncio.as_completed(last))
        child.kill()
        await child.wait()
        assert await asyncio.gather(*under_way) == [None] * len(under_way)
        ends = await asyncio.gather(*last, return_exceptions=True)  # libraries say different things of a dying connection
        assert not [end for end in ends if isinstance(end, AssertionError)]
        assert [end for end in ends if isinstance(end, str)]
    async with process(data_dir, *arguments) as (_, url), httpx.AsyncClient(base_url=url, timeout=30) as client:
        found = tries(data_dir)
        await costs_agree(client, data_dir)
        for kind, number in settled:
            well = ("ok", 1000 + number, 100 + number, False)
            assert found[f"{kind}{number}"] == (well if kind == "w" else ("error", 0, 0, False))
        for number in (*stuck, *hanging):
            outcome, given, made, estimated = found[f"{'s' if number in stuck else 'h'}{number}"]
            assert (outcome, estimated) == ("aborted", True)
            assert given > 0
            assert made < 100
        for number in late:
            if (row := found.get(f"w{number}")) is not None and row[0] != "aborted":
                assert row == ("ok", 1000 + number, 100 + number, False)
        assert found.keys() <= told.keys() | {f"w{number}" for number in late}
        assert await one(client, "w", 99) == "w99"
        await written(data_dir, {"w99": "ok"})
        assert {name: row for name, row in tries(data_dir).items() if name != "w99"} == found
        await costs_agree(client, data_dir)


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
