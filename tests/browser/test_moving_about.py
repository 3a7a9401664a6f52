"""Getting from page to page: the palette, the history, deep links, the keyboard, a server that is gone."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import expect

from browser.visitor import PASSWORD, PHONE, Serve, Visit
from running.fixtures import serving

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_the_palette_by_keyboard(serve: Serve, visiting: Visit) -> None:
    visitor = await visiting(await serve())
    page = visitor.page
    await visitor.open("/")
    await page.keyboard.press("Control+k")
    box = page.get_by_role("combobox", name="Page")
    await expect(box).to_be_focused()
    await page.keyboard.type("configuration")
    options = page.get_by_role("dialog", name="Go to").get_by_role("option")
    await expect(options).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(visitor.heading("Settings")).to_be_visible()
    await page.keyboard.press("Control+k")
    await page.keyboard.press("ArrowDown")
    await expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("Escape")
    await expect(box).to_have_count(0)
    await expect(visitor.heading("Settings")).to_be_visible()


async def test_back_forward_and_deep_links(serve: Serve, visiting: Visit) -> None:
    visitor = await visiting(await serve())
    page = visitor.page
    await visitor.open("/")
    menu = page.get_by_role("navigation", name="Pages")
    await menu.get_by_role("link", name="Providers").click()
    await menu.get_by_role("link", name="Logs").click()
    await expect(visitor.heading("Logs")).to_be_visible()
    await expect(page).to_have_title("Logs · OmniRoute")
    await expect(menu.locator("[aria-current=page]")).to_have_text("≡Logs")
    await page.go_back()
    await expect(visitor.heading("Providers")).to_be_visible()
    await page.go_back()
    await expect(visitor.heading("Home")).to_be_visible()
    await page.go_forward()
    await expect(visitor.heading("Providers")).to_be_visible()
    await visitor.settled()
    await visitor.row().get_by_role("link").first.click()
    await expect(page.get_by_role("button", name="Test now")).to_be_visible()
    title = await page.locator("main h1").inner_text()
    await page.reload()
    await expect(visitor.heading(title)).to_be_visible()
    await visitor.open("/no/such/page")
    await expect(visitor.heading("There is no such page")).to_be_visible()


async def test_the_keyboard_reaches_the_page_first(serve: Serve, visiting: Visit) -> None:
    visitor = await visiting(await serve())
    page = visitor.page
    await visitor.open("/keys")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()
    await expect(visitor.heading("API keys")).to_be_visible()


async def test_the_menu_on_a_phone(serve: Serve, visiting: Visit) -> None:
    visitor = await visiting(await serve(), size=PHONE)
    page = visitor.page
    await visitor.open("/")
    link = page.get_by_role("navigation", name="Pages").get_by_role("link", name="Settings")
    await expect(link).not_to_be_in_viewport()
    await visitor.button("Menu").click()
    await expect(link).to_be_in_viewport()
    await link.click()
    await expect(visitor.heading("Settings")).to_be_visible()
    await expect(link).not_to_be_in_viewport()


async def test_colours_stay_as_chosen(serve: Serve, visiting: Visit) -> None:
    visitor = await visiting(await serve())
    page = visitor.page
    await visitor.open("/")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = await page.evaluate(ground)
    otherwise = f"light => {ground} !== light"
    await visitor.button("Colours: system").click()
    await visitor.button("Colours: light").click()
    await expect(visitor.button("Colours: dark")).to_be_visible()
    await page.wait_for_function(otherwise, arg=light)
    dark = await page.evaluate(ground)
    await visitor.open("/logs")
    await page.wait_for_function(otherwise, arg=light)
    assert await page.evaluate(ground) == dark


async def test_a_server_that_is_gone_and_comes_back(tmp_path: Path, visiting: Visit) -> None:
    async with AsyncExitStack() as stopping:
        server = await stopping.enter_async_context(serving(tmp_path / "data", INITIAL_PASSWORD=PASSWORD))
        visitor = await visiting(server)
        await visitor.open("/")
        await stopping.pop_all().aclose()
    visitor.watch.allowed.append("ERR_")  # Chromium itself writes of refused connections
    page = visitor.page
    await page.get_by_role("navigation", name="Pages").get_by_role("link", name="API keys").click()
    problem = page.get_by_role("alert")
    await expect(problem).to_contain_text("OmniRoute does not answer.")
    port = int(server.url.rpartition(":")[2])
    async with serving(tmp_path / "data", port=port):
        await problem.get_by_role("button", name="Try again").click()
        await expect(page.get_by_text("There is no key.")).to_be_visible()
        await expect(problem).to_have_count(0)
