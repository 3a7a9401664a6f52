"""What is asked after the exchange of a login at Claude, ChatGPT and GitHub, against answers as those give them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from omniroute.catalog.load import load_catalogue
from omniroute.upstream.login import LoginRefused, Tokens
from omniroute.upstream.login.after import Step, registry
from omniroute.upstream.login.http import Answer

NOW = 1_800_000_000.0


class Pages:
    """Answers by the end of the URL, and remembers what was asked."""

    def __init__(self, pages: dict[str, Any]) -> None:
        self.pages = pages
        self.asked: list[tuple[str, dict[str, str]]] = []

    async def get(self, url: str, headers: dict[str, str] | None = None) -> Answer:
        self.asked.append((url, {name.lower(): text for name, text in (headers or {}).items()}))
        for end, page in self.pages.items():
            if url.endswith(end):
                if isinstance(page, Exception):
                    raise page
                return page if isinstance(page, Answer) else Answer(200, {}, json.dumps(page).encode(), skew=5.0)
        return Answer(404, {}, b"{}")


def jwt(claims: dict[str, Any]) -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none'})}.{part(claims)}.signature"


async def taken(provider_id: str, tokens: Tokens, pages: Pages, *, fresh: bool = True) -> Tokens:
    provider = load_catalogue().by_id(provider_id)
    assert provider is not None
    assert provider.oauth is not None
    (word,) = provider.oauth.after
    step = Step(
        http=pages,  # type: ignore[arg-type]
        provider=provider,
        oauth=provider.oauth,
        tokens=tokens,
        client=None,
        now=NOW,
        fresh=fresh,
    )
    return await registry()[word](step)


async def test_a_claude_login_learns_whose_plan_it_is() -> None:
    profile = {
        "account": {"uuid": "acc-1", "email": "a@example.org"},
        "organization": {"uuid": "org-1", "organization_type": "claude_max"},
    }
    pages = Pages({"/api/oauth/profile": profile})
    got = await taken("claude", Tokens(access="sk-ant-oat01-x", refresh="r"), pages)
    assert got.facts == {"account_id": "acc-1", "email": "a@example.org", "organization_id": "org-1", "plan": "max"}
    ((url, headers),) = pages.asked
    assert url == "https://api.anthropic.com/api/oauth/profile"
    assert headers["authorization"] == "Bearer sk-ant-oat01-x"
    assert "oauth-2025-04-20" in headers["anthropic-beta"]
    assert got.signs == "sk-ant-oat01-x"


@pytest.mark.parametrize("page", [Answer(500, {}, b"oops"), Answer(200, {}, b"<html>"), LoginRefused("down", final=False)])
async def test_a_claude_login_without_a_profile_is_a_login(page: object) -> None:
    before = Tokens(access="t", facts={"plan": "pro"})
    assert await taken("claude", before, Pages({"/profile": page})) == before


@pytest.mark.parametrize("where", ["id_token", "access"])
async def test_a_chatgpt_login_learns_its_workspace_from_its_token(where: str) -> None:
    claims = {
        "email": "b@example.org",
        "https://api.openai.com/auth": {"chatgpt_account_id": "ws-7", "chatgpt_plan_type": "plus"},
    }
    tokens = Tokens(access="a", id_token=jwt(claims)) if where == "id_token" else Tokens(access=jwt(claims))
    got = await taken("codex", tokens, Pages({}))
    assert got.facts == {"account_id": "ws-7", "plan": "plus", "email": "b@example.org"}


@pytest.mark.parametrize("token", [None, "not.a.jwt", jwt({"https://api.openai.com/auth": "odd"}), jwt({"email": 7})])
async def test_a_chatgpt_login_keeps_what_it_knew_when_its_token_tells_nothing(token: str | None) -> None:
    got = await taken("codex", Tokens(access="a", id_token=token, facts={"account_id": "ws-7"}), Pages({}))
    assert got.facts == {"account_id": "ws-7"}


COPILOT = {
    "token": "tid=1;exp=2",
    "expires_at": NOW + 1800,
    "sku": "copilot_pro",
    "endpoints": {"api": "https://api.business.githubcopilot.com"},
}


async def test_a_copilot_login_signs_with_the_fetched_token_and_calls_its_own_host() -> None:
    pages = Pages({"/copilot_internal/v2/token": COPILOT, "/user": {"id": 4242, "login": "octo", "email": None}})
    got = await taken("github", Tokens(access="gho_lasting"), pages)
    assert got.signs == "tid=1;exp=2"
    assert got.access == "gho_lasting"
    assert got.expires_at == NOW + 1800 - 5.0  # by our clock, which is behind
    assert got.facts == {"api_host": "api.business.githubcopilot.com", "plan": "pro", "user_id": "4242", "user": "octo"}
    url, headers = pages.asked[0]
    assert url == "https://api.github.com/copilot_internal/v2/token"
    assert headers["authorization"] == "token gho_lasting"
    assert headers["editor-version"]
    assert headers["user-agent"]


async def test_a_renewed_copilot_login_asks_for_the_token_only() -> None:
    pages = Pages({"/copilot_internal/v2/token": COPILOT})
    got = await taken("github", Tokens(access="gho_lasting", facts={"user_id": "4242"}), pages, fresh=False)
    assert len(pages.asked) == 1
    assert got.facts["user_id"] == "4242"


@pytest.mark.parametrize(("status", "final"), [(401, True), (403, True), (404, True), (429, False), (500, False), (200, False)])
async def test_no_copilot_token_means_no_login(status: int, final: bool) -> None:
    pages = Pages({"/v2/token": Answer(status, {}, b'{"message": "no seat for gho_lasting1234567890123"}')})
    with pytest.raises(LoginRefused) as refused:
        await taken("github", Tokens(access="gho_lasting"), pages)
    assert refused.value.final is final
    assert "gho_lasting1234567890123" not in str(refused.value)
