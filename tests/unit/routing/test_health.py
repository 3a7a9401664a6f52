"""What Health remembers, seen from outside: who may serve now, and until when not."""

from __future__ import annotations

import random
from typing import Any

import pytest

from omniroute.catalog.account import Account, AccountLimits, Allowance
from omniroute.catalog.schema import Auth, Provider
from omniroute.core.errors import Fault, NetworkFault, Scope, TimeoutFault, UpstreamStatus, Verdict
from omniroute.ir.caps import Capabilities, Limits, Profile, Quirks
from omniroute.routing.health import Health
from omniroute.routing.quota import Window
from omniroute.routing.remembered import Saved
from omniroute.routing.resolve import Target

NOW = 1_771_588_800.0  # Friday 2026-02-20 12:00 UTC
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


def provider(scheme: str = "bearer", **more: Any) -> Provider:
    fields: dict[str, Any] = {"base_url": "https://api.test", **more}
    return Provider(id="p1", prefix="p1", name="One", format="openai_chat", auth=Auth(scheme=scheme), **fields)


def target(model: str = "m", of: Provider | None = None) -> Target:
    profile = Profile(model=model, limits=Limits(), capabilities=Capabilities(), quirks=Quirks())
    return Target(provider=of or provider(), model=model, profile=profile, format="openai_chat")


def account(name: str = "a", **limits: Any) -> Account:
    return (
        Account(id=name, provider="p1", name=name, limits=AccountLimits(**limits))
        if limits
        else Account(id=name, provider="p1", name=name)
    )


def fault(kind: str = "rate_limit", scope: Scope = Scope.MODEL, wait: float | None = None, **more: Any) -> Fault:
    return UpstreamStatus("no", kind=kind, scope=scope, verdict=Verdict.NEXT_ACCOUNT, retry_after=wait, **more)


@pytest.fixture
def health() -> Health:
    return Health(random.Random(7))


A, B, M, N = account("a"), account("b"), target("m"), target("n")


def reason(health: Health, now: float, of: Target = M, by: Account = A) -> str | None:
    block = health.blocked(of, by, now)
    return block.reason if block is not None else None


def first_end(health: Health, now: float, of: Target = M, by: Account = A) -> float:
    block = health.blocked(of, by, now)
    assert block is not None
    assert block.until is not None
    return block.until


# -- scopes and schedules ------------------------------------------------------------------------------------------------


def test_a_limit_of_one_model_leaves_the_others(health: Health) -> None:
    health.failed(M, A, fault(), NOW)
    assert reason(health, NOW) == "cooldown"
    assert [reason(health, NOW, of, by) for of, by in ((N, A), (M, B))] == [None, None]


def test_an_account_fault_blocks_all_its_models(health: Health) -> None:
    health.failed(M, A, fault("quota_exhausted", Scope.ACCOUNT), NOW)
    assert [reason(health, NOW, of, by) for of, by in ((M, A), (N, A), (M, B))] == ["cooldown", "cooldown", None]


@pytest.mark.parametrize("kind", ["bad_request", "context_overflow", "content_filter", "too_large", "cancelled"])
def test_what_the_client_did_punishes_nobody(health: Health, kind: str) -> None:
    for scope in Scope:
        for _ in range(20):
            health.failed(M, A, fault(kind, scope, upstream_status=500), NOW)
    assert health.blocked(M, A, NOW) is None
    assert health.describe(NOW)["accounts"] == {}


def test_a_provider_without_resilience_is_left_as_it_is(health: Health) -> None:
    plain = target(of=provider(resilience=False))
    for _ in range(20):
        health.failed(plain, A, fault("server_error", Scope.PROVIDER, upstream_status=502), NOW)
        health.failed(plain, A, fault("rate_limit", wait=60), NOW)
    assert health.blocked(plain, A, NOW) is None


@pytest.mark.parametrize(
    ("kind", "scope", "ends"),
    [
        ("rate_limit", Scope.MODEL, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]),
        ("transient", Scope.MODEL, [3, 6, 12, 24, 48, 60, 60]),
        ("server_error", Scope.MODEL, [3, 6, 12]),
        ("overloaded", Scope.MODEL, [3, 6, 12]),
        ("empty_response", Scope.PROVIDER, [3, 6]),
        ("permission", Scope.MODEL, [1800, 1800]),
        ("billing", Scope.ACCOUNT, [1800, 3600, 3600]),
        ("model_not_found", Scope.MODEL, [43200, 43200]),
        ("edge_block", Scope.MODEL, [60, 120, 240, 300]),
    ],
)
def test_cooldowns_double_up_to_a_cap_with_little_jitter(kind: str, scope: Scope, ends: list[float]) -> None:
    health, now = Health(random.Random(3)), NOW
    for seconds in ends:
        health.failed(M, A, fault(kind, scope), now)
        until = first_end(health, now)
        assert seconds <= until - now <= seconds + min(seconds * 0.1, 30)
        assert health.blocked(M, A, until) is None, "the end is exact"
        now = until


def test_subscriptions_cool_longer_after_a_transient_fault(health: Health) -> None:
    plan = target(of=provider("oauth"))
    health.failed(plan, A, fault("transient"), NOW)
    assert 5 <= first_end(health, NOW, plan) - NOW <= 5.5


def test_a_local_model_that_is_missing_is_looked_for_again_soon(health: Health) -> None:
    local = target(of=provider(status="local"))
    health.failed(local, A, fault("model_not_found"), NOW)
    assert first_end(health, NOW, local) - NOW <= 5.5


def test_the_stated_time_is_believed_and_the_advised_one_where_none_is_stated(health: Health) -> None:
    health.failed(M, A, fault(wait=100.0, cooldown=10.0), NOW)
    assert 100 <= first_end(health, NOW) - NOW <= 110
    health.failed(N, A, fault(cooldown=10.0), NOW)
    assert 10 <= first_end(health, NOW, N) - NOW <= 11


def test_parallel_requests_that_fail_together_are_one_failure(health: Health) -> None:
    for _ in range(10):
        health.failed(M, A, fault(), NOW)
    assert first_end(health, NOW) - NOW <= 2.2
    health.failed(M, A, fault(wait=50), NOW + 1)
    assert first_end(health, NOW + 1) - NOW >= 51, "the later end stands"


def test_an_old_failure_is_forgotten(health: Health) -> None:
    now = NOW
    for _ in range(5):
        health.failed(M, A, fault(), now)
        now = first_end(health, now)
    now += HOUR
    health.failed(M, A, fault(), now)
    assert first_end(health, now) - now <= 2.2


# -- fresher evidence ----------------------------------------------------------------------------------------------------


def test_a_success_clears_the_lock_and_its_level(health: Health) -> None:
    health.failed(M, A, fault(wait=5000), NOW)
    health.succeeded(M, A, NOW + 1, ttft=0.1, usage_tokens=5)
    assert health.blocked(M, A, NOW + 1) is None
    health.failed(M, A, fault(), NOW + 2)
    assert first_end(health, NOW + 2) - NOW <= 4.3
    assert health.dump(NOW + 2) == []


def test_a_request_begun_before_the_failure_proves_nothing(health: Health) -> None:
    health.failed(M, A, fault(wait=500), NOW)
    health.succeeded(M, A, NOW + 5, ttft=None, usage_tokens=0, started=NOW - 20)
    assert reason(health, NOW + 5) == "cooldown"
    health.succeeded(M, A, NOW + 9, ttft=None, usage_tokens=0, started=NOW + 6)
    assert health.blocked(M, A, NOW + 9) is None


def test_a_success_of_one_model_leaves_the_lock_of_another(health: Health) -> None:
    health.failed(M, A, fault(wait=500), NOW)
    health.succeeded(N, A, NOW + 1, ttft=None, usage_tokens=0)
    assert reason(health, NOW + 1) == "cooldown"


def window(name: str = "5h", used: float = 0.2, **more: Any) -> Window:
    fields: dict[str, Any] = {"source": "header", "seen_at": NOW, "resets_at": NOW + 2 * HOUR, "length": 5 * HOUR, **more}
    return Window(name=name, used=used, **fields)


def test_a_quota_reading_clears_the_cooldown_it_contradicts(health: Health) -> None:
    health.failed(M, A, fault("quota_exhausted", Scope.ACCOUNT, wait=3 * DAY), NOW)
    health.observed("a", [window("weekly", 1.0)], [], NOW + 60)
    assert health.blocked(M, A, NOW + 60) is not None
    health.observed("a", [window("weekly", 0.03)], [], NOW + 120)
    assert health.blocked(M, A, NOW + 120) is None


def test_the_reading_of_the_very_answer_contradicts_nothing(health: Health) -> None:
    health.failed(M, A, fault("quota_exhausted", Scope.ACCOUNT, wait=HOUR), NOW)
    health.observed("a", [window(used=0.5)], [], NOW)
    assert reason(health, NOW) == "cooldown"


def test_a_rate_limit_is_not_contradicted_by_a_quota(health: Health) -> None:
    health.failed(M, A, fault("rate_limit", Scope.ACCOUNT, wait=60), NOW)
    health.observed("a", [window(used=0.5)], [], NOW + 5)
    assert reason(health, NOW + 5) == "cooldown"


def test_a_far_reset_is_looked_at_every_half_hour_by_one_request(health: Health) -> None:
    health.failed(M, A, fault("quota_exhausted", Scope.ACCOUNT, wait=6 * DAY), NOW)
    assert first_end(health, NOW) >= NOW + 6 * DAY
    assert reason(health, NOW + 1799) == "cooldown"
    now = NOW + 1801
    assert health.blocked(M, A, now) is None
    lease = health.lease(M, A, now)
    assert lease.probe
    assert reason(health, now + 1) == "cooldown", "one look at a time"
    health.failed(M, A, fault("quota_exhausted", Scope.ACCOUNT), now + 2)
    lease.release()
    assert first_end(health, now + 3) >= NOW + 6 * DAY, "what was stated still stands"
    assert reason(health, now + 1700) == "cooldown"
    assert health.blocked(M, A, now + 1803) is None
    second = health.lease(M, A, now + 1803)
    health.answering(M, A, now + 1804, started=second.started)
    assert health.blocked(M, A, now + 1804) is None


def test_a_look_without_a_result_makes_room_for_another(health: Health) -> None:
    health.failed(M, A, fault("quota_exhausted", Scope.ACCOUNT, wait=DAY), NOW)
    now = NOW + 1801
    lease = health.lease(M, A, now)
    assert reason(health, now) == "cooldown"
    lease.release()
    assert health.blocked(M, A, now) is None
    health.lease(M, A, now)
    assert reason(health, now + 29) == "cooldown"
    assert health.blocked(M, A, now + 31) is None, "it was never heard of again"


def test_a_refused_key_waits_for_people_but_is_looked_at(health: Health) -> None:
    health.failed(M, A, fault("auth", Scope.ACCOUNT), NOW)
    block = health.blocked(N, A, NOW + 1)
    assert block is not None
    assert (block.reason, block.until, block.key) == ("cooldown", None, ("account", "a"))
    assert health.blocked(N, A, NOW + 1801) is None
    health.failed(M, B, fault("account_suspended", Scope.ACCOUNT), NOW)
    assert reason(health, NOW + 300 * DAY, M, B) == "cooldown"
    assert health.unlock(("account", "b")) == 1
    assert health.blocked(M, B, NOW) is None


def test_unlocking(health: Health) -> None:
    health.failed(M, A, fault(wait=500), NOW)
    health.failed(N, A, fault(wait=500), NOW)
    health.failed(M, B, fault("auth", Scope.ACCOUNT), NOW)
    assert health.unlock(("model", "a", "m")) == 1
    assert health.unlock(("model", "a", "m")) == 0
    assert [reason(health, NOW, M), reason(health, NOW, N)] == [None, "cooldown"]
    health.observed("a", [window(used=1.0)], [], NOW)
    assert health.unlock(None) == 2
    assert [reason(health, NOW, of, by) for of, by in ((M, A), (N, A), (M, B))] == [None, None, None]
    assert health.unlock(("account", "nobody")) == 0


# -- breakers ------------------------------------------------------------------------------------------------------------


def broken(health: Health, count: int, now: float, of: Target = M, step: float = 6.0) -> float:
    for _ in range(count):
        health.failed(of, A, NetworkFault("no", kind="network"), now)
        now += step
    return now - step


@pytest.mark.parametrize(
    ("made", "count", "seconds"),
    [({}, 8, 30), ({"scheme": "oauth"}, 5, 60), ({"status": "local"}, 2, 15),
     ({"base_url": "http://127.0.0.1:1", "private": True}, 2, 15)],
)  # fmt: skip
def test_a_breaker_opens_by_class(health: Health, made: dict[str, Any], count: int, seconds: float) -> None:
    of = target(of=provider(**made))
    last = broken(health, count - 1, NOW, of)
    assert health.blocked(of, B, last) is None
    health.failed(of, A, NetworkFault("no", kind="network"), last + 6)
    assert (reason(health, last + 6, of, B), first_end(health, last + 6, of, B)) == ("breaker", last + 6 + seconds)


def test_a_burst_of_one_account_counts_once(health: Health) -> None:
    for _ in range(50):
        health.failed(M, A, NetworkFault("no", kind="network"), NOW)
    assert health.blocked(M, A, NOW) is None
    for index in range(8):
        health.failed(M, account(f"x{index}"), NetworkFault("no", kind="network"), NOW)
    assert reason(health, NOW) == "breaker"


def test_old_failures_do_not_add_up(health: Health) -> None:
    last = broken(health, 30, NOW, step=9)
    assert health.blocked(M, A, last) is None


@pytest.mark.parametrize(
    ("kind", "status"),
    [("rate_limit", 429), ("overloaded", 429), ("auth", 401), ("permission", 403), ("model_not_found", 404), ("billing", 402),
     ("transient", 409), ("quota_exhausted", 429)],
)  # fmt: skip
def test_limits_and_credentials_never_count(health: Health, kind: str, status: int) -> None:
    for index in range(40):
        health.failed(M, account(f"x{index}"), fault(kind, Scope.MODEL, upstream_status=status), NOW + index)
    assert health.blocked(M, B, NOW + 40) is None


@pytest.mark.parametrize(
    ("kind", "status"), [("server_error", 500), ("server_error", 502), ("overloaded", 529), ("transient", 408), ("timeout", None)]
)
def test_trouble_of_the_servers_counts(health: Health, kind: str, status: int | None) -> None:
    for index in range(8):
        health.failed(M, account(f"x{index}"), fault(kind, Scope.PROVIDER, upstream_status=status), NOW + index)
    assert reason(health, NOW + 8, M, B) == "breaker"


def test_no_account_is_to_blame_for_the_network(health: Health) -> None:
    health.failed(M, A, NetworkFault("no", kind="network"), NOW)
    assert health.blocked(M, A, NOW) is None
    health.failed(M, A, TimeoutFault("no", kind="timeout"), NOW)
    assert reason(health, NOW) == "cooldown", "who was silent for long is not asked again at once"


def test_a_breaker_half_opens_for_one_and_doubles(health: Health) -> None:
    now = broken(health, 8, NOW) + 30
    for seconds in (60, 120, 240, 300, 300):
        assert health.blocked(M, A, now) is None
        lease = health.lease(M, A, now)
        assert lease.probe
        assert reason(health, now + 1, M, B) == "breaker"
        health.failed(M, A, NetworkFault("no", kind="network"), now + 1)
        lease.release()
        assert first_end(health, now + 1) == now + 1 + seconds
        now += 1 + seconds
    lease = health.lease(M, A, now)
    health.answering(M, A, now + 2, started=lease.started)
    assert health.blocked(M, B, now + 2) is None
    assert health.describe(now)["providers"] == {}


def test_a_daemon_that_is_not_there_opens_at_once(health: Health) -> None:
    local = target(of=provider(status="local"))
    health.failed(local, A, NetworkFault("refused", kind="provider_down"), NOW)
    assert first_end(health, NOW, local) == NOW + 15


# -- limits --------------------------------------------------------------------------------------------------------------


def test_requests_under_way(health: Health) -> None:
    two = account(concurrency=2)
    leases = [health.lease(M, two, NOW) for _ in range(2)]
    block = health.blocked(N, two, NOW)
    assert block is not None
    assert (block.reason, block.until) == ("concurrency", None)
    assert health.admit(two, NOW) == float("inf")
    leases[0].release()
    leases[0].release()
    assert health.in_flight("a") == 1
    assert health.blocked(N, two, NOW) is None


def test_requests_a_minute(health: Health) -> None:
    slow = account(rpm=3)
    for offset in (0, 10, 20):
        assert health.admit(slow, NOW + offset) is None
        health.lease(M, slow, NOW + offset).release()
    assert (reason(health, NOW + 21, M, slow), first_end(health, NOW + 21, M, slow)) == ("rate", NOW + 60)
    assert health.admit(slow, NOW + 21) == 39
    assert health.blocked(M, slow, NOW + 60) is None
    health.lease(M, slow, NOW + 60).release()
    assert first_end(health, NOW + 61, M, slow) == NOW + 70


def test_the_gap_between_two(health: Health) -> None:
    gap = account(min_gap=1.5)
    health.lease(M, gap, NOW)
    assert first_end(health, NOW + 1, M, gap) == NOW + 1.5
    assert health.blocked(M, gap, NOW + 1.5) is None


class Reading:
    def __init__(self, remaining: float, limit: float | None = 60, resets: float | None = 30, unit: str = "requests") -> None:
        self.unit, self.limit, self.remaining, self.period = unit, limit, remaining, 60.0 if limit else None
        self.resets_at = None if resets is None else NOW + resets


def test_what_the_headers_say_is_left(health: Health) -> None:
    health.observed("a", [], [Reading(0, unit="tokens")], NOW)
    assert (reason(health, NOW), first_end(health, NOW)) == ("rate", NOW + 30)
    assert health.blocked(M, A, NOW + 30) is None
    health.observed("a", [], [Reading(50, unit="tokens")], NOW + 1)
    assert health.blocked(M, A, NOW + 1) is None
    health.observed("b", [], [Reading(1, limit=None)], NOW)
    health.lease(M, B, NOW)
    assert first_end(health, NOW, M, B) == NOW + 30, "the one that was left has begun"


def test_the_last_tenth_is_spread(health: Health) -> None:
    health.observed("a", [], [Reading(3)], NOW)
    assert first_end(health, NOW) == NOW + 1
    assert health.blocked(M, A, NOW + 1) is None


def test_models_that_an_account_may_serve(health: Health) -> None:
    some = account(models=("m", "x-*"))
    assert [reason(health, NOW, target(name), some) for name in ("m", "x-1", "mm", "n")] == [
        None,
        None,
        "model_limit",
        "model_limit",
    ]


def test_a_paused_account(health: Health) -> None:
    assert reason(health, NOW, M, Account(id="z", provider="p1", name="z", enabled=False)) == "paused"


# -- quotas --------------------------------------------------------------------------------------------------------------


def test_a_used_up_window_blocks_until_it_starts_over(health: Health) -> None:
    health.observed("a", [window(used=1.0, resets_at=NOW + 600), window("weekly", 0.5)], [], NOW)
    assert (reason(health, NOW), first_end(health, NOW)) == ("exhausted", NOW + 600)
    assert health.blocked(M, A, NOW + 600) is None


def test_the_longest_reason_is_told(health: Health) -> None:
    health.failed(M, A, fault(wait=30), NOW)
    health.observed("a", [window(used=1.0, resets_at=NOW + 600)], [], NOW)
    assert first_end(health, NOW) == NOW + 600


def test_an_old_reading_of_exhaustion_is_looked_at(health: Health) -> None:
    health.observed("a", [window("weekly", 1.0, resets_at=NOW + 5 * DAY)], [], NOW)
    assert reason(health, NOW + 1799) == "exhausted"
    assert health.blocked(M, A, NOW + 1801) is None
    assert health.lease(M, A, NOW + 1801).probe
    assert reason(health, NOW + 1802) == "exhausted"


def test_a_pool_of_one_model(health: Health) -> None:
    health.observed("a", [window(used=1.0, model="m")], [], NOW)
    assert [reason(health, NOW, M), reason(health, NOW, N)] == ["exhausted", None]


def test_a_reserve_is_kept(health: Health) -> None:
    careful = account(reserve=0.1)
    health.observed("a", [window(used=0.89)], [], NOW)
    assert health.blocked(M, careful, NOW) is None
    health.observed("a", [window(used=0.9)], [], NOW + 1)
    assert (reason(health, NOW + 1, M, careful), reason(health, NOW + 1)) == ("reserve", None)


def test_quotas_that_we_count(health: Health) -> None:
    daily = account(allowances=(Allowance(limit=2, reset_hour=15),))
    for offset in (0, 60):
        assert health.blocked(M, daily, NOW + offset) is None
        health.lease(M, daily, NOW + offset).release()
    assert (reason(health, NOW + 61, M, daily), first_end(health, NOW + 61, M, daily)) == ("exhausted", NOW + 3 * HOUR)
    assert reason(health, NOW + 3 * HOUR - 1, M, daily) == "exhausted", "our own count needs no look"
    assert health.blocked(M, daily, NOW + 3 * HOUR) is None
    tokens = account("t", allowances=(Allowance(limit=100, unit="tokens", per="rolling", hours=1, model="m*"),))
    health.succeeded(M, tokens, NOW, ttft=None, usage_tokens=100)
    assert [reason(health, NOW, M, tokens), reason(health, NOW, N, tokens)] == ["exhausted", None]
    assert first_end(health, NOW, M, tokens) == NOW + HOUR


# -- figures, restarts, bounds -------------------------------------------------------------------------------------------


def test_figures(health: Health) -> None:
    assert health.ttft("p1/m") is None
    for seconds in range(1, 21):
        health.succeeded(M, A, NOW, ttft=float(seconds), usage_tokens=0)
    assert health.ttft("p1/m") == (11.0, 20.0)
    for _ in range(3):
        health.lease(M, A, NOW)
    health.lease(N, A, NOW)
    assert [health.uses("a", model, NOW) for model in ("m", "n", None)] == [3, 1, 4]
    assert health.uses("a", None, NOW + 1799) == 4
    assert health.uses("a", None, NOW + 2 * HOUR) == 0


def test_sessions(health: Health) -> None:
    health.bind("s", "p1", "a", NOW)
    assert [health.affinity("s", "p1", NOW + 299), health.affinity("s", "p2", NOW)] == ["a", None]
    assert health.affinity("s", "p1", NOW + 300) is None
    health.bind("s", "p1", "b", NOW + 300, warm=HOUR)
    assert health.affinity("s", "p1", NOW + HOUR) == "b"


def test_a_restart_keeps_what_lasts(health: Health) -> None:
    health.failed(M, A, fault("quota_exhausted", Scope.ACCOUNT, wait=3 * HOUR), NOW)
    health.failed(M, B, fault(wait=30), NOW)
    health.observed("b", [window("weekly", 1.0, resets_at=NOW + DAY)], [], NOW)
    health.failed(M, account("c"), fault("auth", Scope.ACCOUNT), NOW)
    again = Health(random.Random(1))
    assert again.load(health.dump(NOW + 1), NOW + 2) == 3
    assert again.blocked(N, A, NOW + 2) == health.blocked(N, A, NOW + 2)
    assert reason(again, NOW + 2, M, B) == "exhausted"
    assert again.blocked(M, account("c"), NOW + 2) is None, "the key may have been replaced: one request finds out"
    assert Health(random.Random(1)).load(health.dump(NOW), NOW + 4 * DAY) == 1


@pytest.mark.parametrize("value", ["", "nonsense", "[]", '{"lock": 7}', '{"lock":{"kind":"x","since":"y","until":null}}'])
def test_what_cannot_be_read_is_left_out(health: Health, value: str) -> None:
    assert (
        health.load([Saved("account", "a", value, None), Saved("breaker", "p", value, None), Saved("?", "a", "{}", None)], NOW)
        == 0
    )


def test_locks_from_the_future_are_not_believed(health: Health) -> None:
    health.failed(M, A, fault("quota_exhausted", Scope.ACCOUNT, wait=3 * HOUR), NOW)
    assert Health(random.Random(1)).load(health.dump(NOW), NOW - DAY) == 0


def test_everything_is_bounded(health: Health) -> None:
    for index in range(400):
        health.failed(target(f"m{index}"), A, fault(wait=500), NOW)
    described = health.describe(NOW)["accounts"]
    assert isinstance(described, dict)
    assert len(described["a"]["models"]) == 256
    for index in range(10_050):
        health.failed(M, account(f"x{index}"), fault(wait=500), NOW)
    accounts = health.describe(NOW)["accounts"]
    assert isinstance(accounts, dict)
    assert len(accounts) == 10_000
