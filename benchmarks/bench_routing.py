"""Cost of routing in µs: what Health adds to every request. Run: ``python benchmarks/bench_routing.py``.

A bench is a name and a function of nothing; :func:`benches` lists them all.
"""

from __future__ import annotations

import random
import timeit
from collections.abc import Callable, Iterator

from omniroute.catalog.account import Account, AccountLimits
from omniroute.catalog.load import load_catalogue
from omniroute.core.errors import Scope, UpstreamStatus, Verdict
from omniroute.routing.health import Health
from omniroute.routing.resolve import Target

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


def benches() -> Iterator[Bench]:
    yield from health_benches()


def best_us(function: Callable[[], object], rounds: int = 7, number: int = 20_000) -> float:
    """µs a call in the fastest of ``rounds``: the figure least disturbed by the rest of the machine."""
    return min(timeit.repeat(function, repeat=rounds, number=number)) / number * 1e6


def main() -> None:
    for name, function in benches():
        print(f"{name:<60}{best_us(function):>10.2f} µs")


if __name__ == "__main__":
    main()
