"""``omniroute providers edit``, ``quota`` and ``health`` without a server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from omniroute.cli.quota import bar
from omniroute.core.ids import SystemClock
from omniroute.storage import Database
from omniroute.storage.routing_state import RoutingStateRepository

NODE = ("nodes", "add", "lab", "--format", "openai_chat", "--base-url", "http://127.0.0.1:9/v1")


@pytest.fixture
def account(run: Any) -> dict[str, Any]:
    """An account of some provider of the catalogue."""
    known = run.json("providers", "list", "--available")["data"]
    provider = next(p for p in known if p["needs_key"] and p["state"] == "not connected" and not p["url_vars"])
    made: dict[str, Any] = run.json(
        "providers", "add", provider["id"], "--api-key-stdin", "--name", "work", input="sk-0123456789\n"
    )
    return made


def remembered(run: Any, rows: list[tuple[str, str, str, float | None]]) -> None:
    """What the last server left behind."""

    async def write() -> None:
        db = await Database.open(run.data_dir, clock=SystemClock())
        await RoutingStateRepository(db).replace(rows)
        await db.close()

    asyncio.run(write())


def test_an_account_is_limited_and_unlimited_again(run: Any, account: dict[str, Any]) -> None:
    limited = run.json(
        "providers", "edit", "work", "--rpm", "10", "--min-gap", "0.5", "--concurrency", "2", "--reserve", "10%", "--model", "a*",
        "--allowance", "2k:tokens/weekly@a*", "--tier", "cheap", "--priority", "3", "--proxy", "http://user:pa55word@127.0.0.1:3128",
    )  # fmt: skip
    limits = limited["limits"]
    assert (limits["rpm"], limits["min_gap"], limits["concurrency"], limits["reserve"]) == (10, 0.5, 2, 0.1)
    assert (limits["models"], limited["tier"], limited["priority"]) == (["a*"], "cheap", 3)
    assert {k: limits["allowances"][0][k] for k in ("limit", "unit", "per", "model")} == {
        "limit": 2000.0,
        "unit": "tokens",
        "per": "weekly",
        "model": "a*",
    }
    assert "pa55word" not in json.dumps(limited)
    assert limited["proxy"] == "http://user:…@127.0.0.1:3128"
    freed = run.json("providers", "edit", "work", "--rpm", "none", "--allowance", "none", "--model", "none", "--proxy", "none")
    assert (freed["limits"]["rpm"], freed["limits"]["allowances"], freed["limits"]["models"], freed["proxy"]) == (
        None,
        [],
        [],
        None,
    )
    assert freed["limits"]["concurrency"] == 2
    assert run.json("providers", "edit", "work", "--pause")["state"] == "disabled"


@pytest.mark.parametrize(
    ("args", "word"),
    [
        ((), "say what to change"),
        (("--rpm", "many"), "neither a number"),
        (("--rpm", "0"), "not above 0"),
        (("--allowance", "often"), "500/daily"),
    ],
)
def test_wrong_limits_are_refused_with_a_sentence(run: Any, account: dict[str, Any], args: tuple[str, ...], word: str) -> None:
    result = run("providers", "edit", "work", *args)
    assert result.exit_code == 2
    assert word in result.stderr


def test_a_share_of_everything_cannot_be_kept(run: Any, account: dict[str, Any], fails: Any) -> None:
    fails(run("providers", "edit", "work", "--reserve", "100%"), 1, "below 1")


def test_the_bar_shows_use_and_time() -> None:
    assert bar(0.5, None) == "[############------------]"
    assert bar(0.0, 0.5) == "[------------|-----------]"
    assert bar(1.0, 1.0) == "[#######################|]"


def test_quota_says_what_is_known(run: Any, account: dict[str, Any]) -> None:
    assert "Nothing is known" in run("quota").stdout
    run("providers", "edit", "work", "--allowance", "500/daily", "--reserve", "25%")
    shown = run("quota", "work").stdout
    assert "25% kept in reserve" in shown
    assert "0 of 500" in shown
    window = run.json("quota", "work")["data"][0]["windows"][0]
    assert (window["name"], window["used"], window["limit"], window["source"]) == ("daily", 0.0, 500.0, "counted")
    assert run("quota", "nobody").exit_code == 1


def test_quota_asks_about_one_account_whose_provider_tells(run: Any, account: dict[str, Any], fails: Any) -> None:
    fails(run("quota", "--ask"), 2, "name it")
    fails(run("quota", "work", "--ask"), 1, "does not tell what is left")


def test_health_shows_and_forgets_what_the_last_server_learned(run: Any, account: dict[str, Any]) -> None:
    assert run("health").stdout.strip() == "Nothing stands in the way of requests."
    now = SystemClock().now()
    lock = {"kind": "rate_limit", "since": now - 1, "until": now + 900, "level": 1, "hinted": True}
    remembered(run, [("account", account["id"], json.dumps({"lock": lock, "quiet": False}), now + 900)])
    shown = run("health").stdout
    assert "work" in shown
    assert "rate limit" in shown
    assert run.json("health")["cooldowns"][0]["provider"] == account["provider"]
    assert "rate limit" in run("explain-route", f"{account['prefix']}/*").stdout
    assert run.json("health", "--reset", "work") == {"scope": f"account {account['id']}", "unlocked": 1}
    assert run.json("health")["cooldowns"] == []
    assert run.json("health", "--reset")["scope"] == "all"
    assert run.json("health", "--reset", account["provider"])["scope"] == f"provider {account['provider']}"
    assert run("health", "--reset", "nobody").exit_code == 1
    assert run("health", "--model", "x").exit_code == 2
