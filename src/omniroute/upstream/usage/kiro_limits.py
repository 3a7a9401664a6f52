"""The monthly credits of a Kiro account: ``{usageBreakdownList, nextDateReset, subscriptionInfo, overageConfiguration}``."""

from __future__ import annotations

from typing import Any

from omniroute.upstream.quota_headers import QuotaReading
from omniroute.upstream.usage import Usage
from omniroute.upstream.usage._values import LENGTHS, NEARLY, moment, number, obj, objects, reading, text

_OURS = ("CREDIT", "AGENTIC_REQUEST")


class KiroLimits:
    """A running trial and bonuses add to the plan's credits. Where overage is on, nothing is refused at the limit."""

    name = "kiro_limits"

    def read(self, value: Any, now: float) -> Usage:
        fields = obj(value)
        overage = text(obj(fields, "overageConfiguration").get("overageStatus")) == "ENABLED"
        resets_at = moment(fields.get("nextDateReset"), now)
        subscription = obj(fields, "subscriptionInfo")
        windows = [
            found
            for item in objects(fields.get("usageBreakdownList"))
            if (found := _window(item, moment(item.get("nextDateReset"), now) or resets_at, overage)) is not None
        ]
        return Usage(tuple(windows), text(subscription.get("subscriptionTitle")) or text(subscription.get("type")))


def _window(item: dict[str, Any], resets_at: float | None, overage: bool) -> QuotaReading | None:
    kind = text(item.get("resourceType")) or _OURS[0]
    used, limit = _amount(item, "currentUsage"), _amount(item, "usageLimit")
    if used is None or limit is None:
        return None
    trial = obj(item, "freeTrialInfo")
    extras = [trial] if text(trial.get("freeTrialStatus")) == "ACTIVE" else []
    extras += [bonus for bonus in objects(item.get("bonuses")) if text(bonus.get("status")) == "ACTIVE"]
    for extra in extras:
        used += _amount(extra, "currentUsage") or 0.0
        limit += _amount(extra, "usageLimit") or 0.0
    if limit <= 0:
        return None
    part = used / limit
    return reading(
        "monthly" if kind in _OURS else f"monthly_{kind.lower()}",
        min(part, NEARLY) if overage else part,
        model=None if kind in _OURS else kind.lower(),
        limit=limit,
        used_units=max(used, 0.0),
        resets_at=resets_at,
        length=LENGTHS["monthly"],
    )


def _amount(fields: dict[str, Any], name: str) -> float | None:
    exact = number(fields.get(f"{name}WithPrecision"))
    return number(fields.get(name)) if exact is None else exact


READER = KiroLimits()
