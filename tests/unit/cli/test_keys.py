"""``omniroute keys`` without a server."""

from __future__ import annotations

from typing import Any

import pytest


def test_create_prints_the_key_alone_on_stdout(run: Any) -> None:
    result = run("keys", "create", "--name", "laptop")
    assert result.exit_code == 0
    assert result.stdout.startswith("sk-or-")
    assert len(result.stdout.split()) == 1
    assert "laptop" in result.stderr
    assert run("keys", "create", "--quiet").stderr == ""


def test_list_shows_no_key(run: Any) -> None:
    key = run("keys", "create", "--name", "laptop", "--model", "x/*", "--days", "2").stdout.strip()
    listed = run("keys", "list")
    assert listed.exit_code == 0
    assert "laptop" in listed.stdout
    assert key not in listed.stdout
    (item,) = run.json("keys", "list")["data"]
    assert (item["name"], item["models"], item["state"]) == ("laptop", ["x/*"], "active")
    assert item["expires_at"] - item["created_at"] == pytest.approx(2 * 86400, abs=60)


def test_rotate_and_revoke_by_name_or_id(run: Any) -> None:
    made = run.json("keys", "create", "--name", "laptop")
    rotated = run.json("keys", "rotate", "laptop")
    assert rotated["id"] == made["id"]
    assert rotated["key"] != made["key"]
    assert run.json("keys", "revoke", made["id"], "--yes") == {"id": made["id"], "revoked": True}
    assert run.json("keys", "list")["data"] == []
    assert [k["state"] for k in run.json("keys", "list", "--all")["data"]] == ["revoked"]


def test_without_a_terminal_nothing_is_removed_unasked(run: Any, fails: Any) -> None:
    run("keys", "create", "--name", "laptop")
    fails(run("keys", "revoke", "laptop"), 2, "--yes")
    assert len(run.json("keys", "list")["data"]) == 1


def test_what_does_not_exist_or_is_ambiguous(run: Any, fails: Any) -> None:
    fails(run("keys", "revoke", "nobody", "--yes"), 1, "no key 'nobody'")
    first, second = (run.json("keys", "create", "--name", "twin")["id"] for _ in range(2))
    result = run("keys", "rotate", "twin")
    fails(result, 1, first)
    assert second in result.stderr


def test_a_wrong_limit_is_said(run: Any, fails: Any) -> None:
    fails(run("keys", "create", "--provider", "nobody"), 1, "nobody")
    assert run("keys", "create", "--days", "0").exit_code == 2


def test_limits_are_given_changed_and_removed(run: Any, fails: Any) -> None:
    asked = (
        "--model",
        "x/*",
        "--combo",
        "night",
        "--rpm",
        "30",
        "--streams",
        "2",
        "--expires",
        "12h",
        "--system-prompt",
        "Be brief.",
    )
    made = run.json(
        "keys", "add", "--name", "ci", *asked, "--system-prompt-position", "append", "--proxy", "socks5://me:word@p.test:1080"
    )
    assert {name: made[name] for name in ("models", "combos", "rpm", "streams", "system_prompt", "system_prompt_position")} == {
        "models": ["x/*"], "combos": ["night"], "rpm": 30, "streams": 2, "system_prompt": "Be brief.",
        "system_prompt_position": "append",
    }  # fmt: skip
    assert made["proxy"] == "socks5://me:…@p.test:1080"
    assert made["expires_at"] - made["created_at"] == pytest.approx(12 * 3600, abs=60)

    edited = run.json(
        "keys", "edit", "ci", "--rpm", "none", "--model", "none", "--expires", "never", "--proxy", "direct", "--name", "cd"
    )
    assert (edited["rpm"], edited["models"], edited["expires_at"], edited["proxy"]) == (None, [], None, "direct")
    assert (edited["name"], edited["streams"], edited["combos"], edited["system_prompt"]) == ("cd", 2, ["night"], "Be brief.")
    assert run.json("keys", "edit", "cd", "--expires", "2099-01-31")["expires_at"] > 4_000_000_000
    fails(run("keys", "edit", "cd"), 2, "say what to change")
    fails(run("keys", "edit", "nobody", "--rpm", "1"), 1, "no key 'nobody'")


def test_a_proxy_with_a_password_comes_from_the_environment(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORK_PROXY", "http://me:hunter2@proxy.test:3128")
    result = run("keys", "create", "--name", "laptop", "--proxy", "env:WORK_PROXY", "--json")
    assert "proxy.test" in result.stdout
    assert "hunter2" not in result.stdout + result.stderr + run("keys", "list", "--json").stdout


@pytest.mark.parametrize(
    ("asked", "about"),
    [
        (("--rpm", "0"), "positive"),
        (("--streams", "many"), "positive"),
        (("--expires", "soon"), "date"),
        (("--expires", "1d", "--days", "1"), "--days or --expires"),
    ],
)
def test_limits_that_are_none_are_wrong_usage(run: Any, fails: Any, asked: tuple[str, ...], about: str) -> None:
    fails(run("keys", "create", *asked), 2, about)
