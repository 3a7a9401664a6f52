"""Asks providers what is left of accounts' quotas: seldom, never all at once, and only about accounts that are in use.

An account is asked about some seconds after its first request, then every ``interval`` (a fifth more at most, by chance), and
soon after a cooldown of it has ended. An account that nobody has used for half an hour is left alone, and so is for longer and
longer one whose provider does not tell. What is told goes into the quota windows of routing.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping

import structlog

from omniroute.admin.quota_port import QuotaQuestion
from omniroute.catalog.account import Account
from omniroute.catalog.schema import Provider
from omniroute.core.errors import BadRequest, NotFound, OmniRouteError, StorageError, TooManyRequests
from omniroute.core.ids import Clock
from omniroute.routing.health import Health
from omniroute.upstream.usage import Usage
from omniroute.upstream.usage_question import UsageRefused

LEAST_INTERVAL = 300.0
"""Seconds between two questions about one account, whatever is set and whatever happens."""
MANUAL_GAP = 30.0
MOST_AT_ONCE = 2
LONGEST_PAUSE = 6 * 3600.0
_FIRST = (5.0, 60.0)
_ROUND = 15.0
_JITTER = 0.2
_log = structlog.get_logger("omniroute.quotas")

Accounts = Callable[[], Iterable[tuple[Provider, Account]]]
Ask = Callable[[Provider, Account], Awaitable[Usage]]
OnPlan = Callable[[Account, str], Awaitable[None]]


class _Subject:
    """What is known of asking about one account; times are unix seconds, None = never. ``due``: when it may be asked about next,
    ``held``: a cooldown of it held when last looked."""

    __slots__ = ("asked_at", "due", "failures", "held", "problem", "task", "told_at")

    def __init__(self, due: float) -> None:
        self.due = due
        self.asked_at: float | None = None
        self.told_at: float | None = None
        self.failures = 0
        self.held = False
        self.problem: str | None = None
        self.task: asyncio.Task[None] | None = None


class QuotaKeeper:
    """``accounts`` gives every account that may be used with its provider; ``ask`` puts the question (UsageRefused), ``on_plan``
    is told what a provider calls an account's plan. ``interval`` in seconds, 0 = only when somebody asks for it."""

    def __init__(
        self,
        health: Health,
        accounts: Accounts,
        ask: Ask,
        on_plan: OnPlan,
        interval: Callable[[], float],
        clock: Clock,
        rng: random.Random,
        *,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._health = health
        self._accounts = accounts
        self._ask = ask
        self._on_plan = on_plan
        self._interval = interval
        self._clock = clock
        self._rng = rng
        self._pause = pause
        self._subjects: dict[str, _Subject] = {}
        self._outcomes = {"told": 0, "refused": 0}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="quota-keeper")

    async def stop(self) -> None:
        """Give up what is under way."""
        task, self._task = self._task, None
        tasks = [subject.task for subject in self._subjects.values() if subject.task is not None]
        tasks += [task] if task is not None else []
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def question(self, account_id: str) -> QuotaQuestion | None:
        """How asking about the account went; None where nobody can be asked."""
        subject = self._subjects.get(account_id)
        if subject is None:
            return QuotaQuestion() if any(a.id == account_id and _askable(p, a) for p, a in self._accounts()) else None
        return QuotaQuestion(asked_at=subject.asked_at, told_at=subject.told_at, due_at=subject.due, problem=subject.problem)

    @property
    def outcomes(self) -> Mapping[str, int]:
        """How often providers have told, and how often not."""
        return self._outcomes

    def look(self) -> list[str]:
        """Begin the questions that are due, a few at a time; the accounts they are about. Called every few seconds."""
        if self._interval() <= 0:
            return []
        now = self._clock.now()
        askable = {account.id: (provider, account) for provider, account in self._accounts() if _askable(provider, account)}
        for gone in self._subjects.keys() - askable.keys():
            if self._subjects[gone].task is None:
                del self._subjects[gone]
        due = [account_id for account_id in askable if self._is_due(account_id, now)]
        room = MOST_AT_ONCE - sum(subject.task is not None for subject in self._subjects.values())
        chosen = sorted(due, key=lambda account_id: self._subjects[account_id].due)[: max(0, room)]
        for account_id in chosen:
            subject = self._subjects[account_id]
            subject.task = self._begin(subject, *askable[account_id])
        return chosen

    async def refresh(self, account_id: str) -> None:
        """Ask now. NotFound, BadRequest (its provider does not tell), TooManyRequests (it was asked just now), UsageRefused."""
        found = next(((p, a) for p, a in self._accounts() if a.id == account_id), None)
        if found is None:
            raise NotFound(f"There is no account {account_id!r} in use.")
        provider, account = found
        if not _askable(provider, account):
            raise BadRequest(f"{provider.name} does not tell what is left of this account.")
        now = self._clock.now()
        subject = self._subjects.setdefault(account_id, _Subject(now))
        task = subject.task
        if task is None:
            since = None if subject.asked_at is None else now - subject.asked_at
            if since is not None and since < MANUAL_GAP:
                raise TooManyRequests(f"{provider.name} was asked {since:.0f} s ago.", retry_after=MANUAL_GAP - since)
            task = subject.task = self._begin(subject, provider, account)
        await asyncio.shield(task)
        if subject.problem is not None:
            raise UsageRefused(subject.problem)

    # -- within --------------------------------------------------------------------------------------------------------

    def _is_due(self, account_id: str, now: float) -> bool:
        used = self._health.uses(account_id, None, now) > 0
        subject = self._subjects.get(account_id)
        if subject is None:
            if used:
                self._subjects[account_id] = _Subject(now + self._rng.uniform(*_FIRST))
            return False
        if subject.task is not None:
            return False
        held = self._health.held(account_id, now)
        ended = subject.held and not held
        subject.held = held
        if ended:
            soonest = now if subject.asked_at is None else subject.asked_at + LEAST_INTERVAL
            subject.due = min(subject.due, max(now, soonest))
        return subject.due <= now and (used or ended)

    def _begin(self, subject: _Subject, provider: Provider, account: Account) -> asyncio.Task[None]:
        subject.asked_at = self._clock.now()
        return asyncio.create_task(self._question(subject, provider, account), name=f"quota {account.id}")

    async def _question(self, subject: _Subject, provider: Provider, account: Account) -> None:
        wait: float | None = None
        try:
            usage = await self._ask(provider, account)
            self._told(subject, account, usage)
            await self._note_plan(account, usage)
        except OmniRouteError as error:
            subject.problem = error.message
            subject.failures += 1
            self._outcomes["refused"] += 1
            wait = getattr(error, "retry_after", None)
            _log.info("quotas not told", provider=provider.id, account=account.id, reason=error.message)
        finally:
            subject.task = None
            subject.due = self._clock.now() + self._next(subject.failures, wait)

    def _told(self, subject: _Subject, account: Account, usage: Usage) -> None:
        now = self._clock.now()
        self._health.observed(account.id, usage.windows, (), now)
        subject.told_at, subject.failures, subject.problem = now, 0, None
        self._outcomes["told"] += 1

    async def _note_plan(self, account: Account, usage: Usage) -> None:
        if usage.plan is None:
            return
        try:
            await self._on_plan(account, usage.plan)
        except StorageError as error:
            _log.warning("plan cannot be stored", account=account.id, error=error.message)

    def _next(self, failures: int, wait: float | None) -> float:
        """Seconds until the account may be asked about again."""
        pause = max(LEAST_INTERVAL, self._interval())
        pause = min(pause * 2.0 ** min(failures, 16), max(LONGEST_PAUSE, pause))
        if wait is not None:
            pause = max(pause, wait)
        return pause * (1 + _JITTER * self._rng.random())

    async def _run(self) -> None:
        while True:
            await self._pause(_ROUND)
            self.look()


def _askable(provider: Provider, account: Account) -> bool:
    endpoint = provider.quota.usage_endpoint if provider.quota is not None else None
    if endpoint is None or endpoint.reader is None or account.secret is None or not account.enabled:
        return False
    return account.login is None or account.login.problem is None
