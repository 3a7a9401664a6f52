"""API keys: shown once, limited, rotated, revoked."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

FILE_KEY = "sk-or-written-in-the-file"


async def test_the_life_of_a_key(world: Any, client: httpx.AsyncClient) -> None:
    made = await client.post("/api/keys", json={"name": "laptop", "models": ["al/*"], "providers": ["al"], "expires_in": 60})
    assert made.status_code == 201
    key = made.json()
    assert key["key"].startswith("sk-or-")
    assert key["hint"] == f"{key['key'][:10]}…{key['key'][-4:]}"
    assert (key["state"], key["models"], key["providers"]) == ("active", ["al/*"], ["al"])
    assert key["expires_at"] == world.clock.now() + 60
    assert [grant.id for grant in world.services.snapshot().keys.values()] == [key["id"]]

    one = (await client.get(f"/api/keys/{key['id']}")).json()
    assert "key" not in one
    assert key["key"] not in (await client.get("/api/keys")).text

    changed = await client.patch(f"/api/keys/{key['id']}", json={"name": "desk", "models": [], "expires_at": None})
    assert {k: changed.json()[k] for k in ("name", "models", "providers", "expires_at")} == {
        "name": "desk",
        "models": [],
        "providers": ["al"],
        "expires_at": None,
    }

    rotated = (await client.post(f"/api/keys/{key['id']}/rotate", json={})).json()
    assert rotated["id"] == key["id"]
    assert rotated["key"] != key["key"]

    gone = await client.delete(f"/api/keys/{key['id']}")
    assert gone.json()["state"] == "revoked"
    assert world.services.snapshot().keys == {}
    assert (await client.get("/api/keys")).json()["data"] == []
    assert [k["id"] for k in (await client.get("/api/keys?all=true")).json()["data"]] == [key["id"]]
    assert (await client.post(f"/api/keys/{key['id']}/rotate", json={})).status_code == 409
    assert (await client.put(f"/api/keys/{key['id']}", json={"name": "x"})).status_code == 409
    log = (await client.get("/api/compliance/audit-log")).json()["data"]
    assert [row["action"] for row in log] == ["key.revoke", "key.rotate", "key.update", "key.create"]
    assert {row["actor"] for row in log} == {"cli"}
    assert key["key"] not in str(log)


async def test_an_expired_key_says_so(world: Any, client: httpx.AsyncClient) -> None:
    await client.post("/api/keys", json={"name": "short", "expires_in": 60})
    world.clock.advance(61)
    assert (await client.get("/api/keys")).json()["data"][0]["state"] == "expired"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": 5}, "name"),
        ({"name": "x", "model": ["a"]}, "model"),
        ({"name": "x", "models": [""]}, "models"),
        ({"name": "x", "models": "al/*"}, "models"),
        ({"name": "x", "providers": ["nobody"]}, "providers"),
        ({"name": "x", "expires_in": -5}, "expires_at"),
        ({"name": "x", "expires_at": 5}, "expires_at"),
        ({"name": "x", "expires_at": 1e12, "expires_in": 5}, "expires_in"),
    ],
)
async def test_a_wrong_body_names_the_field(world: Any, client: httpx.AsyncClient, body: dict[str, Any], param: str) -> None:
    answer = await client.post("/api/keys", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert await world.services.keys.list() == []


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b"null", b'{"name":"a"}{}', b'{"name":"\\ud800"}'])
async def test_bad_json_is_400(client: httpx.AsyncClient, content: bytes) -> None:
    answer = await client.post("/api/keys", content=content, headers={"content-type": "application/json; charset=utf-8"})
    assert answer.status_code == 400


async def test_unknown_keys_are_404(client: httpx.AsyncClient) -> None:
    for method, path in (
        ("GET", "/api/keys/no"),
        ("PUT", "/api/keys/no"),
        ("DELETE", "/api/keys/no"),
        ("POST", "/api/keys/no/rotate"),
    ):
        assert (await client.request(method, path, json={})).status_code == 404, path


async def test_keys_of_the_file_are_shown_and_left_alone(opened: Any) -> None:
    async with opened(file={"keys": {"desk": FILE_KEY}}) as world, world.client() as client:
        (key,) = (await client.get("/api/keys")).json()["data"]
        assert (key["name"], key["source"], key["read_only"], key["hint"]) == ("desk", "file", True, None)
        assert (await client.get(f"/api/keys/{key['id']}")).json() == key
        for method, path in (("DELETE", ""), ("PUT", ""), ("POST", "/rotate")):
            answer = await client.request(method, f"/api/keys/{key['id']}{path}", json={})
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "managed_elsewhere")
            assert "/etc/omniroute.toml" in answer.json()["error"]["message"]


async def test_limits_are_in_force_at_once_and_can_be_removed(world: Any, client: httpx.AsyncClient) -> None:
    limits = {"combos": ["night"], "rpm": 30, "streams": 2, "system_prompt": "Be brief.", "system_prompt_position": "replace"}
    made = (await client.post("/api/keys", json={"name": "k", **limits, "proxy": "me:hunter2@proxy.test:3128"})).json()
    assert {name: made[name] for name in limits} == limits
    assert made["proxy"] == "http://me:…@proxy.test:3128"
    (grant,) = world.services.snapshot().keys.values()
    assert (grant.combos, grant.rpm, grant.streams, grant.system_prompt) == (("night",), 30, 2, "Be brief.")
    assert grant.proxy.reveal() == "http://me:hunter2@proxy.test:3128"
    for path in ("/api/keys", f"/api/keys/{made['id']}", "/api/compliance/audit-log"):
        assert "hunter2" not in (await client.get(path)).text
    changed = await client.patch(f"/api/keys/{made['id']}", json={"rpm": None, "proxy": None, "expires_in": 60})
    assert {name: changed.json()[name] for name in ("rpm", "proxy", "streams")} == {"rpm": None, "proxy": None, "streams": 2}
    assert changed.json()["expires_at"] == world.clock.now() + 60


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"rpm": 0}, "rpm"),
        ({"streams": -3}, "streams"),
        ({"combos": [" "]}, "combos"),
        ({"proxy": "ftp://proxy.test"}, "proxy"),
        ({"system_prompt_position": "beside"}, "system_prompt_position"),
        ({"expires_at": 9e9, "expires_in": 5}, "expires_in"),
    ],
)
async def test_limits_that_are_none_are_refused(client: httpx.AsyncClient, body: dict[str, Any], param: str) -> None:
    key = (await client.post("/api/keys", json={"name": "k"})).json()
    for answer in (
        await client.post("/api/keys", json={"name": "other", **body}),
        await client.patch(f"/api/keys/{key['id']}", json=body),
    ):
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == param
