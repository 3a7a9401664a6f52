"""Keeps the tokens of logins fresh: before they end, and when one was refused.

One renewal of a login is under way at a time, in this process and in all that share its database (see ``storage.logins``); what
comes of it is stored before it is used. A login that cannot be renewed any more is marked and left alone.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from omniroute.catalog.account import Account
from omniroute.core.errors import ConfigError, Fault, OmniRouteError, Scope, StorageError, Verdict
from omniroute.core.ids import Clock, new_id
from omniroute.server.login_book import Entry, LoginBook, stored, tokens_of
from omniroute.server.login_ways import LoginWays
from omniroute.storage.logins import LoginRepository, LoginRow
from omniroute.upstream.login import LoginRefused, Tokens
from omniroute.upstream.login.after import take_steps
from omniroute.upstream.login.renewing import renewed
from omniroute.upstream.login.way import Way

_CLAIM = 150.0  # seconds: longer than a renewal with all its steps can take
_LOOK = 0.2  # between two looks at what another process makes of it
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 300.0
_LONGEST_WRITE = 16.0  # between two tries to store a new pair, while our claim on it holds
_ROUND = 15.0
_IDLE = 86400.0  # a login that nobody uses is renewed once a day, to keep it alive
_LAST_WAIT = 20.0
_log = structlog.get_logger("omniroute.logins")


class Renewer:
    """See ``gateway.ports.Renewal``. ``find`` gives the account of an id as it is now, ``changed`` is told what the book knows
    anew of one; ``pause`` sleeps so many seconds. ``worker`` names this process to the others."""

    def __init__(
        self,
        repository: LoginRepository,
        book: LoginBook,
        ways: LoginWays,
        find: Callable[[str], Account | None],
        changed: Callable[[str], None],
        clock: Clock,
        rng: random.Random,
        *,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
        worker: str | None = None,
    ) -> None:
        self._repository = repository
        self._book = book
        self._ways = ways
        self._find = find
        self._changed = changed
        self._clock = clock
        self._rng = rng
        self._pause = pause
        self._worker = worker or new_id("worker")
        self._flights: dict[str, asyncio.Task[Entry]] = {}
        self._unsaved: dict[str, tuple[int, Tokens]] = {}
        self._rounds: asyncio.Task[None] | None = None
        book.know_ways(ways.data)

    # -- for requests ----------------------------------------------------------------------------------------------

    def renewable(self, account: Account) -> bool:
        """Something can be renewed when a call signed by ``account`` was refused."""
        entry = self._book.get(account.id)
        if entry is None or entry.login.problem is not None:
            return False
        oauth = self._ways.data(entry.row.provider, entry.row.flow)
        return oauth is not None and oauth.renews != "none"

    async def fresh(self, account: Account) -> Account:
        """``account`` with the newest token; waits for a new one where the old has ended. Raises Fault when there is none."""
        entry = self._book.get(account.id)
        if entry is None:
            return account
        now = entry.asked_at = self._clock.now()
        if entry.login.problem is not None:
            raise _sign_in(account.name, entry.login.problem)
        if now < entry.due:
            return entry.applied(account)
        if not entry.over(now):
            if now >= entry.retry_at:
                self._begin(account.id, entry.login.generation)
            return entry.applied(account)
        if now < entry.retry_at:
            raise _not_now(account.name, "the last try failed", entry.retry_at - now)
        return (await self._joined(account.id, entry.login.generation)).applied(account)

    async def renew(self, account_id: str, *, stale_generation: int) -> Account:
        """The account with a token newer than ``stale_generation``, which was refused. Raises Fault when there is none."""
        account, entry = self._find(account_id), self._book.get(account_id)
        if account is None or entry is None:
            raise _gone(account_id)
        if entry.login.problem is not None:
            raise _sign_in(account.name, entry.login.problem)
        wait = entry.retry_at - self._clock.now()
        if entry.login.generation <= stale_generation and wait > 0:
            raise _not_now(account.name, "the last try failed", wait)
        if entry.login.generation <= stale_generation:
            entry = await self._joined(account_id, stale_generation)
        return entry.applied(account)

    # -- by itself -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        if self._rounds is None:
            self._rounds = asyncio.create_task(self._run(), name="login-renewer")

    async def stop(self) -> None:
        """No new renewals; those under way are finished, since a token that was received and not stored is lost."""
        rounds, self._rounds = self._rounds, None
        if rounds is not None:
            rounds.cancel()
            await asyncio.wait([rounds])
        flights = list(self._flights.values())
        if flights:
            await asyncio.wait(flights, timeout=_LAST_WAIT)
            for flight in flights:
                flight.cancel()

    def look(self) -> None:
        """Begin what is due: logins in use, and those that nobody used for a day."""
        now = self._clock.now()
        for entry in self._book:
            wanted = entry.asked_at > entry.row.refreshed_at or now - entry.row.refreshed_at >= _IDLE or entry.pending
            account = self._find(entry.row.account_id)
            if now >= max(entry.due, entry.retry_at) and wanted and account is not None and account.enabled:
                self._begin(entry.row.account_id, entry.login.generation)

    async def _run(self) -> None:
        while True:
            self.look()
            await self._pause(_ROUND * (1 + 0.2 * self._rng.random()))

    # -- one renewal -----------------------------------------------------------------------------------------------

    async def _joined(self, account_id: str, stale: int) -> Entry:
        """Wait for the one renewal; whoever stops waiting does not stop it."""
        self._begin(account_id, stale)
        return await asyncio.shield(self._flights[account_id])

    def _begin(self, account_id: str, stale: int) -> None:
        """See to it that a renewal is under way."""
        if account_id not in self._flights:
            flight = self._flights[account_id] = asyncio.create_task(self._renew(account_id, stale), name=f"renew {account_id}")
            flight.add_done_callback(lambda done: self._landed(account_id, done))

    def _landed(self, account_id: str, flight: asyncio.Task[Entry]) -> None:
        self._flights.pop(account_id, None)
        error = None if flight.cancelled() else flight.exception()
        if error is not None and not isinstance(error, OmniRouteError):
            _log.error("renewing a login failed", account=account_id, exc_info=error)

    async def _renew(self, account_id: str, stale: int) -> Entry:
        while True:
            row = await self._repository.get(account_id)
            if row is None:
                raise _gone(account_id)
            if row.generation > stale or row.problem is not None:
                return self._adopt(row)
            if await self._repository.claim(account_id, row.generation, self._worker, self._clock.now() + _CLAIM):
                return await self._claimed(row)
            await self._pause(_LOOK)

    async def _claimed(self, row: LoginRow) -> Entry:
        try:
            return await self._asked(row)
        except LoginRefused as refused:
            return await self._refused(row, refused)
        except StorageError as error:
            raise self._failed(row, error.message, None) from error
        except BaseException:
            await self._repository.release(row.account_id, self._worker)
            raise

    async def _asked(self, row: LoginRow) -> Entry:
        """Ask for new tokens and store them; then take the steps behind them, and store what those bring."""
        way = self._way(row)
        unsaved = self._unsaved.get(row.account_id)
        tokens = msgspec.structs.replace(tokens_of(self._repository, row), facts=row.facts)
        generation = row.generation
        if unsaved is not None and unsaved[0] == generation:
            tokens = unsaved[1]
            generation = await self._keep(row, generation, tokens, more=tokens.pending)
        elif way.oauth.renews == "token" and (not tokens.pending or self._ended(tokens)):
            tokens = msgspec.structs.replace(await renewed(way, tokens), pending=bool(way.oauth.after))
            generation = await self._keep(row, generation, tokens, more=tokens.pending)
        elif way.oauth.renews == "none":
            raise LoginRefused(f"the token of {way.provider.name} has ended, and nothing renews it")
        if generation and (tokens.pending or way.oauth.renews == "after"):
            tokens = await take_steps(way, tokens, fresh=False)
            generation = await self._keep(row, generation, tokens, more=False)
        if generation:
            _log.info("login renewed", provider=row.provider, account=row.account_id, generation=generation)
        return self._adopt(await self._stored(row.account_id))

    def _ended(self, tokens: Tokens) -> bool:
        """The access token itself: no step can be taken with it."""
        return tokens.expires_at is not None and tokens.expires_at <= self._clock.now()

    async def _keep(self, row: LoginRow, generation: int, tokens: Tokens, *, more: bool) -> int:
        """The generation the tokens are stored as; 0: somebody else was first, and theirs counts. Tokens that cannot be stored
        now are kept until they can: the ones before them are spent."""
        self._unsaved[row.account_id] = (generation, tokens)
        wait = 1.0
        while True:
            try:
                saved = await self._repository.save(
                    row.account_id,
                    generation,
                    self._worker,
                    tokens=stored(tokens),
                    facts=tokens.facts,
                    expires_at=usable_until(tokens, self._clock.now()),
                    keep_claim=more,
                )
                break
            except StorageError as error:
                if wait > _LONGEST_WRITE:
                    raise
                _log.error("a renewed login cannot be stored yet", account=row.account_id, reason=error.message)
            await self._pause(wait)
            wait *= 2
        del self._unsaved[row.account_id]
        return generation + 1 if saved else 0

    async def _refused(self, row: LoginRow, refused: LoginRefused) -> Entry:
        now = await self._stored(row.account_id)
        if not refused.final:
            await self._repository.release(row.account_id, self._worker)
            if now.generation > row.generation:
                self._adopt(now)
            raise self._failed(row, refused.reason, refused.retry_after)
        problem = f"sign in again: {refused.reason}"
        if now.generation > row.generation and not tokens_of(self._repository, now).pending:
            return self._adopt(now)
        if await self._repository.lost(row.account_id, now.generation, problem):
            _log.warning("login lost", provider=row.provider, account=row.account_id, reason=refused.reason)
        return self._adopt(await self._stored(row.account_id))

    def _failed(self, row: LoginRow, reason: str, retry_after: float | None) -> Fault:
        """It may work later: when, and what to tell those who wait."""
        entry = self._book.get(row.account_id)
        failures = 0 if entry is None else entry.failures
        wait = min(_FIRST_PAUSE * 2.0**failures, _LONGEST_PAUSE) * (1 + 0.2 * self._rng.random())
        wait = max(wait, min(retry_after or 0.0, _LONGEST_PAUSE))
        if entry is not None:
            entry.failures += 1
            entry.retry_at = self._clock.now() + wait
        _log.warning("login not renewed", provider=row.provider, account=row.account_id, reason=reason, again_in=round(wait, 1))
        return _not_now(self._name(row.account_id), reason, wait)

    def _adopt(self, row: LoginRow) -> Entry:
        """What the store says counts from now on. Raises Fault when that is that somebody must sign in."""
        entry = self._book.put(row)
        self._changed(row.account_id)
        if entry.login.problem is not None:
            raise _sign_in(self._name(row.account_id), entry.login.problem)
        return entry

    async def _stored(self, account_id: str) -> LoginRow:
        row = await self._repository.get(account_id)
        if row is None:
            raise _gone(account_id)
        return row

    def _way(self, row: LoginRow) -> Way:
        oauth = self._ways.data(row.provider, row.flow)
        if oauth is None:
            raise LoginRefused(f"{row.provider} has no login by {row.flow!r} at present", final=False)
        try:
            return self._ways.way(self._ways.provider(row.provider), oauth, self._find(row.account_id))
        except ConfigError as error:
            raise LoginRefused(error.message, final=False) from error

    def _name(self, account_id: str) -> str:
        account = self._find(account_id)
        return account_id if account is None else account.name


def usable_until(tokens: Tokens, now: float) -> float | None:
    """When what signs ends: now, where a step has yet to fetch what signs."""
    return now if tokens.pending and tokens.key is not None else tokens.expires_at


def _gone(account_id: str) -> Fault:
    return _sign_in(account_id, "it has no login any more")


def _sign_in(name: str, problem: str) -> Fault:
    return Fault(
        f"the account {name!r} cannot be used: {problem}",
        kind="auth",
        http_status=401,
        error_code="sign_in_again",
        scope=Scope.ACCOUNT,
        verdict=Verdict.NEXT_ACCOUNT,
    )


def _not_now(name: str, reason: str, wait: float) -> Fault:
    return Fault(
        f"the login of the account {name!r} cannot be renewed now: {reason}",
        kind="transient",
        http_status=503,
        error_code="login_not_renewed",
        scope=Scope.ACCOUNT,
        verdict=Verdict.NEXT_ACCOUNT,
        retry_after=wait,
    )
