"""What the admin API needs of those who ask providers for quotas: the composition root hands in the real one."""

from __future__ import annotations

from typing import Protocol

import msgspec


class QuotaQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """How asking an account's provider went: when it was asked last and when it told, when it may be asked again, and why it did
    not tell. Times are unix seconds; None = not yet."""

    asked_at: float | None = None
    told_at: float | None = None
    due_at: float | None = None
    problem: str | None = None


class Quotas(Protocol):
    """See ``server.quota_keeper.QuotaKeeper``."""

    def question(self, account_id: str) -> QuotaQuestion | None:
        """None where nobody can be asked about the account."""
        ...

    async def refresh(self, account_id: str) -> None:
        """Ask now. NotFound, BadRequest, TooManyRequests and UsageRefused say in a sentence why not."""
        ...
