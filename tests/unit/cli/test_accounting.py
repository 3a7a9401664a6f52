"""``omniroute pricing`` and ``budgets`` without a running server."""

from __future__ import annotations

from typing import Any

import pytest


def test_a_price_from_setting_to_unsetting(run: Any, fails: Any) -> None:
    stated = run.json(
        "pricing", "set", "demo", "echo", "--input", "2", "--output", "8", "--cached", "0.5", "--long", "1000", "4", "9"
    )
    assert (stated["input"], stated["cached"], stated["cache_write"], stated["source"]) == (2, 0.5, None, "override")
    assert stated["long_context"] == {"above": 1000, "input": 4, "output": 9, "cached": None, "cache_write": None}
    listed = run("pricing", "list", "--source", "override").stdout
    assert "demo/echo" in listed
    assert "above 1000: 4 / 9" in listed
    assert "demo/slow" not in listed
    assert run.json("pricing", "set", "demo", "echo", "--input", "2", "--output", "8", "--plan")["basis"] == "equivalent"
    taken_back = run("pricing", "unset", "demo", "echo")
    assert taken_back.exit_code == 0
    assert "demo/echo:" in taken_back.stderr
    fails(run("pricing", "unset", "demo", "echo"), 1, "no price is stated")
    fails(run("pricing", "set", "nobody", "m", "--input", "1", "--output", "1"), 1, "there is no provider")


def test_a_budget_from_setting_to_removing(run: Any, fails: Any) -> None:
    key = run.json("keys", "create", "--name", "laptop")
    made = run.json("budgets", "set", "--key", "laptop", "--period", "daily", "--usd", "5")
    assert (made["key_id"], made["key_name"], made["usd"], made["action"]) == (key["id"], "laptop", 5, "block")
    again = run.json("budgets", "set", "--key", "laptop", "--period", "daily", "--usd", "7.5", "--tokens", "1000")
    assert (again["id"], again["usd"], again["tokens"]) == (made["id"], 7.5, 1000)
    everybody = run.json("budgets", "set", "--tokens", "100", "--warn-only")
    assert (everybody["key_id"], everybody["period"], everybody["action"]) == (None, "monthly", "warn")
    listed = run("budgets", "list").stdout
    assert "7.50 USD, 1000 tokens" in listed
    assert "all keys" in listed
    fails(run("budgets", "remove", made["id"]), 2, "--yes")
    assert run("budgets", "remove", made["id"], "--yes").exit_code == 0
    fails(run("budgets", "remove", made["id"], "--yes"), 1, "no budget")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("budgets", "set"), 2, "--usd, --tokens or both"),
        (("budgets", "set", "--usd", "1", "--key", "nobody"), 1, "nobody"),
        (("budgets", "set", "--usd", "1", "--period", "yearly"), 2, "yearly"),
        (("pricing", "set", "demo", "echo", "--input", "-1", "--output", "1"), 2, "-1"),
    ],
)
def test_what_is_wrong_is_said(run: Any, fails: Any, arguments: tuple[str, ...], status: int, words: str) -> None:
    fails(run(*arguments), status, words)
