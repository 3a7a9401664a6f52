"""``omniroute providers``, ``nodes`` and ``models`` without a server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from omniroute.core.ids import SystemClock
from omniroute.storage import Database, NodeRepository, Vault

SECRET = "sk-provider-0123456789abcdef"
NODE = ("nodes", "add", "lab", "--format", "openai_chat", "--base-url", "http://127.0.0.1:9/v1")


@pytest.fixture
def provider(run: Any) -> dict[str, Any]:
    """Some provider of the catalogue that takes a key and nothing else."""
    available = run.json("providers", "list", "--available")["data"]
    found: dict[str, Any] = next(p for p in available if p["needs_key"] and p["state"] == "not connected" and not p["url_vars"])
    return found


def test_a_key_comes_from_a_variable_or_standard_input(run: Any, provider: dict[str, Any]) -> None:
    run.environ["WORK_KEY"] = SECRET
    first = run.json("providers", "add", provider["id"], "--api-key-env", "WORK_KEY", "--name", "work", "--priority", "3")
    second = run.json("providers", "add", provider["prefix"], "--api-key-stdin", input=SECRET + "\n")
    assert (first["name"], first["priority"], first["provider"]) == ("work", 3, provider["id"])
    assert second["provider"] == provider["id"]
    assert first["secret_hint"] == second["secret_hint"]
    listed = run("providers", "list")
    assert SECRET not in listed.stdout
    assert "work" in listed.stdout
    assert run.json("providers", "remove", "work", "--yes")["removed"]
    assert "work" not in run("providers", "list").stdout


def test_no_key_on_the_command_line_and_no_prompt_without_a_terminal(run: Any, provider: dict[str, Any], fails: Any) -> None:
    fails(run("providers", "add", provider["id"]), 2, "--api-key-env")
    fails(run("providers", "add", provider["id"], "--api-key-env", "NOT_SET"), 2, "NOT_SET")
    fails(run("providers", "add", provider["id"], "--api-key-stdin", input=""), 2, "standard input")
    fails(run("providers", "add", provider["id"], "--api-key-stdin", "--api-key-env", "X", input="x"), 2, "not both")
    assert run("providers", "add", provider["id"], "--api-key", SECRET).exit_code == 2


def test_a_prompt_on_a_terminal_hides_the_key(run: Any, provider: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omniroute.cli.credential._on_terminal", lambda: True)
    result = run("providers", "add", provider["id"], input=SECRET + "\n")
    assert result.exit_code == 0, result.output
    assert SECRET not in result.output


def test_a_misspelt_provider_is_suggested(run: Any, provider: dict[str, Any], fails: Any) -> None:
    fails(run("providers", "add", provider["id"] + "x", "--api-key-stdin", input=SECRET), 1, provider["id"])
    fails(run("providers", "test", "nobody"), 1, "nobody")
    fails(run("providers", "remove", "nobody", "--yes"), 1, "nobody")


def test_the_built_in_provider_answers_a_live_test(run: Any) -> None:
    (account,) = run.json("providers", "list")["data"]
    assert account["source"] == "builtin"
    result = run.json("providers", "test", account["id"])
    assert result["ok"]
    assert result["first_token_ms"] is not None


def test_a_failing_test_is_a_failing_command(run: Any) -> None:
    run(*NODE, "--model", "m")
    (account,) = [a for a in run.json("providers", "list")["data"] if a["provider"] == "lab"]
    result = run("providers", "test", account["id"])
    assert result.exit_code == 1
    assert "failed" in result.stderr


def test_nodes(run: Any, fails: Any) -> None:
    run.environ["LAB_KEY"] = SECRET
    made = run.json(*NODE, "--name", "Lab", "--api-key-env", "LAB_KEY", "--model", "one", "--model", "*", "--no-resilience")
    assert {k: made[k] for k in ("prefix", "name", "models", "has_secret", "resilience")} == {
        "prefix": "lab",
        "name": "Lab",
        "models": ["one", "*"],
        "has_secret": True,
        "resilience": False,
    }
    assert "lab" in run("nodes", "list").stdout
    assert [m["id"] for m in run.json("models", "--provider", "lab")["data"]] == ["lab/one"]
    fails(run(*NODE), 1, "lab")
    assert run.json("nodes", "remove", "lab", "--yes") == {"id": "lab", "removed": True}
    assert run.json("nodes", "list") == {"data": []}
    fails(run("nodes", "remove", "lab", "--yes"), 1, "lab")


def test_what_is_wrong_with_a_node_is_said(run: Any, fails: Any) -> None:
    fails(run("nodes", "add", "lab", "--format", "telepathy", "--base-url", "http://127.0.0.1:9"), 1, "telepathy")
    fails(run("nodes", "add", "lab", "--format", "openai_chat", "--base-url", "nowhere"), 1, "nowhere")
    assert run("nodes", "add", "lab").exit_code == 2


def test_nodes_of_the_config_file_are_listed_and_left_alone(run: Any, fails: Any, tmp_path: Any) -> None:
    file = tmp_path / "omniroute.toml"
    file.write_text('[nodes.lab]\nformat = "openai_chat"\nbase_url = "http://127.0.0.1:9/v1"\n')
    (node,) = run.json("nodes", "list", "--config", str(file))["data"]
    assert (node["prefix"], node["source"]) == ("lab", "file")
    fails(run("nodes", "remove", "lab", "--yes", "--config", str(file)), 1, str(file))


def test_models(run: Any, fails: Any) -> None:
    usable = run.json("models")["data"]
    assert usable
    assert all(m["connected"] for m in usable)
    assert len(run.json("models", "--all")["data"]) > len(usable)
    assert run("models").stdout.splitlines()[0].split()[0] == "MODEL"
    fails(run("models", "--provider", "nobody"), 1, "nobody")


def test_a_warning_of_the_application_stays_off_stdout(run: Any) -> None:
    run(*NODE)

    async def spoil() -> None:
        async with await Database.open(run.data_dir, clock=SystemClock()) as db:
            await NodeRepository(db, await Vault.open(db)).update("lab", format="a_format_of_next_year")

    asyncio.run(spoil())
    result = run("keys", "list", "--json")
    assert json.loads(result.stdout) == {"data": []}
    assert "Warning: node left out" in result.stderr
    assert "lab" in result.stderr
