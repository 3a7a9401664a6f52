"""API keys: made, used, rotated, revoked."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from browser.furnished import chat, node
from browser.visitor import Serve, Visit, Visitor
from running.fixtures import Server
from upstream.server import ScriptedUpstream

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def _shown(visitor: Visitor) -> str:
    """The key of the window that shows it once; closes the window."""
    dialog = visitor.page.get_by_role("dialog", name="Your new key")
    plain = await dialog.locator("pre").inner_text()
    await dialog.get_by_role("button", name="Copy key").click()
    assert await visitor.page.evaluate("navigator.clipboard.readText()") == plain
    await dialog.get_by_role("button", name="Done").click()
    await expect(dialog).to_have_count(0)
    return plain


async def _status(server: Server, key: str, model: str = "lab/one") -> int:
    answer = await server.http.post("/v1/chat/completions", json=chat(model), headers={"authorization": f"Bearer {key}"})
    return answer.status_code


async def test_make_rotate_revoke(serve: Serve, visiting: Visit, upstream: ScriptedUpstream) -> None:
    server = await serve(node("lab", upstream), REQUIRE_API_KEY="true")
    visitor = await visiting(server)
    page = visitor.page
    await visitor.open("/keys")
    await expect(page.get_by_text("There is no key.")).to_be_visible()
    await visitor.button("New key").click()
    dialog = page.get_by_role("dialog", name="New API key")
    await dialog.get_by_label("Name").fill("laptop")
    await dialog.get_by_label("Models").fill("lab/o*")
    await dialog.get_by_role("button", name="Make key").click()
    first = await _shown(visitor)
    assert await _status(server, first) == 200
    assert await _status(server, first, "lab/two") == 403
    assert await _status(server, "made-up") == 401

    await expect(visitor.row("laptop", "lab/o*", "active")).to_be_visible()
    await visitor.button("Rotate").click()
    second = await _shown(visitor)
    assert second != first
    assert (await _status(server, first), await _status(server, second)) == (401, 200)
    await visitor.open("/keys")
    assert first not in await page.content()
    assert second not in await page.content()

    await visitor.button("Revoke").click()
    await page.get_by_role("dialog", name="Revoke laptop?").get_by_role("button", name="Revoke").click()
    await expect(visitor.toast("laptop no longer works.")).to_be_visible()
    assert await _status(server, second) == 401


async def test_a_mistake_is_told_beside_its_field(serve: Serve, visiting: Visit, upstream: ScriptedUpstream) -> None:
    visitor = await visiting(await serve(node("lab", upstream)))
    visitor.watch.allowed.append("400")
    await visitor.open("/keys")
    await visitor.button("New key").click()
    dialog = visitor.page.get_by_role("dialog", name="New API key")
    await dialog.get_by_label("Name").fill("tablet")
    await dialog.get_by_label("Providers").fill("no-such-provider")
    await dialog.get_by_role("button", name="Make key").click()
    await expect(dialog.locator(".field.wrong", has_text="Providers")).to_contain_text("no-such-provider")
    await expect(dialog.get_by_label("Providers")).to_have_attribute("aria-invalid", "true")
