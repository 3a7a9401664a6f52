"""What this process knows of logins: the tokens that sign, when they end, and when they are to be renewed. No refresh tokens."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator

import msgspec

from omniroute.catalog.account import Account, Login, Secret
from omniroute.catalog.oauth import OAuth
from omniroute.core.errors import WrongKey
from omniroute.core.ids import Clock
from omniroute.storage.logins import LoginRepository, LoginRow
from omniroute.upstream.login import Tokens

MARGIN = 5.0
"""Seconds before its end at which a token is not used any more."""
_JITTER = 0.25
_SHARE = 0.4  # of a token's lifetime: it is never renewed earlier than this, and the jitter, before its end
_NEVER = float("inf")


class Entry:
    """One login. ``due``: unix seconds when it should be renewed; ``retry_at``: not before then, after ``failures`` in a row.
    ``asked_at``: when a request last wanted it."""

    __slots__ = ("_applied", "asked_at", "due", "failures", "login", "pending", "retry_at", "row", "secret")

    def __init__(self, row: LoginRow, tokens: Tokens, due: float) -> None:
        self.row = row
        self.secret = Secret(tokens.signs)
        self.login = Login(expires_at=row.expires_at, generation=row.generation, facts=row.facts, problem=row.problem)
        self.pending = tokens.pending
        self.due = due
        self.failures = 0
        self.retry_at = 0.0
        self.asked_at = 0.0
        self._applied: tuple[Account, Account] | None = None

    def __repr__(self) -> str:
        return f"Entry({self.row!r})"

    def over(self, now: float) -> bool:
        """Its token cannot be used any more."""
        return self.login.expires_at is not None and now >= self.login.expires_at - MARGIN

    def applied(self, account: Account) -> Account:
        """``account`` signed by this login; the same record every time, since what is remembered of an account hangs on it."""
        if account.login == self.login and account.secret == self.secret:
            return account
        known = self._applied
        if known is None or known[0] is not account:
            known = self._applied = (account, msgspec.structs.replace(account, secret=self.secret, login=self.login))
        return known[1]


class LoginBook:
    """``rng`` throws the jitter of renewals. Nothing is due before :meth:`know_ways`."""

    def __init__(self, repository: LoginRepository, clock: Clock, rng: random.Random) -> None:
        self._repository = repository
        self._clock = clock
        self._rng = rng
        self._entries: dict[str, Entry] = {}
        self._way: Callable[[str, str], OAuth | None] = _unknown

    def know_ways(self, way: Callable[[str, str], OAuth | None]) -> None:
        """``way(provider, flow)``: the data that says how early to renew."""
        self._way = way
        for entry in self:
            self.put(entry.row)

    def get(self, account_id: str) -> Entry | None:
        return self._entries.get(account_id)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def take(self, rows: Iterable[LoginRow]) -> None:
        """These are all the logins there are. What is known already of a newer generation stays."""
        found = {row.account_id: row for row in rows}
        for account_id in [known for known in self._entries if known not in found]:
            del self._entries[account_id]
        for row in found.values():
            known = self._entries.get(row.account_id)
            if known is None or _newer(row, known.row):
                self.put(row)

    def put(self, row: LoginRow) -> Entry:
        """Know ``row`` from now on. One whose tokens cannot be opened is known by that problem."""
        try:
            tokens = tokens_of(self._repository, row)
        except WrongKey as error:
            row = msgspec.structs.replace(row, problem=f"sign in again: {error.message}")
            tokens = Tokens(access="")
        entry = Entry(row, tokens, self._due(row, tokens))
        known = self._entries.get(row.account_id)
        if known is not None:
            entry.asked_at = known.asked_at
        self._entries[row.account_id] = entry
        return entry

    def signed(self, account: Account) -> Account:
        """``account``, signed by its login where it has one."""
        entry = self._entries.get(account.id)
        return account if entry is None else entry.applied(account)

    def _due(self, row: LoginRow, tokens: Tokens) -> float:
        if row.problem is not None:
            return _NEVER
        if tokens.pending:
            return self._clock.now()
        oauth = self._way(row.provider, row.flow)
        if row.expires_at is None or oauth is None:
            return _NEVER
        if oauth.renews == "none":
            return row.expires_at - MARGIN
        lead = min(oauth.lead, _SHARE * max(row.expires_at - row.refreshed_at, 0.0))
        return row.expires_at - max(MARGIN, lead * (1 + _JITTER * self._rng.random()))


def tokens_of(repository: LoginRepository, row: LoginRow) -> Tokens:
    """The tokens of a stored login. WrongKey."""
    return msgspec.json.decode(repository.reveal(row), type=Tokens)


def stored(tokens: Tokens) -> str:
    """As they are kept: facts stand beside them, unsealed."""
    return msgspec.json.encode(msgspec.structs.replace(tokens, facts={})).decode()


def _newer(row: LoginRow, known: LoginRow) -> bool:
    return row.generation > known.generation or (row.generation == known.generation and row.problem != known.problem)


def _unknown(provider: str, flow: str) -> OAuth | None:
    del provider, flow
    return None
