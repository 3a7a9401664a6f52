"""The built dashboard fits a strict content security policy, works without the internet, and is small."""

from __future__ import annotations

import gzip
import re
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from omniroute.admin.resources import ROUTES
from omniroute.server.site import build_site

STATIC = Path(str(files("omniroute.server") / "static"))
SOURCES = Path(__file__).parents[3] / "dashboard" / "src"
MOST_SCRIPT = 150 * 1024
"""Bytes of JavaScript in all, gzipped."""
MOST_LINES = 200
"""Of a file of a page."""


@pytest.fixture
async def browser() -> Any:
    app = build_site(SimpleNamespace(request_id=lambda request: "req_1"))  # type: ignore[arg-type]  # no page asks for more
    await app.start()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost:20128") as client:
        yield client
    await app.stop()


def html() -> str:
    return (STATIC / "index.html").read_text("utf-8")


def test_nothing_is_inline() -> None:
    assert re.findall(r"<script(?![^>]*\bsrc=)", html()) == []
    assert re.findall(r"<style|\bstyle=|\bon[a-z]+=|javascript:", html()) == []
    for source in SOURCES.rglob("*.ts*"):
        found = re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|\sstyle=", source.read_text("utf-8")
        )
        assert found == [], source


def test_nothing_is_loaded_from_elsewhere() -> None:
    loaded = re.findall(r'(?:src|href)="([^"]+)"', html())
    assert loaded
    for path in loaded:
        assert (STATIC / path.lstrip("/")).is_file(), path
    for style in STATIC.rglob("*.css"):
        assert re.findall(r"@import|url\((?!\"?data:|/)|https?://", style.read_text("utf-8")) == []


def test_the_scripts_are_small() -> None:
    size = sum(len(gzip.compress(script.read_bytes())) for script in STATIC.rglob("*.js"))
    assert 0 < size <= MOST_SCRIPT


def test_charts_are_loaded_when_one_is_shown() -> None:
    """What every page loads holds the pages and no charting library."""
    first = set(re.findall(r'(?:src|href)="(/[^"]+\.js)"', html()))
    scripts = {f"/{script.relative_to(STATIC).as_posix()}": script.read_text("utf-8") for script in STATIC.rglob("*.js")}
    assert first < scripts.keys()
    assert not any("u-legend" in scripts[path] for path in first)
    assert any("u-legend" in text for text in scripts.values())


def test_no_page_is_a_heap() -> None:
    for source in SOURCES.glob("pages/*/*.tsx"):
        assert len(source.read_text("utf-8").splitlines()) <= MOST_LINES, source


def test_every_path_it_calls_is_a_route() -> None:
    calls = set()
    for source in SOURCES.rglob("*.ts*"):
        calls |= set(re.findall(r"[\"`](/api/[^\"`?]*)", source.read_text("utf-8")))
    routes = [route.path.split("/") for route in ROUTES]
    assert calls
    for path in calls:
        asked = re.sub(r"\$\{.*?\}(?=/|$)", "x", path).rstrip("/")
        parts = asked.split("/")  # of a route, or of where some begin
        assert any(
            len(parts) <= len(route) and all(one == other or one[:1] == "{" for one, other in zip(route, parts, strict=False))
            for route in routes
        ), path


async def test_the_page_and_its_files(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    script = re.findall(r'src="(/assets/[^"]+)"', answer.text)[0]
    asset = await browser.get(script)
    assert asset.headers["content-type"].startswith("text/javascript")
    assert "immutable" in asset.headers["cache-control"]


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        ("/providers", "text/html,*/*", 200),
        ("/providers/file-lab-1", "text/html,*/*", 200),
        ("/providers", "*/*", 404),
        ("/favicon.ico", "text/html", 404),
        ("/assets/gone.js", "*/*", 404),
        ("/..%2f..%2fapp.py", "text/html", 404),
    ],
)
async def test_places_within_the_dashboard_can_be_reloaded(
    browser: httpx.AsyncClient, path: str, accept: str, status: int
) -> None:
    answer = await browser.get(path, headers={"accept": accept})
    assert answer.status_code == status
    assert ("<div id=" in answer.text) == (status == 200)
