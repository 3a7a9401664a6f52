"""Accounts: connected, tested, changed, removed; their credentials never come back."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from omniroute.admin import services

SECRET = "sk-alpha-0123456789abcdef"


async def connect(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await client.post("/api/providers", json={"provider": "al", "api_key": SECRET, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_the_life_of_an_account(world: Any, client: httpx.AsyncClient) -> None:
    made = await connect(client, name="work", priority=5)
    assert {
        k: made[k] for k in ("provider", "provider_name", "prefix", "name", "source", "state", "priority", "enabled", "read_only")
    } == {
        "provider": "alpha",
        "provider_name": "Alpha",
        "prefix": "al",
        "name": "work",
        "source": "database",
        "state": "connected",
        "priority": 5,
        "enabled": True,
        "read_only": False,
    }
    assert made["secret_hint"] == "sk-alpha…cdef"
    account = world.services.snapshot().accounts["alpha"][0]
    assert account.secret.reveal() == SECRET

    path = f"/api/providers/{made['id']}"
    assert (await client.put(path, json={"enabled": False})).json()["state"] == "disabled"
    assert "alpha" not in world.services.snapshot().accounts
    assert (await client.put(path, json={"enabled": True, "api_key": SECRET + "2", "name": "job"})).json()["name"] == "job"
    assert world.services.snapshot().accounts["alpha"][0].secret.reveal() == SECRET + "2"
    assert [m["id"] for m in (await client.get(path + "/models")).json()["data"]] == ["al/small", "al/draw"]
    assert (await client.delete(path)).json() == {"id": made["id"], "deleted": True}
    assert (await client.get(path)).status_code == 404
    log = (await client.get("/api/compliance/audit-log")).text
    assert SECRET not in log
    assert log.count("account.") == 4


async def test_no_answer_holds_a_credential(world: Any, client: httpx.AsyncClient) -> None:
    made = await connect(client)
    world.tests[made["id"]] = services.TestResult(True, 200, "fine", 12.0, "small")
    for method, path in (
        ("GET", "/api/providers"),
        ("GET", f"/api/providers/{made['id']}"),
        ("PUT", f"/api/providers/{made['id']}"),
        ("POST", f"/api/providers/{made['id']}/test"),
        ("GET", "/api/providers/catalogue"),
        ("GET", "/api/monitoring/health"),
        ("GET", "/api/settings"),
        ("GET", "/api/compliance/audit-log"),
    ):
        answer = await client.request(method, path, json={} if method != "GET" else None)
        assert answer.status_code == 200, path
        assert SECRET not in answer.text, path


async def test_default_names_do_not_collide(client: httpx.AsyncClient) -> None:
    assert [(await connect(client))["name"] for _ in range(3)] == ["Alpha", "Alpha 2", "Alpha 3"]
    answer = await client.post("/api/providers", json={"provider": "alpha", "api_key": SECRET, "name": "Alpha"})
    assert answer.status_code == 409


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({}, 400, "provider"),
        ({"provider": "alpa", "api_key": SECRET}, 400, "provider"),
        ({"provider": "alpha"}, 400, "api_key"),
        ({"provider": "alpha", "api_key": "  "}, 400, "api_key"),
        ({"provider": "alpha", "api_key": "a\nb"}, 400, "api_key"),
        ({"provider": "alpha", "api_key": SECRET, "secret": "x"}, 400, "secret"),
        ({"provider": "alpha", "api_key": SECRET, "priority": "high"}, 400, "priority"),
        ({"provider": "alpha", "api_key": SECRET, "url_vars": {"region": "x"}}, 400, "url_vars"),
        ({"provider": "regional", "api_key": SECRET}, 400, "url_vars"),
        ({"provider": "regional", "api_key": SECRET, "url_vars": {"region": "x/../@evil.example"}}, 400, "url_vars"),
        ({"provider": "future", "api_key": SECRET}, 409, "provider"),
    ],
)
async def test_what_cannot_be_connected(
    world: Any, client: httpx.AsyncClient, body: dict[str, Any], status: int, param: str
) -> None:
    answer = await client.post("/api/providers", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)
    assert await world.services.accounts.list() == []


async def test_a_misspelt_provider_is_suggested(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/providers", json={"provider": "alpa", "api_key": SECRET})
    assert "did you mean 'alpha'" in answer.json()["error"]["message"]


async def test_a_stored_key_does_not_travel_to_another_url(world: Any, client: httpx.AsyncClient) -> None:
    made = (await client.post("/api/providers", json={"provider": "rg", "api_key": SECRET, "url_vars": {"region": "eu"}})).json()
    path = f"/api/providers/{made['id']}"
    refused = await client.put(path, json={"url_vars": {"region": "evil"}})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "credential_required")
    assert world.services.snapshot().accounts["regional"][0].url_vars == {"region": "eu"}
    same = await client.put(path, json={"url_vars": {"region": "eu"}, "name": "x"})
    assert same.status_code == 200
    assert (await client.put(path, json={"url_vars": {"region": "us"}, "api_key": SECRET})).status_code == 200
    assert (await client.put(path, json={"api_key": None})).status_code == 400


async def test_a_live_test_is_remembered(world: Any, client: httpx.AsyncClient) -> None:
    made = await connect(client)
    path = f"/api/providers/{made['id']}"
    world.tests[made["id"]] = services.TestResult(False, 401, "the key was refused", None, "small")
    result = await client.post(path + "/test")
    assert result.json() == {
        "id": made["id"],
        "ok": False,
        "status": 401,
        "message": "the key was refused",
        "first_token_ms": None,
        "model": "small",
    }
    after = (await client.get(path)).json()
    assert (after["state"], after["last_error"], after["last_test_at"]) == ("failing", "the key was refused", world.clock.now())
    world.tests[made["id"]] = services.TestResult(True, 200, "", 31.5, "small")
    assert (await client.post(path + "/test")).json()["ok"]
    assert (await client.get(path)).json()["state"] == "connected"
    assert (await client.post("/api/providers/none/test")).status_code == 404


async def test_what_environment_file_and_product_manage_is_read_only(opened: Any) -> None:
    nodes = {"lab": {"format": "openai_chat", "base_url": "http://127.0.0.1:9/v1"}}
    async with opened(environ={"ALPHA_API_KEY": SECRET}, file={"nodes": nodes}) as world, world.client() as client:
        accounts = {a["source"]: a for a in (await client.get("/api/providers")).json()["data"]}
        assert set(accounts) == {"environment", "file", "builtin"}
        assert accounts["environment"]["secret_hint"] == "sk-alpha…cdef"
        assert all(a["read_only"] for a in accounts.values())
        for source, account in accounts.items():
            assert (await client.get(f"/api/providers/{account['id']}")).json() == account
            assert (await client.get(f"/api/providers/{account['id']}/models")).status_code == 200
            for method in ("PUT", "DELETE"):
                answer = await client.request(method, f"/api/providers/{account['id']}", json={})
                assert (answer.status_code, answer.json()["error"]["code"]) == (409, "managed_elsewhere"), source
        assert "/etc/omniroute.toml" in (await client.delete(f"/api/providers/{accounts['file']['id']}")).text
        world.tests[accounts["environment"]["id"]] = services.TestResult(True, 200, "", 5.0, "small")
        assert (await client.post(f"/api/providers/{accounts['environment']['id']}/test")).json()["ok"]


async def test_the_catalogue_says_what_connecting_takes(client: httpx.AsyncClient) -> None:
    await connect(client)
    catalogue = {p["id"]: p for p in (await client.get("/api/providers/catalogue")).json()["data"]}
    assert {name: p["state"] for name, p in catalogue.items()} == {
        "alpha": "connected",
        "regional": "not connected",
        "future": "not supported",
        "within": "connected",
    }
    assert catalogue["future"]["tier"] == "subscription"
    assert (catalogue["alpha"]["needs_key"], catalogue["within"]["needs_key"]) == (True, False)
    assert catalogue["regional"]["url_vars"] == ["region"]
    one = (await client.get("/api/providers/catalogue/al")).json()
    assert [m["id"] for m in one["model_list"]] == ["al/small", "al/draw"]
    assert (await client.get("/api/providers/catalogue/nobody")).status_code == 404
