"""Connecting a provider, testing it, changing and removing it."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from browser.furnished import chat, rerouted
from browser.visitor import Serve, Visit
from upstream.script import Script
from upstream.server import ScriptedUpstream

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_connect_test_and_remove(serve: Serve, visiting: Visit, upstream: ScriptedUpstream) -> None:
    upstream.key = "sk-right"
    server = await serve(rerouted("groq", upstream))
    visitor = await visiting(server)
    page = visitor.page
    await visitor.open("/providers?q=groq")
    await visitor.button("Connect").click()
    dialog = page.get_by_role("dialog", name="Connect Groq")
    await dialog.get_by_label("API key").fill("sk-wrong")
    await dialog.get_by_label("Name").fill("My Groq")
    await dialog.get_by_role("button", name="Connect").click()
    await expect(visitor.toast("My Groq is connected.")).to_be_visible()
    await expect(visitor.heading("My Groq")).to_be_visible()

    await visitor.button("Test now").click()
    verdict = page.get_by_role("status").filter(has_text="failed, 401")
    await expect(verdict).to_be_visible()

    await page.get_by_label("New API key").fill("sk-right")
    await visitor.button("Save").click()
    await expect(visitor.toast("Saved.")).to_be_visible()
    await visitor.button("Test now").click()
    await expect(page.get_by_role("status").filter(has_text="works")).to_contain_text("First token after")
    assert upstream.last.header("authorization") == "Bearer sk-right"
    assert "sk-right" not in await page.content()

    answer = await server.http.post("/v1/chat/completions", json=chat("groq/llama-3.3-70b-versatile"))
    assert answer.status_code == 200, answer.text

    await visitor.button("Remove…").click()
    await page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    await expect(visitor.heading("Providers")).to_be_visible()
    await visitor.settled()
    await expect(visitor.row("My Groq")).to_have_count(0)


async def test_a_failing_account_is_what_needs_attention(serve: Serve, visiting: Visit, upstream: ScriptedUpstream) -> None:
    upstream.default = Script(status=401, message="this key is gone")
    visitor = await visiting(await serve(rerouted("groq", upstream)))
    account = await visitor.api("POST", "/api/providers", {"provider": "groq", "api_key": "sk-old", "name": "Old"})
    await visitor.open(f"/providers/{account['id']}")
    await visitor.button("Test now").click()
    await expect(visitor.page.get_by_role("status").filter(has_text="failed, 401")).to_be_visible()
    await visitor.open("/")
    await expect(visitor.page.get_by_role("link", name="Old", exact=True).first).to_be_visible()


async def test_what_a_provider_needs_is_asked_for(serve: Serve, visiting: Visit, upstream: ScriptedUpstream) -> None:
    visitor = await visiting(await serve())
    page = visitor.page
    await visitor.open("/providers?q=databricks")
    await visitor.button("Connect").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("API key").fill("dapi-1")
    await dialog.get_by_label("workspace_host").fill("not a host / at all")
    visitor.watch.allowed.append("400")
    await dialog.get_by_role("button", name="Connect").click()
    await expect(dialog.locator(".error")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(visitor.button("Connect")).to_be_focused()
