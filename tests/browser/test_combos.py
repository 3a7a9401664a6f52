"""A combo built in the browser, and a request that falls back along it."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from browser.furnished import chat, node
from browser.visitor import Serve, Visit
from upstream.script import Script
from upstream.server import ScriptedUpstream

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_build_a_combo_and_see_it_fall_back(serve: Serve, visiting: Visit, upstream: ScriptedUpstream) -> None:
    server = await serve(node("lab", upstream, "one", "two") + node("spare", upstream, "three"))
    visitor = await visiting(server)
    page = visitor.page
    await visitor.open("/combos")
    await page.get_by_role("link", name="New combo").click()
    await page.get_by_label("Name", exact=True).fill("sturdy")
    await page.get_by_label("Step 1", exact=True).fill("spare/three")
    await visitor.button("Add step").click()
    await page.get_by_label("Step 2", exact=True).fill("lab/one")
    await page.get_by_role("button", name="Move lab/one up").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Step 1", exact=True)).to_have_value("lab/one")
    await expect(page.get_by_role("button", name="Move lab/one down")).to_be_focused()
    await visitor.button("Save combo").click()
    await expect(visitor.toast("sturdy is saved.")).to_be_visible()

    await expect(visitor.heading("sturdy")).to_be_visible()
    tries = page.get_by_role("region", name="Tries in order").locator("tbody tr")
    await expect(tries).to_have_count(2)
    await expect(tries.nth(0)).to_contain_text("lab/one")
    await expect(tries.nth(0)).to_contain_text("next")
    await expect(tries.nth(1)).to_contain_text("spare/three")

    upstream.queue(Script(status=503, message="overloaded"), model="one")
    answer = await server.http.post("/v1/chat/completions", json=chat("sturdy"))
    assert answer.status_code == 200, answer.text
    await page.get_by_role("navigation", name="Pages").get_by_role("link", name="Logs").click()
    rows = visitor.row(answer.headers["x-request-id"])
    await expect(rows).to_have_count(2)
    await expect(rows.filter(has_text="spare/three")).to_contain_text("fallback")
    await expect(rows.filter(has_text="lab/one")).to_contain_text("error 503")
    await rows.first.click()
    steps = page.get_by_role("dialog", name="Request").locator("ol.tries > li")
    await expect(steps.nth(0)).to_contain_text("lab/one")
    await expect(steps.nth(1)).to_contain_text("combo sturdy")


async def test_the_dry_run_says_who_is_blocked_and_why(serve: Serve, visiting: Visit, upstream: ScriptedUpstream) -> None:
    config = node("lab", upstream, "one") + node("spare", upstream, "two") + '[combos.both]\nsteps = ["lab/one", "spare/two"]\n'
    server = await serve(config)
    upstream.queue(Script(status=429, message="slow down", headers={"retry-after": "600"}), model="one")
    assert (await server.http.post("/v1/chat/completions", json=chat("both"))).status_code == 200
    visitor = await visiting(server)
    await visitor.open("/combos?model=both")
    tries = visitor.page.get_by_role("region", name="Tries in order").locator("tbody tr")
    await expect(tries.filter(has_text="spare/two")).to_contain_text("next")
    await expect(tries.filter(has_text="lab/one")).to_contain_text("blocked")

    await visitor.open("/quotas")
    await expect(visitor.row("lab")).to_have_count(1)
    await visitor.row("lab").get_by_role("button").click()
    await expect(visitor.row("lab")).to_have_count(0)
    await visitor.open("/combos?model=both")
    await expect(tries.filter(has_text="lab/one")).to_contain_text("next")


async def test_a_circle_is_refused_beside_its_step(serve: Serve, visiting: Visit, upstream: ScriptedUpstream) -> None:
    visitor = await visiting(await serve(node("lab", upstream, "one")))
    await visitor.api("POST", "/api/combos", {"name": "inner", "steps": ["lab/one"]})
    outer = await visitor.api("POST", "/api/combos", {"name": "outer", "steps": [{"combo": "inner"}]})
    inner = next(c for c in (await visitor.api("GET", "/api/combos"))["data"] if c["name"] == "inner")
    assert outer["id"] != inner["id"]
    await visitor.open(f"/combos/{inner['id']}")
    await visitor.page.get_by_label("Step 1", exact=True).fill("outer")
    visitor.watch.allowed.append("400")
    await visitor.button("Save combo").click()
    await expect(visitor.page.locator(".error").first).to_be_visible()
