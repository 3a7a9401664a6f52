"""What people paste, and how logins that were begun end."""

from __future__ import annotations

import pytest

from omniroute.core.errors import BadRequest
from omniroute.server.login_sessions import pasted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://localhost:1455/auth/callback?code=c&state=s&scope=x", {"code": "c", "state": "s"}),
        ("  <http://localhost:1455/auth/callback?code=c%2F1&state=s>\n", {"code": "c/1", "state": "s"}),
        ("localhost:1455/auth/callback?code=c&state=s", {"code": "c", "state": "s"}),
        ("127.0.0.1:8085/oauth2callback?state=s&code=c", {"code": "c", "state": "s"}),
        ("kiro://kiro.kiroAgent/authenticate-success?code=c&state=s", {"code": "c", "state": "s"}),
        ("https://vendor.test/show#code=c&state=s", {"code": "c", "state": "s"}),
        ("http://[localhost/cb?code=c&state=s", {"code": "c", "state": "s"}),
        ("?code=c&state=s", {"code": "c", "state": "s"}),
        ("code=c&state=s", {"code": "c", "state": "s"}),
        ("c0de-x_y.z", {"code": "c0de-x_y.z"}),
        ("c0de#st4te", {"code": "c0de", "state": "st4te"}),
        ("eyJhIjoxfQ==", {"code": "eyJhIjoxfQ=="}),
        ("http://localhost/cb?error=access_denied&error_description=No&state=s",
         {"error": "access_denied", "error_description": "No", "state": "s"}),
    ],
)  # fmt: skip
def test_what_is_pasted_is_understood(text: str, expected: dict[str, str]) -> None:
    assert pasted(text) == expected


@pytest.mark.parametrize(
    "text", ["", "  ", '""', "two words", "http://localhost/cb", "http://localhost/cb?state=s", "x" * 9000, "a\nb"]
)
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        pasted(text)
