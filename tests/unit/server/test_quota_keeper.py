"""When providers are asked for quotas: never at a start, only about accounts in use, seldom, patiently, a few at a time."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise
from typing import Any

import pytest

from omniroute.catalog.account import Account, Login, Secret
from omniroute.catalog.schema import Auth, Provider, Quota, UsageEndpoint
from omniroute.core.errors import BadRequest, Fault, NotFound, Scope, StorageError, TooManyRequests, Verdict
from omniroute.core.ids import FakeClock
from omniroute.ir.caps import Profile
from omniroute.routing.health import Health
from omniroute.routing.resolve import Target
from omniroute.server.quota_keeper import LEAST_INTERVAL, LONGEST_PAUSE, MANUAL_GAP, MOST_AT_ONCE, QuotaKeeper
from omniroute.upstream.quota_headers import QuotaReading
from omniroute.upstream.usage import Usage
from omniroute.upstream.usage_question import UsageRefused

INTERVAL = 600.0
HALF_USED = Usage((QuotaReading("5h", 0.5, source="endpoint"),), "pro")


def provider(reader: str | None = "balance") -> Provider:
    endpoint = UsageEndpoint(method="GET", url="https://p.test/usage", fields="", reader=reader)
    return Provider(
        id="p", prefix="p", name="P", format="openai_chat", base_url="https://p.test", auth=Auth(scheme="bearer"),
        quota=Quota(usage_endpoint=endpoint),
    )  # fmt: skip


def account(name: str, **more: Any) -> Account:
    return Account(id=name, provider="p", name=name, secret=Secret("s"), **more)


class World:
    """A keeper with everything it asks for. ``answers``: what the next questions get; a future is waited for."""

    def __init__(self, *accounts: Account, given: Provider | None = None) -> None:
        self.clock = FakeClock()
        self.health = Health(random.Random(1))
        self.provider = given or provider()
        self.accounts = list(accounts)
        self.asked: list[str] = []
        self.answers: list[Any] = []
        self.plans: list[tuple[str, str]] = []
        self.interval = INTERVAL
        self.store_fails = False
        self.keeper = QuotaKeeper(
            self.health,
            lambda: [(self.provider, account) for account in self.accounts],
            self.ask,
            self.note,
            lambda: self.interval,
            self.clock,
            random.Random(7),
        )

    async def ask(self, given: Provider, account: Account) -> Usage:
        assert given is self.provider
        self.asked.append(account.id)
        answer = self.answers.pop(0) if self.answers else HALF_USED
        if isinstance(answer, asyncio.Future):
            answer = await answer
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Usage)
        return answer

    async def note(self, account: Account, plan: str) -> None:
        if self.store_fails:
            raise StorageError("the disk is full")
        self.plans.append((account.id, plan))

    def target(self) -> Target:
        return Target(provider=self.provider, model="m", format="openai_chat", profile=Profile(model="m"))

    def use(self, *names: str) -> None:
        for one in self.accounts:
            if not names or one.id in names:
                self.health.lease(self.target(), one, self.clock.now()).release()

    async def after(self, seconds: float, *, step: float = 15.0) -> list[str]:
        """Let time pass, looking every ``step`` seconds; who was asked about meanwhile."""
        before = len(self.asked)
        passed = 0.0
        while passed < seconds:
            self.clock.advance(step)
            passed += step
            self.keeper.look()
            await settle()
        return self.asked[before:]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def problem_of(world: World) -> str | None:
    told = world.keeper.question("one")
    assert told is not None
    return told.problem


@pytest.fixture
def world() -> World:
    return World(account("one"))


async def test_nobody_is_asked_at_a_start_nor_about_an_idle_account(world: World) -> None:
    assert await world.after(4 * 3600) == []
    world.use()
    assert await world.after(15) == [], "not in the moment of its first request"
    assert await world.after(60) == ["one"]
    assert await world.after(7200, step=60) != []
    assert await world.after(2 * 3600, step=60) == [], "nobody has used it for a long time"
    world.use()
    assert await world.after(60) == ["one"], "the pause was long enough by itself"


async def test_an_account_in_use_is_asked_about_at_the_interval(world: World) -> None:
    moments = []
    for _ in range(int(4 * 3600 / 15)):
        world.use()
        if await world.after(15):
            moments.append(world.clock.now())
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert len(gaps) > 15
    assert all(INTERVAL <= gap <= INTERVAL * 1.2 + 15 for gap in gaps)
    assert len(set(gaps)) > 1, "not in step with anybody else"


async def test_no_setting_makes_it_ask_more_often_than_politeness_allows(world: World) -> None:
    world.interval = 1.0
    world.use()
    asked = await world.after(1200)
    assert 1 <= len(asked) <= 1200 / LEAST_INTERVAL + 1
    world.interval = 0.0
    world.use()
    assert await world.after(3600) == [], "0 switches it off"
    await world.keeper.refresh("one")
    assert world.asked[-1] == "one", "but for whoever asks"


async def test_what_is_told_reaches_routing_and_the_login(world: World) -> None:
    await world.keeper.refresh("one")
    (window,) = world.health.windows("one")
    assert (window.name, window.used, window.source, window.seen_at) == ("5h", 0.5, "endpoint", world.clock.now())
    assert world.plans == [("one", "pro")]
    told = world.keeper.question("one")
    assert told is not None
    assert (told.told_at, told.problem) == (world.clock.now(), None)
    assert world.keeper.outcomes == {"told": 1, "refused": 0}
    world.clock.advance(MANUAL_GAP)
    world.store_fails = True
    await world.keeper.refresh("one")
    assert problem_of(world) is None, "a plan that cannot be stored costs no quota"


async def test_a_provider_that_does_not_tell_is_left_alone_for_longer_and_longer(world: World) -> None:
    world.answers = [UsageRefused("status 500")] * 20
    moments = []
    for _ in range(int(48 * 3600 / 60)):
        world.use()
        if await world.after(60, step=60):
            moments.append(world.clock.now())
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert gaps[0] >= 2 * INTERVAL
    assert gaps[1] >= 4 * INTERVAL
    assert all(gap <= LONGEST_PAUSE * 1.2 + 60 for gap in gaps)
    assert gaps[-1] >= LONGEST_PAUSE
    assert problem_of(world) == "status 500"
    world.answers = []
    world.use()
    await world.after(LONGEST_PAUSE * 1.3, step=600)
    world.use()
    await world.after(60)
    assert problem_of(world) is None


async def test_a_stated_wait_is_kept(world: World) -> None:
    world.answers = [UsageRefused("slow down", retry_after=7200.0)]
    world.use()
    await world.after(60)
    asked = []
    for _ in range(int(7100 / 60)):
        world.use()
        asked += await world.after(60, step=60)
    assert asked == []


async def test_the_end_of_a_cooldown_is_a_reason_to_ask(world: World) -> None:
    used_up = Usage((QuotaReading("5h", 1.0, source="endpoint"),))
    world.answers = [used_up] * 50  # anything else would end the cooldown itself
    world.use()
    await world.after(75)
    fault = Fault("limit", kind="quota_exhausted", scope=Scope.ACCOUNT, verdict=Verdict.NEXT_ACCOUNT, retry_after=3 * 3600.0)
    world.health.failed(world.target(), world.accounts[0], fault, world.clock.now())
    await world.after(2 * 3600, step=60)
    before = len(world.asked)
    assert await world.after(3600 * 0.9, step=60) == [], "nobody can use it meanwhile"
    assert await world.after(3600, step=60) == ["one"]
    assert len(world.asked) == before + 1, "once"


async def test_few_are_asked_about_at_once() -> None:
    world = World(*(account(f"a{number}") for number in range(6)))
    gates = [asyncio.get_running_loop().create_future() for _ in range(6)]
    world.answers = list(gates)
    world.use()
    assert len(await world.after(90)) == MOST_AT_ONCE
    gates[0].set_result(HALF_USED)
    await settle()
    assert len(await world.after(15)) == 1, "one place came free"
    for gate in gates[1:]:
        gate.set_result(HALF_USED)
    await settle()
    world.use()
    await world.after(60)
    assert sorted(set(world.asked)) == [f"a{number}" for number in range(6)]


async def test_one_question_serves_all_who_wait_for_it(world: World) -> None:
    gate = asyncio.get_running_loop().create_future()
    world.answers = [gate]
    first, second = asyncio.create_task(world.keeper.refresh("one")), asyncio.create_task(world.keeper.refresh("one"))
    await settle()
    gate.set_result(HALF_USED)
    await asyncio.gather(first, second)
    assert world.asked == ["one"]


async def test_who_asks_by_hand_is_told_when_to_come_back(world: World) -> None:
    await world.keeper.refresh("one")
    world.clock.advance(MANUAL_GAP - 10)
    with pytest.raises(TooManyRequests) as caught:
        await world.keeper.refresh("one")
    assert caught.value.retry_after == pytest.approx(10)
    world.clock.advance(10)
    world.answers = [UsageRefused("P answered with status 500.")]
    with pytest.raises(UsageRefused, match="status 500"):
        await world.keeper.refresh("one")


@pytest.mark.parametrize(
    ("given", "one", "error"),
    [
        (provider(), account("other"), NotFound),
        (provider(None), account("one"), BadRequest),
        (provider(), account("one", enabled=False), BadRequest),
        (provider(), account("one", login=Login(problem="sign in again")), BadRequest),
    ],
    ids=["unknown", "no reader", "paused", "signed out"],
)
async def test_who_cannot_be_asked_about(given: Provider, one: Account, error: type[Exception]) -> None:
    world = World(one, given=given)
    with pytest.raises(error):
        await world.keeper.refresh("one")
    world.use()
    if one.id == "one":
        assert await world.after(3600) == []


async def test_an_account_that_is_gone_is_forgotten(world: World) -> None:
    await world.keeper.refresh("one")
    world.accounts.clear()
    world.keeper.look()
    assert world.keeper.question("one") is None


async def test_it_runs_and_stops() -> None:
    world = World(account("one"))
    turns = asyncio.Event()
    looks = 0

    async def pause(seconds: float) -> None:
        nonlocal looks
        looks += 1
        world.clock.advance(seconds)
        world.use()
        if looks > 20:
            turns.set()
        await asyncio.sleep(0)

    world.keeper._pause = pause  # the loop's own turns
    gate = asyncio.get_running_loop().create_future()
    world.answers = [gate]
    world.keeper.start()
    await turns.wait()
    assert world.asked == ["one"]
    await world.keeper.stop()
    assert gate.cancelled()
