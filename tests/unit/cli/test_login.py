"""What ``omniroute login`` decides by itself: the way to sign in that fits the place it runs at."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from omniroute.cli.failure import USAGE, Failure
from omniroute.cli.login import _fitting
from omniroute.cli.state import State

AFAR = {"SSH_CONNECTION": "10.0.0.1 5 10.0.0.2 22"}
ALL = ("browser", "paste", "device", "import")


def fitting(url: str, methods: tuple[str, ...], environ: dict[str, str]) -> str:
    client: Any = SimpleNamespace(url=url)
    return _fitting(State(environ=environ), client, {"name": "Provider", "methods": methods})


@pytest.mark.parametrize(
    ("url", "environ", "methods", "way"),
    [
        ("http://localhost:20128", {}, ALL, "browser"),
        ("http://127.0.0.1:20128", {}, ("paste", "device"), "device"),
        ("http://localhost:20128", {}, ("paste", "import"), "paste"),
        ("http://localhost:20128", AFAR, ALL, "device"),
        ("http://localhost:20128", AFAR, ("browser", "paste"), "paste"),
        ("http://localhost:20128", {**AFAR, "DISPLAY": ":10"}, ALL, "browser"),
        ("https://proxy.example", {}, ("browser", "paste"), "paste"),
        ("https://proxy.example", {}, ("browser",), "browser"),
    ],
)
def test_the_way_that_works_from_here(url: str, environ: dict[str, str], methods: tuple[str, ...], way: str) -> None:
    assert fitting(url, methods, environ) == way


def test_what_cannot_be_begun_here_says_what_can() -> None:
    with pytest.raises(Failure, match="--from-installed") as caught:
        fitting("http://localhost:20128", ("import",), {})
    assert caught.value.exit_code == USAGE


def test_without_a_server_nothing_is_begun(run: Any, fails: Any) -> None:
    fails(run("login", "codex"), 3, "no OmniRoute server is running")


def test_providers_and_accounts_are_told_without_a_server(run: Any) -> None:
    told = {p["provider"]: p for p in run.json("login")["data"]}
    assert "device" in told["qwen"]["methods"]
    assert run("accounts").exit_code == 0
    assert all(row["login"] is None for row in run.json("accounts", "list")["data"])


def test_adding_a_key_where_people_sign_in_points_there(run: Any, fails: Any) -> None:
    fails(run("providers", "add", "codex"), 2, "omniroute login codex")
