"""Tiers and strategies of providers."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from browser.furnished import rerouted
from browser.visitor import Serve, Visit
from upstream.server import ScriptedUpstream

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_a_provider_gets_another_tier_and_strategy(serve: Serve, visiting: Visit, upstream: ScriptedUpstream) -> None:
    server = await serve(rerouted("groq", upstream))
    visitor = await visiting(server)
    page = visitor.page
    await visitor.api("POST", "/api/providers", {"provider": "groq", "name": "Team", "api_key": "k-team-key"})
    await visitor.open("/routing")
    row = visitor.row("Groq")
    await row.get_by_role("button", name="Change the routing of Groq").click()
    await page.get_by_label("Tier", exact=True).select_option("cheap")
    await page.get_by_label("Strategy", exact=True).select_option("round-robin")
    await page.get_by_label("Sticky", exact=True).fill("5")
    await page.get_by_label("Tier of Team", exact=True).select_option("free")
    await visitor.button("Save routing").click()
    await expect(row).to_contain_text("Cheap")
    await expect(row).to_contain_text("round-robin")
    await expect(row).to_contain_text("Team (Free)")
    (told,) = [one for one in (await visitor.api("GET", "/api/routing/providers"))["data"] if one["id"] == "groq"]
    assert (told["tier"], told["strategy"], told["options"]) == ("cheap", "round-robin", {"sticky": 5})

    await row.get_by_role("button", name="Change the routing of Groq").click()
    await visitor.button("As in the catalogue").click()
    await expect(row).to_contain_text("as in the settings")
    await expect(row).not_to_contain_text("Cheap")
