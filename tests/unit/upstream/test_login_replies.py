"""What is taken from and shown of others' words: hosts of URLs stay the catalogue's, quoted secrets are hidden."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omniroute.upstream.login import LoginRefused
from omniroute.upstream.login.http import Answer
from omniroute.upstream.login.replies import error_of
from omniroute.upstream.login.way import fill

SIGN_IN = "https://oidc.{region}.amazonaws.com/token"


@pytest.mark.parametrize(
    ("template", "values", "url"),
    [
        (SIGN_IN, {"region": "eu-west-1"}, "https://oidc.eu-west-1.amazonaws.com/token"),
        ("https://{host}/v1", {"host": "api.example.com"}, "https://api.example.com/v1"),
        ("https://x.example/{code}?t={t}", {"code": "a/b#c", "t": "d?e"}, "https://x.example/a/b#c?t=d?e"),
        ("{start_url}", {"start_url": "https://org.awsapps.com/start"}, "https://org.awsapps.com/start"),
        ("{name} on {machine}", {"name": "a/b", "machine": "c@d"}, "a/b on c@d"),
    ],
)
def test_placeholders_are_filled(template: str, values: dict[str, str], url: str) -> None:
    assert fill(template, values) == url


@pytest.mark.parametrize("region", ["evil.example/x#", "evil.example?", "a@evil.example", "a b", "-", "evil.example\\", "x\n"])
def test_an_imported_fact_leads_no_token_elsewhere(region: str) -> None:
    with pytest.raises(LoginRefused, match="region"):
        fill(SIGN_IN, {"region": region})
    with pytest.raises(LoginRefused, match="'region', which is not known"):
        fill(SIGN_IN, {})


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ({"error": "invalid_grant", "error_description": "Token rt-abc1defghijklmnopqrs is bad"}, "invalid_grant", "Token [redacted] is bad"),
        ({"error": "the code 2fd4e1c67a2d28fced849ee1bb76e739 has expired"}, "", "the code [redacted] has expired"),
        ({"error": {"code": "refresh_token_reused", "message": "It was used."}}, "refresh_token_reused", "It was used."),
        ({"error": {"code": 403, "message": "Open https://a.example/c?s=1&plt=AKgnsbu12345678"}}, "403",
         "Open https://a.example/c?s=1&plt=AKgnsbu12345678"),
        ({"__type": "com.amazon#SlowDownException:http://x", "message": "Not AuthorizationPendingException"}, "SlowDownException",
         "Not AuthorizationPendingException"),
        ({"message": "Bad credentials"}, "", "Bad credentials"),
        ([], "", ""),
    ],
)  # fmt: skip
def test_errors_are_read_and_secrets_in_them_hidden(body: Any, code: str, said: str) -> None:
    assert error_of(Answer(400, {}, json.dumps(body).encode())) == (code, said)
