"""Accounts of a provider whose terms nobody has acknowledged are there, but not used."""

from __future__ import annotations

from typing import Any

from running.fixtures import Server, Start
from upstream.vendors import ClaudeDouble

TOKEN = "sk-ant-oat01-from-the-environment"
BODY = {"model": "cc/claude-opus-4-6", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}


async def test_a_token_of_the_environment_waits_for_the_terms(start: Start) -> None:
    async with ClaudeDouble(TOKEN).run() as claude:
        server = await start(f'[providers.claude]\nbase_url = "{claude.url}"\n', CLAUDE_CODE_OAUTH_TOKEN=TOKEN)
        refused = await server.http.post("/v1/messages", json=BODY)
        assert refused.status_code == 404
        assert "omniroute login claude" in refused.json()["error"]["message"]
        assert claude.requests == []
        token = {"authorization": f"Bearer {server.app.services.admin_token}"}
        (account,) = await claude_accounts(server, token)
        assert account["state"] == "terms not acknowledged"
        assert TOKEN not in str(account)

        acknowledged = await server.http.post("/api/oauth/claude/terms", headers=token)
        assert acknowledged.status_code == 200
        answer = await server.http.post("/v1/messages", json=BODY)
        assert (answer.status_code, claude.refused) == (200, [])
        assert claude.last.header("authorization") == f"Bearer {TOKEN}"
        (account,) = await claude_accounts(server, token)
        assert account["state"] == "connected"


async def claude_accounts(server: Server, headers: dict[str, str]) -> list[dict[str, Any]]:
    listed = (await server.http.get("/api/providers", headers=headers)).json()["data"]
    return [account for account in listed if account["provider"] == "claude"]
