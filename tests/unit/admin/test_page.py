"""The welcome page fits a strict content security policy and works without the internet."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

import pytest

from omniroute.admin.resources import ROUTES

STATIC = files("omniroute.server") / "static"
HTML = (STATIC / "index.html").read_text("utf-8")
SCRIPT = (STATIC / "app.js").read_text("utf-8")
STYLE = (STATIC / "style.css").read_text("utf-8")


def test_nothing_is_inline() -> None:
    assert re.findall(r"<script(?![^>]*\bsrc=)", HTML) == []
    assert re.findall(r"<style|\bstyle=|\bon[a-z]+=|javascript:", HTML) == []
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", SCRIPT) == []


def test_nothing_comes_from_elsewhere() -> None:
    for text in (HTML, SCRIPT, STYLE):
        assert re.findall(r"https?://", text) == []
    for path in re.findall(r'(?:src|href)="([^"]+)"', HTML):
        assert (STATIC / path.lstrip("/")).is_file(), path


def test_every_path_it_calls_is_a_route() -> None:
    calls = set(re.findall(r'call\("(\w+)", "([^"]+)"', SCRIPT))
    assert calls
    assert calls <= {(route.method, route.path) for route in ROUTES}


def test_every_element_it_looks_up_exists() -> None:
    ids = set(re.findall(r'\bid="([^"]+)"', HTML))
    used = set(re.findall(r'\$\("([^"]+)"\)', SCRIPT)) | set(re.findall(r'(?:fill|onSubmit)\("([^"]+)"', SCRIPT))
    assert used <= ids
    assert set(re.findall(r'data-copy="([^"]+)"', HTML)) <= ids


@pytest.mark.parametrize(
    "name", ["setup_required", "can_set_password", "authenticated", "endpoint", "api_key_required", "example_model", "version"]
)
async def test_what_it_reads_is_answered(world: Any, name: str) -> None:
    assert f"init.{name}" in SCRIPT
    async with world.client(token=False) as client:
        assert name in (await client.get("/api/init")).json()
