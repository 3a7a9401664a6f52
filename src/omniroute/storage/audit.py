"""What was changed, by whom, when."""

from __future__ import annotations

from typing import Any

import msgspec

from omniroute.core import json
from omniroute.core.redact import redact_text
from omniroute.storage import rows
from omniroute.storage.db import Database


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One change. ``actor``: who (``admin``, ``cli``, ``system``); ``action``: ``key.create`` and so on; ``target``: the id."""

    id: int
    at: float
    actor: str
    action: str
    target: str
    detail: dict[str, Any]


class AuditRepository:
    """An append-only list."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def append(self, actor: str, action: str, target: str, detail: dict[str, Any] | None = None) -> None:
        """Write one entry now; anything in ``detail`` that looks like a credential is taken out first."""
        columns = {
            "at": self._db.clock.now(),
            "actor": actor,
            "action": action,
            "target": target,
            "detail_json": json.dumps_text(_redacted(detail or {})),
        }
        await rows.insert(self._db, "audit", columns)

    async def list(self, *, limit: int = 100, before: int | None = None) -> list[AuditRow]:
        """The newest entries first; ``before`` is the id of the last entry of the page already seen."""
        found = await self._db.read(
            "SELECT id, at, actor, action, target, detail_json FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?",
            (before if before is not None else 2**63 - 1, limit),
        )
        return [
            AuditRow(
                id=r["id"],
                at=r["at"],
                actor=r["actor"],
                action=r["action"],
                target=r["target"],
                detail=json.loads(r["detail_json"]),
            )
            for r in found
        ]


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, dict):
        return {str(name): _redacted(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_redacted(item) for item in value]
    return value
