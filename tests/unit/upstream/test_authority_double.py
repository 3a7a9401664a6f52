"""The double of the authorization servers: it must refuse what real ones refuse, or no login tested against it is worth much."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from upstream.authority import Authority, Person, Trouble
from upstream.authority_dialects import DIALECTS
from upstream.authority_state import challenge_of

VERIFIER = "v" * 64
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
Start = Callable[[str], Authority]
BROWSER = [name for name, dialect in DIALECTS.items() if dialect.authorize and dialect.style == "oauth"]


def authorize_url(authority: Authority, **changes: str) -> str:
    dialect = authority.dialect
    target = "http://localhost:1455/auth/callback" if authority.provider == "codex" else "http://localhost:4711/callback"
    query = {
        "client_id": dialect.client_id or "",
        dialect.redirect_param: target,
        "state": "st-1",
        "scope": " ".join(dialect.scopes),
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
        **dialect.insists,
        **changes,
    }
    return f"{authority.url}{dialect.authorize}?{urlencode(query)}"


def ask_token(authority: Authority, **fields: str) -> httpx.Response:
    dialect = authority.dialect
    body = {"client_id": dialect.client_id or "", **fields}
    headers = dict.fromkeys(dialect.headers, "x")
    if dialect.secret:
        body = {"client_secret": authority.client_secret, **body}
    auth = (dialect.client_id or "", authority.client_secret) if dialect.basic else None
    media = dialect.refresh_media if fields.get("grant_type") == "refresh_token" else dialect.token_media
    given: dict[str, Any] = {"json": body} if media == "json" else {"data": body}
    return httpx.post(f"{authority.url}{dialect.token}", headers=headers, auth=auth, trust_env=False, **given)


def exchange(authority: Authority, url: str, **changes: str) -> httpx.Response:
    sent = parse_qs(urlsplit(authority.visit(url)).query)
    target = parse_qs(urlsplit(url).query)[authority.dialect.redirect_param][0]
    fields = {"grant_type": "authorization_code", "code": sent["code"][0], "state": sent["state"][0], "redirect_uri": target}
    return ask_token(authority, **{**fields, "code_verifier": VERIFIER, **changes})


def renew(authority: Authority, token: str) -> httpx.Response:
    return ask_token(authority, grant_type="refresh_token", refresh_token=token)


@pytest.mark.parametrize("provider", BROWSER)
def test_a_code_is_exchanged_once(authority: Start, provider: str) -> None:
    server = authority(provider)
    url = authorize_url(server)
    answer = exchange(server, url)
    assert answer.status_code == 200
    tokens = answer.json()
    assert server.ledger.valid(tokens["access_token"]) == Person()
    assert {tokens["access_token"], tokens["refresh_token"]} <= server.issued
    code = next(iter(server.ledger.grants))
    again = ask_token(
        server,
        grant_type="authorization_code",
        code=code,
        state="st-1",
        redirect_uri=server.ledger.grants[code].redirect_uri,
        code_verifier=VERIFIER,
    )
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "changes",
    [{"redirect_uri": "http://evil.example/callback"}, {"client_id": "another"}, {"state": ""}, {"scope": ""},
     {"code_challenge_method": "plain"}, {"code": "false"}],
)  # fmt: skip
def test_a_wrong_authorize_url_is_not_redirected(authority: Start, changes: dict[str, str]) -> None:
    server = authority("claude")
    assert "Invalid request" in server.visit(authorize_url(server, **changes))
    assert not server.ledger.grants


@pytest.mark.parametrize("changes", [{"code_verifier": "w" * 64}, {"redirect_uri": "http://localhost:1/callback"}, {"state": ""}])
def test_a_wrong_exchange_is_refused(authority: Start, changes: dict[str, str]) -> None:
    server = authority("claude")
    answer = exchange(server, authorize_url(server), **changes)
    assert answer.status_code == 400
    assert not server.ledger.accesses


@pytest.mark.parametrize("provider", ["gemini-cli", "antigravity", "iflow"])
def test_a_client_secret_is_checked(authority: Start, provider: str) -> None:
    server = authority(provider)
    assert exchange(server, authorize_url(server), client_secret="wrong").status_code == 401


def test_the_media_type_is_checked(authority: Start) -> None:
    server = authority("claude")
    answer = httpx.post(f"{server.url}/v1/oauth/token", data={"grant_type": "refresh_token"}, trust_env=False)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("provider", [p for p in BROWSER if DIALECTS[p].rotates])
def test_a_spent_refresh_token_ends_its_family(authority: Start, provider: str) -> None:
    server = authority(provider)
    first = exchange(server, authorize_url(server)).json()
    second = renew(server, first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert server.ledger.valid(second["access_token"]) is not None
    assert renew(server, first["refresh_token"]).status_code in (400, 401)
    assert server.ledger.valid(second["access_token"]) is None
    assert renew(server, second["refresh_token"]).status_code in (400, 401)
    assert server.counts["renewal"] == 3


def test_google_gives_no_second_refresh_token(authority: Start) -> None:
    server = authority("gemini-cli")
    first = exchange(server, authorize_url(server)).json()
    for _ in range(2):
        again = renew(server, first["refresh_token"]).json()
        assert "refresh_token" not in again
        assert server.ledger.valid(again["access_token"]) is not None


def test_access_tokens_grow_old_on_the_servers_clock(authority: Start) -> None:
    server = authority("claude")
    tokens = exchange(server, authorize_url(server)).json()
    server.ledger.advance(tokens["expires_in"] + 1)
    assert server.ledger.valid(tokens["access_token"]) is None


def test_a_code_can_be_shown_instead_of_sent(authority: Start) -> None:
    server = authority("claude")
    page = server.visit(authorize_url(server, redirect_uri="https://console.anthropic.com/oauth/code/callback"))
    assert f"{next(iter(server.ledger.grants))}#st-1" in page


def test_refusal_and_another_state_come_back_in_the_redirect(authority: Start) -> None:
    server = authority("claude")
    server.returned_state = "another"
    assert "state=another" in server.visit(authorize_url(server))
    server.refuses = True
    assert "error=access_denied" in server.visit(authorize_url(server))


@pytest.mark.parametrize(("provider", "status"), [("qwen", 400), ("github", 200), ("kimi-coding", 200)])
def test_device_codes_wait_slow_down_and_are_approved(authority: Start, provider: str, status: int) -> None:
    server = authority(provider)
    server.slow_downs = 1
    begun = begin(server)
    assert poll(server, begun)[1]["error"] == "slow_down"
    assert poll(server, begun) == (status, {"error": "authorization_pending", "error_description": ANY_TEXT})
    server.approve(begun["user_code"], Person(email="eve@example.com"))
    code, tokens = poll(server, begun)
    assert code == 200
    assert server.ledger.valid(tokens["access_token"]).email == "eve@example.com"  # type: ignore[union-attr]
    assert poll(server, begun)[1]["error"] == "invalid_grant"
    assert server.counts["poll"] == 4


class _Text:
    def __eq__(self, other: object) -> bool:
        return isinstance(other, str)

    __hash__ = object.__hash__


ANY_TEXT = _Text()


def begin(server: Authority) -> dict[str, Any]:
    dialect = server.dialect
    body = {"client_id": dialect.client_id, "scope": " ".join(dialect.scopes)}
    if dialect.device_pkce:
        body |= {"code_challenge": challenge_of(VERIFIER), "code_challenge_method": "S256"}
    headers = dict.fromkeys(dialect.headers, "x")
    return dict(httpx.post(f"{server.url}{dialect.device}", data=body, headers=headers, trust_env=False).json())


def poll(server: Authority, begun: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = ask_token(server, grant_type=DEVICE, device_code=begun["device_code"], code_verifier=VERIFIER)
    return answer.status_code, answer.json()


@pytest.mark.parametrize(("verdict", "word"), [("deny", "access_denied"), ("expire", "expired_token")])
def test_device_codes_can_be_denied_and_expire(authority: Start, verdict: str, word: str) -> None:
    server = authority("qwen")
    begun = begin(server)
    getattr(server, verdict)(begun["user_code"])
    assert poll(server, begun)[1]["error"] == word


def test_kilo_speaks_in_status_codes(authority: Start) -> None:
    server = authority("kilocode")
    path = f"{server.url}/api/device-auth/codes"
    begun = httpx.post(path, trust_env=False).json()
    assert httpx.get(f"{path}/{begun['code']}", trust_env=False).status_code == 202
    server.approve(begun["code"])
    answer = httpx.get(f"{path}/{begun['code']}", trust_env=False)
    assert (answer.status_code, answer.json()["status"]) == (200, "approved")
    denied = httpx.post(path, trust_env=False).json()
    server.deny(denied["code"])
    assert httpx.get(f"{path}/{denied['code']}", trust_env=False).status_code == 403


def test_aws_registers_then_gives_a_device_code_then_tokens(authority: Start) -> None:
    server = authority("kiro")
    client = httpx.post(f"{server.url}/client/register", json={"clientName": "c", "clientType": "public"}, trust_env=False).json()
    who = {"clientId": client["clientId"], "clientSecret": client["clientSecret"]}
    start = {**who, "startUrl": "https://view.awsapps.com/start"}
    begun = httpx.post(f"{server.url}/device_authorization", json=start, trust_env=False).json()
    ask = {**who, "deviceCode": begun["deviceCode"], "grantType": DEVICE}
    waiting = httpx.post(f"{server.url}/token", json=ask, trust_env=False)
    assert (waiting.status_code, waiting.headers["x-amzn-errortype"]) == (400, "AuthorizationPendingException")
    server.approve(begun["userCode"])
    tokens = httpx.post(f"{server.url}/token", json=ask, trust_env=False).json()
    again = {**who, "grantType": "refresh_token", "refreshToken": tokens["refreshToken"]}
    assert httpx.post(f"{server.url}/token", json=again, trust_env=False).status_code == 200
    assert httpx.post(f"{server.url}/token", json=again, trust_env=False).json()["error"] == "invalid_grant"


def test_clines_code_holds_the_tokens(authority: Start) -> None:
    server = authority("cline")
    sent = parse_qs(urlsplit(server.visit(authorize_url(server))).query)["code"][0]
    text = base64.b64decode(sent + "=" * (-len(sent) % 4)).decode()
    held = json.loads(text[: text.rindex("}") + 1])
    assert server.ledger.valid(held["accessToken"]) == Person()
    answer = httpx.post(
        f"{server.url}/api/v1/auth/refresh",
        json={"refreshToken": held["refreshToken"], "grantType": "refresh_token", "clientType": "extension"},
        trust_env=False,
    )
    assert answer.json()["data"]["refreshToken"] != held["refreshToken"]


@pytest.mark.parametrize(
    ("provider", "path", "found"),
    [("claude", "/api/oauth/profile", "account"), ("gemini-cli", "/oauth2/v1/userinfo?alt=json", "email"),
     ("github", "/user", "login"), ("kilocode", "/api/profile", "user"), ("cline", "/api/v1/users/me", "data")],
)  # fmt: skip
def test_pages_want_a_good_access_token(authority: Start, provider: str, path: str, found: str) -> None:
    server = authority(provider)
    seeded = server.seed()
    token = seeded.get("access_token") or seeded.get("accessToken")
    answer = httpx.get(f"{server.url}{path}", headers={"authorization": f"Bearer {token}"}, trust_env=False)
    assert found in answer.json()
    server.revoke_all()
    assert httpx.get(f"{server.url}{path}", headers={"authorization": f"Bearer {token}"}, trust_env=False).status_code == 401


def test_copilot_and_iflow_trade_tokens_for_what_signs(authority: Start) -> None:
    github, iflow = authority("github"), authority("iflow")
    token = github.seed()["access_token"]
    headers = {"authorization": f"token {token}", "editor-version": "vscode/1", "user-agent": "Copilot/1"}
    traded = httpx.get(f"{github.url}/copilot_internal/v2/token", headers=headers, trust_env=False).json()
    assert github.ledger.valid(traded["token"]) == Person()
    access = iflow.seed()["access_token"]
    found = httpx.get(f"{iflow.url}/api/oauth/getUserInfo", params={"accessToken": access}, trust_env=False).json()
    assert iflow.ledger.valid(found["data"]["apiKey"]) == Person()


def test_it_fails_as_told_and_may_have_done_it_all_the_same(authority: Start) -> None:
    server = authority("claude")
    first = exchange(server, authorize_url(server)).json()["refresh_token"]
    server.fail("renewal", Trouble(503, headers={"retry-after": "7"}), Trouble(0, performed=True))
    answer = renew(server, first)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    with pytest.raises(httpx.HTTPError):
        renew(server, first)
    assert renew(server, first).json()["error"] == "invalid_grant"  # the pair that was lost had already replaced it


def test_a_request_can_be_held(authority: Start) -> None:
    server = authority("claude")
    refresh = exchange(server, authorize_url(server)).json()["refresh_token"]
    with ThreadPoolExecutor(1) as pool:
        with server.ledger.held("renewal") as gate:
            waiting = pool.submit(renew, server, refresh)
            assert server.ledger.wait_for("renewal")
            assert not waiting.done()
            gate.set()
        assert waiting.result().status_code == 200
