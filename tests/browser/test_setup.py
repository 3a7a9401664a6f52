"""From a fresh data directory to the first streamed request, as the setup leads there."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from browser.furnished import rerouted
from browser.visitor import PASSWORD, Serve, Visit
from upstream.script import Script
from upstream.server import ScriptedUpstream

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_from_nothing_to_the_first_streamed_request(serve: Serve, visiting: Visit, upstream: ScriptedUpstream) -> None:
    upstream.key = "sk-mine"
    server = await serve(rerouted("groq", upstream), fresh=True)
    visitor = await visiting(server, logged_in=False)
    page = visitor.page
    await visitor.open("/")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_label("Once more").fill(PASSWORD)
    await visitor.button("Set password").click()
    await expect(visitor.heading("Setup")).to_be_visible()

    await page.get_by_label("Find a provider").fill("groq")
    await page.get_by_role("button", name="Connect Groq").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("API key").fill("sk-mine")
    await dialog.get_by_role("button", name="Connect").click()
    accounts = page.get_by_role("list", name="Connected accounts")
    await accounts.get_by_role("button", name="Test Groq").click()
    await expect(accounts.get_by_role("status")).to_contain_text("First token after")
    await visitor.button("Next").click()

    await page.get_by_label("Name", exact=True).fill("first")
    await page.get_by_label("Step 1", exact=True).fill("groq/llama-3.3-70b-versatile")
    await visitor.button("Make combo").click()

    await page.get_by_label("Tool").select_option("Claude Code")
    await expect(page.locator("pre")).to_contain_text(f"ANTHROPIC_BASE_URL={server.url}\n")
    await expect(page.locator("pre")).to_contain_text("ANTHROPIC_MODEL=first")
    upstream.queue(Script(answer="Welcome to your own router.", cadence=0.02))
    await visitor.button("Send").click()
    answer = page.get_by_role("region", name="Answer")
    await expect(answer.locator(".answer")).to_have_text("Welcome to your own router.")
    await expect(answer.get_by_role("status")).to_contain_text("done after")
    assert upstream.last.json()["stream"] is True

    await answer.get_by_role("link", name="logs").click()
    await expect(visitor.row("groq/llama-3.3-70b-versatile", "ok")).not_to_have_count(0)


async def test_the_demo_needs_no_account(serve: Serve, visiting: Visit) -> None:
    visitor = await visiting(await serve())
    page = visitor.page
    await visitor.open("/setup")
    await visitor.button("Go on with the demo").click()
    await visitor.button("Skip").click()
    await page.get_by_label("Message").fill("these words come back")
    await visitor.button("Send").click()
    await expect(page.get_by_role("region", name="Answer").locator(".answer")).to_contain_text("these words come back")


async def test_a_request_that_fails_says_why(serve: Serve, visiting: Visit) -> None:
    visitor = await visiting(await serve())
    visitor.watch.allowed.append("404")
    await visitor.open("/setup?step=request&model=no-such-model")
    await visitor.button("Send").click()
    await expect(visitor.page.get_by_role("alert")).to_contain_text("no-such-model")
