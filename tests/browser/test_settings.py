"""Settings change, refuse nonsense, and every change stands in the audit log."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from browser.visitor import PASSWORD, Serve, Visit

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_change_refuse_and_audit(serve: Serve, visiting: Visit) -> None:
    server = await serve()
    visitor = await visiting(server)
    page = visitor.page
    await visitor.open("/settings?q=queue_wait")
    control = page.locator(".setting", has=page.get_by_label("queue wait"))
    field = control.get_by_label("queue wait")
    await field.fill("-3")
    visitor.watch.allowed.append("400")
    await control.get_by_role("button", name="Save").click()
    await expect(control.locator(".error")).to_be_visible()
    await field.fill("12")
    await control.get_by_role("button", name="Save").click()
    await expect(visitor.toast("queue_wait is saved.")).to_be_visible()
    assert {s["name"]: s["value"] for s in (await visitor.api("GET", "/api/settings"))["data"]}["queue_wait"] == 12
    await page.reload()
    await visitor.settled()
    await expect(field).to_have_value("12")
    await control.get_by_role("button", name="Default").click()
    await expect(field).to_have_value("30")

    await page.get_by_role("link", name="Audit").click()
    await expect(visitor.heading("Audit")).to_be_visible()
    await expect(visitor.row("queue_wait")).to_have_count(2)


async def test_change_the_password(serve: Serve, visiting: Visit) -> None:
    server = await serve()
    visitor = await visiting(server)
    await visitor.open("/settings")
    card = visitor.page.locator(".card", has_text="Admin password")
    await card.get_by_label("Present password").fill("not it")
    await card.get_by_label("New password").fill("a whole new password")
    visitor.watch.allowed += ["400", "401", "403"]
    await card.get_by_role("button", name="Change password").click()
    await expect(card.locator(".field.wrong", has_text="Present password")).to_be_visible()
    await card.get_by_label("Present password").fill(PASSWORD)
    await card.get_by_role("button", name="Change password").click()
    await expect(visitor.toast("The password is changed.")).to_be_visible()
    assert (await server.http.post("/api/auth/login", json={"password": PASSWORD})).status_code == 401
    assert (await server.http.post("/api/auth/login", json={"password": "a whole new password"})).status_code == 200
