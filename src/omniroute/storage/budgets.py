"""Budgets as the operator set them."""

from __future__ import annotations

import sqlite3

import aiosqlite
import msgspec

from omniroute.core.budget import Action, Budget
from omniroute.core.errors import BadRequest, NotFound
from omniroute.core.ids import new_id
from omniroute.core.zone import Period
from omniroute.storage import rows
from omniroute.storage.db import Database

_LARGEST_USD = 1e9
_LARGEST_TOKENS = 10**15


class BudgetRepository:
    """One budget for each key (or all keys), period and action."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def list(self) -> list[Budget]:
        """Oldest first."""
        return [_from_row(row) for row in await self._db.read("SELECT * FROM budgets ORDER BY created_at, id")]

    async def get(self, budget_id: str) -> Budget:
        row = await self._db.read_one("SELECT * FROM budgets WHERE id = ?", (budget_id,))
        if row is None:
            raise NotFound(_missing(budget_id))
        return _from_row(row)

    async def put(
        self, *, key_id: str | None, period: Period, usd: float | None, tokens: int | None, action: Action, warn_at: float
    ) -> tuple[Budget, bool]:
        """Make a budget, or change the one of this key, period and action; and whether it was made. BadRequest for figures that
        make no sense."""
        now = self._db.clock.now()
        fresh = _checked(
            Budget(
                id=new_id("bud"), key_id=key_id, period=period, usd=usd, tokens=tokens, action=action, warn_at=warn_at,
                created_at=now, updated_at=now,
            )
        )  # fmt: skip

        async def run(connection: aiosqlite.Connection) -> Budget:
            found = await connection.execute_fetchall(
                "SELECT * FROM budgets WHERE key_id IS ? AND period = ? AND action = ?", (key_id, period, action)
            )
            for row in found:
                known = _from_row(row)
                budget = msgspec.structs.replace(fresh, id=known.id, created_at=known.created_at)
                break
            else:
                budget = fresh
            columns = msgspec.structs.asdict(budget)
            marks = ", ".join(f":{name}" for name in columns)
            await connection.execute_fetchall(f"INSERT OR REPLACE INTO budgets VALUES ({marks})", columns)  # noqa: S608
            return budget

        budget = await self._db.write(run)
        return budget, budget.id == fresh.id

    async def change(self, budget: Budget) -> Budget:
        """Store changed limits, action or share. BadRequest for figures that make no sense, or when there is one of that action
        already; NotFound."""
        changed = _checked(msgspec.structs.replace(budget, updated_at=self._db.clock.now()))
        columns = {name: getattr(changed, name) for name in ("usd", "tokens", "action", "warn_at", "updated_at")}
        try:
            await rows.change(self._db, "budgets", {"id": budget.id}, columns, _missing(budget.id))
        except sqlite3.IntegrityError:
            raise BadRequest(f"there is a {budget.period} budget to {changed.action} already", param="action") from None
        return changed

    async def delete(self, budget_id: str) -> None:
        await rows.remove(self._db, "budgets", {"id": budget_id}, _missing(budget_id))


def _checked(budget: Budget) -> Budget:
    if budget.usd is None and budget.tokens is None:
        raise BadRequest("give a limit: usd, tokens or both", param="usd")
    if budget.usd is not None and not 0 < budget.usd <= _LARGEST_USD:
        raise BadRequest(f"usd must be above 0 and at most {_LARGEST_USD:g}", param="usd")
    if budget.tokens is not None and not 0 < budget.tokens <= _LARGEST_TOKENS:
        raise BadRequest(f"tokens must be from 1 to {_LARGEST_TOKENS}", param="tokens")
    if not 0 < budget.warn_at <= 1:
        raise BadRequest("warn_at is a share: above 0 and at most 1", param="warn_at")
    return budget


def _from_row(row: sqlite3.Row) -> Budget:
    return Budget(**dict(row))


def _missing(budget_id: str) -> str:
    return f"no budget {budget_id!r}"
