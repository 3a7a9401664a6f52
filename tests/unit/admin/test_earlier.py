"""Paths of version 1: views of settings, routing and the ledger."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from omniroute.admin import services
from omniroute.catalog.account import Account
from omniroute.core.errors import Fault, Scope, Verdict
from omniroute.core.ledger import LedgerRow
from omniroute.routing.resolve import resolve


async def setting(client: httpx.AsyncClient, name: str) -> Any:
    rows = (await client.get("/api/settings")).json()["data"]
    return next(row["value"] for row in rows if row["name"] == name)


@pytest.mark.parametrize(
    ("path", "given", "told", "settings"),
    [
        (
            "ip-filter",
            {"allowlist": ["10.0.0.0/8"], "blocklist": ["10.0.0.9"]},
            {"mode": "both", "allowlist": ["10.0.0.0/8"], "blocklist": ["10.0.0.9"]},
            {"ip_allow": ["10.0.0.0/8"], "ip_block": ["10.0.0.9"]},
        ),
        (
            "ip-filter",
            {"mode": "blocklist", "blocklist": ["10.0.0.9"]},
            {"mode": "blocklist", "allowlist": [], "blocklist": ["10.0.0.9"]},
            {"ip_allow": [], "ip_block": ["10.0.0.9"]},
        ),
        (
            "thinking-budget",
            {"mode": "custom", "custom_budget": 4096, "effort": "high"},
            {"mode": "custom", "custom_budget": 4096, "effort": "high"},
            {"reasoning_mode": "custom", "reasoning_budget": 4096, "reasoning_effort": "high"},
        ),
        (
            "system-prompt",
            {"enabled": True, "prompt": "Be brief.", "position": "append"},
            {"enabled": True, "prompt": "Be brief.", "position": "append"},
            {"system_prompt": "Be brief.", "system_prompt_position": "append"},
        ),
        (
            "proxy",
            {"proxy": "socks5://user:hidden-word@127.0.0.1:1080"},
            {"proxy": "socks5://***@127.0.0.1:1080", "providers": {}},
            {},
        ),
    ],
)
async def test_settings_by_their_old_paths(
    client: httpx.AsyncClient, path: str, given: dict[str, Any], told: dict[str, Any], settings: dict[str, Any]
) -> None:
    answer = await client.put(f"/api/settings/{path}", json=given)
    assert "hidden-word" not in answer.text
    if path == "proxy":
        assert "127.0.0.1:1080" in answer.json()["proxy"]
    else:
        assert answer.json() == told
    assert (await client.get(f"/api/settings/{path}")).json() == answer.json()
    assert {name: await setting(client, name) for name in settings} == settings


async def test_a_mode_empties_the_list_it_does_not_use(client: httpx.AsyncClient) -> None:
    await client.put("/api/settings/ip-filter", json={"allowlist": ["10.0.0.0/8"], "blocklist": ["10.0.0.9"]})
    answer = await client.put("/api/settings/ip-filter", json={"mode": "off"})
    assert answer.json() == {"mode": "off", "allowlist": [], "blocklist": []}


@pytest.mark.parametrize(
    ("path", "given", "status", "param"),
    [
        ("ip-filter", {"allowlist": ["no address"]}, 400, "ip_allow"),
        ("thinking-budget", {"custom_budget": 0}, 400, "reasoning_budget"),
        ("thinking-budget", {"mode": "hard"}, 400, "mode"),
        ("system-prompt", {"enabled": True}, 400, "prompt"),
        ("proxy", {"proxy": "ftp://x"}, 400, "outbound_proxy"),
        ("require-login", {"require_login": False}, 409, "require_login"),
    ],
)
async def test_what_is_wrong_is_refused(
    client: httpx.AsyncClient, path: str, given: dict[str, Any], status: int, param: str
) -> None:
    answer = await client.put(f"/api/settings/{path}", json=given)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)


async def test_a_prompt_is_switched_off(client: httpx.AsyncClient) -> None:
    await client.put("/api/settings/system-prompt", json={"prompt": "Be brief."})
    answer = await client.put("/api/settings/system-prompt", json={"enabled": False})
    assert answer.json() == {"enabled": False, "prompt": None, "position": "prepend"}


async def test_the_login_stays(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/settings/require-login")).json() == {"require_login": True}
    assert (await client.put("/api/settings/require-login", json={"require_login": True})).status_code == 200


async def test_a_combo_is_tried_out_without_calling_anybody(client: httpx.AsyncClient) -> None:
    await client.post("/api/combos", json={"name": "both", "steps": ["wi/echo"]})
    answer = await client.post("/api/combos/test", json={"name": "both"})
    assert [row["target"] for row in answer.json()["rows"]] == ["wi/echo"]
    assert (await client.post("/api/combos/test", json={"name": "nobody/knows"})).status_code == 404


async def test_policies_are_fallback_chains(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/policies", json={"model": "al/small", "steps": ["wi/echo"]})).status_code == 201
    assert (await client.get("/api/policies")).json() == (await client.get("/api/fallback/chains")).json()
    assert (await client.delete("/api/policies?model=al/small")).json()["deleted"]
    assert (await client.get("/api/policies")).json()["data"] == []


def row(number: int, **more: Any) -> LedgerRow:
    base: dict[str, Any] = {
        "id": number,
        "request_id": f"req_{number}",
        "attempt": 1,
        "started_at": 1_700_000_000.0 + number,
        "account_id": "acc_a",
        "provider": "alpha",
        "model": "small",
        "client_format": "openai_chat",
        "upstream_format": "openai_chat",
        "stream": True,
        "status": 200,
        "outcome": "ok",
        "cost_usd": 0.5,
    }
    return LedgerRow(**{**base, **more})


async def test_usage_by_account_and_by_provider(world: Any, client: httpx.AsyncClient) -> None:
    rows = [row(1), row(2, account_id="acc_b"), row(3, outcome="error", status=500, cost_usd=0.0)]
    await world.services.usage.insert_batch(rows)
    for path, expected in (("acc_a", ["req_3", "req_1"]), ("logs", ["req_3", "req_2", "req_1"])):
        found = (await client.get(f"/api/usage/{path}")).json()["data"]
        assert [one["request_id"] for one in found] == expected
    (told,) = (await client.get("/api/provider-metrics")).json()["data"]
    assert (told["provider"], told["attempts"], told["errors"], told["breaker"]) == ("alpha", 3, 1, "closed")
    assert told["success_rate"] == pytest.approx(2 / 3)
    assert told["cost_usd"] == pytest.approx(1.0)


async def test_the_cache(world: Any, client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/cache")).json() == {"answers": 0, "bytes": 0, "replayed": 0}
    assert (await client.delete("/api/cache")).json() == {"removed": 0}
    assert [entry.action for entry in await world.services.audit.list()] == ["cache.clear"]


async def test_latencies(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/telemetry/summary")).json() == {"data": [], "next_cursor": None}


async def test_a_model_that_cools_down_is_made_available(world: Any, client: httpx.AsyncClient) -> None:
    account = (await client.post("/api/providers", json={"provider": "alpha", "name": "One", "api_key": "k-123456"})).json()
    snapshot, health = world.services.snapshot(), world.services.health
    target = resolve(snapshot, "al/small").targets[0]
    mine: Account = snapshot.accounts["alpha"][0]
    fault = Fault("slow down", kind="rate_limit", scope=Scope.MODEL, verdict=Verdict.NEXT_ACCOUNT, retry_after=600)
    health.failed(target, mine, fault, world.clock.now())
    (told,) = (await client.get("/api/models/availability")).json()["data"]
    assert (told["provider"], told["model"], told["account"]) == ("alpha", "small", account["name"])
    freed = await client.post("/api/models/availability", json={"provider": "al", "model": "small"})
    assert freed.json() == {"provider": "alpha", "model": "small", "unlocked": 1}
    assert (await client.get("/api/models/availability")).json()["data"] == []
    assert (await client.post("/api/models/availability", json={"provider": "x", "model": "y"})).status_code == 400


async def test_a_credential_is_tried_and_not_kept(world: Any, client: httpx.AsyncClient) -> None:
    world.tests["tried"] = services.TestResult(ok=False, status=401, message="refused", first_token_ms=None, model="small")
    answer = await client.post("/api/providers/validate", json={"provider": "al", "api_key": " k-123456 "})
    assert answer.json() == {"ok": False, "status": 401, "message": "refused", "first_token_ms": None, "model": "small"}
    assert world.tried == [("alpha", "k-123456", {})]
    assert [account["provider"] for account in (await client.get("/api/providers")).json()["data"]] == ["within"]
    (entry,) = await world.services.audit.list()
    assert (entry.action, entry.target) == ("credential.try", "alpha")
    assert "k-123456" not in str(entry.detail)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"provider": "nobody", "api_key": "k"}, "provider"),
        ({"provider": "alpha", "api_key": ""}, "api_key"),
        ({"provider": "regional", "api_key": "k-1"}, "url_vars"),
    ],
)
async def test_a_credential_that_cannot_be_tried(client: httpx.AsyncClient, given: dict[str, Any], param: str) -> None:
    answer = await client.post("/api/providers/validate", json=given)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
