"""Every page, in both colours, on a desk and on a phone: no error, nothing from elsewhere, nothing that sticks out, no serious
violation of axe. A picture of each goes to build/screenshots.

The pages are read from the dashboard's sources, so that a new one is covered by being there.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from browser.furnished import lived_in
from browser.visitor import DESK, PHONE, Visit, Visitor, visit
from running.fixtures import Server
from structure.source_tree import ROOT
from upstream.server import ScriptedUpstream

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

PICTURES = ROOT / "build" / "screenshots"
SOURCES = ROOT / "dashboard" / "src" / "pages"
_PATH = re.compile(r"\bpath: \"(/[^\"]*)\"")
PATHS = sorted({path for source in SOURCES.glob("*/index.tsx") for path in _PATH.findall(source.read_text())})
_LINKS = "[...document.querySelectorAll('main a[href]')].map((link) => link.pathname)"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    async with ScriptedUpstream().run() as upstream:
        async with lived_in(tmp_path_factory.mktemp("lived-in") / "data", upstream) as server:
            yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def visitor(home: Server, chromium: Browser) -> AsyncIterator[Visitor]:
    """One for all pages: what the browser has loaded once it need not load again."""
    visitor = await visit(chromium, home.url)
    await visitor.log_in()
    yield visitor
    await visitor.context.close()


async def _place(visitor: Visitor, path: str) -> str:
    """``path`` itself; for one with parameters the first place of its kind that the page above it links to."""
    if ":" not in path:
        return path
    shape = re.compile(re.sub(r":\w+", "[^/]+", path))
    await visitor.open(path.partition("/:")[0])
    found = next((link for link in await visitor.page.evaluate(_LINKS) if shape.fullmatch(link) and link not in PATHS), None)
    assert found is not None, f"no link leads to a page like {path}"
    return found


async def _look(visitor: Visitor, name: str) -> list[str]:
    """What is wrong with the open page, in both colours and sizes. Leaves four pictures."""
    wrong: list[str] = []
    PICTURES.mkdir(parents=True, exist_ok=True)
    for size in (DESK, PHONE):
        await visitor.sit(size)
        for theme in ("light", "dark"):
            await visitor.dress(theme)
            await visitor.settled()
            label = f"{name}-{theme}-{size[0]}"
            await visitor.page.screenshot(path=PICTURES / f"{label}.png", full_page=True)
            rules = () if theme == "light" else ("color-contrast",)  # colours are all that differs
            wrong += [f"{label}: {violation}" for violation in await visitor.axe(*rules)]
        wrong += [f"{name} at {size[0]} px: {sticking}" for sticking in await visitor.overflow()]
    return wrong + visitor.watch.unexpected()


def _name(path: str) -> str:
    return re.sub(r"\W+", "-", path).strip("-") or "home"


@pytest.mark.parametrize("path", PATHS, ids=_name)
async def test_a_page(visitor: Visitor, path: str) -> None:
    visitor.watch.complaints.clear()
    await visitor.sit(DESK)
    await visitor.open(await _place(visitor, path))
    wrong = await _look(visitor, _name(path))
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.parametrize(
    ("path", "button"),
    [
        ("/costs", "New budget"),
        ("/costs?price=lab/qwen", "Change the price of lab/qwen3-coder"),
        ("/logs", "Capture payloads…"),
        ("/routing", "Change the routing of Groq"),
        ("/combos", "New alias"),
        ("/combos", "New chain"),
        ("/keys", "New key"),
    ],
    ids=lambda text: _name(text),
)
async def test_a_window_over_a_page(visitor: Visitor, path: str, button: str) -> None:
    visitor.watch.complaints.clear()
    await visitor.sit(DESK)
    await visitor.dress("light")
    await visitor.open(path)
    await visitor.button(button).click()
    await visitor.settled()
    wrong = await visitor.axe()
    await visitor.sit(PHONE)
    await visitor.dress("dark")
    wrong += await visitor.axe("color-contrast") + await visitor.overflow() + visitor.watch.unexpected()
    await visitor.page.screenshot(path=PICTURES / f"window-{_name(button)}.png")
    assert not wrong, "\n\n".join(wrong)


async def test_the_entrance(home: Server, visiting: Visit) -> None:
    visitor = await visiting(home, logged_in=False)
    await visitor.open("/")
    wrong = await _look(visitor, "entrance")
    assert not wrong, "\n\n".join(wrong)


async def test_every_page_of_the_menu_is_among_them(visitor: Visitor) -> None:
    await visitor.open("/")
    links = "[...document.querySelectorAll('nav.menu a')].map((link) => link.pathname)"
    shown = set(await visitor.page.evaluate(links))
    assert len(shown) >= 6
    assert shown <= set(PATHS)


async def test_what_is_wrong_is_seen(home: Server, chromium: Browser) -> None:
    """The examination itself: an unreadable, unnamed, wide page that calls elsewhere and fails."""
    visitor = await visit(chromium, home.url)
    await visitor.open("/")
    await visitor.page.evaluate("""() => {
      document.body.insertAdjacentHTML("beforeend", '<button id="mute"></button><p id="wide">wide</p><img id="far" alt="">');
      document.querySelector("h1").style.color = "#fdfdfd";
      document.getElementById("wide").style.width = "3000px";
      document.getElementById("far").src = "http://elsewhere.invalid/picture.png";
      setTimeout(() => undefined.nothing, 0);
    }""")
    await visitor.page.wait_for_function("document.getElementById('far').complete")
    found = "\n".join(await visitor.axe())
    assert "color-contrast: h1" in found
    assert "button-name: #mute" in found
    assert any(text.startswith("<p ") for text in await visitor.overflow())
    complaints = "\n".join(visitor.watch.unexpected())
    assert "elsewhere.invalid" in complaints
    assert "uncaught" in complaints
    await visitor.context.close()
