"""A node of the operator's own, added in the browser."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from browser.furnished import chat
from browser.visitor import Serve, Visit
from upstream.server import ScriptedUpstream

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_add_use_change_and_remove(serve: Serve, visiting: Visit, upstream: ScriptedUpstream) -> None:
    server = await serve()
    visitor = await visiting(server)
    page = visitor.page
    await visitor.open("/nodes")
    await page.get_by_role("button", name="New node").first.click()
    dialog = page.get_by_role("dialog", name="New node")
    await dialog.get_by_label("Prefix").fill("bench")
    await dialog.get_by_label("Base URL").fill(upstream.openai_base_url + "?key=1")
    visitor.watch.allowed.append("400")
    await dialog.get_by_role("button", name="Save node").click()
    await expect(dialog.locator(".field.wrong", has_text="Base URL")).to_contain_text("must not have a query")
    await dialog.get_by_label("Base URL").fill(upstream.openai_base_url)
    await dialog.get_by_label("API key").fill("k-bench")
    await dialog.get_by_role("button", name="Save node").click()
    await expect(visitor.toast("bench is added")).to_be_visible()
    answer = await server.http.post("/v1/chat/completions", json=chat("bench/anything"))
    assert answer.status_code == 200, answer.text
    assert upstream.last.header("authorization") == "Bearer k-bench"

    row = visitor.row("bench")
    await row.get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog", name="Node bench")
    await dialog.get_by_label("Models").fill("only-this")
    await dialog.get_by_role("button", name="Save node").click()
    await expect(row).to_contain_text("only-this")
    assert (await server.http.post("/v1/chat/completions", json=chat("bench/anything"))).status_code == 404
