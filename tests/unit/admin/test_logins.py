"""Signing in at providers through the admin API: who may, what is refused first, and that no token ever comes back."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from omniroute.admin.login_port import Importable, LoginProvider, LoginStatus
from omniroute.core.errors import Conflict, UpstreamStatus
from running.logins import TOKEN, FakeLogins

PLAIN = LoginProvider(
    provider="alpha", name="Alpha", flows=("code",), methods=("browser", "paste", "device", "import"), options=("idp",),
    defaults={"idp": "Google"},
)  # fmt: skip
TERMS = LoginProvider(
    provider="regional",
    name="Regional",
    flows=("code",),
    methods=("browser", "import"),
    terms="Mind the terms.",
    acknowledged=False,
)
SECRET = LoginProvider(
    provider="future", name="Future", flows=("code",), methods=("browser", "import"), missing_env=("FUTURE_OAUTH_CLIENT_SECRET",)
)
PASSWORD = {"password": "correct horse battery"}


@pytest.fixture
def logins(world: Any) -> FakeLogins:
    fake = FakeLogins({p.provider: p for p in (PLAIN, TERMS, SECRET)}, world.services.accounts, world.clock)
    object.__setattr__(world.services, "logins", fake)
    return fake


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def begin(client: httpx.AsyncClient, provider: str = "al", **body: Any) -> dict[str, Any]:
    answer = await client.post(f"/api/oauth/{provider}/authorize", json=body)
    assert answer.status_code == 201, answer.text
    begun: dict[str, Any] = answer.json()
    return begun


async def test_providers_say_what_signing_in_takes(logins: FakeLogins, client: httpx.AsyncClient) -> None:
    told = {p["provider"]: p for p in (await client.get("/api/oauth/providers")).json()["data"]}
    assert (told["alpha"]["prefix"], told["alpha"]["accounts"], told["alpha"]["takes_key"]) == ("al", 0, True)
    assert told["alpha"]["methods"] == ["browser", "paste", "device", "import"]
    assert (told["regional"]["terms"], told["regional"]["acknowledged"]) == ("Mind the terms.", False)
    assert told["future"]["missing_env"] == ["FUTURE_OAUTH_CLIENT_SECRET"]


async def test_a_browser_sign_in_from_begin_to_account(logins: FakeLogins, client: httpx.AsyncClient) -> None:
    begun = await begin(client, options={"idp": "Github"})
    assert begun["url"] == "https://sign.in/alpha"
    assert logins.options[begun["id"]] == {"idp": "Github"}
    where = f"/api/oauth/sessions/{begun['id']}"
    assert (await client.get(where)).json() == {"state": "pending", "account_id": None, "reason": None, "next_poll_at": None}
    account_id = await logins.sign_in("alpha")
    logins.statuses[begun["id"]] = LoginStatus(state="done", account_id=account_id)
    polled = await client.post("/api/oauth/alpha/poll", json={"session": begun["id"]})
    assert polled.json()["account_id"] == account_id
    account = (await client.get(f"/api/providers/{account_id}")).json()
    assert (account["login"]["email"], account["login"]["plan"], account["secret_hint"]) == ("ada@example.com", "pro", None)


async def test_a_device_sign_in_and_giving_it_up(logins: FakeLogins, client: httpx.AsyncClient) -> None:
    begun = (await client.post("/api/oauth/alpha/device-code", json={})).json()
    assert (begun["method"], begun["user_code"], begun["interval"]) == ("device", "ABCD-EFGH", 5.0)
    assert (await client.get(f"/api/oauth/sessions/{begun['id']}")).json()["next_poll_at"] is not None
    assert (await client.delete(f"/api/oauth/sessions/{begun['id']}")).json() == {"id": begun["id"], "cancelled": True}
    assert (await client.get(f"/api/oauth/sessions/{begun['id']}")).status_code == 404


async def test_what_is_pasted_finishes_it(logins: FakeLogins, client: httpx.AsyncClient) -> None:
    begun = await begin(client, method="paste")
    path = "/api/oauth/alpha/exchange"
    assert code(await client.post(path, json={"session": begun["id"], "text": "bad"})) == (409, "login_refused")
    assert (await client.post(path, json={"session": begun["id"], "text": "  "})).status_code == 400
    assert (await client.post(path, json={"session": begun["id"], "text": "x" * 40000})).status_code == 400
    done = await client.post(path, json={"session": begun["id"], "text": " good\n"})
    assert done.status_code == 201
    assert done.json()["login"]["email"] == "ada@example.com"


async def test_a_sign_in_belongs_to_who_began_it(world: Any, logins: FakeLogins, client: httpx.AsyncClient) -> None:
    by_cli = await begin(client, method="paste")
    async with world.client(token=False) as one, world.client(token=False) as two:
        await one.post("/api/init", json=PASSWORD)
        await two.post("/api/auth/login", json=PASSWORD)
        by_one = await begin(one, method="paste")
        for stranger, session in ((one, by_cli), (two, by_one), (client, by_one)):
            body = {"session": session["id"], "text": "good"}
            assert (await stranger.post("/api/oauth/alpha/exchange", json=body)).status_code == 404
            assert (await stranger.get(f"/api/oauth/sessions/{session['id']}")).status_code == 404
            assert (await stranger.delete(f"/api/oauth/sessions/{session['id']}")).status_code == 404
        cookie = one.cookies["omniroute_session"]
        assert all(cookie not in owner for _, owner in logins.sessions.values())
        assert (await one.post("/api/oauth/alpha/exchange", json={"session": by_one["id"], "text": "good"})).status_code == 201
    async with world.client(token=False) as anonymous:
        assert (await anonymous.post("/api/oauth/alpha/authorize", json={})).status_code == 401


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/api/oauth/nobody/authorize", {}, (404, "unknown_provider")),
        ("/api/oauth/within/authorize", {}, (404, "no_login")),
        ("/api/oauth/regional/authorize", {}, (409, "terms_not_acknowledged")),
        ("/api/oauth/regional/import", {"tokens": {"access": "x"}}, (409, "terms_not_acknowledged")),
        ("/api/oauth/regional/device-code", {}, (400, "no_such_method")),
        ("/api/oauth/future/authorize", {}, (409, "client_secret_missing")),
        ("/api/oauth/alpha/authorize", {"options": {"ipd": "x"}}, (400, "bad_request")),
        ("/api/oauth/alpha/authorize", {"method": "telepathy"}, (400, "bad_request")),
        ("/api/oauth/alpha/import", {}, (400, "bad_request")),
        ("/api/oauth/alpha/import", {"source": "~/a", "tokens": {"access": "x"}}, (400, "bad_request")),
        ("/api/oauth/alpha/import", {"source": "~/.ssh/id"}, (404, "not_found")),
        ("/api/oauth/alpha/terms", {}, (400, "bad_request")),
    ],
)  # fmt: skip
async def test_what_cannot_work_is_refused_with_the_reason(
    logins: FakeLogins, client: httpx.AsyncClient, path: str, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    answer = await client.post(path, content=httpx.Request("POST", "http://x", json=body).content, headers=JSON)
    assert code(answer) == expected
    assert not logins.sessions


JSON = {"content-type": "application/json"}


async def test_a_missing_secret_is_named(logins: FakeLogins, client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/oauth/future/authorize", json={})
    assert "FUTURE_OAUTH_CLIENT_SECRET" in answer.json()["error"]["message"]
    answer = await client.post("/api/oauth/future/import", json={"tokens": {"access": "x"}})
    assert answer.status_code == 201  # taking tokens over asks nobody for a code


async def test_terms_are_acknowledged_once(logins: FakeLogins, client: httpx.AsyncClient) -> None:
    assert "Mind the terms." in (await client.post("/api/oauth/regional/authorize", json={})).json()["error"]["message"]
    assert (await client.post("/api/oauth/rg/terms")).json() == {"provider": "regional", "acknowledged": True}
    await begin(client, "regional")
    assert "login.terms" in (await client.get("/api/compliance/audit-log")).text


async def test_sign_ins_of_other_programs_are_taken_over(logins: FakeLogins, client: httpx.AsyncClient) -> None:
    logins.files.append(Importable(provider="alpha", source="~/.alpha/auth.json", path="/home/ada/.alpha/auth.json", label="ada"))
    assert [f["source"] for f in (await client.get("/api/oauth/importable")).json()["data"]] == ["~/.alpha/auth.json"]
    assert (await client.get("/api/oauth/importable", params={"provider": "rg"})).json()["data"] == []
    done = await client.post("/api/oauth/alpha/import", json={"source": "~/.alpha/auth.json"})
    assert (done.status_code, done.json()["login"]["method"]) == (201, "import")
    given = await client.post("/api/oauth/alpha/import", json={"tokens": {"refresh": "rt-given-secret"}})
    assert given.status_code == 201
    pasted = await client.post("/api/oauth/alpha/import", json={"text": '{"access_token": "at-pasted"}'})
    assert pasted.status_code == 201
    assert logins.tokens == [{"refresh": "rt-given-secret"}, {"access": "at-pasted"}]
    assert code(await client.post("/api/oauth/alpha/import", json={"text": "no token here"})) == (404, "no_login_in_text")
    assert "rt-given-secret" not in given.text + (await client.get("/api/compliance/audit-log")).text


async def test_renewing_now(logins: FakeLogins, world: Any, client: httpx.AsyncClient) -> None:
    account_id = await logins.sign_in("alpha", problem="the refresh token was revoked")
    await world.services.reload()
    account = (await client.get(f"/api/providers/{account_id}")).json()
    assert (account["state"], account["login"]["problem"]) == ("sign in again", "the refresh token was revoked")
    world.clock.advance(5)
    assert (await client.post(f"/api/providers/{account_id}/refresh")).json()["refreshed_at"] == world.clock.now()
    assert (await client.get(f"/api/providers/{account_id}")).json()["state"] == "connected"
    for refusal in (
        Conflict("the provider said no", code="login_refused"),
        UpstreamStatus("revoked", http_status=401, kind="auth"),
    ):
        logins.refusal = refusal
        assert code(await client.post(f"/api/providers/{account_id}/refresh")) == (409, "login_refused")
    keyed = (await client.post("/api/providers", json={"provider": "alpha", "api_key": "sk-0123456789"})).json()
    assert code(await client.post(f"/api/providers/{keyed['id']}/refresh")) == (409, "no_login")
    assert (await client.post("/api/providers/nobody/refresh")).status_code == 404


async def test_a_key_cannot_take_the_place_of_a_sign_in(logins: FakeLogins, client: httpx.AsyncClient) -> None:
    account_id = await logins.sign_in("alpha")
    assert code(await client.patch(f"/api/providers/{account_id}", json={"api_key": "sk-0123456789"})) == (409, "signed_in")
    elsewhere = await client.patch(f"/api/providers/{account_id}", json={"url_vars": {"region": "elsewhere"}})
    assert code(elsewhere) == (409, "signed_in")
    assert (await client.patch(f"/api/providers/{account_id}", json={"priority": 4, "url_vars": {}})).json()["priority"] == 4


async def test_token_health_puts_first_what_needs_somebody(logins: FakeLogins, world: Any, client: httpx.AsyncClient) -> None:
    now = world.clock.now()
    for name, view in {
        "fine": {"expires_at": now + 60},
        "late by a moment": {"expires_at": now - 60},
        "broken": {"problem": "revoked"},
        "soon": {"expires_at": now + 3600, "renews": False},
        "over": {"expires_at": now - 1, "renews": False},
        "for good": {"expires_at": None, "renews": False},
    }.items():
        await logins.sign_in("alpha", email=name, **view)
    report = (await client.get("/api/token-health")).json()
    assert [(row["email"], row["state"]) for row in report["data"][:3]] == [
        ("broken", "problem"),
        ("over", "expired"),
        ("soon", "expiring"),
    ]
    assert {k: report[k] for k in ("ok", "expiring", "expired", "problem")} == {
        "ok": 3,
        "expiring": 1,
        "expired": 1,
        "problem": 1,
    }
    assert report["data"][2]["expires_in"] == 3600


async def test_no_answer_holds_a_token(logins: FakeLogins, client: httpx.AsyncClient) -> None:
    account_id = await logins.sign_in("alpha")
    begun = await begin(client, method="paste")
    for answer in (
        await client.post("/api/oauth/alpha/exchange", json={"session": begun["id"], "text": "good"}),
        await client.get("/api/providers"),
        await client.get(f"/api/providers/{account_id}"),
        await client.post(f"/api/providers/{account_id}/refresh"),
        await client.get("/api/token-health"),
        await client.get("/api/compliance/audit-log"),
    ):
        assert answer.is_success
        assert TOKEN not in answer.text
        assert TOKEN[:10] not in answer.text


async def test_every_step_leaves_a_mark(logins: FakeLogins, client: httpx.AsyncClient) -> None:
    begun = await begin(client, method="paste")
    await client.post("/api/oauth/alpha/exchange", json={"session": begun["id"], "text": "good"})
    again = await begin(client)
    await client.delete(f"/api/oauth/sessions/{again['id']}")
    actions = [row["action"] for row in (await client.get("/api/compliance/audit-log")).json()["data"]]
    assert sorted(actions) == ["login.begin", "login.begin", "login.cancel", "login.exchange"]


async def test_without_logins_nothing_breaks(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/oauth/providers")).status_code == 503
    made = (await client.post("/api/providers", json={"provider": "alpha", "api_key": "sk-0123456789"})).json()
    assert made["login"] is None
