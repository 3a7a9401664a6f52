"""Requests as the logs show them: live, with all their tries, filtered by the URL."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from playwright.async_api import expect

from browser.furnished import chat, node, rerouted
from browser.visitor import Serve, Visit
from upstream.script import Script
from upstream.server import ScriptedUpstream

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_a_request_appears_by_itself_and_opens_to_its_tries(
    serve: Serve, visiting: Visit, upstream: ScriptedUpstream
) -> None:
    server = await serve(rerouted("groq", upstream, "k-first", "k-second"))
    visitor = await visiting(server)
    page = visitor.page
    await visitor.open("/logs")
    await expect(page.get_by_text("No request fits.")).to_be_visible()
    upstream.queue(Script(status=429, message="rate limit reached", headers={"retry-after": "30"}))
    answer = await server.http.post("/v1/chat/completions", json=chat("groq/llama-3.3-70b-versatile"))
    assert answer.status_code == 200, answer.text
    request_id = answer.headers["x-request-id"]

    rows = visitor.row(request_id)
    await expect(rows).to_have_count(2)
    await expect(visitor.row(request_id, "error 429")).to_have_count(1)
    await expect(visitor.row(request_id, "ok")).to_have_count(1)
    await rows.first.click()
    dialog = page.get_by_role("dialog", name="Request")
    tries = dialog.locator("ol.tries > li")
    await expect(tries).to_have_count(2)
    await expect(tries.nth(0)).to_contain_text("error 429")
    await expect(tries.nth(1)).to_contain_text("ok")
    await expect(tries.nth(1)).to_contain_text("11 in")
    await dialog.get_by_role("button", name="Copy id").click()
    assert await page.evaluate("navigator.clipboard.readText()") == request_id
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)


async def test_filters_live_in_the_url(serve: Serve, visiting: Visit, upstream: ScriptedUpstream) -> None:
    server = await serve(node("lab", upstream) + node("spare", upstream))
    upstream.queue(Script(status=400, message="no such thing"), model="odd")
    for model in ("lab/one", "spare/two", "spare/odd"):
        await server.http.post("/v1/chat/completions", json=chat(model))
    await server.usage()  # everything is written
    visitor = await visiting(server)
    page = visitor.page
    await visitor.open("/logs")
    await expect(visitor.row()).to_have_count(3)
    await page.get_by_label("Provider", exact=True).fill("spare")
    await expect(visitor.row()).to_have_count(2)
    await page.get_by_label("Result", exact=True).select_option("error")
    await expect(visitor.row()).to_have_count(1)
    await page.reload()
    await visitor.settled()
    await expect(page.get_by_label("Provider", exact=True)).to_have_value("spare")
    await expect(page.get_by_label("Result", exact=True)).to_have_value("error")
    await expect(visitor.row()).to_have_count(1)
    await expect(visitor.row("spare/odd")).to_be_visible()


async def test_what_is_shown_can_be_taken_along(
    serve: Serve, visiting: Visit, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    server = await serve(node("lab", upstream))
    await server.http.post("/v1/chat/completions", json=chat("lab/=one"))
    await server.usage()
    visitor = await visiting(server)
    await visitor.open("/logs")
    for name in ("CSV", "JSON"):
        async with visitor.page.expect_download() as waiting:
            await visitor.button(name).click()
        await (await waiting.value).save_as(tmp_path / name)
    (line,) = csv.DictReader((tmp_path / "CSV").read_text().splitlines())
    assert (line["Model"], line["In"], line["Out"]) == ("lab/=one", "11", "7")
    (row,) = json.loads((tmp_path / "JSON").read_text())
    assert (row["provider"], row["model"], row["outcome"]) == ("lab", "=one", "ok")
