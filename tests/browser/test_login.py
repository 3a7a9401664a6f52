"""Signing in at providers from the dashboard: a popup, a code, a pasted address, another program's sign-in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from browser.visitor import PHONE, Serve, Visit, Visitor
from upstream.authority import Authority

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture
def claude() -> Iterator[Authority]:
    with ExitStack() as stack:
        yield stack.enter_context(Authority("claude").run())


@pytest.fixture
def qwen() -> Iterator[Authority]:
    with ExitStack() as stack:
        yield stack.enter_context(Authority("qwen").run())


@pytest.fixture
def codex() -> Iterator[Authority]:
    with ExitStack() as stack:
        yield stack.enter_context(Authority("codex").run())


async def connecting(serve: Serve, visiting: Visit, authority: Authority, home: Path) -> tuple[Visitor, Locator]:
    """A visitor with the window open in which one signs in at ``authority``."""
    config = f'[providers.{authority.provider}]\nbase_url = "{authority.url}"\n'
    visitor = await visiting(await serve(config, HOME=str(home), **authority.environ))
    visitor.watch.allowed += [f"left the origin: GET {authority.url}", "left the origin: GET http://localhost:", "favicon.ico"]
    await visitor.open(f"/providers?q={authority.provider}")
    await visitor.page.locator("article", has_text=f"{prefix(authority)}/…").get_by_role("button", name="Connect").click()
    return visitor, visitor.page.get_by_role("dialog")


def prefix(authority: Authority) -> str:
    return {"claude": "cc", "qwen": "qw", "codex": "cx"}[authority.provider]


async def nothing_leaked(authority: Authority, page: Page) -> None:
    content = await page.content()
    assert [secret for secret in authority.issued if secret in content] == []


async def test_a_popup_comes_back_by_itself(serve: Serve, visiting: Visit, claude: Authority, tmp_path: Path) -> None:
    visitor, dialog = await connecting(serve, visiting, claude, tmp_path)
    page = visitor.page
    await expect(dialog).to_contain_text("Anthropic's terms")
    await dialog.get_by_role("button", name="I have read this, go on").click()
    async with page.expect_popup() as opening:
        await dialog.get_by_role("button", name="Sign in with the browser").click()
    popup = await opening.value
    await expect(visitor.toast("ada@example.com is connected.")).to_be_visible()
    await expect(visitor.heading("ada@example.com")).to_be_visible()
    assert claude.counts["token"] == 1
    if not popup.is_closed():
        await popup.wait_for_event("close")
    await visitor.settled()
    facts = page.locator("dl.facts")
    await expect(facts).to_contain_text("ada@example.com")
    await expect(facts).to_contain_text("pro")
    await expect(facts).to_contain_text("by browser")
    await nothing_leaked(claude, page)

    await visitor.button("Refresh now").click()
    await expect(visitor.toast("The sign-in is renewed.")).to_be_visible()
    assert claude.counts["renewal"] == 1
    claude.revoke_all()
    visitor.watch.allowed.append("409")
    await visitor.button("Refresh now").click()
    await expect(page.locator(".toast.bad")).to_be_visible()
    await visitor.open(page.url.removeprefix(visitor.url))
    await expect(page.get_by_role("alert")).to_contain_text("sign in again")

    async with page.expect_popup():
        await visitor.button("Sign in again").click()
        await dialog.get_by_role("button", name="Sign in with the browser").click()
    await expect(visitor.toast("Signed in again.")).to_be_visible()
    await expect(page.get_by_role("alert")).to_have_count(0)
    accounts = await visitor.api("GET", "/api/providers")
    assert [row["state"] for row in accounts["data"] if row["login"]] == ["connected"]


async def test_a_code_is_copied_and_entered_elsewhere(serve: Serve, visiting: Visit, qwen: Authority, tmp_path: Path) -> None:
    qwen.interval = 1
    visitor, dialog = await connecting(serve, visiting, qwen, tmp_path)
    await dialog.get_by_role("button", name="Sign in with a code").click()
    code = dialog.locator(".user-code")
    await expect(code).to_have_text(re.compile(r"[A-Z]{4}-[A-Z]{4}"))
    await expect(dialog).to_contain_text(re.compile(r"\d+:\d\d left"))
    await dialog.get_by_role("button", name=re.compile("Copy code")).click()
    copied = await visitor.page.evaluate("navigator.clipboard.readText()")
    assert copied == await code.text_content()
    link = dialog.get_by_role("link", name="the provider's page")
    assert (await link.get_attribute("href") or "").endswith(f"/device?user_code={copied}")
    qwen.approve(copied)
    await expect(visitor.toast("is connected.")).to_be_visible()
    await nothing_leaked(qwen, visitor.page)


async def test_a_denied_code_says_so_and_can_be_tried_again(
    serve: Serve, visiting: Visit, qwen: Authority, tmp_path: Path
) -> None:
    qwen.interval = 1
    _, dialog = await connecting(serve, visiting, qwen, tmp_path)
    await dialog.get_by_role("button", name="Sign in with a code").click()
    code = dialog.locator(".user-code")
    first = await code.text_content() or ""
    qwen.deny(first)
    await expect(dialog.get_by_role("alert")).to_contain_text("not signed in")
    await dialog.get_by_role("button", name="Try again").click()
    await dialog.get_by_role("button", name="Sign in with a code").click()
    await expect(code).not_to_have_text(first)
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(dialog).to_have_count(0)


async def test_a_shown_code_is_pasted(serve: Serve, visiting: Visit, claude: Authority, tmp_path: Path) -> None:
    visitor, dialog = await connecting(serve, visiting, claude, tmp_path)
    await dialog.get_by_role("button", name="I have read this, go on").click()
    async with visitor.page.expect_popup() as opening:
        await dialog.get_by_role("button", name="Sign in and paste the address").click()
    popup = await opening.value
    shown = await popup.locator("#code").text_content() or ""
    visitor.watch.allowed.append("400")
    await dialog.get_by_label("Address or code").fill("not it at all")
    await dialog.get_by_role("button", name="Finish").click()
    await expect(dialog.locator(".error")).to_be_visible()
    await dialog.get_by_label("Address or code").fill(shown)
    await dialog.get_by_role("button", name="Finish").click()
    await expect(visitor.toast("ada@example.com is connected.")).to_be_visible()
    await nothing_leaked(claude, visitor.page)


async def test_another_programs_sign_in_is_taken_over(serve: Serve, visiting: Visit, codex: Authority, tmp_path: Path) -> None:
    visitor, dialog = await connecting(serve, visiting, codex, tmp_path)
    await dialog.get_by_role("button", name="Take over a sign-in").click()
    look = dialog.get_by_role("button", name="Look on OmniRoute's machine")
    await look.click()
    await expect(dialog.get_by_role("status")).to_contain_text("No program there")
    path = tmp_path / ".codex" / "auth.json"
    path.parent.mkdir()
    tokens = codex.seed()
    path.write_text(json.dumps({"tokens": {k: tokens[k] for k in ("access_token", "refresh_token", "id_token")}}))
    await look.click()
    await expect(dialog.get_by_role("list", name="Found sign-ins")).to_contain_text("ada@example.com")
    await nothing_leaked(codex, visitor.page)
    await dialog.get_by_role("button", name=f"Take over {path}").click()
    await expect(visitor.toast("ada@example.com is connected.")).to_be_visible()
    await expect(visitor.page.locator("dl.facts")).to_contain_text("by file")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_step_can_be_read_by_everyone(
    serve: Serve, visiting: Visit, claude: Authority, tmp_path: Path, theme: str
) -> None:
    visitor, dialog = await connecting(serve, visiting, claude, tmp_path)
    await visitor.dress(theme)
    page = visitor.page
    assert await visitor.axe() == []
    await dialog.get_by_role("button", name="I have read this, go on").click()
    await expect(dialog.get_by_role("button", name="Take over a sign-in")).to_be_visible()
    assert await visitor.axe() == []
    await visitor.sit(PHONE)
    assert await visitor.overflow() == []
    await dialog.get_by_role("button", name="Take over a sign-in").click()
    assert await visitor.axe() == []
    assert await visitor.overflow() == []
    await dialog.get_by_role("button", name="Back").click()
    async with page.expect_popup() as opening:
        await dialog.get_by_role("button", name="Sign in and paste the address").click()
    await (await opening.value).close()
    await page.bring_to_front()
    await expect(dialog.get_by_label("Address or code")).to_be_visible()
    assert await visitor.axe() == []
    assert await visitor.overflow() == []
    begun = [path for path in ("/api/token-health",) if (await visitor.api("GET", path))["data"]]
    assert begun == []
    await dialog.get_by_role("button", name="Cancel").click()
    await visitor.api("POST", "/api/oauth/claude/import", {"text": json.dumps(claude.seed())})
    account = next(row for row in (await visitor.api("GET", "/api/providers"))["data"] if row["login"])
    await visitor.open(f"/providers/{account['id']}")
    assert await visitor.axe() == []
    assert await visitor.overflow() == []


async def test_the_setup_leads_to_a_sign_in(serve: Serve, visiting: Visit, qwen: Authority, tmp_path: Path) -> None:
    qwen.interval = 1
    visitor = await visiting(await serve(HOME=str(tmp_path), **qwen.environ))
    page = visitor.page
    await visitor.open("/setup")
    await page.get_by_label("Find a provider").fill("qwen code")
    await page.get_by_role("button", name="Connect Qwen Code").click()
    dialog = page.get_by_role("dialog", name="Sign in at Qwen Code")
    await dialog.get_by_role("button", name="Sign in with a code").click()
    qwen.approve(await dialog.locator(".user-code").text_content() or "")
    await expect(page.get_by_role("list", name="Connected accounts")).to_contain_text("Qwen Code")
