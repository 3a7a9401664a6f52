"""Asking a provider what is left, from the page of quotas."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.async_api import expect

from browser.visitor import Serve, Visit
from upstream.authority import Authority, Trouble
from upstream.usage_pages import serves_usage

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture
def kimi() -> Iterator[Authority]:
    with ExitStack() as stack:
        double = stack.enter_context(Authority("kimi-coding").run())
        serves_usage(double)
        yield double


async def test_what_is_left_is_asked_for_by_a_button(serve: Serve, visiting: Visit, kimi: Authority) -> None:
    server = await serve(None, **kimi.environ)
    logins = server.app.sign_ins.logins
    if not next(told for told in logins.providers() if told.provider == "kimi-coding").acknowledged:
        await logins.acknowledge("kimi-coding")
    granted = kimi.seed()
    await logins.import_tokens("kimi-coding", {"access": granted["access_token"], "refresh": granted["refresh_token"]})
    visitor = await visiting(server)
    await visitor.open("/quotas")
    assert kimi.counts.get("usage", 0) == 0, "a page asks nobody"
    card = visitor.page.locator("article", has_text="kimi-coding")
    await card.get_by_role("button", name="Ask now what is left").click()
    await expect(visitor.toast("the provider has told")).to_be_visible()
    await expect(card).to_contain_text("Asked of the provider")
    await expect(card).to_contain_text("25 of 100")
    assert kimi.counts["usage"] == 1
    kimi.fail("usage", Trouble(500))
    await card.get_by_role("button", name="Ask now what is left").click()
    await expect(visitor.toast("was asked")).to_be_visible()
    assert kimi.counts["usage"] == 1, "a second time at once is too soon"
    visitor.watch.allowed += ["429"]
    await visitor.settled()
