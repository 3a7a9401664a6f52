"""Cost of routing in µs: of Health, of a decision, of both on every request. Run: ``python benchmarks/bench_routing.py``.

A bench is a name and a function of nothing; :func:`benches` lists them all.
"""

from __future__ import annotations

import asyncio
import random
import timeit
from collections.abc import Callable, Iterator

import msgspec

from omniroute._fast.envelope import scan
from omniroute.catalog.account import Account, AccountLimits
from omniroute.catalog.catalog import Catalogue
from omniroute.catalog.load import load_catalogue
from omniroute.catalog.schema import Auth, Model, Provider
from omniroute.core.errors import Scope, UpstreamStatus, Verdict
from omniroute.core.ids import SystemClock
from omniroute.core.settings import Settings
from omniroute.gateway.context import Context
from omniroute.gateway.dispatch import Dispatch
from omniroute.ir.caps import Price
from omniroute.routing.facts import Facts
from omniroute.routing.health import Health
from omniroute.routing.plan import Plan
from omniroute.routing.resolve import Target, resolve
from omniroute.routing.routes import StoredRoutes, with_routes
from omniroute.routing.snapshot import Snapshot
from omniroute.routing.strategies import registry
from omniroute.translation.format import registry as registry_of_formats

Bench = tuple[str, Callable[[], object]]
NOW = 1_800_000_000.0


def example_target() -> Target:
    """Some chat model of the catalogue."""
    catalogue = load_catalogue()
    provider = next(p for p in catalogue.providers if p.format == "openai_chat" and p.models)
    model = next(m for m in provider.models if m.kind == "chat")
    return Target(
        provider=provider,
        model=model.id,
        profile=catalogue.profile_for(provider, model.id),
        format=model.format or provider.format,
    )


def health_benches() -> Iterator[Bench]:
    target = example_target()
    account = Account(id="healthy", provider=target.provider.id, name="a")
    limited = Account(id="limited", provider=target.provider.id, name="b", limits=AccountLimits(rpm=10**6, concurrency=1000))
    cooled = Account(id="cooled", provider=target.provider.id, name="c")
    health = Health(random.Random(1))
    fault = UpstreamStatus("slow down", kind="rate_limit", scope=Scope.MODEL, verdict=Verdict.NEXT_ACCOUNT, retry_after=3600.0)
    health.failed(target, cooled, fault, NOW)

    def whole(of: Account) -> Callable[[], object]:
        def one() -> None:
            health.blocked(target, of, NOW)
            lease = health.lease(target, of, NOW)
            health.succeeded(target, of, NOW, ttft=0.3, usage_tokens=100)
            lease.release()

        return one

    yield "blocked + lease + succeeded + release, healthy", whole(account)
    yield "the same with rpm and concurrency limits", whole(limited)
    yield "blocked, healthy", lambda: health.blocked(target, account, NOW)
    yield "blocked, cooled", lambda: health.blocked(target, cooled, NOW)
    yield "first-token times of a target", lambda: health.ttft(target.name)


def _busy_installation(strategy: str) -> Snapshot:
    """100 accounts over 10 providers, 10 models each, and a combo of 5 steps."""
    providers = [
        Provider(
            id=f"p{n}",
            prefix=f"p{n}",
            name=f"P{n}",
            format="openai_chat",
            base_url="http://127.0.0.1:1",
            auth=Auth(scheme="bearer"),
            models=tuple(Model(id=f"m{m}", price=Price(input=m + 1.0, output=4.0, basis="list")) for m in range(10)),
        )
        for n in range(10)
    ]
    steps = [f"p{n}/m{n}" for n in range(5)]
    bare = Snapshot(
        catalogue=Catalogue(providers),
        settings=Settings.load(),
        accounts={p.id: tuple(Account(id=f"{p.id}-{n}", provider=p.id, name=str(n)) for n in range(10)) for p in providers},
        keys={},
        formats=frozenset({"openai_chat"}),
        schemes=frozenset({"bearer"}),
    )
    combo = ("c", "c", {"steps": steps, "strategy": strategy})
    return with_routes(bare, None, StoredRoutes(combos=[combo], aliases={"claude-*": "c", "gpt-*": "p1/m1"}))


def plan_benches() -> Iterator[Bench]:
    """From the name asked for to the first attempt."""
    rng = random.Random(1)
    health = Health(rng)

    def decide(snapshot: Snapshot, name: str, session: str | None = None) -> Callable[[], object]:
        facts = Facts(model=name, session=session, input_tokens=5000)
        return lambda: Plan(resolve(snapshot, name), snapshot, health, facts, NOW, rng).next(NOW)

    snapshot = _busy_installation("fill-first")
    single = msgspec.structs.replace(
        snapshot, accounts={**snapshot.accounts, "p1": snapshot.accounts["p1"][:1]}, aliases={}, wildcards=()
    )
    yield "prefix/model, one account: first attempt", decide(single, "p1/m1")
    yield "prefix/model, ten accounts, a conversation", decide(snapshot, "p1/m1", "session")
    yield "combo of 5 steps behind a wildcard alias, fill-first", decide(snapshot, "claude-x", "session")
    for strategy in registry().names():
        yield f"combo of 5 steps, 100 accounts, {strategy}", decide(_busy_installation(strategy), "c", "session")


class _Asked:
    """An exchange of which routing reads nothing but headers that are not there."""

    request_id = "req"

    def header(self, name: str) -> str | None:
        return None


def dispatch_benches() -> Iterator[Bench]:
    """What routing adds to a request from its name to its end, without the call: a model of one account, and of ten."""
    snapshot = _busy_installation("fill-first")
    single = msgspec.structs.replace(snapshot, accounts={**snapshot.accounts, "p1": snapshot.accounts["p1"][:1]})
    envelope = scan(b'{"model":"p1/m1","stream":true,"messages":[{"role":"user","content":"Hi"}]}')
    chat = registry_of_formats()["openai_chat"]

    def whole(of: Snapshot) -> Callable[[], object]:
        dispatch = Dispatch(Health(random.Random(1)), SystemClock(), random.Random(1))
        context = Context(_Asked(), chat, of, None, envelope, received=0.0, wall=0.0)  # type: ignore[arg-type]

        async def one() -> None:
            course = dispatch.begin(context)
            attempt = await dispatch.next(context, course)
            if attempt is not None and course.lease is not None:
                dispatch.useful(course.lease)
                dispatch.done(context, course.lease, fault=None, ttft=0.3, tokens=100)
                dispatch.release(course)

        def step() -> None:
            try:
                one().send(None)
            except StopIteration:
                return

        return step

    yield "dispatch of one model of one account, begin to release", whole(single)
    yield "dispatch of one model of ten accounts, begin to release", whole(snapshot)


def benches() -> Iterator[Bench]:
    yield from health_benches()
    yield from plan_benches()
    yield from dispatch_benches()


def best_us(function: Callable[[], object], rounds: int = 7, number: int = 20_000) -> float:
    """µs a call in the fastest of ``rounds``: the figure least disturbed by the rest of the machine."""
    return min(timeit.repeat(function, repeat=rounds, number=number)) / number * 1e6


async def main() -> None:
    """Within a loop, which routing asks for the time."""
    for name, function in benches():
        print(f"{name:<60}{best_us(function):>10.2f} µs")


if __name__ == "__main__":
    asyncio.run(main())
