"""Renewals over the real store: two processes at once, steps that fail half-way, and logins that nobody uses."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from omniroute.catalog.account import Account
from omniroute.catalog.oauth import OAuth
from omniroute.catalog.schema import Auth, Provider
from omniroute.core.errors import Fault, StorageError
from omniroute.core.ids import FakeClock
from omniroute.server.login_book import LoginBook, stored
from omniroute.server.renewer import Renewer
from omniroute.storage import Database, Vault
from omniroute.storage.logins import LoginRepository
from omniroute.upstream.call import Call
from omniroute.upstream.login import Tokens
from omniroute.upstream.login.http import Http
from omniroute.upstream.login.way import Machine, Way
from upstream.whole import Nowhere, Whole

URLS = {
    "device_url": "https://a.test/d",
    "token_url": "https://a.test/token",
    "userinfo_url": "https://a.test/me?t={access_token}",
}


class Authority(Nowhere):
    """Every refresh rotates. ``refuses``: what the next requests of a path get instead."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refuses: dict[str, list[tuple[int, Any]]] = {}
        self.number = 1
        self.arrived = asyncio.Event()

    async def send(self, call: Call) -> Whole:
        path = call.url.partition("a.test")[2].partition("?")[0]
        self.asked.append(path)
        self.arrived.set()
        await asyncio.sleep(0)
        if self.refuses.get(path):
            return Whole(*self.refuses[path].pop(0))
        if path == "/me":
            return Whole(200, {"data": {"apiKey": f"key-{self.number}", "email": "ada@x"}})
        if f"refresh_token=rt-{self.number}&".encode() not in call.body + b"&":
            return Whole(400, {"error": "invalid_grant", "error_description": "spent"})
        self.number += 1
        return Whole(200, {"access_token": f"at-{self.number}", "refresh_token": f"rt-{self.number}", "expires_in": 3600})


class World:
    """One login, and as many processes as a test wants."""

    def __init__(self, tmp_path: Path, stack: AsyncExitStack) -> None:
        self.clock = FakeClock()
        self.authority = Authority()
        self.oauth = OAuth(flow="device", client_id="c", rotates=True, **URLS)
        self.account_id = ""
        self._vault = Vault(b"k" * 32)
        self._path = tmp_path / "data"
        self._stack = stack

    async def process(self, name: str, **oauth: Any) -> Process:
        if oauth:
            self.oauth = OAuth(**{"flow": "device", "client_id": "c", **URLS, **oauth})
        db = await self._stack.enter_async_context(await Database.open(self._path, clock=self.clock, shared=name != "one"))
        return Process(self, LoginRepository(db, self._vault), name)

    async def sign_in(self, of: Process, lasts: float | None = 0.0, **tokens: Any) -> None:
        given = Tokens(**{"access": "at-1", "refresh": "rt-1", **tokens})
        self.account_id = await of.logins.signed_in(
            "lab", "ada", name="ada", flow="device", method="device", tokens=stored(given), facts={"email": "ada@x"},
            expires_at=None if lasts is None else self.clock.now() + lasts,
        )  # fmt: skip
        of.book.take(await of.logins.list())


class Process:
    def __init__(self, world: World, logins: LoginRepository, name: str) -> None:
        self.world, self.logins = world, logins
        self.book = LoginBook(logins, world.clock, random.Random(0))
        self.told: list[str] = []
        self.enabled = True
        provider = Provider(
            id="lab", prefix="lab", name="Lab", format="openai_chat", base_url="https://api.test", auth=Auth(scheme="oauth"),
            oauth=world.oauth,
        )  # fmt: skip
        http = Http(provider, lambda: world.authority, lambda url: None, world.clock)
        machine = Machine(machine_id="m", device_name="d", device_model="x")
        self._provider = provider
        self._way = Way(provider=provider, oauth=world.oauth, http=http, machine=machine, environ={}, clock=world.clock)
        ways: Any = self
        self.renewer = Renewer(
            logins, self.book, ways, self.account, self.told.append, world.clock, random.Random(0), pause=self._pause, worker=name
        )

    async def _pause(self, seconds: float) -> None:
        self.world.clock.advance(seconds)
        await asyncio.sleep(0)

    def account(self, account_id: str) -> Account | None:
        if account_id != self.world.account_id:
            return None
        return self.book.signed(Account(id=account_id, provider="lab", name="ada", enabled=self.enabled))

    @property
    def mine(self) -> Account:
        account = self.account(self.world.account_id)
        assert account is not None
        return account

    def data(self, provider: str, flow: str) -> OAuth:
        return self.world.oauth

    def provider(self, word: str) -> Provider:
        return self._provider

    def way(self, provider: Provider, oauth: OAuth, account: Account | None = None) -> Way:
        return self._way

    async def secret(self) -> str:
        account = await self.renewer.fresh(self.mine)
        assert account.secret is not None
        return account.secret.reveal()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield World(tmp_path, stack)


async def test_two_processes_renew_once_and_both_have_the_new_token(world: World) -> None:
    one, two = await world.process("one"), await world.process("two")
    await world.sign_in(one)
    two.book.take(await two.logins.list())
    secrets = await asyncio.gather(*(process.secret() for process in (one, two) for _ in range(10)))
    assert set(secrets) == {"at-2"}
    assert world.authority.asked == ["/token"]
    assert one.told
    assert two.told


async def test_a_process_that_slept_through_it_adopts_what_is_stored(world: World) -> None:
    one, two = await world.process("one"), await world.process("two")
    await world.sign_in(one)
    two.book.take(await two.logins.list())
    await one.secret()
    assert await two.secret() == "at-2"
    account = await two.renewer.renew(world.account_id, stale_generation=1)
    assert account.login is not None
    assert account.login.generation == 2
    assert world.authority.asked == ["/token"]


async def test_steps_that_failed_are_taken_again_without_another_refresh(world: World) -> None:
    one = await world.process("one", after=("iflow_key",), rotates=True)
    await world.sign_in(one, key="key-0")
    world.authority.refuses["/me"] = [(503, {})]
    with pytest.raises(Fault) as caught:
        await one.secret()
    assert caught.value.kind == "transient"
    assert caught.value.retry_after is not None
    row = await one.logins.get(world.account_id)
    assert row is not None
    assert not row.claimed(world.clock.now())
    assert one.logins.reveal(row).count("rt-2") == 1
    again = await world.process("again")  # as after a restart
    again.book.take(await again.logins.list())
    assert await again.secret() == "key-2"
    assert world.authority.asked == ["/token", "/me", "/me"]


async def test_steps_that_waited_too_long_are_taken_with_another_token(world: World) -> None:
    one = await world.process("one", after=("iflow_key",), rotates=True)
    await world.sign_in(one, key="key-0")
    world.authority.refuses["/me"] = [(503, {})]
    with pytest.raises(Fault):
        await one.secret()
    world.clock.advance(7200)
    assert await one.secret() == "key-3"
    assert world.authority.asked == ["/token", "/me", "/token", "/me"]


async def test_a_login_that_only_repeats_its_steps_keeps_its_access_token(world: World) -> None:
    one = await world.process("one", after=("iflow_key",), renews="after")
    await world.sign_in(one, key="key-0", refresh=None)
    world.authority.number = 7
    assert await one.secret() == "key-7"
    assert world.authority.asked == ["/me"]


async def test_a_token_that_nothing_renews_ends_in_a_problem(world: World) -> None:
    one = await world.process("one", renews="none")
    await world.sign_in(one, refresh=None)
    assert not one.renewer.renewable(one.mine)
    for _ in range(2):
        with pytest.raises(Fault, match="sign in again"):
            await one.secret()
    row = await one.logins.get(world.account_id)
    assert row is not None
    assert row.problem is not None
    assert world.authority.asked == []


async def test_a_pair_that_cannot_be_written_is_written_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one = await world.process("one")
    await world.sign_in(one)
    save, failures = one.logins.save, [StorageError("the disk is full")] * 2

    async def failing(*args: Any, **kwargs: Any) -> bool:
        if failures:
            raise failures.pop()
        return await save(*args, **kwargs)

    monkeypatch.setattr(one.logins, "save", failing)
    assert await one.secret() == "at-2"
    assert world.authority.asked == ["/token"]


async def test_a_pair_that_can_not_be_written_for_long_is_kept_for_the_next_try(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await world.process("one")
    await world.sign_in(one)
    full = True
    save = one.logins.save

    async def failing(*args: Any, **kwargs: Any) -> bool:
        if full:
            raise StorageError("the disk is full")
        return await save(*args, **kwargs)

    monkeypatch.setattr(one.logins, "save", failing)
    with pytest.raises(Fault, match="the disk is full"):
        await one.secret()
    full = False
    world.clock.advance(400)
    assert await one.secret() == "at-2"
    assert world.authority.asked == ["/token"]


async def test_only_what_is_used_is_renewed_by_itself_and_the_rest_once_a_day(world: World) -> None:
    one = await world.process("one")
    await world.sign_in(one, lasts=600)
    world.clock.advance(500)
    one.renewer.look()
    await asyncio.sleep(0)
    assert world.authority.asked == []
    assert await one.secret() == "at-1"  # asked for: renewed behind the request
    await one.renewer.stop()
    assert world.authority.asked == ["/token"]
    world.clock.advance(3590)
    one.renewer.look()
    await one.renewer.stop()
    assert world.authority.asked == ["/token"]
    world.clock.advance(86400)
    one.enabled = False
    one.renewer.look()
    await one.renewer.stop()
    assert world.authority.asked == ["/token"]
    one.enabled = True
    one.renewer.look()
    await one.renewer.stop()
    assert world.authority.asked == ["/token", "/token"]


async def test_backing_off_grows_and_ends_with_the_first_success(world: World) -> None:
    one = await world.process("one")
    await world.sign_in(one)
    world.authority.refuses["/token"] = [(503, {})] * 8
    waits = []
    for _ in range(8):
        with pytest.raises(Fault) as caught:
            await one.secret()
        assert caught.value.retry_after is not None
        waits.append(caught.value.retry_after)
        world.clock.advance(waits[-1] + 1)
    assert waits[:6] == sorted(waits[:6])
    assert 5 <= waits[0] <= 6
    assert waits[-1] <= 360
    assert await one.secret() == "at-2"
    entry = one.book.get(world.account_id)
    assert entry is not None
    assert entry.failures == 0


async def test_a_lost_race_adopts_the_winner_and_marks_nobody(world: World) -> None:
    """Somebody signed in again while the old login was being renewed; the old one's refusal says nothing of the new one."""
    one = await world.process("one")
    await world.sign_in(one)
    world.authority.number = 5  # the stored refresh token is spent
    waiting = asyncio.ensure_future(one.secret())
    await world.authority.arrived.wait()
    await one.logins.signed_in(
        "lab",
        "ada",
        name="ada",
        flow="device",
        method="device",
        tokens=stored(Tokens(access="at-new")),
        facts={},
        expires_at=None,
    )
    assert await waiting == "at-new"
    row = await one.logins.get(world.account_id)
    assert row is not None
    assert row.problem is None


async def test_an_account_that_is_gone_is_said_so(world: World) -> None:
    one = await world.process("one")
    await world.sign_in(one)
    with pytest.raises(Fault):
        await one.renewer.renew("acc_unknown", stale_generation=1)
    await one.logins.delete(world.account_id)
    with pytest.raises(Fault, match="no login any more"):
        await one.secret()
