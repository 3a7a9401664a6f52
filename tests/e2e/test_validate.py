"""A credential is tried through the whole gateway, against an upstream that takes it or does not."""

from __future__ import annotations

import pytest

from browser.furnished import rerouted
from running.fixtures import Start
from upstream.script import Script
from upstream.server import ScriptedUpstream

pytestmark = pytest.mark.e2e


async def test_a_credential_is_tried(start: Start, scripted_upstream: ScriptedUpstream) -> None:
    server = await start(rerouted("groq", scripted_upstream))
    token = {"authorization": f"Bearer {server.app.services.admin_token}"}

    async def trying(key: str) -> dict[str, object]:
        body = {"provider": "groq", "api_key": key}
        answer = await server.http.post("/api/providers/validate", json=body, headers=token)
        assert answer.status_code == 200, answer.text
        told: dict[str, object] = answer.json()
        return told

    assert (await trying("k-good"))["ok"] is True
    assert dict(scripted_upstream.requests[-1].headers)["authorization"] == "Bearer k-good"
    scripted_upstream.queue(Script(status=401, message="Incorrect API key provided"))
    refused = await trying("k-bad")
    assert (refused["ok"], refused["status"]) == (False, 401)
    assert "k-bad" not in str(refused)
    accounts = (await server.http.get("/api/providers", headers=token)).json()["data"]
    assert [one for one in accounts if one["provider"] == "groq"] == []
    assert server.app.health.describe(0.0)["accounts"] == {}
