"""What providers' usage endpoints answer: method, path and a plausible body for each, written from what public clients read.

``RESET`` is the moment at which everything there starts over, a few hours ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from upstream.authority import Asked, Authority, Said

RESET = (datetime.now(UTC) + timedelta(hours=3)).replace(microsecond=0)
_ISO, _UNIX = RESET.strftime("%Y-%m-%dT%H:%M:%SZ"), int(RESET.timestamp())


@dataclass(frozen=True)
class Page:
    """``needs``: what the question must hold, by a look at it. ``windows``: (name, model) → used, as a reader must find them.
    ``plan``: the name told there. ``facts``: what the login must know for the question to be possible."""

    method: str
    path: str
    body: Any
    windows: dict[tuple[str, str | None], float]
    needs: Callable[[Asked], bool] = lambda asked: asked.bearer() is not None
    plan: str | None = None
    facts: dict[str, str] | None = None


PAGES: dict[str, Page] = {
    "claude": Page(
        "GET",
        "/api/oauth/usage",
        {
            "five_hour": {"utilization": 40.0, "resets_at": _ISO},
            "seven_day": {"utilization": 20.0, "resets_at": _ISO},
            "seven_day_opus": {"utilization": 100.0, "resets_at": _ISO},
            "seven_day_sonnet": None,
        },
        {("5h", None): 0.4, ("weekly", None): 0.2, ("weekly_opus", "claude-opus*"): 1.0},
        lambda asked: asked.bearer() is not None and asked.headers.get("anthropic-beta") == "oauth-2025-04-20",
    ),
    "codex": Page(
        "GET",
        "/backend-api/wham/usage",
        {
            "plan_type": "plus",
            "rate_limit": {
                "primary_window": {"used_percent": 30, "limit_window_seconds": 18000, "reset_at": _UNIX},
                "secondary_window": {"used_percent": 60, "limit_window_seconds": 604800, "reset_at": _UNIX},
            },
        },
        {("5h", None): 0.3, ("weekly", None): 0.6},
        lambda asked: asked.headers.get("chatgpt-account-id") == "account-1",
    ),
    "github": Page(
        "GET",
        "/copilot_internal/user",
        {
            "copilot_plan": "individual",
            "quota_reset_date": _ISO,
            "quota_snapshots": {"premium_interactions": {"entitlement": 300, "remaining": 60, "percent_remaining": 20.0}},
        },
        {("monthly_premium_interactions", "premium_interactions"): 0.8},
        lambda asked: asked.bearer("token") is not None and "tid=" not in asked.headers["authorization"],
    ),
    "kiro": Page(
        "POST",
        "/",
        {
            "nextDateReset": float(_UNIX),
            "subscriptionInfo": {"subscriptionTitle": "KIRO FREE"},
            "usageBreakdownList": [
                {"resourceType": "CREDIT", "currentUsageWithPrecision": 10.0, "usageLimitWithPrecision": 50.0}
            ],
        },
        {("monthly", None): 0.2},
        lambda asked: asked.headers.get("x-amz-target") == "AmazonCodeWhispererService.GetUsageLimits",
        plan="KIRO FREE",
    ),
    "kimi-coding": Page(
        "GET",
        "/coding/v1/usages",
        {
            "user": {"membership": {"level": "LEVEL_BASIC"}},
            "usage": {"limit": "100", "used": "25", "resetTime": _ISO},
            "limits": [
                {"window": {"duration": 300, "timeUnit": "TIME_UNIT_MINUTE"}, "detail": {"limit": "10", "remaining": "5"}}
            ],
        },
        {("weekly", None): 0.25, ("5h", None): 0.5},
        plan="basic",
    ),
    "kilocode": Page("GET", "/api/profile/balance", {"balance": 4.5}, {("credits", None): 0.0}),
    "cline": Page(
        "GET",
        "/api/v1/users/user-1/balance",
        {"success": True, "data": {"balance": 0}},
        {("credits", None): 0.999},
        lambda asked: (asked.bearer() or "").startswith("workos:"),
        facts={"user_id": "user-1"},
    ),
}


def serves_usage(double: Authority) -> None:
    """Let ``double`` tell what is left, under the word ``usage``, to whoever asks as the provider wants to be asked."""
    page = PAGES[double.provider]

    def usage(asked: Asked) -> Said:
        return Said(200, page.body) if page.needs(asked) else Said(403, {"error": "not asked like that"})

    double.route(page.method, page.path, usage, "usage")
