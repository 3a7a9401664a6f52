"""The first visit, logging in and out."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from browser.visitor import PASSWORD, Serve, Visit

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_the_first_visit_sets_the_password(serve: Serve, visiting: Visit) -> None:
    server = await serve(fresh=True)
    visitor = await visiting(server, logged_in=False)
    await visitor.open()
    page = visitor.page
    await expect(visitor.heading("Set an admin password")).to_be_visible()
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_label("Once more").fill("something else")
    await visitor.button("Set password").click()
    await expect(page.get_by_role("alert")).to_have_text("The two passwords differ.")
    await page.get_by_label("Once more").fill(PASSWORD)
    await visitor.button("Set password").click()
    await expect(visitor.heading("Setup")).to_be_visible()
    await page.get_by_role("link", name="Home").click()
    await expect(page.get_by_text(f"{server.url}/v1", exact=True)).to_be_visible()
    assert (await server.http.post("/api/auth/login", json={"password": PASSWORD})).status_code == 200


async def test_wrong_password_right_password_and_out_again(serve: Serve, visiting: Visit) -> None:
    visitor = await visiting(await serve(), logged_in=False)
    visitor.watch.allowed.append("401")  # Chromium itself writes of it
    await visitor.open("/keys")
    page = visitor.page
    await expect(visitor.heading("Log in")).to_be_visible()
    await page.get_by_label("Password").fill("not this one")
    await visitor.button("Log in").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(visitor.heading("API keys")).to_be_visible()
    await visitor.button("Log out").click()
    await expect(visitor.heading("Log in")).to_be_visible()
    await visitor.open("/settings")
    await expect(visitor.heading("Log in")).to_be_visible()
    assert (await visitor.context.request.get(f"{visitor.url}/api/keys")).status == 401
