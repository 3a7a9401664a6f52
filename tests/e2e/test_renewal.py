"""Tokens that end, are refused or are taken back while requests come: what clients see, and how often anybody is asked."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from e2e.test_process import process
from omniroute.server.login_book import Entry
from running.doubles import before, serves_chat
from running.fixtures import Server, serving
from upstream.authority import Authority, Trouble

MANY = 100
HOUR = 3600.0


@pytest.fixture
def double() -> Iterator[Authority]:
    with Authority("qwen").run() as made:
        serves_chat(made)
        yield made


@asynccontextmanager
async def running(double: Authority, data_dir: Path) -> AsyncIterator[Server]:
    async with serving(data_dir, before(double), **double.environ) as server:
        limits = httpx.Limits(max_connections=MANY + 5)
        server.http = httpx.AsyncClient(base_url=server.url, timeout=30, limits=limits, trust_env=False)
        server.closing.push_async_callback(server.http.aclose)
        yield server


async def signed_in(server: Server, double: Authority, lasts: float) -> str:
    """The login of another program, whose token lasts that many seconds."""
    seeded = double.seed()
    fields = {"access": seeded["access_token"], "refresh": seeded["refresh_token"], "expires_at": str(time.time() + lasts)}
    if double.provider == "qwen":
        fields["email"] = "ada@example.com"
    return await server.app.sign_ins.logins.import_tokens(double.provider, fields)


async def ask(client: httpx.AsyncClient, model: str = "qw/qwen3-coder-plus") -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "go"}]}
    return await client.post("/v1/chat/completions", json=body)


def entry_of(server: Server, account_id: str) -> Entry:
    entry = server.app.installation.book.get(account_id)
    assert entry is not None
    return entry


async def arrived(double: Authority, word: str, count: int = 1) -> None:
    assert await asyncio.to_thread(double.ledger.wait_for, word, count)


async def test_a_hundred_requests_across_an_expiry_cost_one_renewal(double: Authority, tmp_path: Path) -> None:
    async with running(double, tmp_path / "data") as server:
        await signed_in(server, double, lasts=3)
        double.expire_access()
        answers = await asyncio.gather(*(ask(server.http) for _ in range(MANY)))
        assert [answer.status_code for answer in answers] == [200] * MANY
        assert double.counts["renewal"] == 1
        assert double.counts["chat"] == MANY


async def test_a_hundred_refusals_of_a_token_that_should_hold_cost_one_renewal(double: Authority, tmp_path: Path) -> None:
    async with running(double, tmp_path / "data") as server:
        account_id = await signed_in(server, double, lasts=HOUR)
        double.expire_access()
        answers = await asyncio.gather(*(ask(server.http) for _ in range(MANY)))
        assert [answer.status_code for answer in answers] == [200] * MANY
        assert double.counts["renewal"] == 1
        known = server.app.health.describe(time.time())["accounts"].get(account_id, {})
        assert not known.get("lock")
        assert not known.get("models")


async def test_a_token_near_its_end_is_renewed_behind_the_request(double: Authority, tmp_path: Path) -> None:
    async with running(double, tmp_path / "data") as server:
        account_id = await signed_in(server, double, lasts=HOUR)
        entry_of(server, account_id).due = 0.0
        with double.ledger.held("renewal"):
            assert (await ask(server.http)).status_code == 200
            await arrived(double, "renewal")
        for _ in range(500):
            if entry_of(server, account_id).login.generation == 2:
                break
            await asyncio.sleep(0.01)
        assert (await ask(server.http)).status_code == 200
        assert double.counts["renewal"] == 1


async def test_a_client_that_leaves_takes_no_renewal_with_it(double: Authority, tmp_path: Path) -> None:
    async with running(double, tmp_path / "data") as server:
        await signed_in(server, double, lasts=3)
        with double.ledger.held("renewal"):
            asking = asyncio.ensure_future(ask(server.http))
            await arrived(double, "renewal")
            asking.cancel()
            await asyncio.wait([asking])
        assert (await ask(server.http)).status_code == 200
        assert double.counts["renewal"] == 1


async def test_a_login_taken_back_is_marked_once_and_works_again_after_signing_in(double: Authority, tmp_path: Path) -> None:
    async with running(double, tmp_path / "data") as server:
        account_id = await signed_in(server, double, lasts=HOUR)
        double.revoke_all()
        for _ in range(3):
            answer = await ask(server.http)
            assert answer.status_code in (401, 503)
            assert "sign in again" in answer.json()["error"]["message"]
        assert double.counts["renewal"] == 1
        assert double.counts["chat"] == 1
        view = server.app.sign_ins.logins.describe(account_id)
        assert view is not None
        assert view.problem is not None
        assert view.problem.startswith("sign in again: ")
        assert await signed_in(server, double, lasts=HOUR) == account_id
        assert (await ask(server.http)).status_code == 200


async def test_a_server_that_is_down_is_not_asked_by_every_request(double: Authority, tmp_path: Path) -> None:
    async with running(double, tmp_path / "data") as server:
        account_id = await signed_in(server, double, lasts=3)
        double.fail("renewal", Trouble(503))
        answers = await asyncio.gather(*(ask(server.http) for _ in range(10)))
        assert {answer.status_code for answer in answers} == {503}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
        assert double.counts["renewal"] == 1
        entry_of(server, account_id).retry_at = 0.0
        assert (await ask(server.http)).status_code == 200


async def test_an_answer_lost_after_the_rotation_ends_in_one_sentence(double: Authority, tmp_path: Path) -> None:
    async with running(double, tmp_path / "data") as server:
        account_id = await signed_in(server, double, lasts=3)
        double.fail("renewal", Trouble(0, performed=True))
        assert (await ask(server.http)).status_code == 503
        entry_of(server, account_id).retry_at = 0.0
        for _ in range(3):
            assert "sign in again" in (await ask(server.http)).text
        assert double.counts["renewal"] == 2


async def test_a_clock_that_is_wrong_costs_nobody_a_request(double: Authority, tmp_path: Path) -> None:
    """The other side's clock is two hours ahead: what it issues lasts by ours."""
    async with running(double, tmp_path / "data") as server:
        account_id = await signed_in(server, double, lasts=3)
        double.ledger.advance(7200)
        assert (await ask(server.http)).status_code == 200
        expires_at = entry_of(server, account_id).login.expires_at
        assert expires_at is not None
        assert abs(expires_at - time.time() - double.lifetime) < 30
        assert (await ask(server.http)).status_code == 200
        assert double.counts["renewal"] == 1


async def test_a_stop_waits_for_a_token_that_is_on_its_way(double: Authority, tmp_path: Path) -> None:
    async with running(double, tmp_path / "data") as server:
        account_id = await signed_in(server, double, lasts=HOUR)
        entry_of(server, account_id).due = 0.0
        with double.ledger.held("renewal") as gate:
            assert (await ask(server.http)).status_code == 200
            await arrived(double, "renewal")
            asyncio.get_running_loop().call_later(0.2, gate.set)
            await server.app.sign_ins.renewer.stop()
    async with running(double, tmp_path / "data") as server:
        assert entry_of(server, account_id).login.generation == 2
        assert (await ask(server.http)).status_code == 200
        assert double.counts["renewal"] == 1


@pytest.mark.parametrize(
    ("provider", "model", "held"), [("qwen", "qw/qwen3-coder-plus", "chat"), ("iflow", "if/glm-4.7", "userinfo")]
)
async def test_a_kill_after_the_rotation_loses_no_login(tmp_path: Path, provider: str, model: str, held: str) -> None:
    """The new pair was received: whether its first use, or what is fetched with it, was under way makes no difference."""
    data_dir = tmp_path / "data"
    with Authority(provider).run() as double:
        serves_chat(double)
        async with running(double, data_dir) as server:
            await signed_in(server, double, lasts=HOUR)
        double.expire_access()
        config = tmp_path / "omniroute.toml"
        arguments = ("--config", str(config))
        async with process(data_dir, *arguments, **double.environ) as (child, url):
            async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
                with double.ledger.held(held):
                    with double.ledger.held("renewal"):
                        double.ledger.gates[held].set()  # the first refusal is not what is to be held
                        asking = asyncio.ensure_future(ask(client, model))
                        await arrived(double, "renewal")
                        told = double.counts[held]
                        double.ledger.gates[held].clear()
                    await arrived(double, held, told + 1)
                    child.send_signal(signal.SIGKILL)
                    await child.wait()
                await asyncio.wait([asking])
                assert asking.exception() is not None
            assert child.stderr is not None
            shown = (await child.stderr.read()).decode()
        async with process(data_dir, *arguments, **double.environ) as (_, url):
            async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
                answer = await ask(client, model)
                assert answer.status_code == 200, answer.text
        assert double.counts["renewal"] == 1
        assert not [secret for secret in double.issued if secret in shown]
