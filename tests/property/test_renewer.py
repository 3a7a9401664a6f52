"""The renewer among others of its kind: whatever the interleaving, no refresh token is sent twice and no pair is lost.

Several workers share one store. The authorization server rotates, and ends the whole family when a spent token comes again. Workers
may die before they ask and after they have stored; servers may refuse for a while; the store may fail to write.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from omniroute.catalog.account import Account
from omniroute.catalog.oauth import OAuth
from omniroute.catalog.schema import Auth, Provider
from omniroute.core.errors import Fault, StorageError
from omniroute.core.ids import FakeClock
from omniroute.server.login_book import LoginBook, stored
from omniroute.server.renewer import Renewer
from omniroute.storage.logins import LoginRow
from omniroute.upstream.call import Call
from omniroute.upstream.login import Tokens
from omniroute.upstream.login.http import Http
from omniroute.upstream.login.way import Machine, Way
from upstream.whole import Nowhere, Whole

LIFETIME = 3600.0
OAUTH = OAuth(
    flow="device", device_url="https://a.example/d", token_url="https://a.example/t", client_id="c", rotates=True, lead=300
)
PROVIDER = Provider(
    id="p", prefix="p", name="P", format="openai_chat", base_url="https://p.example", auth=Auth(scheme="oauth"), oauth=OAUTH
)
ACCOUNT = Account(id="acc", provider="p", name="ada")


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


class Authority(Nowhere):
    """Rotates; ``troubles``: how many requests it refuses for now. ``delays``: turns before and after it decides."""

    def __init__(self, delays: list[int], troubles: int) -> None:
        self.delays = delays
        self.troubles = troubles
        self.number = 1
        self.alive = True
        self.reused = 0

    async def send(self, call: Call) -> Whole:
        await turns(self._delay())
        token = call.body.decode().partition("refresh_token=rt-")[2].partition("&")[0]
        if self.troubles > 0:
            self.troubles -= 1
            return Whole(503, {})
        if not self.alive or int(token) != self.number:
            self.reused += 1
            self.alive = False
            return Whole(400, {"error": "invalid_grant"})
        self.number += 1
        await turns(self._delay())
        reply = {"access_token": f"at-{self.number}", "refresh_token": f"rt-{self.number}", "expires_in": LIFETIME}
        return Whole(200, reply)

    def _delay(self) -> int:
        self.delays.append(self.delays.pop(0))
        return self.delays[0]


class Store:
    """The repository's contract, in memory. ``failures``: how many writes fail."""

    def __init__(self, clock: FakeClock, failures: int) -> None:
        self.clock = clock
        self.failures = failures
        self.row = LoginRow(
            account_id="acc", provider="p", subject="s", flow="device", method="device", facts={}, generation=1,
            tokens=stored(Tokens(access="at-1", refresh="rt-1", expires_at=clock.now())).encode(), expires_at=clock.now(),
            created_at=clock.now() - LIFETIME, refreshed_at=clock.now() - LIFETIME, problem=None, claimed_by=None,
            claimed_until=None,
        )  # fmt: skip

    def refresh_token(self) -> str | None:
        return msgspec.json.decode(self.row.tokens, type=Tokens).refresh


class Seen:
    """What one worker has of the store. Dead, nothing it began ever goes on."""

    def __init__(self, store: Store, dies: str | None) -> None:
        self.store = store
        self.dies = dies
        self.dead = False
        self.buried = asyncio.Event()

    async def _step(self) -> None:
        await turns(1)
        if self.dead:
            await self.buried.wait()
            raise asyncio.CancelledError

    async def get(self, account_id: str) -> LoginRow | None:
        await self._step()
        return self.store.row

    def reveal(self, row: LoginRow) -> str:
        return row.tokens.decode()

    async def claim(self, account_id: str, generation: int, by: str, until: float) -> bool:
        await self._step()
        row, now = self.store.row, self.store.clock.now()
        free = row.claimed_by in (None, by) or (row.claimed_until or 0) <= now
        if row.generation != generation or row.problem is not None or not free:
            return False
        self._set(claimed_by=by, claimed_until=until)
        if self.dies == "before asking":
            self.dead = True
            await self._step()
        return True

    async def release(self, account_id: str, by: str) -> None:
        await self._step()
        if self.store.row.claimed_by == by:
            self._set(claimed_by=None, claimed_until=None)

    async def save(
        self, account_id: str, generation: int, by: str, *, tokens: str, facts: Any, expires_at: float | None, keep_claim: bool
    ) -> bool:
        await self._step()
        if self.store.failures > 0:
            self.store.failures -= 1
            raise StorageError("the disk is full")
        if self.store.row.generation != generation:
            return False
        self._set(
            tokens=tokens.encode(), generation=generation + 1, expires_at=expires_at, refreshed_at=self.store.clock.now(),
            problem=None, claimed_by=by if keep_claim else None,
        )  # fmt: skip
        if self.dies == "after storing":
            self.dead = True
            await self._step()
        return True

    async def lost(self, account_id: str, generation: int, problem: str) -> bool:
        await self._step()
        if self.store.row.generation != generation:
            return False
        self._set(problem=problem, claimed_by=None, claimed_until=None)
        return True

    def _set(self, **changes: Any) -> None:
        self.store.row = msgspec.structs.replace(self.store.row, **changes)


class Ways:
    """One provider, one flow, nothing of this machine."""

    def __init__(self, authority: Authority, clock: FakeClock) -> None:
        http = Http(PROVIDER, lambda: authority, lambda url: None, clock)
        machine = Machine(machine_id="m", device_name="d", device_model="x")
        self._way = Way(provider=PROVIDER, oauth=OAUTH, http=http, machine=machine, environ={}, clock=clock)

    def data(self, provider_id: str, flow: str) -> OAuth:
        return OAUTH

    def provider(self, word: str) -> Provider:
        return PROVIDER

    def way(self, provider: Provider, oauth: OAuth, account: Account | None = None) -> Way:
        return self._way


class Worker:
    def __init__(self, name: str, store: Store, authority: Authority, clock: FakeClock, dies: str | None) -> None:
        self.seen: Any = Seen(store, dies)
        self.book = LoginBook(self.seen, clock, random.Random(0))
        self.book.take([store.row])
        ways: Any = Ways(authority, clock)
        self.renewer = Renewer(
            self.seen, self.book, ways, lambda _: self.book.signed(ACCOUNT), lambda _: None, clock, random.Random(0),
            pause=pausing(clock), worker=name,
        )  # fmt: skip


def pausing(clock: FakeClock) -> Callable[[float], Awaitable[None]]:
    async def pause(seconds: float) -> None:
        await turns(3)
        clock.advance(seconds)

    return pause


async def use(worker: Worker, after: int, refused: bool, stays: bool) -> None:
    """A request: ``refused``, its token is turned down at first; unless it ``stays``, its client leaves early."""
    await turns(after)

    async def request() -> None:
        account = worker.book.signed(ACCOUNT)
        try:
            account = await worker.renewer.fresh(account)
            if refused and account.login is not None and account.login.generation == 1:
                await worker.renewer.renew("acc", stale_generation=1)
        except Fault as fault:
            if fault.kind != "transient":
                raise

    task = asyncio.ensure_future(request())
    if not stays:
        await turns(2)
        task.cancel()
    await asyncio.wait([task], timeout=0.01 if worker.seen.dies else None)
    if task.done() and not task.cancelled() and task.exception() is not None:
        raise AssertionError("a request saw something else") from task.exception()
    task.cancel()


async def told(workers: list[Worker], asked: list[tuple[int, int, bool, bool]]) -> None:
    await asyncio.gather(*(use(workers[number], after, refused, stays) for number, after, refused, stays in asked))


async def ended(workers: list[Worker], late: Worker, authority: Authority, clock: FakeClock) -> None:
    """Whoever is left, and whoever comes later, gets a token in the end."""
    for worker in (*workers, late):
        if worker.seen.dies is not None:
            continue
        for _ in range(8):
            await turns(100)  # what is under way takes no hours
            clock.advance(400)
            try:
                account = await worker.renewer.fresh(worker.book.signed(ACCOUNT))
            except Fault as fault:
                if fault.kind != "transient":
                    raise
            else:
                break
        else:
            raise AssertionError("no token in the end")
        assert account.secret is not None
        assert account.secret.reveal() == f"at-{authority.number}"


requests = st.tuples(st.integers(0, 2), st.integers(0, 12), st.booleans(), st.booleans())
deaths = st.sampled_from([None, None, None, "before asking", "after storing"])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(requests, min_size=1, max_size=12),
    st.lists(deaths, min_size=3, max_size=3),
    st.lists(st.integers(0, 6), min_size=1, max_size=4),
    st.integers(0, 2),
    st.integers(0, 2),
)
def test_no_refresh_token_is_spent_twice_and_no_pair_is_lost(
    asked: list[tuple[int, int, bool, bool]], dying: list[str | None], delays: list[int], troubles: int, failures: int
) -> None:
    if any(dying):
        failures = 0  # a worker that dies with a pair it could not write takes it along

    async def run() -> None:
        clock = FakeClock()
        store, authority = Store(clock, failures), Authority(delays, troubles)
        workers = [Worker(f"w{number}", store, authority, clock, dies) for number, dies in enumerate(dying)]
        try:
            await told(workers, asked)
            await ended(workers, Worker("late", store, authority, clock, None), authority, clock)
            assert authority.reused == 0
            assert store.row.problem is None
            assert store.refresh_token() == f"rt-{authority.number}"
        finally:
            for worker in workers:
                worker.seen.buried.set()

    asyncio.run(run())
