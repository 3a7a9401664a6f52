"""Nobody gets in without a credential, whatever the spelling of the path, the host or the origin."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from omniroute.admin.resources import ROUTES

CLOSED = [(route.method, re.sub(r"\{\w+\}", "x", route.path)) for route in ROUTES if not route.public]
IDS = [f"{method} {path}" for method, path in CLOSED]


def spellings(path: str) -> list[str]:
    segments = path.strip("/").split("/")
    return [
        path,
        path + "/",
        path.upper(),
        path.title(),
        "/api//" + "/".join(segments[1:]),
        path + "?x=1",
        path + "//",
        path.replace("api", "%61pi", 1),
        "/api/" + "/".join(f"%{ord(part[0]):02x}{part[1:]}" for part in segments[1:]),
        "/api/%2e%2e/" + "/".join(segments),
        "/api/../" + "/".join(segments),
        "//" + path.lstrip("/"),
        path + "%2f",
        path + ";x",
        path + "%00",
    ]


@pytest.mark.parametrize(("method", "path"), CLOSED, ids=IDS)
@pytest.mark.parametrize("with_password", [False, True])
async def test_every_closed_route_refuses_strangers_in_every_spelling(
    world: Any, method: str, path: str, with_password: bool
) -> None:
    if with_password:
        await world.services.password.set("correct horse battery")
    async with world.client(token=False) as client:
        for spelling in spellings(path):
            request = client.build_request(method, "http://localhost:20128/", json={})
            request.url = httpx.URL("http://localhost:20128").copy_with(raw_path=spelling.encode())
            answer = await client.send(request)
            if answer.status_code == 404 and not spelling.lower().startswith("/api/"):
                continue  # not under /api at all
            assert answer.status_code == 401, spelling
            assert answer.json()["error"]["code"] == ("authentication_required" if with_password else "setup_required")
    assert world.shutdowns == 0
    assert await world.services.audit.list() == []


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nothing", "/api/keys/x/nothing/at/all"])
async def test_an_unknown_path_tells_strangers_nothing(world: Any, path: str) -> None:
    async with world.client(token=False) as stranger, world.client() as friend:
        assert (await stranger.get(path)).status_code == 401
        assert (await friend.get(path)).status_code == 404


async def test_a_wrong_method_is_405_for_those_who_may_know(world: Any) -> None:
    async with world.client(token=False) as stranger, world.client() as friend:
        assert (await stranger.patch("/api/shutdown")).status_code == 401
        answer = await friend.patch("/api/shutdown")
        assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")


async def test_each_normalised_spelling_reaches_the_same_route(client: httpx.AsyncClient) -> None:
    for path in ("/api/keys", "/API/KEYS", "/api/keys/", "/api//keys", "/api/%6beys"):
        assert (await client.get(path)).json() == {"data": [], "next_cursor": None}, path


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Basic b2F0OnR0",
        "bearer oat-" + "t" * 39,
        "Token oat-" + "t" * 40,
        "Bearer ümlaut",
    ],
)
async def test_a_wrong_token_is_refused(world: Any, authorization: str) -> None:
    async with world.client(token=False) as client:
        answer = await client.get("/api/keys", headers={b"authorization": authorization.encode("latin-1")})
    assert answer.status_code == 401


async def test_a_client_key_is_no_admin_token(world: Any, client: httpx.AsyncClient) -> None:
    key = (await client.post("/api/keys", json={"name": "x"})).json()["key"]
    async with world.client(token=False) as stranger:
        for headers in ({"authorization": f"Bearer {key}"}, {"x-api-key": key}):
            assert (await stranger.get("/api/keys", headers=headers)).status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:20128", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.7", ""]
)
async def test_a_foreign_host_name_is_refused_even_with_the_token(client: httpx.AsyncClient, host: str) -> None:
    for method, path in (("GET", "/api/init"), ("GET", "/api/keys"), ("POST", "/api/keys")):
        answer = await client.request(method, path, headers={"host": host})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "host_not_allowed")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:20128", "127.0.0.1:20128", "[::1]:20128", "127.8.8.8", "dash.localhost"]
)
async def test_loopback_names_are_ours(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/api/keys", headers={"host": host})).status_code == 200


async def test_a_public_bind_takes_addresses_and_its_base_url_only(opened: Any) -> None:
    async with opened(host="0.0.0.0", environ={"BASE_URL": "https://llm.company.example"}) as world, world.client() as client:
        for host, status in (
            ("192.168.1.5:20128", 200),
            ("[fd00::1]:20128", 200),
            ("llm.company.example", 200),
            ("evil.example", 403),
        ):
            assert (await client.get("/api/keys", headers={"host": host})).status_code == status, host
        same = {"host": "127.0.0.1:20128", "origin": "https://llm.company.example"}
        assert (await client.post("/api/keys", json={"name": "x"}, headers=same)).status_code == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:3000"},
        {"origin": "http://127.0.0.1:20128"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/api/keys", "/api/init", "/api/auth/login", "/api/shutdown"])
async def test_another_site_cannot_change_anything(world: Any, headers: dict[str, str], path: str) -> None:
    async with world.client() as client:
        answer = await client.post(path, json={"name": "x"}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_site")
    assert await world.services.audit.list() == []


@pytest.mark.parametrize(
    "headers", [{"origin": "http://localhost:20128", "sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}]
)
async def test_our_own_page_can(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await client.post("/api/keys", json={"name": "x"}, headers=headers)).status_code == 201


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
async def test_a_body_must_be_declared_json(client: httpx.AsyncClient, kind: str) -> None:
    answer = await client.post("/api/keys", content=b'{"name":"x"}', headers={"content-type": kind})
    assert answer.status_code == 415


async def test_a_large_body_is_413(client: httpx.AsyncClient) -> None:
    async def stream() -> Any:
        for _ in range(3):
            yield b" " * 600_000

    announced = await client.post("/api/keys", content=b" " * 1_100_000, headers={"content-type": "application/json"})
    unannounced = await client.post("/api/keys", content=stream(), headers={"content-type": "application/json"})
    assert (announced.status_code, unannounced.status_code) == (413, 413)


async def test_answers_are_never_cached_and_carry_the_request_id(client: httpx.AsyncClient) -> None:
    good = await client.get("/api/keys", headers={"x-request-id": "mine-1"})
    assert good.headers["cache-control"] == "no-store"
    assert good.headers["x-content-type-options"] == "nosniff"
    assert good.headers["x-request-id"] == "mine-1"
    bad = await client.get("/api/keys/none", headers={"x-request-id": "with space"})
    assert bad.json()["error"].keys() == {"code", "message", "request_id"}
    assert bad.json()["error"]["request_id"] == bad.headers["x-request-id"] != "with space"


async def test_a_failure_inside_is_500_in_the_same_shape(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(world.services.keys, "list", broken)
    async with world.client() as client:
        answer = await client.get("/api/keys")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert "secret detail" not in answer.text


async def test_head_answers_like_get_without_a_body(client: httpx.AsyncClient) -> None:
    answer = await client.head("/api/keys")
    assert (answer.status_code, answer.content) == (200, b"")
