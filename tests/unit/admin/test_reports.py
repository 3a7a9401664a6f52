"""Usage, audit log, models, health, shutdown."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from omniroute.core.ledger import LedgerRow


def row(number: int, **more: Any) -> LedgerRow:
    base: dict[str, Any] = {
        "id": number + 1,
        "request_id": f"req_{number}",
        "attempt": 1,
        "started_at": 1_700_000_000.0 + number,
        "provider": "alpha",
        "model": "small",
        "client_format": "openai_chat",
        "upstream_format": "openai_chat",
        "stream": True,
        "status": 200,
        "outcome": "ok",
        "input_tokens": 10,
        "output_tokens": 2,
        "cost_usd": 0.5,
    }
    return LedgerRow(**{**base, **more})


async def test_history_comes_in_pages(world: Any, client: httpx.AsyncClient) -> None:
    await world.services.usage.insert_batch([row(n) for n in range(5)])
    seen: list[str] = []
    cursor: str | None = None
    for size in (2, 2, 1):
        page = (await client.get("/api/usage/history", params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        assert len(page["data"]) == size
        seen += [r["request_id"] for r in page["data"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert seen == [f"req_{n}" for n in (4, 3, 2, 1, 0)]


async def test_history_is_filtered(world: Any, client: httpx.AsyncClient) -> None:
    await world.services.usage.insert_batch([row(1), row(2, provider="beta", status=500, outcome="error")])
    for params in ({"provider": "beta"}, {"status": 500}, {"outcome": "error"}, {"since": 1_700_000_002}):
        assert [r["request_id"] for r in (await client.get("/api/usage/history", params=params)).json()["data"]] == ["req_2"]


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 0},
        {"limit": "x"},
        {"limit": 1001},
        {"limit": "9" * 5000},
        {"cursor": "x"},
        {"colour": "red"},
        {"since": "now"},
        {"status": "bad"},
    ],
)
async def test_wrong_questions_are_400(client: httpx.AsyncClient, params: dict[str, Any]) -> None:
    answer = await client.get("/api/usage/history", params=params)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, next(iter(params)))


async def test_totals(world: Any, client: httpx.AsyncClient) -> None:
    await world.services.usage.insert_batch([row(1), row(2), row(3, provider="beta")])
    (everything,) = (await client.get("/api/usage/totals")).json()["data"]
    assert (everything["requests"], everything["input_tokens"], everything["cost_usd"]) == (3, 30, 1.5)
    groups = (await client.get("/api/usage/totals?group_by=provider")).json()["data"]
    assert [(g["group"], g["requests"]) for g in groups] == [("alpha", 2), ("beta", 1)]
    assert (await client.get("/api/usage/totals?group_by=colour")).status_code == 400


async def test_the_audit_log_comes_in_pages(client: httpx.AsyncClient) -> None:
    for name in "abc":
        await client.post("/api/keys", json={"name": name})
    first = (await client.get("/api/compliance/audit-log?limit=2")).json()
    rest = (await client.get("/api/compliance/audit-log", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [r["detail"]["name"] for r in first["data"] + rest["data"]] == ["c", "b", "a"]
    assert rest["next_cursor"] is None
    assert first["data"][0]["detail"]["address"] == "127.0.0.1"


async def test_the_model_catalogue(client: httpx.AsyncClient) -> None:
    assert [m["id"] for m in (await client.get("/api/models/catalog")).json()["data"]] == ["wi/echo"]
    everything = (await client.get("/api/models/catalog?all=true")).json()["data"]
    assert [(m["id"], m["kind"], m["connected"]) for m in everything] == [
        ("al/small", "chat", False),
        ("al/draw", "images", False),
        ("wi/echo", "chat", True),
    ]
    assert everything[0]["context"] == 8000
    narrowed = (await client.get("/api/models/catalog?all=true&provider=al&kind=chat")).json()["data"]
    assert [m["id"] for m in narrowed] == ["al/small"]
    assert (await client.get("/api/models/catalog?provider=nobody")).status_code == 400
    assert (await client.get("/api/models/catalog?all=maybe")).status_code == 400


async def test_health_counts_what_is_there(world: Any, client: httpx.AsyncClient) -> None:
    await client.post("/api/keys", json={"name": "x"})
    health = (await client.get("/api/monitoring/health")).json()
    assert health["providers"] == {"known": 4, "connected": 1}
    assert (health["keys"], health["accounts"], health["password_set"], health["uptime_seconds"]) == (1, 1, False, 1.5)


async def test_shutdown_is_asked_for_once_and_recorded(world: Any, client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/shutdown")
    assert (answer.status_code, answer.json()) == (202, {"stopping": True})
    assert world.shutdowns == 1
    assert [r.action for r in await world.services.audit.list()] == ["server.shutdown"]


async def test_the_metrics_page_is_text_in_the_format_asked_for_and_not_for_strangers(
    world: Any, client: httpx.AsyncClient
) -> None:
    answer = await client.get("/metrics", headers={"accept": "plain"})
    assert (answer.status_code, answer.headers["content-type"], answer.text) == (200, "text/plain", "up 1\n")
    assert (await client.get("/metrics", headers={"authorization": "Bearer wrong"})).status_code == 401
