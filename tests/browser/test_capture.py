"""Captured payloads: switched on for a while, read in four stages, forgotten."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from browser.furnished import chat, node
from browser.visitor import Serve, Visit
from upstream.server import ScriptedUpstream

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_a_request_is_captured_and_read(serve: Serve, visiting: Visit, upstream: ScriptedUpstream) -> None:
    server = await serve(node("lab", upstream))
    visitor = await visiting(server)
    page = visitor.page
    key = (await visitor.api("POST", "/api/keys", {"name": "laptop"}))["key"]
    before = await server.http.post("/v1/chat/completions", json=chat("lab/one", "Not to be kept"))
    await visitor.open("/logs")
    await visitor.button("Capture payloads…").click()
    dialog = page.get_by_role("dialog", name="Capture payloads")
    await dialog.get_by_label("For", exact=True).select_option("3600")
    await dialog.get_by_role("button", name="Start").click()
    await expect(dialog).to_contain_text("Every request, ends in")
    await dialog.get_by_role("button", name="Close", exact=True).last.click()

    answer = await server.http.post(
        "/v1/chat/completions", json=chat("lab/one", "Keep this sentence"), headers={"authorization": f"Bearer {key}"}
    )
    await visitor.row(answer.headers["x-request-id"]).click()
    request = page.get_by_role("dialog", name="Request")
    await request.get_by_role("button", name="Show the payload").click()
    payload = request.get_by_role("region", name="Payload")
    await expect(payload.locator("details")).to_have_count(4)
    for stage in await payload.locator("summary").all():
        await stage.click()
    await expect(payload.get_by_label("Client's request: body")).to_contain_text("Keep this sentence")
    await expect(payload.get_by_label("Upstream request 1: body")).to_contain_text('"model": "one"')
    await expect(payload.get_by_label("Upstream answer 1: body")).to_contain_text("choices")
    await expect(payload.get_by_label("Answer to the client: body")).to_contain_text("choices")
    text = await payload.inner_text()
    assert key not in text
    assert "k-lab" not in text
    await page.keyboard.press("Escape")

    await visitor.row(before.headers["x-request-id"]).click()
    await expect(request).to_contain_text("lab/one")
    await expect(request.get_by_role("button", name="Show the payload")).to_have_count(0)
    await page.keyboard.press("Escape")

    await visitor.button("Capturing payloads…").click()
    await dialog.get_by_role("button", name="Stop capturing: Every request").click()
    await dialog.get_by_role("button", name="Forget them").click()
    await expect(dialog).to_contain_text("0 requests kept")
    actions = {entry["action"] for entry in (await visitor.api("GET", "/api/compliance/audit-log"))["data"]}
    assert "capture.read" in actions
