"""What routing knows, for the metrics page: cooldowns, breakers, quotas, and who waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from omniroute.core.ids import Clock
from omniroute.routing.health import Health
from omniroute.telemetry.metrics import Metrics, Sample

_STATES = {"closed": 0, "half_open": 1, "open": 2}


def watch_routing(metrics: Metrics, health: Health, lines: Callable[[], Mapping[str, Any]], clock: Clock) -> None:
    """Register the families; they are worked out when the page is asked for. ``lines`` as ``Lines.describe``."""

    def told() -> dict[str, Any]:
        return health.describe(clock.now())

    add = metrics.register
    add("omniroute_cooldowns_active", lambda: _cooldowns(told()), help="Accounts and models that cool down, by scope and reason.")
    add("omniroute_breaker_state", lambda: _breakers(told()), help="0 closed, 1 half open, 2 open, by provider.")
    add(
        "omniroute_quota_used_ratio",
        lambda: _quotas(told()),
        help="Used share (0 to 1) of an account's quota, by window; the model where it counts for one only.",
    )
    add(
        "omniroute_quota_age_seconds",
        lambda: _ages(told(), clock.now()),
        help="Seconds since an account's quota was last told, by window and by who told: header, endpoint or counted.",
    )
    add("omniroute_account_requests_in_flight", lambda: _in_flight(told()), help="Requests under way, by account.")
    add("omniroute_queue_waiting", lambda: _waiting(lines()), help="Requests that wait for a place, by account.")


def _cooldowns(told: Mapping[str, Any]) -> Iterator[Sample]:
    found: Counter[tuple[str, str]] = Counter()
    for state in told["accounts"].values():
        if state["lock"] is not None and state["lock"]["active"]:
            found["account", state["lock"]["reason"]] += 1
        for lock in state["models"].values():
            found["model", lock["reason"]] += 1
    for (scope, reason), count in sorted(found.items()):
        yield Sample(count, (("scope", scope), ("reason", reason)))


def _breakers(told: Mapping[str, Any]) -> Iterator[Sample]:
    for provider_id, breaker in sorted(told["providers"].items()):
        yield Sample(_STATES[breaker["state"]], (("provider", provider_id),))


def _quotas(told: Mapping[str, Any]) -> Iterator[Sample]:
    for account_id, state in sorted(told["accounts"].items()):
        for window in state["windows"]:
            yield Sample(window["used"], (("account", account_id), ("window", window["name"]), ("model", window["model"] or "")))


def _ages(told: Mapping[str, Any], now: float) -> Iterator[Sample]:
    for account_id, state in sorted(told["accounts"].items()):
        for window in state["windows"]:
            names = (("account", account_id), ("window", window["name"]), ("model", window["model"] or ""))
            yield Sample(max(0.0, now - window["seen_at"]), (*names, ("source", window["source"])))


def _in_flight(told: Mapping[str, Any]) -> Iterator[Sample]:
    for account_id, count in sorted(told["in_flight"].items()):
        yield Sample(count, (("account", account_id),))


def _waiting(lines: Mapping[str, Any]) -> Iterator[Sample]:
    for account_id, line in sorted(lines.items()):
        yield Sample(line["waiting"], (("account", account_id),))
