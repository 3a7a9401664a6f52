"""Limits, tier and proxy of accounts; what is shown of quotas and rates; what a reset takes."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from omniroute.catalog.account import NO_LIMITS
from omniroute.core.errors import Fault, Scope, Verdict
from omniroute.routing.resolve import resolve

SECRET = "sk-alpha-0123456789abcdef"


@pytest.fixture
async def account(client: httpx.AsyncClient) -> dict[str, Any]:
    made: dict[str, Any] = (
        await client.post("/api/providers", json={"provider": "al", "api_key": SECRET, "name": "work"})
    ).json()
    return made


async def test_limits_reach_the_account_in_force(world: Any, client: httpx.AsyncClient, account: dict[str, Any]) -> None:
    def in_force() -> Any:
        return world.services.snapshot().accounts["alpha"][0]

    assert in_force().limits is NO_LIMITS  # the way without a look at limits
    path = f"/api/providers/{account['id']}"
    given = {"rpm": 10, "reserve": 0.2, "models": ["small*"], "allowances": [{"limit": 500, "per": "weekly", "weekday": 2}]}
    body = {"limits": given, "tier": "cheap", "proxy": "socks5://me:pa55word@127.0.0.1:1080"}
    answer = await client.patch(path, json=body)
    assert answer.status_code == 200, answer.text
    assert "pa55word" not in answer.text
    assert (answer.json()["tier"], answer.json()["own_tier"], answer.json()["limits"]["rpm"]) == ("cheap", "cheap", 10)
    now = in_force()
    assert (now.limits.rpm, now.limits.reserve, now.limits.models, now.tier) == (10, 0.2, ("small*",), "cheap")
    assert (now.limits.allowances[0].limit, now.limits.allowances[0].weekday) == (500, 2)
    assert now.proxy.reveal() == "socks5://me:pa55word@127.0.0.1:1080"
    await client.patch(path, json={"limits": {"rpm": None, "concurrency": 2}})
    assert (in_force().limits.rpm, in_force().limits.concurrency, in_force().limits.models) == (None, 2, ("small*",))
    await client.patch(path, json={"limits": None, "proxy": None, "tier": None})
    assert (in_force().limits is NO_LIMITS, in_force().proxy, in_force().tier) == (True, None, None)


async def test_a_new_account_brings_its_limits(world: Any, client: httpx.AsyncClient) -> None:
    body = {
        "provider": "al",
        "api_key": SECRET,
        "limits": {"concurrency": 1, "models": ["small"]},
        "proxy": "direct",
        "tier": "free",
    }
    made = (await client.post("/api/providers", json=body)).json()
    assert (made["limits"]["concurrency"], made["limits"]["models"], made["proxy"], made["tier"]) == (
        1,
        ["small"],
        "direct",
        "free",
    )
    assert world.services.snapshot().accounts["alpha"][0].limits.models == ("small",)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"limits": {"rpm": 0}}, "limits"),
        ({"limits": {"rpm": "ten"}}, "limits"),
        ({"limits": {"colour": 1}}, "limits"),
        ({"limits": {"reserve": 1}}, "limits"),
        ({"limits": {"models": [" "]}}, "limits"),
        ({"limits": {"allowances": [{"limit": 5, "zone": "Nowhere/At-All"}]}}, "limits"),
        ({"proxy": "ftp://x"}, "proxy"),
        ({"tier": "golden"}, "tier"),
    ],
)
async def test_impossible_limits_change_nothing(
    world: Any, client: httpx.AsyncClient, account: dict[str, Any], body: dict[str, Any], param: str
) -> None:
    answer = await client.patch(f"/api/providers/{account['id']}", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert world.services.snapshot().accounts["alpha"][0].limits is NO_LIMITS


def limited(world: Any) -> None:
    """The account is told to slow down."""
    snapshot = world.services.snapshot()
    fault = Fault("slow", kind="rate_limit", scope=Scope.MODEL, verdict=Verdict.NEXT_ACCOUNT, retry_after=60.0)
    target = resolve(snapshot, "al/small").targets[0]
    world.services.health.failed(target, snapshot.accounts["alpha"][0], fault, world.clock.now())


async def test_a_reset_takes_what_it_is_told_to(world: Any, client: httpx.AsyncClient, account: dict[str, Any]) -> None:
    for body, scope in (
        ({"account": account["id"], "model": "small"}, f"model {account['id']} small"),
        ({"account": account["id"]}, f"account {account['id']}"),
        ({}, "all"),
    ):
        limited(world)
        (held,) = (await client.get("/api/resilience")).json()["cooldowns"]
        assert (held["id"], held["name"], held["model"], held["reason"]) == (account["id"], "work", "small", "rate_limit")
        assert (await client.post("/api/resilience/reset", json=body)).json() == {"scope": scope, "unlocked": 1}
        assert (await client.get("/api/resilience")).json()["cooldowns"] == []
    assert (await client.post("/api/resilience/reset", json={"provider": "al"})).json() == {
        "scope": "provider alpha",
        "unlocked": 0,
    }
    entries = (await client.get("/api/compliance/audit-log")).json()["data"]
    assert [row["target"] for row in entries if row["action"] == "resilience.reset"][:2] == ["provider alpha", "all"]


@pytest.mark.parametrize(
    ("body", "param"),
    [({"provider": "nobody"}, "provider"), ({"provider": "al", "account": "x"}, "provider"), ({"model": "m"}, "account")],
)
async def test_a_reset_of_nothing_known_is_refused(client: httpx.AsyncClient, body: dict[str, str], param: str) -> None:
    answer = await client.post("/api/resilience/reset", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_a_new_credential_and_a_removal_forget_the_past(
    world: Any, client: httpx.AsyncClient, account: dict[str, Any]
) -> None:
    limited(world)
    await client.patch(f"/api/providers/{account['id']}", json={"priority": 3})
    assert len((await client.get("/api/resilience")).json()["cooldowns"]) == 1
    await client.patch(f"/api/providers/{account['id']}", json={"api_key": SECRET + "2"})
    assert (await client.get("/api/resilience")).json()["cooldowns"] == []
    limited(world)
    await client.delete(f"/api/providers/{account['id']}")
    assert (await client.get("/api/resilience")).json()["cooldowns"] == []


async def test_quotas_and_rates_of_every_account(world: Any, client: httpx.AsyncClient, account: dict[str, Any]) -> None:
    await client.patch(
        f"/api/providers/{account['id']}", json={"limits": {"min_gap": 30, "allowances": [{"limit": 10, "per": "5h"}]}}
    )
    health, snapshot = world.services.health, world.services.snapshot()
    target = resolve(snapshot, "al/small").targets[0]
    lease = health.lease(target, snapshot.accounts["alpha"][0], world.clock.now())
    row = next(r for r in (await client.get("/api/rate-limits")).json()["data"] if r["id"] == account["id"])
    assert (row["in_flight"], row["next_in"], row["limits"]["min_gap"], row["waiting"]) == (1, 30.0, 30, 0)
    lease.release()
    world.clock.advance(9000)
    row = next(r for r in (await client.get("/api/quotas")).json()["data"] if r["id"] == account["id"])
    (window,) = row["windows"]
    assert {k: window[k] for k in ("name", "used", "expected", "surplus", "exhausts_at", "age", "state")} == {
        "name": "5h",
        "used": 0.1,
        "expected": 0.5,
        "surplus": 0.8,
        "exhausts_at": None,
        "age": 9000.0,
        "state": "open",
    }


async def test_conversations_and_their_accounts(world: Any, client: httpx.AsyncClient, account: dict[str, Any]) -> None:
    now = world.clock.now()
    for number in range(3):
        world.services.health.bind(f"s{number}", "alpha", account["id"], now)
    rows = (await client.get("/api/sessions?limit=2")).json()["data"]
    assert [(r["session"], r["account"]["name"], r["until"]) for r in rows] == [
        ("s2", "work", now + 300),
        ("s1", "work", now + 300),
    ]
    world.clock.advance(301)
    assert (await client.get("/api/sessions")).json()["data"] == []
