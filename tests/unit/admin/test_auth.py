"""First password, login, sessions and their end."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

PASSWORD = "correct horse battery"


async def set_up(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/api/init", json={"password": PASSWORD})


async def test_a_first_visit_sets_the_password_and_is_logged_in(world: Any) -> None:
    async with world.client(token=False) as client:
        before = (await client.get("/api/init")).json()
        assert before["setup_required"]
        assert before["can_set_password"]
        assert not before["authenticated"]
        assert before["endpoint"] == "http://localhost:20128/v1"
        assert before["example_model"] == "wi/echo"
        made = await set_up(client)
        assert made.status_code == 201
        after = (await client.get("/api/init")).json()
        assert (after["setup_required"], after["can_set_password"], after["authenticated"]) == (False, False, True)
        assert (await client.get("/api/keys")).status_code == 200
    assert [row.action for row in await world.services.audit.list()] == ["password.set"]


async def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(world: Any) -> None:
    async with world.client(token=False) as client:
        cookie = (await set_up(client)).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie


async def test_the_cookie_is_secure_behind_tls(opened: Any) -> None:
    async with opened(environ={"BASE_URL": "https://llm.example"}) as world, world.client(token=False) as client:
        assert "Secure" in (await set_up(client)).headers["set-cookie"]


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("192.168.1.9", {}),
        ("127.0.0.1", {"x-forwarded-for": "203.0.113.9"}),
        ("127.0.0.1", {"forwarded": "for=203.0.113.9"}),
        ("127.0.0.1", {"x-real-ip": "127.0.0.1"}),
        ("127.0.0.1", {"host": "192.168.1.5"}),
    ],
)
async def test_only_this_machine_may_set_the_first_password(opened: Any, peer: str, headers: dict[str, str]) -> None:
    async with opened(host="0.0.0.0") as world, world.client(token=False, peer=peer) as client:
        assert not (await client.get("/api/init", headers=headers)).json()["can_set_password"]
        answer = await client.post("/api/init", json={"password": PASSWORD}, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_local")
        assert not await world.services.password.exists()


async def test_the_first_password_is_set_once(world: Any) -> None:
    async with world.client(token=False) as client, world.client(token=False) as other:
        await set_up(client)
        answer = await other.post("/api/init", json={"password": "another password"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "already_set_up")
        assert await world.services.password.verify(PASSWORD)


@pytest.mark.parametrize("body", [{}, {"password": 5}, {"password": "short"}, {"password": PASSWORD, "extra": 1}, [], "x"])
async def test_a_wrong_body_is_400(world: Any, body: Any) -> None:
    async with world.client(token=False) as client:
        assert (await client.post("/api/init", json=body)).status_code == 400
    assert not await world.services.password.exists()


async def test_login_and_logout(world: Any) -> None:
    await world.services.password.set(PASSWORD)
    async with world.client(token=False) as client:
        assert (await client.post("/api/auth/login", json={"password": "wrong"})).json()["error"]["code"] == "wrong_password"
        assert (await client.get("/api/keys")).status_code == 401
        assert (await client.post("/api/auth/login", json={"password": PASSWORD})).status_code == 200
        stolen = client.cookies["omniroute_session"]
        assert (await client.get("/api/keys")).status_code == 200
        assert (await client.post("/api/auth/logout")).json() == {"authenticated": False}
        assert "omniroute_session" not in client.cookies
        replay = await client.get("/api/keys", headers={"cookie": f"omniroute_session={stolen}"})
        assert replay.status_code == 401
    assert [row.action for row in await world.services.audit.list()] == ["logout", "login", "login.refused"]


async def test_login_without_a_password_set_asks_for_set_up(world: Any) -> None:
    async with world.client(token=False) as client:
        answer = await client.post("/api/auth/login", json={"password": ""})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "setup_required")


async def test_a_session_expires(world: Any) -> None:
    async with world.client(token=False) as client:
        lifetime = (await set_up(client)).json()["expires_in"]
        cookie = {"cookie": f"omniroute_session={client.cookies['omniroute_session']}"}
        world.clock.advance(lifetime - 1)
        assert (await client.get("/api/keys", headers=cookie)).status_code == 200
        world.clock.advance(2)
        assert (await client.get("/api/keys", headers=cookie)).status_code == 401


async def test_a_tampered_session_is_no_session(world: Any) -> None:
    async with world.client(token=False) as client:
        await set_up(client)
        good = client.cookies["omniroute_session"]
    expires, generation, nonce, signature = good.split(".")
    forged = [
        f"{int(expires) + 1}.{generation}.{nonce}.{signature}",
        f"{expires}.{int(generation) + 1}.{nonce}.{signature}",
        f"{expires}.{generation}.{nonce}x.{signature}",
        f"{expires}.{generation}.{nonce}.{signature[:-1]}",
        f"{expires}.{generation}.{nonce}.",
        f"{expires}.{generation}.{nonce}",
        "...",
        "x",
        "é.1.2.3",
    ]
    async with world.client(token=False) as client:
        for value in forged:
            answer = await client.get("/api/keys", headers=[(b"cookie", f"omniroute_session={value}".encode("latin-1"))])
            assert answer.status_code == 401, value
        assert (await client.get("/api/keys", headers={"cookie": f"other=1; omniroute_session={good}"})).status_code == 200


async def test_a_new_password_ends_other_sessions(world: Any) -> None:
    async with world.client(token=False) as mine, world.client(token=False) as other:
        await set_up(mine)
        await other.post("/api/auth/login", json={"password": PASSWORD})
        for body, status in (
            ({"new_password": "a new long one"}, 400),
            ({"new_password": "a new long one", "current_password": "wrong"}, 403),
            ({"new_password": "short", "current_password": PASSWORD}, 400),
            ({"new_password": "a new long one", "current_password": PASSWORD}, 200),
        ):
            assert (await mine.put("/api/auth/password", json=body)).status_code == status
        assert (await mine.get("/api/keys")).status_code == 200
        assert (await other.get("/api/keys")).status_code == 401


async def test_password_attempts_are_limited_by_address(world: Any) -> None:
    await world.services.password.set(PASSWORD)
    async with world.client(token=False) as attacker, world.client(token=False, peer="127.0.0.2") as owner:
        statuses = [(await attacker.post("/api/auth/login", json={"password": "guess"})).status_code for _ in range(7)]
        assert statuses == [401] * 5 + [429] * 2
        refused = await attacker.post("/api/auth/login", json={"password": PASSWORD})
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 12
        assert (await owner.post("/api/auth/login", json={"password": PASSWORD})).status_code == 200
        world.clock.advance(12)
        assert (await attacker.post("/api/auth/login", json={"password": "guess"})).status_code == 401
        assert (await attacker.post("/api/auth/login", json={"password": "guess"})).status_code == 429


async def test_many_addresses_together_are_limited_too(world: Any) -> None:
    await world.services.password.set(PASSWORD)
    statuses = []
    for number in range(60):
        async with world.client(token=False, peer=f"127.0.1.{number}") as client:
            statuses.append((await client.post("/api/auth/login", json={"password": "guess"})).status_code)
    assert statuses == [401] * 50 + [429] * 10


async def test_a_right_password_forgives_earlier_slips(world: Any) -> None:
    await world.services.password.set(PASSWORD)
    async with world.client(token=False) as client:
        for password in ("a", "b", "c", "d", PASSWORD, "e", "f", "g", "h", "i"):
            assert (await client.post("/api/auth/login", json={"password": password})).status_code != 429
