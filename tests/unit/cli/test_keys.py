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
