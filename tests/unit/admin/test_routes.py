"""The route table."""

from __future__ import annotations

import pytest

from omniroute.admin.request import AdminRequest, Answer
from omniroute.admin.routes import Route, RouteTable, normalise


async def nothing(_: AdminRequest) -> Answer:
    return Answer()


def test_literal_words_win_over_parameters() -> None:
    table = RouteTable([Route("GET", "/api/a/{id}", nothing), Route("GET", "/api/a/b", nothing)])
    found = table.find("GET", ["api", "a", "b"])
    assert found.route is not None
    assert found.route.path == "/api/a/b"
    assert table.find("GET", ["api", "a", "C%2fd"]).params == {"id": "C%2fd"}


def test_equal_routes_are_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        RouteTable([Route("GET", "/api/{a}", nothing), Route("GET", "/api/{b}", nothing)])


@pytest.mark.parametrize(
    ("raw", "segments"),
    [
        (b"/api/keys", ("api", "keys")),
        (b"//api///keys//", ("api", "keys")),
        (b"/api/%6beys?x=/y", ("api", "keys")),
        (b"/api/a%2Fb", ("api", "a/b")),
        (b"/api/%252e", ("api", "%2e")),
        (b"/", ()),
    ],
)
def test_paths_are_read_in_one_way(raw: bytes, segments: tuple[str, ...]) -> None:
    assert normalise(raw) == segments


def test_methods_of_a_path_are_told() -> None:
    table = RouteTable([Route("GET", "/api/a", nothing), Route("PUT", "/api/a", nothing)])
    assert table.find("DELETE", ["api", "a"]).allowed == ("GET", "PUT")
    assert table.find("HEAD", ["api", "A"]).route is not None
