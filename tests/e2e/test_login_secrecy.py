"""Whatever a sign-in goes through at any provider: no token, code or client secret stands in an answer, a log line or a file."""

from __future__ import annotations

import asyncio
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from running.doubles import serves_code_assist
from running.fixtures import Start
from upstream.authority import Authority, Trouble
from upstream.authority_dialects import DIALECTS

pytestmark = pytest.mark.e2e

PAGES = (
    "/api/providers", "/api/providers/catalogue", "/api/oauth/providers", "/api/oauth/importable", "/api/token-health",
    "/api/compliance/audit-log", "/api/quotas", "/api/resilience", "/api/rate-limits", "/api/monitoring/health", "/api/settings",
    "/metrics", "/v1/models",
)  # fmt: skip


class Asking:
    """The admin API, with every answer kept."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self._http = http
        self._headers = {"authorization": f"Bearer {token}"}
        self.heard: list[str] = []

    async def __call__(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self._http.request(method, path, json=body, headers=self._headers)
        self.heard.append(f"{answer.status_code} {dict(answer.headers)} {answer.text}")
        return answer.json() if "json" in answer.headers.get("content-type", "") else answer.text


async def signed_in(ask: Asking, double: Authority) -> str:
    """An account, by the first way this provider has."""
    path = f"/api/oauth/{double.provider}"
    if double.dialect.device is not None:
        begun = await ask("POST", f"{path}/device-code", {})
        double.approve(begun["user_code"])
        return await done(ask, begun["id"])
    begun = await ask("POST", f"{path}/authorize", {"method": "paste"})
    where = await asyncio.to_thread(double.visit, begun["url"])
    shown = re.search(r"<pre id=code>([^<]+)<", where)
    answer = await ask("POST", f"{path}/exchange", {"session": begun["id"], "text": where if shown is None else shown[1]})
    return str(answer["account_id"])


async def done(ask: Asking, session_id: str) -> str:
    status: dict[str, Any] = {"state": "pending"}
    for _ in range(500):
        status = await ask("POST", "/api/oauth/codex/poll", {"session": session_id})
        if status["state"] != "pending":
            break
        await asyncio.sleep(0.02)
    assert status["state"] == "done", status
    return str(status["account_id"])


@pytest.mark.parametrize("provider", DIALECTS)
async def test_nothing_that_proves_anything_is_told(
    start: Start, tmp_path: Path, capfd: pytest.CaptureFixture[str], provider: str
) -> None:
    with ExitStack() as running:
        double = running.enter_context(Authority(provider).run())
        double.interval = 1
        serves_code_assist(double)
        # An own base_url takes absolute paths away, which one of them needs.
        config = None if provider == "github" else f'[providers.{provider}]\nbase_url = "{double.url}"\n'
        server = await start(config, HOME=str(tmp_path), OMNIROUTE_LOG_LEVEL="debug", **double.environ)
        server.app.sign_ins.logins._sessions._pause = lambda seconds: asyncio.sleep(seconds / 100)
        ask = Asking(server.http, (tmp_path / "data" / "admin.token").read_text().strip())
        await ask("POST", f"/api/oauth/{provider}/terms", {})
        account_id = await signed_in(ask, double)

        await ask("POST", f"/api/providers/{account_id}/refresh")
        for word in ("renewal", "copilot_token"):
            double.fail(word, Trouble(500, body={"error": f"echo {' '.join(double.issued)}"}))
        await ask("POST", f"/api/providers/{account_id}/refresh")  # a server that throws everything back at us
        double.revoke_all()
        await ask("POST", f"/api/providers/{account_id}/refresh")
        if config is not None:
            await ask("POST", f"/api/providers/{account_id}/test")
        await ask("POST", f"/api/oauth/{provider}/import", {"text": '{"access_token": "x", "refresh_token": "at-false"}'})
        for page in (*PAGES, f"/api/providers/{account_id}"):
            await ask("GET", page)

        account = server.app.installation.account(account_id)
        assert account is not None
        assert account.secret is not None
        assert account.secret.reveal() in double.issued
        out, err = capfd.readouterr()
        files = [file.read_bytes().decode("latin-1") for file in (tmp_path / "data").rglob("*") if file.is_file()]
        told = "\n".join([*ask.heard, out, err, *files])
        assert provider in told
        assert [secret for secret in double.issued if secret in told] == []
        assert "login.done" in told
