"""A week of agent traffic against modelled providers, routed by the product's own code under a fake clock, once per strategy.

    python benchmarks/simulate_routing.py                       a week, every strategy, as a table
    python benchmarks/simulate_routing.py --days 1 --only auto fill-first round-robin
    python benchmarks/simulate_routing.py --seeds 5 --json

blocked     minutes in which a session stood still, all sessions together: tries that failed, and waiting for somebody to be free
idle        the part of it in which nothing at all could serve
given up    requests that nobody served within two hours
stranded    share of the subscriptions' quota that expired unused
switches    requests that went to another account than the one before them in their session
cache       share of the prompt tokens that came from a prompt cache
cost        USD paid for what no plan covers

Same seed, same week, same troubles: only the strategy differs. Nothing is called, nothing sleeps.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
from collections.abc import Callable, Iterator, Sequence
from statistics import mean
from typing import Any, NamedTuple

from omniroute.catalog.account import Account
from omniroute.catalog.catalog import Catalogue
from omniroute.core.settings import Settings
from omniroute.ir.caps import Price
from omniroute.routing.combo import Combo, Step
from omniroute.routing.facts import Facts
from omniroute.routing.health import Health
from omniroute.routing.plan import Attempt, Plan
from omniroute.routing.resolve import resolve
from omniroute.routing.snapshot import Snapshot
from omniroute.routing.strategies import registry
from sim_traffic import DAY, HOUR, WEEK_BEGINS, Session, Turn, week
from sim_world import AccountModel, Answered, ProviderModel, Quota, Trouble, subscription

COMBO = "team"
_GIVE_UP = 2 * HOUR
_SHORTEST_WAIT, _LONGEST_WAIT = 2.0, 120.0  # seconds a client waits before it asks again, whatever it is told
Coroutine = Iterator[float]


class Result(NamedTuple):
    """See the head of this file. Times in minutes, ``cost`` in USD, shares 0..1."""

    strategy: str
    requests: int
    blocked: float
    idle: float
    given_up: int
    stranded: float
    switches: int
    cache: float
    cost: float


class Tally:
    def __init__(self) -> None:
        self.requests = self.given_up = self.switches = self.prompt = self.cached = 0
        self.blocked = self.idle = self.cost = 0.0


def world(seed: int, days: int) -> list[ProviderModel]:
    """Two subscriptions, two keys of a dear provider, one of a cheap one, a free pool; and what goes wrong with each."""
    rng = random.Random(seed * 7919 + 1)

    def some(kind: Any, a_day: float, shortest: float, longest: float, claims: float | None = None) -> list[Trouble]:
        """That many a day, in minutes."""
        found, now = [], WEEK_BEGINS
        while (now := now + rng.expovariate(a_day) * DAY) < WEEK_BEGINS + days * DAY:
            found.append(Trouble(kind, now, now + rng.uniform(shortest, longest) * 60, claims))
        return found

    def gifts() -> list[float]:
        """Quota that comes back hours before its time."""
        return [WEEK_BEGINS + rng.random() * days * DAY for _ in range(round(days / 2))]

    def daily(limit: float) -> Quota:
        return Quota("daily", DAY, limit, WEEK_BEGINS)

    planned = Price(input=3.0, output=15.0, cached=0.3, basis="equivalent")
    return [
        ProviderModel(
            "sun", "subscription", planned,
            {f"sun-{n}": subscription(8.0e6, 90.0e6, WEEK_BEGINS, gifts()) for n in (1, 2)},
            [*some("errors", 0.7, 5, 40), *some("silent", 0.4, 5, 20)], oauth=True, speed=70.0,
        ),
        ProviderModel(
            "moon", "subscription", planned, {"moon-1": subscription(6.0e6, 60.0e6, WEEK_BEGINS, gifts())},
            [*some("errors", 0.5, 10, 60), *some("storm", 1.0, 5, 20, claims=5 * HOUR)], oauth=True,
        ),
        ProviderModel(
            "dear", "api_key", Price(input=3.0, output=15.0, cached=0.3, basis="list"),
            {f"dear-{n}": AccountModel((), 50) for n in (1, 2)},
            [*some("storm", 2.0, 5, 45), *some("down", 0.3, 10, 60)], speed=80.0,
        ),
        ProviderModel(
            "cheap", "cheap", Price(input=0.5, output=2.0, cached=0.1, basis="list"), {"cheap-1": AccountModel((), 30)},
            [*some("silent", 0.8, 5, 45), *some("errors", 1.0, 10, 60)], speed=45.0,
        ),
        ProviderModel(
            "free", "free", Price(input=0.0, output=0.0, basis="list"), {"free-1": AccountModel((daily(300.0),), 10)},
            some("storm", 1.0, 10, 30, claims=12 * HOUR), speed=40.0, by_request=True,
        ),
    ]  # fmt: skip


class Simulation:
    """One strategy over one week."""

    def __init__(self, strategy: str, seed: int, days: int) -> None:
        self.providers = {model.provider.id: model for model in world(seed, days)}
        self.tally = Tally()
        self._strategy = strategy
        self._rng = random.Random(seed)
        self._health = Health(random.Random(seed + 1))
        self._snapshot = self._made(strategy)
        self._resolution = resolve(self._snapshot, COMBO)
        self._now = WEEK_BEGINS
        self._with: dict[str, str] = {}

    def _made(self, strategy: str) -> Snapshot:
        providers = [model.provider for model in self.providers.values()]
        accounts = {
            name: tuple(Account(id=account, provider=name, name=account) for account in model.accounts)
            for name, model in self.providers.items()
        }
        steps = tuple(Step(model=f"{provider.prefix}/coder") for provider in providers)
        return Snapshot(
            catalogue=Catalogue(providers),
            settings=Settings.load(database={"account_strategy": strategy}),
            accounts=accounts,
            keys={},
            formats=frozenset({"openai_chat"}),
            schemes=frozenset({"bearer", "oauth"}),
            combos={COMBO: Combo(id=COMBO, name=COMBO, steps=steps, strategy=strategy)},
        )

    def run(self, sessions: Sequence[Session]) -> Result:
        """All sessions to their end."""
        queue: list[tuple[float, int, Coroutine]] = []
        for number, session in enumerate(sessions):
            queue.append((session.begins, number, self._session(session)))
        heapq.heapify(queue)
        while queue:
            self._now, number, going_on = heapq.heappop(queue)
            pause = next(going_on, None)
            if pause is not None:
                heapq.heappush(queue, (self._now + pause, number, going_on))
        return self._result()

    def _session(self, session: Session) -> Coroutine:
        for turn in session.turns:
            yield turn.after
            yield from self._turn(session.name, turn)

    def _turn(self, session: str, turn: Turn) -> Coroutine:
        """One request, asked again for as long as nobody can serve it."""
        tally, began = self.tally, self._now
        tally.requests += 1
        while True:
            facts = Facts(model=COMBO, session=session, input_tokens=turn.prompt, stream=True, needs=frozenset())
            plan = Plan(self._resolution, self._snapshot, self._health, facts, self._now, self._rng)
            while (attempt := plan.next(self._now)) is not None:
                if attempt.delay:
                    yield attempt.delay
                sent = self._now
                answered = yield from self._try(plan, attempt, session, turn)
                if answered:
                    tally.blocked += (sent - began) / 60
                    return
            if self._now - began > _GIVE_UP:
                tally.given_up += 1
                tally.blocked += (self._now - began) / 60
                return
            told = getattr(plan.exhausted(self._now), "retry_after", None)
            pause = min(max(told or 0.0, _SHORTEST_WAIT), _LONGEST_WAIT)
            tally.idle += pause / 60
            yield pause

    def _try(self, plan: Plan, attempt: Attempt, session: str, turn: Turn) -> Iterator[float]:
        """One attempt, as the gateway makes it. Gives back whether it answered."""
        health, target, account = self._health, attempt.target, attempt.account
        began = self._now
        lease = health.lease(target, account, began, probe=attempt.probe)
        answered: Answered = self.providers[target.provider.id].call(account.id, session, turn, began, self._rng)
        yield answered.seconds
        health.observed(account.id, answered.readings, (), self._now)
        if answered.fault is not None:
            lease.release()
            health.failed(target, account, answered.fault, self._now)
            plan.failed(attempt, answered.fault, self._now)
            return False
        health.answering(target, account, self._now, started=began)
        health.bind(session, target.provider.id, account.id, self._now)
        yield answered.more
        tokens = turn.prompt + turn.output
        health.succeeded(target, account, self._now, ttft=answered.seconds, usage_tokens=tokens, started=began)
        lease.release()
        self._note(session, account.id, turn, answered)
        return True

    def _note(self, session: str, account: str, turn: Turn, answered: Answered) -> None:
        tally = self.tally
        before = self._with.get(session)
        tally.switches += before is not None and before != account
        self._with[session] = account
        tally.prompt += turn.prompt
        tally.cached += answered.cached
        tally.cost += answered.paid

    def _result(self) -> Result:
        tally = self.tally
        unused = []
        for model in self.providers.values():
            for kept in model.accounts.values():
                for quota in kept.quotas:
                    if quota.name == "weekly":
                        quota.roll(WEEK_BEGINS + 7 * DAY)
                        unused += quota.wasted[:1]
        return Result(
            strategy=self._strategy,
            requests=tally.requests,
            blocked=tally.blocked,
            idle=tally.idle,
            given_up=tally.given_up,
            stranded=mean(unused),
            switches=tally.switches,
            cache=tally.cached / tally.prompt if tally.prompt else 0.0,
            cost=tally.cost,
        )


def simulate(
    strategies: Sequence[str], seed: int, days: int = 7, users: int = 6, say: Callable[[str], None] | None = None
) -> list[Result]:
    """Each strategy over the same week."""
    sessions = week(seed, users=users, days=days)
    found = []
    for strategy in strategies:
        found.append(Simulation(strategy, seed, days).run(sessions))
        if say is not None:
            say(row(found[-1]))
    return found


def averaged(results: Sequence[Result]) -> Result:
    """The mean of one strategy's results."""
    figures = {name: mean(getattr(result, name) for result in results) for name in Result._fields[1:]}
    whole = {name: round(figures[name]) for name in ("requests", "given_up", "switches")}
    return Result(strategy=results[0].strategy, **(figures | whole))


def heading() -> str:
    titles = ("requests", "blocked", "idle", "given up", "stranded", "switches", "cache", "cost")
    return f"{'strategy':<22}" + "".join(f"{title:>10}" for title in titles)


def row(result: Result) -> str:
    return (
        f"{result.strategy:<22}{result.requests:>10}{result.blocked:>10.1f}{result.idle:>10.1f}{result.given_up:>10}"
        f"{result.stranded:>10.1%}{result.switches:>10}{result.cache:>10.1%}{result.cost:>10.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="STRATEGY", choices=registry().names(), default=registry().names())
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--users", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1, help="average over so many weeks")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    say = None if given.json else print
    if say is not None:
        say(heading())
    by_strategy: dict[str, list[Result]] = {name: [] for name in given.only}
    for seed in range(given.seed, given.seed + given.seeds):
        for result in simulate(given.only, seed, given.days, given.users, say):
            by_strategy[result.strategy].append(result)
    means = [averaged(results) for results in by_strategy.values()]
    if given.json:
        print(json.dumps([result._asdict() for result in means], indent=1))
    elif given.seeds > 1:
        print(f"\nmean of {given.seeds} weeks\n{heading()}\n" + "\n".join(map(row, means)))


if __name__ == "__main__":
    main()
