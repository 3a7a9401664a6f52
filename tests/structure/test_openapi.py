"""The admin API's description: of every route, true of a running server, and the files made of it are of today."""

from __future__ import annotations

import importlib.util
import inspect
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from omniroute import __version__
from omniroute.admin.openapi import JSON, describe
from omniroute.admin.resources import ROUTES
from omniroute.admin.routes import Route
from omniroute.core.ids import SystemClock
from omniroute.server.app import OmniRoute
from omniroute.server.installation import Launch
from running.described import Described
from structure.source_tree import ROOT, relative

DOCUMENT = describe(ROUTES, __version__)
OPERATIONS = {f"{method.upper()} {path}": told for path, methods in DOCUMENT["paths"].items() for method, told in methods.items()}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    launch = Launch(flags={"data_dir": str(tmp_path / "data")}, environ={}, config=None)
    async with await OmniRoute.open(launch, SystemClock()) as app:
        transport = httpx.ASGITransport(app=app.front, client=("127.0.0.1", 40000))
        headers = {"authorization": f"Bearer {app.services.admin_token}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost:20128", headers=headers, event_hooks=Described().hooks
        ) as client:
            yield client


def test_every_route_is_described() -> None:
    assert set(OPERATIONS) == {f"{route.method} {route.path}" for route in ROUTES}
    bare = [f"{route.method} {route.path}" for route in ROUTES if route.answer is None and route.media == JSON]
    assert not bare, f"say what these answer (Route.answer): {bare}"
    assert not [name for name, told in OPERATIONS.items() if len(told["summary"]) < 5], "give their handlers a docstring"


def test_what_is_read_of_a_request_is_described() -> None:
    asked = {route.handler for route in ROUTES if route.query is not None}
    forgotten = [
        f"{route.method} {route.path}"
        for route in ROUTES
        if (_reads(route, r"\.(decode|object)\(") and route.body is None)
        or (_reads(route, r"request\.(flag|integer|number)\(|request\.query\b") and route.handler not in asked)
    ]
    assert not forgotten, f"say what these take (Route.body, Route.query): {forgotten}"


def _reads(route: Route, pattern: str) -> bool:
    return re.search(pattern, inspect.getsource(route.handler)) is not None


def test_the_document_is_well_formed() -> None:
    identifiers = [told["operationId"] for told in OPERATIONS.values()]
    assert len(set(identifiers)) == len(identifiers)
    schemas = DOCUMENT["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    named = set(re.findall(r"#/components/schemas/([^'\"]+)", str(DOCUMENT)))
    assert named <= set(schemas)
    assert set(schemas) <= named, "schemas that nothing refers to"
    for name, told in OPERATIONS.items():
        wanted = set(re.findall(r"\{(\w+)\}", name))
        assert {one["name"] for one in told.get("parameters", ()) if one["in"] == "path"} == wanted


def test_readers_may_meet_members_that_are_newer_than_they_are() -> None:
    """Of what is answered; what is sent with a wrong name is refused, and the document says so."""
    schemas = DOCUMENT["components"]["schemas"]
    assert "additionalProperties" not in schemas["Key"]
    assert schemas["KeysCreateBody"]["additionalProperties"] is False


async def test_a_new_server_answers_as_described(client: httpx.AsyncClient) -> None:
    plain = [route for route in ROUTES if route.method == "GET" and "{" not in route.path and route.media == JSON]
    assert len(plain) > 15
    answers = {route.path: (await client.get(route.path)).status_code for route in plain if not _needs(route)}
    assert {path: status for path, status in answers.items() if status != 200} == {}


def _needs(route: Route) -> bool:
    told = OPERATIONS[f"{route.method} {route.path}"]
    return any(one["required"] for one in told.get("parameters", ()))


async def test_the_server_hands_it_out(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/openapi.json")
    assert answer.json() == DOCUMENT


def test_the_files_made_of_it_are_of_today() -> None:
    spec = importlib.util.spec_from_file_location("api_reference", ROOT / "docs" / "api_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    stale = [relative(file) for file, text in module.written().items() if file.read_text() != text]
    assert not stale, f"run: make docs ({', '.join(stale)})"
