"""Nodes and custom models."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

LAB = {"prefix": "lab", "format": "openai_chat", "base_url": "http://127.0.0.1:9900/v1/"}
SECRET = "lab-secret-0123456789"


async def test_the_life_of_a_node(world: Any, client: httpx.AsyncClient) -> None:
    made = await client.post(
        "/api/provider-nodes",
        json={**LAB, "api_key": SECRET, "models": ["m1", "*"], "headers": {"x-team": "a-team-token-123456"}},
    )
    assert made.status_code == 201, made.text
    node = made.json()
    assert {
        k: node[k] for k in ("id", "prefix", "name", "base_url", "models", "has_secret", "source", "read_only", "resilience")
    } == {
        "id": "lab",
        "prefix": "lab",
        "name": "lab",
        "base_url": "http://127.0.0.1:9900/v1",
        "models": ["m1", "*"],
        "has_secret": True,
        "source": "database",
        "read_only": False,
        "resilience": True,
    }
    assert "a-team-token-123456" not in made.text
    provider = world.services.catalogue().by_prefix("lab")
    assert (provider.origin, provider.private, provider.passthrough_models) == ("database", True, True)
    assert world.services.snapshot().accounts["lab"][0].secret.reveal() == SECRET

    changed = await client.put(
        "/api/provider-nodes/lab", json={"name": "Laboratory", "resilience": False, "timeouts": {"first_token": 5}}
    )
    assert (changed.json()["name"], changed.json()["resilience"], changed.json()["timeouts"]) == (
        "Laboratory",
        False,
        {"first_token": 5.0},
    )
    assert (await client.get("/api/provider-nodes/lab")).json() == changed.json()

    await client.post("/api/provider-models", json={"provider": "lab", "model_id": "org/big", "context": 1000})
    assert (await client.delete("/api/provider-nodes/lab")).json() == {"id": "lab", "deleted": True}
    assert world.services.catalogue().by_prefix("lab") is None
    assert await world.services.accounts.list() == []
    assert await world.services.models.list() == []
    assert SECRET not in (await client.get("/api/compliance/audit-log")).text


async def test_a_node_without_a_key_is_connected_all_the_same(world: Any, client: httpx.AsyncClient) -> None:
    made = (await client.post("/api/provider-nodes", json=LAB)).json()
    assert not made["has_secret"]
    assert world.services.snapshot().connected(world.services.catalogue().by_prefix("lab"))
    assert (await client.put("/api/provider-nodes/lab", json={"api_key": SECRET})).json()["has_secret"]
    assert world.services.snapshot().accounts["lab"][0].secret.reveal() == SECRET
    assert not (await client.put("/api/provider-nodes/lab", json={"api_key": None})).json()["has_secret"]
    assert world.services.snapshot().connected(world.services.catalogue().by_prefix("lab"))


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"prefix": "al"}, 409, "prefix"),
        ({"prefix": "a/b"}, 400, "prefix"),
        ({"prefix": ""}, 400, "prefix"),
        ({"format": "telepathy"}, 400, "format"),
        ({"base_url": "ftp://x"}, 400, "base_url"),
        ({"base_url": "http://u:p@x/v1"}, 400, "base_url"),
        ({"base_url": "http://x/v1?key=1"}, 400, "base_url"),
        ({"base_url": "http://x/v1/chat/completions"}, 400, "base_url"),
        ({"headers": {"bad name": "x"}}, 400, "headers"),
        ({"headers": {"x-a": "a\r\nb: c"}}, 400, "headers"),
        ({"timeouts": {"total": -1}}, 400, "timeouts"),
        ({"timeouts": {"forever": 1}}, 400, "timeouts"),
        ({"tier": "royal"}, 400, "tier"),
        ({"models": "*"}, 400, "models"),
        ({"api_key": ""}, 400, "api_key"),
        ({"colour": "red"}, 400, "colour"),
    ],
)
async def test_what_is_wrong_with_a_node_is_named(
    world: Any, client: httpx.AsyncClient, change: dict[str, Any], status: int, param: str
) -> None:
    answer = await client.post("/api/provider-nodes", json={**LAB, **change})
    assert (answer.status_code, answer.json()["error"].get("param")) == (status, param), answer.text
    assert await world.services.nodes.list() == []
    assert await world.services.accounts.list() == []


async def test_a_second_node_of_one_prefix_is_409(client: httpx.AsyncClient) -> None:
    await client.post("/api/provider-nodes", json=LAB)
    assert (await client.post("/api/provider-nodes", json=LAB)).status_code == 409


@pytest.mark.parametrize("stored", ["api_key", "headers"])
async def test_stored_secrets_do_not_travel_to_another_url(world: Any, client: httpx.AsyncClient, stored: str) -> None:
    secret: dict[str, Any] = {"api_key": SECRET} if stored == "api_key" else {"headers": {"x-token": SECRET}}
    await client.post("/api/provider-nodes", json={**LAB, **secret})
    refused = await client.put("/api/provider-nodes/lab", json={"base_url": "http://evil.example/v1"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "credential_required")
    assert refused.json()["error"]["param"] == stored
    assert (await world.services.nodes.get("lab")).base_url == "http://127.0.0.1:9900/v1"
    moved = await client.put("/api/provider-nodes/lab", json={"base_url": "http://127.0.0.1:9901/v1", **secret})
    assert moved.json()["base_url"] == "http://127.0.0.1:9901/v1"
    assert (await client.put("/api/provider-nodes/lab", json={"base_url": "http://127.0.0.1:9901/v1/"})).status_code == 200


async def test_nodes_of_the_file_are_read_only(opened: Any) -> None:
    table = {"format": "anthropic", "base_url": "http://127.0.0.1:9", "models": ["m"], "timeouts": {"connect": 1}}
    async with opened(file={"nodes": {"lab": table}}) as world, world.client() as client:
        (node,) = (await client.get("/api/provider-nodes")).json()["data"]
        assert {k: node[k] for k in ("id", "source", "read_only", "models", "timeouts", "has_secret")} == {
            "id": "lab",
            "source": "file",
            "read_only": True,
            "models": ["m"],
            "timeouts": {"connect": 1.0},
            "has_secret": True,
        }
        assert (await client.get("/api/provider-nodes/lab")).json() == node
        for method in ("PUT", "DELETE"):
            answer = await client.request(method, "/api/provider-nodes/lab", json={})
            assert answer.status_code == 409
            assert "/etc/omniroute.toml" in answer.json()["error"]["message"]
        assert (await client.post("/api/provider-nodes", json=LAB)).status_code == 409


async def test_custom_models(world: Any, client: httpx.AsyncClient) -> None:
    body = {
        "provider": "al",
        "model_id": "org/new",
        "name": "New",
        "context": 1000,
        "tools": True,
        "price": {"input": 1.5, "output": 2},
    }
    made = await client.post("/api/provider-models", json=body)
    assert made.status_code == 201
    assert (made.json()["provider"], made.json()["price"]) == ("alpha", {"input": 1.5, "output": 2.0})
    model = world.services.catalogue().model("alpha", "org/new")
    assert (model.limits.context, model.capabilities.tools, model.price.input) == (1000, True, 1.5)
    assert [m["model_id"] for m in (await client.get("/api/provider-models?provider=alpha")).json()["data"]] == ["org/new"]
    assert (await client.delete("/api/provider-models", params={"provider": "al", "model_id": "org/new"})).json()["deleted"]
    assert (await client.delete("/api/provider-models", params={"provider": "al", "model_id": "org/new"})).status_code == 404


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"provider": "nobody", "model_id": "x"}, "provider"),
        ({"provider": "al"}, "model_id"),
        ({"provider": "al", "model_id": " "}, "model_id"),
        ({"provider": "al", "model_id": "x", "context": 0}, "context"),
        ({"provider": "al", "model_id": "x", "context": "many"}, "context"),
        ({"provider": "al", "model_id": "x", "price": {"input": -1}}, "price"),
    ],
)
async def test_a_wrong_custom_model_names_the_field(client: httpx.AsyncClient, body: dict[str, Any], param: str) -> None:
    answer = await client.post("/api/provider-models", json=body)
    assert (answer.status_code, answer.json()["error"].get("param")) == (400, param)


@pytest.mark.parametrize("params", [{}, {"provider": "al"}, {"model_id": "x"}])
async def test_deleting_needs_both_names(client: httpx.AsyncClient, params: dict[str, str]) -> None:
    assert (await client.delete("/api/provider-models", params=params)).status_code == 400


async def test_a_node_has_a_proxy_and_a_transport(world: Any, client: httpx.AsyncClient) -> None:
    node = {"prefix": "lab", "format": "openai_chat", "base_url": "http://127.0.0.1:1/v1"}
    made = await client.post("/api/provider-nodes", json={**node, "proxy": "me:hunter2@proxy.test:3128", "transport": "browser"})
    assert made.status_code == 201
    assert (made.json()["proxy"], made.json()["transport"]) == ("http://me:…@proxy.test:3128", "browser")
    provider = world.services.catalogue().by_id("lab")
    assert (provider.proxy, provider.carrier) == ("http://me:hunter2@proxy.test:3128", "browser")
    assert "hunter2" not in (await client.get("/api/provider-nodes")).text
    changed = await client.patch("/api/provider-nodes/lab", json={"transport": "standard", "proxy": "DIRECT"})
    assert (changed.json()["proxy"], changed.json()["transport"]) == ("direct", "standard")
    assert (await client.patch("/api/provider-nodes/lab", json={"proxy": None})).json()["proxy"] is None
    for wrong in ({"proxy": "ftp://x"}, {"transport": "pigeon"}):
        refused = await client.patch("/api/provider-nodes/lab", json=wrong)
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, next(iter(wrong)))
