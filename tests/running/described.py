"""Holds what the admin API does against what it says of itself: give :class:`Described` to a client as a hook."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import httpx
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from omniroute.admin.events import MEDIA
from omniroute.admin.openapi import JSON, describe
from omniroute.admin.resources import ROUTES
from omniroute.admin.resources.monitoring import METRICS
from omniroute.admin.routes import Route, RouteTable, normalise

_DOCUMENT = "urn:omniroute:admin"


class Described:
    """An httpx response hook. AssertionError for an answer, a body that was taken, or a parameter of a query that the document
    does not have, and for refusals of another shape."""

    def __init__(self, routes: Sequence[Route] = ROUTES) -> None:
        self._table = RouteTable(routes)
        self.document: dict[str, Any] = describe(routes, "test", closed=True)
        self._registry = Registry().with_resource(_DOCUMENT, DRAFT202012.create_resource(self.document))
        self._validators: dict[str, Draft202012Validator] = {}

    @cached_property
    def hooks(self) -> dict[str, list[Any]]:
        return {"response": [self]}

    async def __call__(self, response: httpx.Response) -> None:
        request = response.request
        route = self._table.find(request.method, normalise(request.url.raw_path)).route
        raw = request.url.raw_path.lower()
        ours = raw.startswith(b"/api") or raw == METRICS.encode()
        if route is None or not ours or response.headers.get("content-type", "").startswith(MEDIA):
            return
        await response.aread()
        where = f"{route.method} {route.path} -> {response.status_code}"
        told = self.document["paths"][route.path][route.method.lower()]
        if response.status_code >= 400:
            self._check(where, told["responses"]["default"]["content"][JSON]["schema"], response.json())
            return
        assert str(response.status_code) in told["responses"], f"{where}: a status that is not described"
        parameters = {one["name"] for one in told.get("parameters", ()) if one["in"] == "query"}
        unknown = set(request.url.params) - parameters
        assert not unknown, f"{where}: parameters that are not described: {unknown}"
        if request.content not in (b"", b"{}"):
            self._check(f"{where}: its body", told["requestBody"]["content"][JSON]["schema"], json.loads(request.content))
        content = told["responses"][str(response.status_code)]["content"]
        if request.method != "HEAD" and JSON in content:
            self._check(where, content[JSON]["schema"], response.json())

    def _check(self, where: str, schema: dict[str, Any], value: Any) -> None:
        key = json.dumps(schema)
        validator = self._validators.get(key)
        if validator is None:
            validator = self._validators[key] = Draft202012Validator(_absolute(schema), registry=self._registry)
        wrong = [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]
        assert not wrong, f"{where} is not as described:\n" + "\n".join(wrong)


def _absolute(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: f"{_DOCUMENT}{value}" if key == "$ref" else _absolute(value) for key, value in node.items()}
    return node
