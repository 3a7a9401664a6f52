"""Money: a budget that is set, hit and seen; a price that is changed; what was spent."""

from __future__ import annotations

import openai
import pytest
from playwright.async_api import expect

from browser.furnished import chat, node
from browser.visitor import Serve, Visit
from upstream.script import Script, Usage
from upstream.server import ScriptedUpstream

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def _ask(client: openai.AsyncOpenAI) -> None:
    await client.chat.completions.create(model="lab/one", messages=[{"role": "user", "content": "Hello"}], max_tokens=100)


async def _until_refused(client: openai.AsyncOpenAI) -> tuple[int, openai.APIStatusError]:
    """How many requests were answered before one was refused, and how."""
    for answered in range(5):
        try:
            await _ask(client)
        except openai.APIStatusError as refused:
            return answered, refused
    pytest.fail("nothing was refused")


async def test_a_budget_is_hit(serve: Serve, visiting: Visit, upstream: ScriptedUpstream) -> None:
    server = await serve(node("lab", upstream, "one"))
    visitor = await visiting(server)
    page = visitor.page
    made = await visitor.api("POST", "/api/keys", {"name": "laptop"})
    await visitor.open("/costs")
    await visitor.button("New budget").click()
    await page.get_by_label("For", exact=True).select_option("laptop")
    await page.get_by_label("In each", exact=True).select_option("daily")
    await page.get_by_label("Tokens", exact=True).fill("5000")
    await visitor.button("Save budget").click()
    await expect(visitor.toast("The budget is saved.")).to_be_visible()
    budget = page.get_by_role("listitem", name="laptop, day")
    await expect(budget).to_contain_text("0 % used")

    client = server.openai(made["key"])
    upstream.default = lambda _: Script(usage=Usage(3000, 500))
    answered, refused = await _until_refused(client)
    assert answered in (1, 2)
    assert (refused.status_code, refused.code) == (402, "budget_exceeded")

    await expect(budget).to_contain_text("used up")
    await expect(budget).to_contain_text("1 refused")
    await expect(budget.get_by_role("img")).to_have_accessible_name(f"laptop, day: {answered * 70} % used")
    others = await server.http.post("/v1/chat/completions", json=chat("lab/one"))
    assert others.status_code == 200, others.text

    await budget.get_by_role("button", name="Edit the budget of laptop, day").click()
    await page.get_by_label("Tokens", exact=True).fill("1000000")
    await visitor.button("Save budget").click()
    await expect(budget).to_contain_text("within")
    await _ask(client)

    await budget.get_by_role("button", name="Remove the budget of laptop, day").click()
    await page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    await expect(page.get_by_text("There is no budget.")).to_be_visible()


async def test_a_price_is_changed_and_charged(serve: Serve, visiting: Visit, upstream: ScriptedUpstream) -> None:
    server = await serve(node("lab", upstream, "one"))
    visitor = await visiting(server)
    page = visitor.page
    await visitor.open("/costs?price=lab")
    row = visitor.row("lab/one")
    await row.get_by_role("button", name="Change the price of lab/one").click()
    await page.get_by_label("In", exact=True).fill("2")
    await page.get_by_label("Out", exact=True).fill("10")
    await visitor.button("Save price").click()
    await expect(row).to_contain_text("set here")
    await expect(row).to_contain_text("$10.00")

    upstream.default = lambda _: Script(usage=Usage(1_000_000, 100_000))
    assert (await server.http.post("/v1/chat/completions", json=chat("lab/one"))).status_code == 200
    (entry,) = await server.usage()
    assert entry.cost_usd == pytest.approx(3.0)
    spent = page.get_by_role("region", name="Costs by provider").locator("tbody tr")
    await visitor.open("/costs?price=lab")
    await expect(spent).to_contain_text("$3.00")

    await row.get_by_role("button", name="Reset the price of lab/one").click()
    await expect(row).not_to_contain_text("set here")


async def test_what_is_wrong_with_a_price_is_said_at_its_field(serve: Serve, visiting: Visit, upstream: ScriptedUpstream) -> None:
    server = await serve(node("lab", upstream, "one"))
    visitor = await visiting(server)
    await visitor.open("/costs?price=lab")
    await visitor.button("Change the price of lab/one").click()
    await visitor.page.get_by_label("In", exact=True).fill("2")
    await visitor.page.get_by_label("Out", exact=True).fill("1e300")
    visitor.watch.allowed.append("400")
    await visitor.button("Save price").click()
    await expect(visitor.page.get_by_role("dialog").locator(".error").first).to_be_visible()
