"""From signing in to the answer: logins at doubles of the authorization servers, used at doubles of the APIs behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from running.fixtures import Server, Start
from upstream.authority import Authority
from upstream.vendors import ClaudeDouble, CodexDouble, CopilotDouble, VendorDouble

OWNER = "somebody"
MODELS = {"claude": "cc/claude-opus-4-6", "codex": "cx/gpt-5.2", "github": "gh/gpt-5"}
DOUBLES: dict[str, Callable[[], VendorDouble]] = {"claude": ClaudeDouble, "codex": CodexDouble, "github": CopilotDouble}
RENEWED = {"claude": "renewal", "codex": "renewal", "github": "copilot_token"}


class Issued:
    """The access tokens that an authorization server gave out and that are still good."""

    def __init__(self, authority: Authority) -> None:
        self._ledger = authority.ledger

    def __contains__(self, token: object) -> bool:
        found = self._ledger.accesses.get(str(token))
        return found is not None and found[1] > self._ledger.now()


@contextmanager
def authority(provider: str) -> Iterator[Authority]:
    with Authority(provider).run() as running:
        running.interval = 1
        yield running


async def signed_in(server: Server, there: Authority) -> None:
    """Sign in as a person would."""
    logins = server.app.sign_ins.logins
    logins._sessions._pause = lambda seconds: asyncio.sleep(seconds / 100)
    if any(told.provider == there.provider and not told.acknowledged for told in logins.providers()):
        await logins.acknowledge(there.provider)
    if there.provider == "github":
        session = await logins.begin(there.provider, "device", owner=OWNER)
        there.approve(session.user_code or "")
        for _ in range(500):
            status = await logins.status(session.id, OWNER)
            if status.state != "pending":
                break
            await asyncio.sleep(0.02)
        assert status.state == "done", status.reason
        return
    session = await logins.begin(there.provider, "paste", owner=OWNER)
    where = await asyncio.to_thread(there.visit, session.url or "")
    code = where.partition("<pre id=code>")[2].partition("<")[0]
    await logins.submit(session.id, OWNER, code or where)


@pytest.mark.parametrize("provider", MODELS)
async def test_a_login_is_used_and_renewed_when_its_token_is_refused(start: Start, provider: str) -> None:
    with authority(provider) as there:
        async with DOUBLES[provider]().run() as api:
            assert isinstance(api, VendorDouble)
            api.tokens = Issued(there)
            server = await start(f'[providers.{provider}]\nbase_url = "{api.url}"\n', **there.environ)
            await signed_in(server, there)
            chat = server.openai().chat.completions

            done = await chat.create(model=MODELS[provider], messages=[{"role": "user", "content": "Hi"}])
            assert done.choices[0].message.content == "Hello from upstream."
            assert api.refused == []
            if provider == "codex":
                assert api.last.header("chatgpt-account-id") == there.person.account_id
            if provider == "claude":
                account = ClaudeDouble.profile["account"]["uuid"]
                assert f"_account_{account}_session_" in api.last.json()["metadata"]["user_id"]

            before = there.counts[RENEWED[provider]]
            with there.ledger.lock:
                there.ledger.accesses.pop((api.last.header("authorization") or "").removeprefix("Bearer "))
            done = await chat.create(model=MODELS[provider], messages=[{"role": "user", "content": "And again"}])
            assert done.choices[0].message.content == "Hello from upstream."
            assert api.refused == [(401, "unauthorized")]
            assert there.counts[RENEWED[provider]] == before + 1

            rows = await server.usage()
            assert [row.outcome for row in rows] == ["ok", "error", "ok"]
            secrets = there.issued
            shown = str(rows) + str(server.app._status())
            assert not [secret for secret in secrets if secret in shown]
