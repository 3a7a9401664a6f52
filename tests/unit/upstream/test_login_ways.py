"""Renewal and the odd corners of flows, against a transport that answers as told."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest

from omniroute.catalog.oauth import OAuth
from omniroute.catalog.schema import Auth, Provider
from omniroute.core.errors import BadRequest, NetworkFault
from omniroute.core.ids import FakeClock
from omniroute.upstream.call import Call, Headers
from omniroute.upstream.login import Client, LoginRefused, Tokens
from omniroute.upstream.login.after import take_steps
from omniroute.upstream.login.flows import Begun, Pending, registry
from omniroute.upstream.login.flows.importing import imported
from omniroute.upstream.login.http import Http
from omniroute.upstream.login.renewing import renewed
from omniroute.upstream.login.way import Machine, Way
from upstream.whole import Nowhere, Whole

URLS = {"authorize_url": "https://a.test/authorize", "token_url": "https://a.test/token", "device_url": "https://a.test/device"}
Said = tuple[int, Any]


class Server(Nowhere):
    """Answers in order, and keeps what it was asked. An exception among the answers is raised."""

    def __init__(self, *answers: Said | Exception, headers: Headers | None = None) -> None:
        self.answers = list(answers)
        self.headers = headers or []
        self.asked: list[Call] = []

    async def send(self, call: Call) -> Whole:
        self.asked.append(call)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Whole(*answer, self.headers)


def way(server: Server, elsewhere: str | None = None, environ: dict[str, str] | None = None, **oauth: Any) -> Way:
    data = OAuth(**{"flow": "code", **URLS, **oauth})
    provider = Provider(
        id="lab",
        prefix="lab",
        name="Lab",
        format="openai_chat",
        base_url="https://api.test",
        auth=Auth(scheme="oauth"),
        oauth=data,
    )
    clock = FakeClock()
    return Way(
        provider=provider,
        oauth=data,
        http=Http(provider, lambda: server, lambda url: None, clock, elsewhere),
        machine=Machine(machine_id="m1", device_name="desk", device_model="Linux x"),
        environ=environ or {},
        clock=clock,
    )


def form(call: Call) -> dict[str, str]:
    return dict(parse_qsl(call.body.decode()))


GOOD = (200, {"access_token": "at2", "refresh_token": "rt2", "expires_in": 60})
OLD = Tokens(access="at", refresh="rt", facts={"machine_id": "m0"})


async def test_a_refresh_as_a_form_with_the_client_and_what_the_provider_wants_besides() -> None:
    server = Server(GOOD)
    lab = way(server, client_id="c", client_secret_env="LAB_SECRET", environ={"LAB_SECRET": "s"}, refresh_extra={"scope": "x"})
    tokens = await renewed(lab, OLD)
    assert (tokens.access, tokens.refresh) == ("at2", "rt2")
    (call,) = server.asked
    assert form(call) == {
        "grant_type": "refresh_token",
        "refresh_token": "rt",
        "client_id": "c",
        "client_secret": "s",
        "scope": "x",
    }
    assert not call.private


async def test_a_refresh_in_camel_case_json_with_a_client_of_its_own() -> None:
    server = Server((200, {"accessToken": "at2", "expiresIn": 60}))
    own = Client(id="dyn", secret="ds")
    lab = way(server, refresh_body="json", refresh_fields="camel", refresh_url="https://r.test/refresh")
    tokens = await renewed(lab, Tokens(access="at", refresh="rt", client=own))
    (call,) = server.asked
    assert json.loads(call.body) == {"refreshToken": "rt", "clientId": "dyn", "clientSecret": "ds", "grantType": "refresh_token"}
    assert (tokens.refresh, tokens.client) == ("rt", own)


async def test_headers_keep_the_machine_that_signed_in() -> None:
    server = Server(GOOD)
    await renewed(way(server, headers={"X-Device": "{machine_id}", "X-Name": "{device_name}", "X-None": "{unknown}"}), OLD)
    said = dict(server.asked[0].headers)
    assert (said["x-device"], said["x-name"]) == ("m0", "desk")
    assert "x-none" not in said


async def test_an_imported_fact_cannot_break_out_of_a_header() -> None:
    server = Server(GOOD)
    odd = Tokens(access="at", refresh="rt", facts={"machine_id": "m\r\nx-other: 1"})
    await renewed(way(server, headers={"X-Device": "{machine_id}"}), odd)
    assert dict(server.asked[0].headers)["x-device"] == "mx-other: 1"


@pytest.mark.parametrize(
    ("answer", "final"),
    [
        ((400, {"error": "invalid_grant"}), True),
        ((401, {"error": {"code": "refresh_token_reused"}}), True),
        ((400, {"__type": "InvalidGrantException"}), True),
        ((403, {"message": "forbidden"}), True),
        ((200, {"error": "invalid_grant"}), True),
        ((200, {}), False),
        ((200, b"<html>"), False),
        ((400, {"error": "invalid_client"}), False),
        ((400, {"error": "temporarily_unavailable"}), False),
        ((403, b"<html>a challenge</html>"), False),
        ((429, {"error": "rate_limited"}), False),
        ((503, {"error": "invalid_grant"}), False),
        (NetworkFault("refused", kind="network"), False),
    ],
)
async def test_which_refusals_are_final(answer: Said | Exception, final: bool) -> None:
    with pytest.raises(LoginRefused) as caught:
        await renewed(way(Server(answer)), OLD)
    assert caught.value.final is final
    assert "rt" not in caught.value.message.split()


async def test_a_registration_of_its_own_that_is_over_needs_a_new_login() -> None:
    with pytest.raises(LoginRefused) as caught:
        await renewed(way(Server((401, {"error": "invalid_client"}))), Tokens(access="a", refresh="r", client=Client(id="c")))
    assert caught.value.final


async def test_how_long_to_leave_it_alone_is_heard() -> None:
    with pytest.raises(LoginRefused) as caught:
        await renewed(way(Server((429, {}), headers=[("Retry-After", "77")])), OLD)
    assert caught.value.retry_after == 77


async def test_a_server_elsewhere_may_be_private_and_no_other() -> None:
    server = Server(GOOD, GOOD)
    lab = way(server, "http://127.0.0.1:9")
    await renewed(lab, OLD)
    await lab.http.get("https://api.test/v1/me")
    assert [(call.url, call.private) for call in server.asked] == [
        ("http://127.0.0.1:9/token", True),
        ("http://127.0.0.1:9/v1/me", True),
    ]


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("http://10.0.0.1:80/api/v1/quota", True),
        ("http://10.0.0.1/v1/me", True),
        ("http://10.0.0.1:8080/v1/me", False),
        ("http://10.0.0.10/v1/me", False),
    ],
)
async def test_private_is_the_server_that_the_operator_named(url: str, private: bool) -> None:
    server = Server(GOOD)
    provider = msgspec.structs.replace(way(server).provider, base_url="http://10.0.0.1/v1", private=True)
    await Http(provider, lambda: server, lambda url: None, FakeClock()).get(url)
    assert server.asked[0].private is private


async def test_a_code_that_is_exchanged_says_all_that_was_agreed() -> None:
    server = Server(GOOD)
    lab = way(server, client_id="c", pkce=True, token_body="json", token_extra={"state": "{state}"}, scopes=("a", "b"))
    flow = registry()["code"]
    begun = await flow.begin(lab, "paste", {}, None)
    assert begun.url is not None
    assert "scope=a+b" in begun.url
    assert f"state={begun.state}" in begun.url
    assert begun.verifier not in begun.url
    await flow.finish(lab, begun, "the-code", None)
    sent = json.loads(server.asked[0].body)
    assert sent == {
        "grant_type": "authorization_code", "code": "the-code", "client_id": "c", "code_verifier": begun.verifier,
        "state": begun.state, "redirect_uri": begun.redirect_uri,
    }  # fmt: skip


async def test_the_secret_is_said_in_the_header_too_where_that_is_wanted() -> None:
    server = Server(GOOD)
    environ = {"LAB_SECRET": "s", "LAB_CLIENT": "other"}
    lab = way(
        server, client_id="c", client_id_env="LAB_CLIENT", client_secret_env="LAB_SECRET", client_auth="basic", environ=environ
    )
    await renewed(lab, OLD)
    assert dict(server.asked[0].headers)["authorization"] == "Basic b3RoZXI6cw=="
    assert form(server.asked[0])["client_id"] == "other"


@pytest.mark.parametrize(
    ("answer", "interval"),
    [
        ((400, {"error": "authorization_pending"}), 5.0),
        ((200, {"error": "authorization_pending"}), 5.0),
        ((400, {"error": "slow_down"}), 10.0),
        ((429, {}), 10.0),
        ((400, {"__type": "AuthorizationPendingException"}), 5.0),
        ((400, {"__type": "SlowDownException"}), 10.0),
        ((502, b"bad gateway"), 10.0),
    ],
)
async def test_how_long_a_device_waits(answer: Said, interval: float) -> None:
    found = await registry()["device"].poll(way(Server(answer), flow="device"), Begun(method="device", device_code="d"))
    assert found == Pending(interval=interval)


@pytest.mark.parametrize(
    "answer", [(400, {"error": "access_denied"}), (200, {"error": "expired_token"}), (403, {"error": "access_denied"}), (404, {})]
)
async def test_when_a_device_gives_up(answer: Said) -> None:
    with pytest.raises(LoginRefused) as caught:
        await registry()["device"].poll(way(Server(answer), flow="device"), Begun(method="device", device_code="d"))
    assert caught.value.final


@pytest.mark.parametrize("answer", [(400, {"error": "invalid_scope"}), (200, {}), (200, b"no")])
async def test_a_device_login_that_cannot_begin(answer: Said) -> None:
    with pytest.raises(LoginRefused):
        await registry()["device"].begin(way(Server(answer), flow="device"), "device", {}, None)


async def test_an_imported_token_that_has_ended_needs_a_refresh_token() -> None:
    with pytest.raises(LoginRefused, match="expired"):
        await imported(way(Server()), {"access": "at", "expires_at": "5"})
    server = Server(GOOD)
    assert (await imported(way(server), {"access": "at", "refresh": "rt", "expires_at": "5"})).access == "at2"


async def test_an_imported_token_loses_the_user_in_front_of_it() -> None:
    assert (await imported(way(Server()), {"access": " user_1%3A%3Ajwt "})).access == "jwt"


async def test_facts_that_nothing_uses_are_not_taken() -> None:
    with pytest.raises(BadRequest, match="cookie"):
        await imported(way(Server()), {"access": "at", "cookie": "secret"})


async def test_steps_follow_each_other_and_unknown_ones_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server((200, {"data": {"apiKey": "k", "email": "e@x"}}))
    lab = way(server, after=("iflow_key",), userinfo_url="https://a.test/me?token={access_token}")
    tokens = await take_steps(lab, Tokens(access="a/t", pending=True), fresh=True)
    assert (tokens.key, tokens.signs, tokens.facts, tokens.pending) == ("k", "k", {"email": "e@x"}, False)
    assert server.asked[0].url == "https://a.test/me?token=a%2Ft"
    with pytest.raises(LoginRefused, match="unheard_of") as caught:
        await take_steps(way(server, after=("unheard_of",)), OLD, fresh=True)
    assert not caught.value.final


@pytest.mark.parametrize("status", [401, 500])
async def test_no_key_no_login(status: int) -> None:
    lab = way(Server((status, {"message": "no"})), after=("iflow_key",), userinfo_url="https://a.test/me?t={access_token}")
    with pytest.raises(LoginRefused) as caught:
        await take_steps(lab, OLD, fresh=False)
    assert caught.value.final is (status == 401)


@pytest.mark.parametrize("answer", [(404, {}), (200, b"no json"), NetworkFault("gone", kind="network")])
async def test_a_profile_that_cannot_be_read_costs_no_login(answer: Said | Exception) -> None:
    lab = way(Server(answer), after=("kilo_profile",), userinfo_url="https://a.test/profile")
    assert (await take_steps(lab, OLD, fresh=True)).facts == OLD.facts
