"""``omniroute explain``: the operations as a table, everything as JSON, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

BODY = {"model": "demo/echo", "max_tokens": 5, "top_k": 3, "messages": [{"role": "user", "content": "hi"}]}


def test_a_request_from_a_file(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps(BODY))
    shown = run("explain", "--format", "anthropic", str(file))
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.startswith("anthropic -> openai_chat, demo/echo")
    assert "field-unsupported" in shown.stdout
    assert "/top_k" in shown.stdout
    assert '"messages"' not in shown.stdout
    whole = run("explain", "--format", "anthropic", "--body", str(file))
    assert '"messages"' in whole.stdout
    data = json.loads(run("explain", "--format", "anthropic", "--json", str(file)).stdout)
    assert (data["lossy"], data["body"]["messages"]) == (False, [{"role": "user", "content": "hi"}])


def test_what_cannot_be_explained(run: Any, fails: Any, tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text("{")
    fails(run("explain", "--format", "anthropic", str(file)), 2, "not valid JSON")
    file.write_text(json.dumps(BODY))
    fails(run("explain", "--format", "morse", str(file)), 1, "morse")
    fails(run("explain", "--format", "anthropic", "--model", "no/such", str(file)), 1, "no/such")
    fails(run("explain", "--format", "anthropic", str(tmp_path / "nowhere.json")), 2, "nowhere.json")
