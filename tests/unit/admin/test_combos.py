"""Combos, aliases, fallback chains and the preview over the admin API."""

from __future__ import annotations

from typing import Any

import httpx
import pytest


@pytest.fixture
async def connected(client: httpx.AsyncClient) -> httpx.AsyncClient:
    answer = await client.post("/api/providers", json={"provider": "al", "api_key": "sk-0123456789abcdef"})
    assert answer.status_code == 201
    return client


async def test_a_combo_is_made_changed_shown_and_removed(connected: httpx.AsyncClient) -> None:
    made = await connected.post("/api/combos", json={"name": "main/x", "steps": ["al/small", {"model": "wi/echo", "timeout": 5}]})
    assert made.status_code == 201
    combo = made.json()
    assert [step.get("model") for step in combo["steps"]] == ["al/small", "wi/echo"]
    by_name = await connected.get("/api/combos/main%2Fx")
    assert by_name.json() == combo
    changed = await connected.patch(f"/api/combos/{combo['id']}", json={"strategy": "round-robin", "options": {"sticky": 2}})
    assert changed.json()["options"] == {"sticky": 2}
    assert changed.json()["steps"] == combo["steps"]
    listed = (await connected.get("/api/combos")).json()["data"]
    assert [(c["name"], c["source"]) for c in listed] == [
        ("main/x", "stored"),
        ("auto", "builtin"),
        ("auto/cheap", "builtin"),
        ("auto/fast", "builtin"),
        ("auto/free", "builtin"),
    ]
    assert (await connected.delete(f"/api/combos/{combo['id']}")).status_code == 200
    assert (await connected.get(f"/api/combos/{combo['id']}")).status_code == 404


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"name": "a", "steps": []}, "steps"),
        ({"name": "a", "steps": [{"combo": "b"}]}, "steps.0"),
        ({"name": "a", "steps": ["x/y"], "strategy": "nope"}, "strategy"),
        ({"name": "a", "steps": ["x/y"], "strategy": "auto", "options": {"prefer": 3}}, "options.prefer"),
        ({"name": "auto", "steps": ["x/y"]}, None),
        ({"name": "a b", "steps": ["x/y"]}, "name"),
        ({"name": "a", "steps": ["x/y"], "more": 1}, "more"),
    ],
)
async def test_what_is_wrong_is_named(client: httpx.AsyncClient, body: dict[str, Any], param: str | None) -> None:
    answer = await client.post("/api/combos", json=body)
    assert answer.status_code in (400, 409)
    if param is not None:
        assert answer.json()["error"]["param"] == param


async def test_combos_cannot_be_tied_into_a_knot(client: httpx.AsyncClient) -> None:
    first = (await client.post("/api/combos", json={"name": "a", "steps": ["wi/echo"]})).json()
    assert (await client.post("/api/combos", json={"name": "b", "steps": ["a"]})).status_code == 201
    tied = await client.patch(f"/api/combos/{first['id']}", json={"steps": ["b"]})
    assert tied.status_code == 400
    assert "comes back to itself" in tied.json()["error"]["message"]
    used = await client.delete(f"/api/combos/{first['id']}")
    assert used.status_code == 409
    assert "combo b" in used.json()["error"]["message"]


async def test_built_in_combos_cannot_be_changed(client: httpx.AsyncClient) -> None:
    assert (await client.patch("/api/combos/auto", json={"steps": ["wi/echo"]})).status_code == 409
    assert (await client.delete("/api/combos/auto")).status_code == 409


async def test_aliases(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/aliases", json={"alias": "gpt-*", "target": "wi/echo"})).status_code == 201
    assert (await client.post("/api/aliases", json={"alias": "gpt-4*", "target": "zz/none"})).status_code == 201
    assert (await client.post("/api/models/alias", json={"alias": "gpt-*", "target": "wi/other"})).status_code == 200
    listed = (await client.get("/api/aliases")).json()["data"]
    assert [(a["alias"], a["target"]) for a in listed] == [("gpt-4*", "zz/none"), ("gpt-*", "wi/other")]
    assert "no provider 'zz'" in listed[0]["problems"][0]
    assert (await client.delete("/api/aliases", params={"alias": "gpt-*"})).status_code == 200
    assert (await client.delete("/api/aliases", params={"alias": "gpt-*"})).status_code == 404
    assert (await client.post("/api/aliases", json={"alias": "x", "target": "x"})).status_code == 400


async def test_fallback_chains(client: httpx.AsyncClient) -> None:
    made = await client.post("/api/fallback/chains", json={"model": "*", "steps": ["wi/echo"]})
    assert made.status_code == 201
    assert [c["model"] for c in (await client.get("/api/fallback/chains")).json()["data"]] == ["*"]
    assert (await client.post("/api/fallback/chains", json={"model": "*", "steps": []})).status_code == 400
    assert (await client.delete("/api/fallback/chains", params={"model": "*"})).status_code == 200


async def test_strategies_draw_their_forms(client: httpx.AsyncClient) -> None:
    found = {s["name"]: s for s in (await client.get("/api/strategies")).json()["data"]}
    assert found["round-robin"]["fields"][0]["name"] == "sticky"
    assert found["auto"]["fields"][0]["choices"] == ["balanced", "fast", "cheap"]


async def test_the_preview_says_who_and_why(connected: httpx.AsyncClient) -> None:
    await connected.post("/api/combos", json={"name": "c", "steps": ["al/small", "fu/x", "wi/echo"]})
    found = (await connected.post("/api/routing/preview", json={"model": "c"})).json()
    assert found["decision"] == "combo c"
    assert [(row["state"], row["target"]) for row in found["rows"]] == [("next", "al/small"), ("then", "wi/echo")]
    assert found["left_out"] == [{"step": "fu/x", "reason": "Future is not connected"}]
    assert (await connected.post("/api/routing/preview", json={"model": "nothing"})).status_code == 404


async def test_tiers_strategies_and_model_limits_are_editable(connected: httpx.AsyncClient) -> None:
    changed = await connected.patch("/api/routing/providers/al", json={"tier": "cheap", "strategy": "round-robin"})
    assert (changed.json()["tier"], changed.json()["strategy"]) == ("cheap", "round-robin")
    account = changed.json()["accounts"][0]["id"]
    limited = await connected.patch(f"/api/routing/accounts/{account}", json={"tier": "free", "models": ["other"]})
    assert limited.json()["models"] == ["other"]
    found = (await connected.post("/api/routing/preview", json={"model": "al/small"})).json()
    assert [(row["state"], row["block"], row["tier"]) for row in found["rows"]] == [("blocked", "model_limit", "free")]
    back = await connected.patch("/api/routing/providers/al", json={"tier": None, "strategy": None})
    assert (back.json()["tier"], back.json()["strategy"]) == ("api_key", None)
    assert (await connected.patch("/api/routing/providers/al", json={"strategy": "nope"})).status_code == 400
