"""A person before the dashboard: one browser context, watched for what a page must never do."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, expect

from running.fixtures import Server
from structure.source_tree import ROOT

PASSWORD = "correct horse battery staple"
DESK = (1440, 900)
PHONE = (390, 844)
_AXE = ROOT / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"
_SETTLED = """() => {
  const main = document.querySelector("main");
  return !!main && !!main.querySelector("h1") && !document.querySelector(".skeleton, [aria-busy=true]");
}"""
_RUN_AXE = """async (rules) => {
  const options = { resultTypes: ["violations"], preload: false };
  if (rules) options.runOnly = { type: "rule", values: rules };
  const { violations } = await axe.run(document, options);
  return violations
    .filter((one) => one.impact === "serious" || one.impact === "critical")
    .flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.target.join(" ")}\\n${node.html.slice(0, 200)}\\n${node.failureSummary}`));
}"""
_OVERFLOW = """() => {
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide) return [];
  return [...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > wide + 0.5)
    .map((one) => `<${one.tagName.toLowerCase()} class="${one.getAttribute("class") ?? ""}"> ends at ${one.getBoundingClientRect().right}`);
}"""


@dataclass
class Watch:
    """What went wrong on a visitor's pages. ``allowed``: words of complaints that the test itself brings about."""

    origin: str
    complaints: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def on(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", lambda error: self.complaints.append(f"uncaught: {error.error}"))
        context.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.origin + "/", "blob:", "data:")):
            self.complaints.append(f"left the origin: {request.method} {request.url}")

    def unexpected(self) -> list[str]:
        return [text for text in self.complaints if not any(word in text for word in self.allowed)]


@dataclass
class Visitor:
    """``page`` is the open tab. ``watch.allowed`` takes the words of errors that a test provokes."""

    url: str
    context: BrowserContext
    page: Page
    watch: Watch

    async def open(self, path: str = "/") -> None:
        """Load ``path`` anew, and wait until everything it asks for is there."""
        await self.page.goto(self.url + path)
        await self.settled()

    async def settled(self) -> None:
        await self.page.wait_for_function(_SETTLED)

    async def log_in(self) -> None:
        """Past the entrance without typing: the cookie is the browser's."""
        answer = await self.context.request.post(f"{self.url}/api/auth/login", data={"password": PASSWORD})
        assert answer.ok, await answer.text()

    def heading(self, title: str) -> Locator:
        return self.page.get_by_role("heading", name=title, level=1, exact=True)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def row(self, *texts: str) -> Locator:
        """The table rows that hold all of ``texts``."""
        rows = self.page.locator("tbody tr")
        for text in texts:
            rows = rows.filter(has_text=text)
        return rows

    def toast(self, text: str) -> Locator:
        return self.page.locator(".toast", has_text=text)

    async def api(self, method: str, path: str, body: Any = None) -> Any:
        """The admin API with the browser's own cookie. The answer's JSON."""
        answer = await self.context.request.fetch(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body),
            headers={"content-type": "application/json"},
        )
        assert answer.ok, await answer.text()
        return await answer.json()

    async def dress(self, theme: str) -> None:
        """``light`` or ``dark``, as the system would ask for it."""
        await self.page.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")

    async def sit(self, size: tuple[int, int]) -> None:
        await self.page.set_viewport_size({"width": size[0], "height": size[1]})

    async def overflow(self) -> list[str]:
        """What sticks out to the right, when the page scrolls sideways."""
        return list(await self.page.evaluate(_OVERFLOW))

    async def axe(self, *rules: str) -> list[str]:
        """The serious and critical violations that axe-core finds; only of ``rules`` if any are named."""
        if not await self.page.evaluate("typeof axe === 'object'"):
            await self.page.evaluate(_source_of_axe())
        return list(await self.page.evaluate(_RUN_AXE, list(rules) or None))


Serve = Callable[..., Awaitable[Server]]  # the fixtures "serve" and "visiting"
Visit = Callable[..., Awaitable[Visitor]]


async def visit(browser: Browser, url: str, *, size: tuple[int, int] = DESK, timezone: str = "UTC") -> Visitor:
    """A new visitor of the server at ``url``, with an empty tab. English, no animations."""
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        locale="en-GB",
        timezone_id=timezone,
        reduced_motion="reduce",
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.set_default_timeout(20_000)
    watch = Watch(url)
    watch.on(context)
    return Visitor(url, context, await context.new_page(), watch)


def _source_of_axe() -> str:
    assert _AXE.is_file(), f"{_AXE} is missing: npm ci --ignore-scripts in dashboard/, or make lint, brings it"
    return Path(_AXE).read_text()


expect.set_options(timeout=20_000)
