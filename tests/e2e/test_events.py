"""The event stream over a real socket, beside real requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from running.fixtures import Server, Start
from upstream.server import ScriptedUpstream

pytestmark = pytest.mark.e2e
PASSWORD = "correct horse battery"


async def frames(answer: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    kind = ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield kind, json.loads(line.removeprefix("data: "))


async def gone(server: Server) -> None:
    """Returns when nobody listens any more."""
    async with asyncio.timeout(10):
        while len(server.app.services.events):  # noqa: ASYNC110 - the server has no event for its last listener
            await asyncio.sleep(0)


def chat(text: str = "Hello") -> dict[str, Any]:
    return {"model": "oa/one", "messages": [{"role": "user", "content": text}]}


async def test_a_request_is_told_with_its_row(server: Server, scripted_upstream: ScriptedUpstream) -> None:
    token = {"authorization": f"Bearer {server.app.services.admin_token}"}
    async with server.http.stream("GET", "/api/events", headers=token) as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        stream = frames(answer)
        first = {kind for kind, _ in [await anext(stream) for _ in range(3)]}
        assert first == {"in_flight", "health", "quotas"}
        told = await server.http.post("/v1/chat/completions", json=chat())
        async with asyncio.timeout(10):
            data = await anext(told_of async for kind, told_of in stream if kind == "usage")
        assert [row["request_id"] for row in data["rows"]] == [told.headers["x-request-id"]]
        assert (data["rows"][0]["outcome"], data["rows"][0]["input_tokens"]) == ("ok", 11)
        (stored,) = (await server.http.get("/api/usage/history", headers=token)).json()["data"]
        assert stored == data["rows"][0]
    await gone(server)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer oat-wrong"}, 401),
        ({"host": "attacker.example"}, 403),
    ],
)
async def test_strangers_hear_nothing(server: Server, headers: dict[str, str], status: int) -> None:
    assert (await server.http.get("/api/events", headers=headers)).status_code == status
    assert len(server.app.services.events) == 0


async def test_an_orderly_stop_does_not_wait_for_listeners(start: Start) -> None:
    server = await start(None, INITIAL_PASSWORD=PASSWORD)
    await server.http.post("/api/auth/login", json={"password": PASSWORD})
    async with server.http.stream("GET", "/api/events") as answer:
        stream = frames(answer)
        await anext(stream)
        server.app.drain()
        assert {kind async for kind, _ in stream} <= {"in_flight", "health", "quotas"}
    refused = await server.http.get("/api/events")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "service_unavailable")
