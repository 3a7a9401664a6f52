"""What token endpoints answer, in every spelling."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from omniroute.catalog.oauth import OAuth
from omniroute.upstream.login import LoginRefused, Tokens
from omniroute.upstream.login.http import Answer
from omniroute.upstream.login.identity import label_of, subject_of
from omniroute.upstream.login.replies import at, claims_of, error_of, json_in_base64, moment, tokens_from

NOW = 1_800_000_000.0


def way(**more: Any) -> OAuth:
    return OAuth(flow="code", authorize_url="https://a.test/a", token_url="https://a.test/t", **more)


def answer(body: Any, status: int = 200, *, skew: float = 0.0, **headers: str) -> Answer:
    return Answer(status, headers, json.dumps(body).encode(), skew)


def jwt(**claims: Any) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none'})}.{part(claims)}.c2ln"


@pytest.mark.parametrize(
    ("body", "unwrap"),
    [
        ({"access_token": "at", "refresh_token": "rt", "expires_in": 60}, None),
        ({"access_token": "at", "refresh_token": "rt", "expires_in": "60"}, None),
        ({"accessToken": "at", "refreshToken": "rt", "expiresIn": 60}, None),
        ({"success": True, "data": {"accessToken": "at", "refreshToken": "rt", "expiresAt": "2027-01-15T08:01:00Z"}}, "data"),
        ({"access_token": "at", "refresh_token": "rt", "expires_at": NOW + 60}, None),
        ({"access_token": "at", "refresh_token": "rt", "expiry_date": (NOW + 60) * 1000}, None),
    ],
)
def test_tokens_in_every_spelling(body: dict[str, Any], unwrap: str | None) -> None:
    tokens = tokens_from(answer(body), way(unwrap=unwrap), "Lab", NOW)
    assert (tokens.access, tokens.refresh, tokens.expires_at) == ("at", "rt", NOW + 60)


def test_what_a_reply_leaves_out_stays() -> None:
    before = Tokens(access="old", refresh="rt", id_token="id", key="k", facts={"plan": "pro"})
    tokens = tokens_from(answer({"access_token": "new"}), way(), "Lab", NOW, before)
    assert tokens == Tokens(access="new", refresh="rt", id_token="id", key="k", facts={"plan": "pro"})


def test_facts_come_from_where_the_catalogue_says_and_hosts_lose_their_scheme() -> None:
    oauth = way(facts={"resource_url": "/resource_url", "profile_arn": "/more/profileArn", "user_id": "/more/n"})
    body = {"access_token": "at", "resource_url": "https://portal.test/v1", "more": {"profileArn": "arn:1", "n": 7}}
    tokens = tokens_from(answer(body), oauth, "Lab", NOW)
    assert tokens.facts == {"resource_url": "portal.test", "profile_arn": "arn:1", "user_id": "7"}


@pytest.mark.parametrize("told", ["https://[portal", "https://"])
def test_a_host_that_is_none_costs_no_tokens(told: str) -> None:
    before = Tokens(access="", facts={"resource_url": "portal.test"})
    reply = answer({"access_token": "at", "refresh_token": "rt", "resource_url": told})
    tokens = tokens_from(reply, way(facts={"resource_url": "/resource_url"}), "Lab", NOW, before)
    assert (tokens.refresh, tokens.facts) == ("rt", {"resource_url": "portal.test"})


def test_a_token_says_itself_when_it_ends() -> None:
    assert tokens_from(answer({"access_token": jwt(exp=NOW + 900)}), way(), "Lab", NOW).expires_at == NOW + 900


def test_the_other_clock_is_allowed_for() -> None:
    """It is an hour ahead, so a moment it names comes an hour earlier by ours; a duration is a duration."""
    told = tokens_from(answer({"access_token": "at", "expires_at": NOW + 5400}, skew=3600), way(), "Lab", NOW)
    assert told.expires_at == NOW + 1800
    lasts = tokens_from(answer({"access_token": "at", "expires_in": 1800}, skew=3600), way(), "Lab", NOW)
    assert lasts.expires_at == NOW + 1800


def test_an_end_that_has_come_already_is_a_wrong_clock() -> None:
    tokens = tokens_from(answer({"access_token": "at", "expires_at": NOW - 5}), way(), "Lab", NOW)
    assert tokens.expires_at is not None
    assert tokens.expires_at > NOW


@pytest.mark.parametrize("body", [{}, [], {"access_token": ""}, {"access_token": 7}, {"data": {"access_token": "at"}}])
def test_no_access_token_is_no_login(body: Any) -> None:
    with pytest.raises(LoginRefused, match="without an access token") as caught:
        tokens_from(answer(body), way(), "Lab", NOW)
    assert not caught.value.final


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        ({"error": "invalid_grant", "error_description": "gone"}, {}, ("invalid_grant", "gone")),
        ({"error": {"code": "refresh_token_reused", "message": "used"}}, {}, ("refresh_token_reused", "used")),
        ({"error": {"type": "authentication_error", "message": "no"}}, {}, ("authentication_error", "no")),
        ({"__type": "com.amazon#InvalidGrantException", "message": "bad"}, {}, ("InvalidGrantException", "bad")),
        ({"message": "slow"}, {"x-amzn-errortype": "SlowDownException:http://x"}, ("SlowDownException", "slow")),
        ({"error": "x", "error_description": "token sk-abcdefghijkl"}, {}, ("x", "token [redacted]")),
        ({"access_token": "at"}, {}, ("", "")),
    ],
)
def test_errors_wherever_they_are(body: Any, headers: dict[str, str], expected: tuple[str, str]) -> None:
    assert error_of(answer(body, 400, **headers)) == expected


@pytest.mark.parametrize(
    "value", [1_800_000_000, "1800000000", 1_800_000_000_000, "2027-01-15T08:00:00Z", "2027-01-15T08:00:00+00:00"]
)
def test_moments(value: object) -> None:
    assert moment(value) == NOW


@pytest.mark.parametrize("value", [None, "", "soon", 0, -1, True, [], "0"])
def test_what_is_no_moment(value: object) -> None:
    assert moment(value) is None


@pytest.mark.parametrize("tail", [b"", b"\x00\x01", b"  "])
@pytest.mark.parametrize("size", range(4))
def test_json_in_base64(tail: bytes, size: int) -> None:
    value = {"a": "ä" * size}
    raw = json.dumps(value).encode() + tail
    for text in (base64.b64encode(raw), base64.urlsafe_b64encode(raw), base64.b64encode(raw).rstrip(b"=")):
        assert json_in_base64(text.decode()) == value


@pytest.mark.parametrize("text", ["", "not base64 at all!", "aGVsbG8=", "é"])
def test_what_is_no_json_in_base64(text: str) -> None:
    assert json_in_base64(text) is None


def test_pointers() -> None:
    value = {"a": {"b/c": {"~": "found"}}, "n": 3, "t": True, "l": ["x"]}
    assert at(value, "/a/b~1c/~0") == "found"
    assert at(value, "/n") == "3"
    assert [at(value, pointer) for pointer in ("/t", "/l", "/a", "/none/x", "/n/x")] == [None] * 5


@pytest.mark.parametrize("token", [None, "", "a.b", "a.b.c", f"x.{base64.b64encode(b'[1]').decode()}.z"])
def test_what_is_no_jwt_claims_nothing(token: str | None) -> None:
    assert claims_of(token) == {}


@pytest.mark.parametrize(
    ("tokens", "subject"),
    [
        (Tokens(access="a", facts={"user_id": "u", "email": "e"}), "u"),
        (Tokens(access="a", id_token=jwt(sub="s"), facts={"email": "e"}), "s"),
        (Tokens(access="a", id_token=jwt(sub="s"), facts={"account_id": "team"}), "s@team"),
        (Tokens(access="a", facts={"email": "e", "organization_id": "o"}), "e@o"),
        (Tokens(access=jwt(sub="j")), "j"),
    ],
)
def test_who_signed_in(tokens: Tokens, subject: str) -> None:
    assert subject_of(tokens) == subject


def test_tokens_without_a_name_are_known_by_themselves_and_tell_nothing() -> None:
    one, two = Tokens(access="a", refresh="r1"), Tokens(access="b", refresh="r1")
    assert subject_of(one) == subject_of(two) != subject_of(Tokens(access="a", refresh="r2"))
    assert "r1" not in subject_of(one)
    assert label_of(one) is None


def test_tokens_show_nothing_of_themselves() -> None:
    tokens = Tokens(access="at-secret", refresh="rt-secret", id_token="id-secret", key="key-secret")
    assert "secret" not in repr(tokens)
    assert "secret" not in repr(answer({"access_token": "secret"}))
