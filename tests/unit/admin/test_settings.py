"""Settings: origins, what may be changed here, and what may not."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from omniroute.core.settings import SETTINGS


async def by_name(client: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    return {s["name"]: s for s in (await client.get("/api/settings")).json()["data"]}


async def test_every_setting_is_listed_with_its_origin(opened: Any) -> None:
    async with opened(
        flags={"port": 1},
        environ={"DATA_DIR": "/d", "JWT_SECRET": "very-secret-value"},
        file={"settings": {"log_level": "debug"}},
    ) as w:
        async with w.client() as client:
            found = await by_name(client)
            text = (await client.get("/api/settings")).text
    assert list(found) == list(SETTINGS)
    assert {n: found[n]["origin"] for n in ("port", "data_dir", "log_level", "demo_provider")} == {
        "port": "flag",
        "data_dir": "environment",
        "log_level": "file",
        "demo_provider": "default",
    }
    assert (found["jwt_secret"]["value"], found["jwt_secret"]["is_set"]) == (None, True)
    assert "very-secret-value" not in text
    assert found["connect_timeout"]["editable"]
    assert not found["log_level"]["editable"]


async def test_changing_and_returning_to_the_default(world: Any, client: httpx.AsyncClient) -> None:
    answer = await client.put("/api/settings", json={"connect_timeout": 3, "log_level": "debug"})
    assert answer.status_code == 200
    assert [(s["name"], s["value"], s["origin"]) for s in answer.json()["data"]] == [
        ("connect_timeout", 3.0, "database"),
        ("log_level", "debug", "database"),
    ]
    assert answer.json()["restart_required"] == ["log_level"]
    assert world.services.settings().connect_timeout == 3.0
    back = await client.patch("/api/settings", json={"connect_timeout": None, "total_timeout": None})
    assert [(s["name"], s["value"], s["origin"]) for s in back.json()["data"]] == [
        ("connect_timeout", 10.0, "default"),
        ("total_timeout", None, "default"),
    ]
    assert [row.action for row in await world.services.audit.list()] == ["settings.update"] * 2


@pytest.mark.parametrize(
    ("name", "value", "status", "code"),
    [
        ("conect_timeout", 3, 400, "unknown_setting"),
        ("connect_timeout", -1, 400, "bad_request"),
        ("connect_timeout", "soon", 400, "bad_request"),
        ("log_level", "loud", 400, "bad_request"),
        ("port", 99, 409, "not_editable"),
        ("jwt_secret", "x" * 40, 409, "not_editable"),
        ("first_token_timeout", 5, 409, "managed_elsewhere"),
        ("between_tokens_timeout", 5, 409, "managed_elsewhere"),
        ("drain_timeout", 5, 409, "managed_elsewhere"),
    ],
)
async def test_what_is_refused_changes_nothing(opened: Any, name: str, value: Any, status: int, code: str) -> None:
    elsewhere = {
        "environ": {"OMNIROUTE_FIRST_TOKEN_TIMEOUT": "9"},
        "file": {"settings": {"between_tokens_timeout": 9.0}},
        "flags": {"drain_timeout": 9},
    }
    async with opened(**elsewhere) as world, world.client() as client:
        answer = await client.put("/api/settings", json={"keepalive_interval": 1, name: value})
        assert (answer.status_code, answer.json()["error"]["code"], answer.json()["error"]["param"]) == (status, code, name)
        assert await world.services.setting_store.get_all() == {}


async def test_the_refusal_says_where_to_change_it(opened: Any) -> None:
    async with (
        opened(environ={"LOG_LEVEL": "info"}, file={"settings": {"keepalive_interval": 1.0}}) as world,
        world.client() as client,
    ):
        assert "LOG_LEVEL" in (await client.put("/api/settings", json={"log_level": "debug"})).text
        assert "/etc/omniroute.toml" in (await client.put("/api/settings", json={"keepalive_interval": 2})).text
        assert "did you mean 'log_level'" in (await client.put("/api/settings", json={"log_levl": "debug"})).text


async def test_keys_stay_required_where_others_can_reach_the_server(opened: Any) -> None:
    async with opened(host="0.0.0.0") as world, world.client() as client:
        assert (await client.put("/api/settings", json={"require_api_key": True})).status_code == 200
        for value in (False, None):
            answer = await client.put("/api/settings", json={"require_api_key": value})
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "unsafe")
        assert world.services.settings().require_api_key
