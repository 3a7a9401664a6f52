"""Bad input, keys, model lists and the small routes, as a stranger meets them."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from running.fixtures import Start, nodes
from upstream.server import ScriptedUpstream

PATHS = ["/v1/chat/completions", "/v1/messages"]
GOOD: dict[str, Any] = {"model": "demo/echo", "max_tokens": 50, "messages": [{"role": "user", "content": "good morning"}]}


def error_of(path: str, answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    value = answer.json()
    if path.startswith("/v1/messages"):
        assert value["type"] == "error"
    return value["error"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 400, "empty"),
        (b"{", 400, "JSON"),
        (b"[1]", 400, "object"),
        (b'{"messages":[]}', 400, "model"),
        (b'{"model":7,"messages":[]}', 400, "model"),
        (b'{"model":"demo/echo","stream":"yes","messages":[]}', 400, "stream"),
        (b'{"model":"demo/echo","messages":"hello"}', 400, "messages"),
        (b'{"model":"demo/ecoh","messages":[{"role":"user","content":"x"}]}', 404, "demo/echo"),
        (b'{"model":"no-such-thing-at-all","messages":[]}', 404, "no-such-thing-at-all"),
        (b'{"model":"demo/echo","messages":[{"role":"user","content":"\xff"}]}', 400, "UTF-8"),
    ],
)
async def test_bad_bodies(start: Start, path: str, content: bytes, status: int, words: str) -> None:
    server = await start()
    answer = await server.http.post(path, content=content, headers={"content-type": "application/json"})
    assert words in error_of(path, answer, status)["message"]


async def test_unknown_roles_are_named_when_translating(start: Start) -> None:
    server = await start()
    answer = await server.http.post("/v1/messages", json={**GOOD, "messages": [{"role": "wizard", "content": "x"}]})
    assert "messages[0]" in error_of("/v1/messages", answer, 400)["message"]


@pytest.mark.parametrize("path", PATHS)
async def test_other_refusals(start: Start, path: str) -> None:
    server = await start(OMNIROUTE_MAX_BODY_SIZE="2k")
    error_of(path, await server.http.post(path, content=b"x" * 3000, headers={"content-type": "application/json"}), 413)
    error_of(path, await server.http.post(path, content=b"<a/>", headers={"content-type": "text/xml"}), 415)
    error_of(path, await server.http.get(path), 405)
    error_of(f"{path}/nowhere", await server.http.post(f"{path}/nowhere", json=GOOD), 404)

    async def chunked() -> Any:
        for _ in range(4):
            yield b" " * 1000

    error_of(path, await server.http.post(path, content=chunked(), headers={"content-type": "application/json"}), 413)


async def test_oversized_heads_are_refused(start: Start) -> None:
    server = await start()
    answer = await server.http.get("/v1/models", headers={"x-padding": "p" * 70_000})
    assert answer.status_code == 431
    assert (await server.http.get("/healthz")).status_code == 200


async def test_unconnected_provider_says_how_to_connect(start: Start) -> None:
    server = await start()
    answer = await server.http.post("/v1/chat/completions", json={**GOOD, "model": "groq/llama-3.3-70b-versatile"})
    error = error_of("", answer, 404)
    assert "not connected" in error["message"]
    assert "GROQ_API_KEY" in error["message"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_demo_needs_nothing(start: Start, path: str, stream: bool) -> None:
    server = await start()
    answer = await server.http.post(path, json={**GOOD, "stream": stream})
    assert answer.status_code == 200
    assert "morning" in answer.text
    assert answer.headers["x-omniroute-provider"] == "demo"
    assert answer.headers["content-type"].startswith("text/event-stream" if stream else "application/json")
    limited = await server.http.post(path, json={**GOOD, "stream": stream, "model": "demo/error-429"})
    assert error_of(path, limited, 429)["type"] == "rate_limit_error"
    assert int(limited.headers["retry-after"]) >= 1


async def test_demo_can_be_switched_off(start: Start) -> None:
    server = await start(OMNIROUTE_DEMO="off")
    error_of("", await server.http.post("/v1/chat/completions", json=GOOD), 404)


async def test_request_id_is_kept_or_made(start: Start) -> None:
    server = await start()
    kept = await server.http.post("/v1/chat/completions", json=GOOD, headers={"x-request-id": "my-id-1"})
    assert kept.headers["x-request-id"] == "my-id-1"
    made = await server.http.get("/v1/models", headers={"x-request-id": "not usable " + "x" * 200})
    assert made.headers["x-request-id"].startswith("req_")


async def test_model_list(start: Start, scripted_upstream: ScriptedUpstream) -> None:
    extra = 'models = ["big", "small"]'
    server = await start(nodes(scripted_upstream, extra), GROQ_API_KEY="gsk_test")
    models = {m.id: m async for m in server.openai().models.list()}
    assert {"demo/echo", "oa/big", "oa/small", "an/big", "groq/llama-3.3-70b-versatile"} <= set(models)
    listed = (await server.http.get("/v1/models")).json()["data"]
    groq = next(m for m in listed if m["id"] == "groq/llama-3.3-70b-versatile")
    assert groq["owned_by"] == "groq"
    assert groq["context_length"] > 8000
    assert set(groq["capabilities"]) == {"tools", "vision", "reasoning"}
    assert not any(m["id"].startswith("cc/") for m in listed)
    one = await server.openai().models.retrieve("oa/big")
    assert one.owned_by == "oa"
    error_of("", await server.http.get("/v1/models/oa/never"), 404)
    anthropic_list = (await server.http.get("/v1/models?limit=1000", headers={"anthropic-version": "2023-06-01"})).json()
    assert anthropic_list["data"][0]["type"] == "model"
    assert anthropic_list["has_more"] is False


KEY_PLACES: list[tuple[str, dict[str, str], str]] = [
    ("bearer", {"authorization": "Bearer {key}"}, ""),
    ("x-api-key", {"x-api-key": "{key}"}, ""),
    ("x-goog-api-key", {"x-goog-api-key": "{key}"}, ""),
    ("query", {}, "?key={key}"),
]


@pytest.mark.parametrize(("headers", "query"), [(h, q) for _, h, q in KEY_PLACES], ids=[name for name, _, _ in KEY_PLACES])
async def test_keys_are_taken_from_every_place(start: Start, headers: dict[str, str], query: str) -> None:
    server = await start(REQUIRE_API_KEY="true")
    _, key = await server.app.installation.keys.create("laptop")
    await server.app.installation.reload()

    async def ask(key: str) -> httpx.Response:
        return await server.http.post(
            "/v1/chat/completions" + query.format(key=key), json=GOOD, headers={k: v.format(key=key) for k, v in headers.items()}
        )

    assert (await ask(key)).status_code == 200
    assert (await ask("sk-or-" + "0" * 40)).status_code == 401
    assert (await ask("placeholder")).status_code == 401
    (row,) = await server.usage()
    assert row.key_id is not None


async def test_optional_keys_still_refuse_a_revoked_one(start: Start) -> None:
    server = await start()
    created, key = await server.app.installation.keys.create("old")
    await server.app.installation.keys.revoke(created.id)
    await server.app.installation.reload()
    answer = await server.http.post("/v1/messages", json=GOOD, headers={"x-api-key": key})
    assert error_of("/v1/messages", answer, 401)["type"] == "authentication_error"
    assert (await server.http.post("/v1/messages", json=GOOD, headers={"x-api-key": "anything"})).status_code == 200


async def test_keys_can_be_limited(start: Start) -> None:
    server = await start(REQUIRE_API_KEY="true")
    _, models = await server.app.installation.keys.create("models", models=("demo/e*",))
    _, providers = await server.app.installation.keys.create("providers", providers=("groq",))
    await server.app.installation.reload()

    async def ask(key: str, model: str) -> int:
        answer = await server.http.post(
            "/v1/chat/completions", json={**GOOD, "model": model}, headers={"authorization": f"Bearer {key}"}
        )
        return answer.status_code

    assert await ask(models, "demo/echo") == 200
    assert await ask(models, "demo/slow") == 403
    assert await ask(providers, "demo/echo") == 403
    listed = (await server.http.get("/v1/models", headers={"authorization": f"Bearer {models}"})).json()["data"]
    assert [m["id"] for m in listed] == ["demo/echo", "demo/error-429"]


async def test_health_and_drain(start: Start) -> None:
    server = await start(REQUIRE_API_KEY="true")
    assert (await server.http.get("/healthz")).json() == {"status": "ok"}
    assert (await server.http.get("/readyz")).status_code == 200
    assert (await server.http.head("/api/hello")).status_code == 200
    server.app.drain()
    assert (await server.http.get("/readyz")).status_code == 503
    assert (await server.http.get("/healthz")).status_code == 200


async def test_cors_is_off_unless_configured(start: Start) -> None:
    server = await start()
    closed = await server.http.options(
        "/v1/models", headers={"origin": "https://app.example", "access-control-request-method": "GET"}
    )
    assert "access-control-allow-origin" not in closed.headers


async def test_cors_for_configured_origins(start: Start) -> None:
    server = await start(CORS_ORIGINS="https://app.example")
    asked = {"origin": "https://app.example", "access-control-request-method": "POST"}
    allowed = await server.http.options("/v1/chat/completions", headers=asked)
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    other = await server.http.post("/v1/chat/completions", json=GOOD, headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "none"}, 200),
        ({"host": "rebound.example"}, 403),
        ({"host": "rebound.example:20128"}, 403),
        ({"host": "localhost:1"}, 200),
        ({"host": "[::1]:20128"}, 200),
        ({"host": "app.localhost"}, 200),
        ({"origin": "http://localhost:7", "host": "localhost:7"}, 200),
        ({"origin": "http://localhost:8", "host": "localhost:7"}, 403),
    ],
)
async def test_web_pages_are_not_this_machine(start: Start, headers: dict[str, str], status: int) -> None:
    """Without a key only programs of this machine are served: a page in the browser could otherwise spend the accounts."""
    server = await start()
    answer = await server.http.post("/v1/chat/completions", json=GOOD, headers=headers)
    assert answer.status_code == status, answer.text
    form = {**headers, "content-type": "application/x-www-form-urlencoded"}
    assert (await server.http.post("/v1/chat/completions", content=json.dumps(GOOD), headers=form)).status_code == status


async def test_a_key_opens_the_door_for_web_pages_too(start: Start) -> None:
    server = await start()
    _, key = await server.app.installation.keys.create("page")
    await server.app.installation.reload()
    headers = {"origin": "https://app.example", "host": "rebound.example", "authorization": f"Bearer {key}"}
    assert (await server.http.post("/v1/chat/completions", json=GOOD, headers=headers)).status_code == 200


async def test_websockets_are_refused_with_426(start: Start) -> None:
    """Codex tries one first and falls back to HTTP at once on this status only."""
    server = await start()
    upgrade = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13", "sec-websocket-key": "eA=="}
    answer = await server.http.get("/v1/responses", headers=upgrade)
    assert answer.status_code == 426
    assert (await server.http.get("/v1/responses")).status_code == 405
