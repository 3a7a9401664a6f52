"""Health under any order of events: never lets a blocked target through, never holds on to what is out of date."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from omniroute.catalog.account import Account
from omniroute.catalog.schema import Auth, Provider
from omniroute.core.errors import Scope, UpstreamStatus, Verdict
from omniroute.ir.caps import Capabilities, Limits, Profile, Quirks
from omniroute.routing.health import Health, Lease
from omniroute.routing.quota import Window
from omniroute.routing.resolve import Target

PROVIDER = Provider(id="p", prefix="p", name="P", format="openai_chat", base_url="https://api.test", auth=Auth(scheme="bearer"))
MODELS, ACCOUNTS = ("m", "n"), ("a", "b", "c")
TARGETS = {
    model: Target(
        provider=PROVIDER,
        model=model,
        profile=Profile(model=model, limits=Limits(), capabilities=Capabilities(), quirks=Quirks()),
        format="openai_chat",
    )
    for model in MODELS
}
PAYING = {name: Account(id=name, provider="p", name=name) for name in ACCOUNTS}
LIMITING = ("rate_limit", "quota_exhausted", "billing")
TROUBLE = ("server_error", "overloaded", "transient", "empty_response")
model, account = st.sampled_from(MODELS), st.sampled_from(ACCOUNTS)
waits = st.one_of(st.none(), st.floats(1, 1700), st.floats(1900, 600_000))


class World:
    """``held``: (account, model or None) → the moment before which nobody may pass, by the rules alone."""

    def __init__(self) -> None:
        self.health = Health(random.Random(5))
        self.now = 1_800_000_000.0
        self.held: dict[tuple[str, str | None], float] = {}
        self.leases: list[Lease] = []

    def passes(self, account_id: str, name: str) -> bool:
        return self.health.blocked(TARGETS[name], PAYING[account_id], self.now) is None

    def fail(self, account: str, model: str, kind: str, whole: bool, wait: float | None) -> None:
        scope = Scope.ACCOUNT if whole else Scope.MODEL
        fault = UpstreamStatus("x", kind=kind, scope=scope, verdict=Verdict.NEXT_ACCOUNT, retry_after=wait, upstream_status=429)
        self.health.failed(TARGETS[model], PAYING[account], fault, self.now)
        key = (account, None if whole else model)
        least = min(wait, 1800.0) if wait is not None else 2.0  # past half an hour one may look
        self.held[key] = max(self.held.get(key, 0.0), self.now + least)
        assert not self.passes(account, model)

    def succeed(self, account: str, model: str) -> None:
        self.health.succeeded(TARGETS[model], PAYING[account], self.now, ttft=0.5, usage_tokens=10)
        self.held.pop((account, None), None)
        self.held.pop((account, model), None)
        block = self.health.blocked(TARGETS[model], PAYING[account], self.now)
        assert block is None or block.reason == "exhausted", "a cooldown outlived a success"

    def observe(self, account: str, used: float, length: float, ahead: float) -> None:
        window = Window(
            name=f"{length:g}", used=used, source="endpoint", seen_at=self.now, resets_at=self.now + ahead, length=length
        )
        self.health.observed(account, [window], [], self.now)
        if used >= 0.99999:
            assert not any(self.passes(account, name) for name in MODELS)
        else:
            for key in [key for key in self.held if key[0] == account]:
                del self.held[key]  # it may contradict what holds

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    def begin(self, account: str, model: str) -> None:
        if len(self.leases) < 20 and self.passes(account, model):
            self.leases.append(self.health.lease(TARGETS[model], PAYING[account], self.now))

    def end(self) -> None:
        if self.leases:
            self.leases.pop().release()

    def restart(self) -> None:
        again = Health(random.Random(5))
        again.load(self.health.dump(self.now), self.now)
        for name in ACCOUNTS:
            for asked in MODELS:
                before = self.health.blocked(TARGETS[asked], PAYING[name], self.now)
                after = again.blocked(TARGETS[asked], PAYING[name], self.now)
                lasting = before is not None and (before.until is None or before.until > self.now + 60)
                looking = any(lease.probe for lease in self.leases)
                if lasting and not looking and before is not None and before.reason != "breaker":
                    assert after == before
                if before is None:
                    assert after is None, "a restart blocks nobody who was free"

    def unlock(self) -> None:
        self.health.unlock(None)
        self.held.clear()
        for name in ACCOUNTS:
            assert all(self.passes(name, asked) for asked in MODELS)

    def nobody_who_is_held_passes(self) -> None:
        for (name, asked), until in self.held.items():
            if self.now < until:
                assert not any(self.passes(name, other) for other in MODELS if asked in (None, other))

    def blocks_end_in_the_future(self) -> None:
        for name in ACCOUNTS:
            for asked in MODELS:
                block = self.health.blocked(TARGETS[asked], PAYING[name], self.now)
                assert block is None or block.until is None or block.until > self.now
                assert block is None or block.until is None or block.until < self.now + 9 * 86400

    def what_is_under_way_is_counted(self) -> None:
        for name in ACCOUNTS:
            assert self.health.in_flight(name) == sum(lease.account.id == name for lease in self.leases)

    def it_stays_small(self) -> None:
        accounts: Any = self.health.describe(self.now)["accounts"]
        assert len(accounts) <= len(ACCOUNTS)
        assert all(len(state["models"]) <= len(MODELS) and len(state["windows"]) <= 2 for state in accounts.values())

    def check(self) -> None:
        self.nobody_who_is_held_passes()
        self.blocks_end_in_the_future()
        self.what_is_under_way_is_counted()
        self.it_stays_small()


EVENTS = st.one_of(
    st.tuples(st.just(World.fail), account, model, st.sampled_from(LIMITING + TROUBLE), st.booleans(), waits),
    st.tuples(st.just(World.succeed), account, model),
    st.tuples(st.just(World.observe), account, st.floats(0, 1), st.sampled_from([5 * 3600.0, 7 * 86400.0]), st.floats(1, 1700)),
    st.tuples(st.just(World.pass_time), st.floats(0.1, 5000)),
    st.tuples(st.just(World.begin), account, model),
    st.tuples(st.sampled_from([World.end, World.restart, World.unlock])),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(EVENTS, max_size=30))
def test_no_order_of_events_breaks_the_promises(events: list[tuple[Any, ...]]) -> None:
    world = World()
    for happen, *details in events:
        happen(world, *details)
        world.check()
