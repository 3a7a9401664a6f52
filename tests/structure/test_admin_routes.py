"""Every admin route asks for a credential unless it is listed here, with the reason."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest

from omniroute.admin.resources import ROUTES
from omniroute.core.ids import SystemClock
from omniroute.server.app import OmniRoute
from omniroute.server.installation import Launch

PUBLIC: Mapping[tuple[str, str], str] = {
    ("GET", "/api/init"): "a first visit must learn whether a password is set",
    ("POST", "/api/init"): "sets the first password: only while none exists, only from this machine",
    ("POST", "/api/auth/login"): "exchanges the password for a session",
}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    launch = Launch(flags={"data_dir": str(tmp_path / "data")}, environ={}, config=None)
    async with await OmniRoute.open(launch, SystemClock()) as app:
        transport = httpx.ASGITransport(app=app.front, client=("127.0.0.1", 40000))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:20128") as client:
            yield client


def test_the_public_routes_are_the_listed_ones() -> None:
    assert {(route.method, route.path) for route in ROUTES if route.public} == set(PUBLIC)


async def test_every_other_route_refuses_a_stranger(client: httpx.AsyncClient) -> None:
    closed = [route for route in ROUTES if not route.public]
    assert closed
    answers = {
        f"{route.method} {route.path}": (await client.request(route.method, re.sub(r"\{\w+\}", "x", route.path))).status_code
        for route in closed
    }
    assert {name: status for name, status in answers.items() if status != 401} == {}


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/nothing", "//api/keys", "/api//keys", "/API/keys", "/api/./keys", "/api/%6Beys"]
)
async def test_no_spelling_of_a_path_slips_through(client: httpx.AsyncClient, path: str) -> None:
    status = (await client.get(path)).status_code
    assert status in (401, 404), status


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer oat-wrong"},
        {"authorization": "Basic YTpi"},
        {"cookie": "omniroute_session=x"},
        {"x-api-key": "sk-or-x"},
    ],
)
async def test_a_wrong_credential_is_no_credential(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await client.get("/api/keys", headers=headers)).status_code == 401


async def test_a_foreign_name_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/init", headers={"host": "attacker.example"})).status_code == 403
    answer = await client.post(
        "/api/init", headers={"origin": "https://attacker.example"}, json={"password": "long enough secret"}
    )
    assert answer.status_code == 403
