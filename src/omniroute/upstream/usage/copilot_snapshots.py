"""What a GitHub Copilot seat has left this month: ``quota_snapshots``, or the older fields of free seats."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from omniroute.upstream.quota_headers import QuotaReading
from omniroute.upstream.usage import Usage
from omniroute.upstream.usage._values import LENGTHS, NEARLY, counted, members, moment, number, obj, reading, text

_NOT_OURS = "completions"  # suggestions in an editor


class CopilotSnapshots:
    """Percentages are what is LEFT. Which models a pool is for, the catalogue knows, not the answer."""

    name = "copilot_snapshots"

    def read(self, value: Any, now: float) -> Usage:
        fields = obj(value)
        resets_at = moment(fields.get("quota_reset_date_utc") or fields.get("quota_reset_date"), now)
        windows = list(_snapshots(fields, resets_at))
        if not windows:
            windows = list(_free(fields, moment(fields.get("limited_user_reset_date"), now)))
        return Usage(tuple(windows), text(fields.get("copilot_plan")))


def _snapshots(fields: dict[str, Any], resets_at: float | None) -> Iterator[QuotaReading]:
    for pool, snapshot in members(fields.get("quota_snapshots")):
        left, entitled = number(snapshot.get("percent_remaining")), number(snapshot.get("entitlement"))
        if pool == _NOT_OURS or snapshot.get("unlimited") is True or left is None or (entitled is not None and entitled < 0):
            continue
        used = 1 - left / 100
        if snapshot.get("overage_permitted") is True:
            used = min(used, NEARLY)  # what goes beyond is paid for, not refused
        remaining = number(snapshot.get("remaining"))
        spent = entitled - remaining if entitled is not None and remaining is not None else None
        yield reading(
            f"monthly_{pool}",
            used,
            model=pool,
            limit=entitled,
            used_units=None if spent is None else max(spent, 0.0),
            resets_at=resets_at,
            length=LENGTHS["monthly"],
        )


def _free(fields: dict[str, Any], resets_at: float | None) -> Iterator[QuotaReading]:
    left = obj(fields, "limited_user_quotas")
    for pool, limit in list(obj(fields, "monthly_quotas").items())[:20]:
        found = counted(f"monthly_{pool}", None, limit, remaining=left.get(pool), resets_at=resets_at, length=LENGTHS["monthly"])
        if pool != _NOT_OURS and found is not None:
            yield found._replace(model=pool)


READER = CopilotSnapshots()
